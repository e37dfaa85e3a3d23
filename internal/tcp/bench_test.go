package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// warm is an established connection over which text has gone both ways, without
// the checks of the harness.
type warm struct {
	*rig
	seg  Segment
	text [1448]byte
}

func newWarm(tb testing.TB) *warm {
	w := &warm{rig: established(tb, fullSYN, func(c *Config) { c.IdleRings = time.Hour })}
	w.c.quick = 0
	w.e.ReadyTx(w.c)
	for range 4 {
		w.receive(100)
		w.respond(100)
	}
	return w
}

// receive has the peer's next n octets come, with an acknowledgment of all.
func (w *warm) receive(n int) {
	w.seg.TCP = wire.TCP{Seq: w.c.rcvNxt, Ack: w.c.sndNxt, Flags: wire.ACK | wire.PSH, Window: 65535}
	w.seg.Options.Present, w.seg.Options.TSVal = wire.HasTimestamp, w.c.tsRecent
	w.seg.Payload = w.text[:n]
	w.now += 1000
	w.e.Input(w.c, &w.seg, w.now)
}

// drain reads what came.
func (w *warm) drain() {
	rx := w.e.rx(w.c)
	rx.Advance(rx.WritePos())
	w.e.Window(w.c)
}

// respond writes n octets and takes the segments.
func (w *warm) respond(n int) {
	w.e.tx(w.c).Write(w.text[:n])
	w.e.Send(w.c, w.now)
	w.take()
}

func (w *warm) take() (n int) {
	for w.e.Output(w.c, w.frame[:], w.now) > 0 {
		n++
	}
	w.c.TakeVerdict()
	return n
}

func TestWarmPath_AllocatesNothing(t *testing.T) {
	w := newWarm(t)
	hole := func() { // out of order, then the hole, then old text
		next := w.c.rcvNxt
		for _, at := range []seq.Value{next + 1448, next, next} {
			w.seg.TCP = wire.TCP{Seq: at, Ack: w.c.sndNxt, Flags: wire.ACK, Window: 65535}
			w.seg.Options.Present, w.seg.Options.TSVal = wire.HasTimestamp, w.c.tsRecent
			w.seg.Payload = w.text[:1448]
			w.e.Input(w.c, &w.seg, w.now)
			w.take()
		}
		w.drain()
	}
	loss := func() {
		w.e.tx(w.c).Write(make([]byte, 0))
		w.respond(1000)
		w.now = w.c.rexmtAt
		w.e.Timeout(w.c, w.now)
		w.take()
		w.receive(1)
		w.drain()
	}
	for _, x := range []struct {
		name string
		do   func()
	}{
		{"in-order text", func() { w.receive(1448); w.take(); w.drain(); w.take() }},
		{"request and response", func() { w.receive(64); w.drain(); w.respond(64) }},
		{"holes", hole},
		{"retransmission", loss},
	} {
		x.do()
		if n := testing.AllocsPerRun(200, x.do); n != 0 {
			t.Errorf("%s: %v allocations", x.name, n)
		}
	}
	if w.c.state != Established {
		t.Errorf("state %v", w.c.state)
	}
}

func BenchmarkInput_InOrderText(b *testing.B) {
	for _, n := range []int{64, 1448} {
		b.Run(map[int]string{64: "64", 1448: "1448"}[n], func(b *testing.B) {
			w := newWarm(b)
			b.SetBytes(int64(n))
			for b.Loop() {
				w.receive(n)
				rx := w.e.rx(w.c)
				rx.Advance(rx.WritePos())
				if w.c.want != 0 {
					w.take()
				}
			}
		})
	}
}

func BenchmarkInput_PureACK(b *testing.B) {
	w := newWarm(b)
	w.seg.Payload = nil
	w.seg.Options.Present, w.seg.Options.TSVal = wire.HasTimestamp, w.c.tsRecent
	tx := w.e.tx(w.c)
	for b.Loop() {
		// One octet in flight without the cost of sending it.
		tx.Publish(tx.WritePos() + 1)
		w.c.sndEnd++
		w.c.sndNxt++
		w.seg.TCP = wire.TCP{Seq: w.c.rcvNxt, Ack: w.c.sndNxt, Flags: wire.ACK, Window: 65535}
		w.now += 1000
		w.e.Input(w.c, &w.seg, w.now)
	}
}

func BenchmarkOutput_Text(b *testing.B) {
	w := newWarm(b)
	b.SetBytes(1448)
	for b.Loop() {
		w.respond(1448)
		w.seg.TCP = wire.TCP{Seq: w.c.rcvNxt, Ack: w.c.sndNxt, Flags: wire.ACK, Window: 65535}
		w.seg.Options.Present, w.seg.Options.TSVal = wire.HasTimestamp, w.c.tsRecent
		w.seg.Payload = nil
		w.now += 1000
		w.e.Input(w.c, &w.seg, w.now)
	}
}

// One request of 64 octets in, read, one response of 64 octets out.
func BenchmarkRequestResponse(b *testing.B) {
	w := newWarm(b)
	for b.Loop() {
		w.receive(64)
		w.drain()
		w.respond(64)
	}
}

// A whole short connection: SYN, request, response with FIN, FIN, TIME-WAIT.
func BenchmarkShortConnection(b *testing.B) {
	r := newRig(b, 4, nil)
	syn := *r.segment("S 0 win 65535 " + fullSYN)
	var seg Segment
	var tw TimeWaitRecord
	var text [64]byte
	in := func(f wire.Flags, p []byte) {
		seg.TCP = wire.TCP{Seq: r.c.rcvNxt, Ack: r.c.sndNxt, Flags: f, Window: 65535}
		seg.Options.Present, seg.Options.TSVal = wire.HasTimestamp, r.c.tsRecent
		seg.Payload = p
		r.e.Input(r.c, &seg, r.now)
	}
	out := func() {
		for r.e.Output(r.c, r.frame[:], r.now) > 0 {
		}
	}
	for b.Loop() {
		r.now += 1000
		s := syn
		r.e.Accept(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, &s, 0, false, r.now)
		out()
		in(wire.ACK, nil)
		r.e.ReadyTx(r.c)
		in(wire.ACK|wire.PSH, text[:])
		r.e.rx(r.c).Advance(r.c.rcvNxt)
		r.e.tx(r.c).Write(text[:])
		r.e.Close(r.c, r.now)
		out()
		in(wire.ACK|wire.FIN, nil)
		r.e.EnterTimeWait(r.c, &tw, r.now)
		r.e.replies.n = 0
		r.e.LeaveTCB(r.c)
		r.e.Release(r.c)
	}
	if r.c.state != Closed {
		b.Fatal(r.c.state)
	}
}
