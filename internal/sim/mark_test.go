package sim

// Explicit congestion notification on a whole way: a bottleneck that marks.

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

var markScenarios = []scenario{
	{"marks-for-losses-newreno", func(t *testing.T, w *World) { marksForLosses(t, w, cc.NewReno) }},
	{"marks-for-losses-cubic", func(t *testing.T, w *World) { marksForLosses(t, w, cc.CUBIC) }},
	{"no-marks-without-ecn", noMarksWithoutECN},
}

// bulk sends 4 MB through a bottleneck of 2 MB/s with a queue of 100 kB, which marks
// from 20 kB on. It returns the sender, its fate on the wire, and how long it took.
func bulk(w *World, id cc.ID, modes [2]tcp.ECNMode) (*Host, mem.Fate, time.Duration) {
	const size = 4_000_000
	var c mem.Config
	for i := range c.Impair {
		c.Impair[i].Delay = 5 * time.Millisecond
	}
	c.Impair[0].Rate, c.Impair[0].QueueLimit, c.Impair[0].MarkAbove = 2_000_000, 100_000, 20_000
	c.RingFrames = 1024
	line := w.Wire(c)
	var hosts [2]*Host
	for i := range hosts {
		x := tcp.DefaultConfig()
		x.ECN, x.Congestion, x.RcvBuf, x.SndBuf = modes[i], id, 1<<20, 1<<20
		hosts[i] = w.Host(HostConfig{Wire: line, Side: i, TCP: x})
	}
	traffic := w.Traffic()
	traffic.Plans = func(p *[2]Plan) {
		p[0] = Plan{Send: size, WriteMax: 40_000, ReadMax: 40_000, AtOnce: 8, Park: true}
		p[1] = Plan{WriteMax: 1, ReadMax: 40_000, AtOnce: 8, Park: true, Finish: WaitPeer}
	}
	l := traffic.Listen(hosts[1], 80, 8)
	w.Run(time.Millisecond)
	began := w.Now()
	p := traffic.Dial(hosts[0], 0, l)
	w.RunUntil(time.Minute, func() bool { return p.Ends[1] != nil && p.Ends[1].EOF })
	took := w.Now().Sub(began)
	if !w.RunUntil(time.Minute, p.isComplete) || p.Ends[0].Failed != sock.OK {
		w.Problem("the transfer did not end")
	}
	traffic.Settle(time.Minute, time.Hour)
	return hosts[0], line.Fate(0), took
}

// A flow that is marked slows down: it keeps the queue below its limit, fills the
// bottleneck, and sends nothing twice.
func marksForLosses(t *testing.T, w *World, id cc.ID) {
	h, fate, took := bulk(w, id, [2]tcp.ECNMode{tcp.ECNActive, tcp.ECNPassive})
	st := h.Stats(0).TCP
	if st.Retransmits != 0 || fate.RateFull != 0 || st.RTOs != 0 {
		t.Errorf("%d segments sent again, %d dropped, %d time-outs: marks came first", st.Retransmits, fate.RateFull, st.RTOs)
	}
	if fate.Marked == 0 || st.ECNReductions < 3 || st.ECNReductions > fate.Marked {
		t.Errorf("%d packets marked, %d reductions", fate.Marked, st.ECNReductions)
	}
	if took > 3*time.Second { // two at the rate
		t.Errorf("took %v: it slowed down too much", took)
	}
}

// The same flow that nobody may mark fills the queue and loses.
func noMarksWithoutECN(t *testing.T, w *World) {
	h, fate, _ := bulk(w, cc.CUBIC, [2]tcp.ECNMode{tcp.ECNActive, tcp.ECNOff})
	st := h.Stats(0).TCP
	if fate.Marked != 0 || st.ECNReductions != 0 || st.ECNOpens != 0 {
		t.Errorf("%d packets marked, %d reductions", fate.Marked, st.ECNReductions)
	}
	if fate.RateFull == 0 || st.Retransmits == 0 {
		t.Errorf("%d dropped, %d sent again: the queue is no bottleneck", fate.RateFull, st.Retransmits)
	}
}
