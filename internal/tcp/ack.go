// What an acknowledgment changes (RFC 9293 §3.10.7.4, fifth step; RFC 5681,
// RFC 6675):
//
//  1. the peer's window,
//  2. the scoreboard of selective acknowledgments,
//  3. SND.UNA: round-trip time, send ring, timers,
//  4. loss recovery, or else growth of the congestion window.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// ackNews is what one acknowledgment told.
type ackNews struct {
	flight    uint32 // octets outstanding before it
	acked     uint32 // octets of text cumulatively acknowledged
	sacked    uint32 // octets newly acknowledged by SACK
	duplicate bool   // RFC 5681 §2: a duplicate ACK
	advanced  bool   // SND.UNA moved
}

// flight returns the octets sent and not cumulatively acknowledged.
func (t *TCB) flight() uint32 { return uint32(t.sndNxt.Minus(t.sndUna)) }

func (e *Engine) processAck(t *TCB, s *Segment, now mono.Time) {
	in := ackNews{flight: t.flight()}
	sameWindow := !e.updateWindow(t, s)
	t.probes = 0
	if t.has(flagSACK) && s.Options.Present.Has(wire.HasSACK) {
		in.sacked = e.takeSACK(t, s)
	}
	switch {
	case s.Ack.Greater(t.sndUna):
		in.advanced = true
		in.acked = e.advance(t, s.Ack, &s.Options, now)
	case s.Ack == t.sndUna && in.flight > 0 && len(s.Payload) == 0 && sameWindow && !s.Flags.Has(wire.FIN):
		in.duplicate = true
	}
	e.recover(t, &in, now)
	if t.sndEnd != t.sndNxt || t.recovery != recoveryOpen || t.has(flagFinQueued) && !t.has(flagFinSent) {
		t.want |= WantData
	}
}

// updateWindow takes the peer's window from a segment that is not older than
// the one that gave it last (RFC 9293 §3.10.7.4), and reports a change.
func (e *Engine) updateWindow(t *TCB, s *Segment) bool {
	if s.Ack.Less(t.sndUna) || s.Seq.Less(t.sndWL1) || s.Seq == t.sndWL1 && s.Ack.Less(t.sndWL2) {
		return false
	}
	wnd := uint32(s.Window) << t.sndScale
	changed := wnd != t.sndWnd || s.Ack != t.sndWL2 && wnd != t.sndWnd
	t.sndWnd = wnd
	t.sndMax = max(t.sndMax, wnd)
	t.sndWL1, t.sndWL2 = s.Seq, s.Ack
	if changed && t.has(flagPersist) && wnd > 0 {
		t.stopPersist()
		t.want |= WantData
	}
	return changed
}

// advance moves SND.UNA to ack and returns how many octets of text that
// acknowledged.
func (e *Engine) advance(t *TCB, ack seq.Value, o *wire.Options, now mono.Time) uint32 {
	e.sampleRTT(t, ack, o, now)
	t.sndUna = ack
	t.backoff = 0
	t.flags &^= flagPersist
	if ack == t.sndNxt {
		t.rexmtAt = 0
	} else {
		t.rexmtAt = now.Add(t.timeout())
	}
	t.verdict |= TimersMoved
	// The SYN and the FIN are in the sequence space and not in the ring.
	tx := e.tx(t)
	read := tx.ReadPos()
	to := seq.Min(ack, t.sndEnd)
	if !to.Greater(read) {
		return 0
	}
	tx.Advance(to)
	if r := tx.Drained(); r != 0 {
		e.pool.Put(r)
	}
	t.verdict |= Writable
	return uint32(to.Minus(read))
}

// growWindow lets the congestion window grow for octets acknowledged while
// nothing is lost.
func (e *Engine) growWindow(t *TCB, acked, flight uint32, now mono.Time) {
	if acked == 0 {
		return
	}
	mss := t.segmentSize()
	limited := flight+uint32(mss) > t.cc.Cwnd || t.cc.Cwnd < t.cc.Ssthresh && 2*flight > t.cc.Cwnd
	cc.OnAck(&t.cc, cc.Ack{
		Now:         now,
		Acked:       acked,
		InFlight:    flight,
		SRTT:        t.SRTT(),
		MSS:         mss,
		CwndLimited: limited,
	})
	if t.sndEnd != t.sndNxt || t.has(flagFinQueued) && !t.has(flagFinSent) {
		t.want |= WantData
	}
}
