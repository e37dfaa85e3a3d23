// Segment arrival (RFC 9293 §3.10.7).
//
//  1. A segment of an established connection that is just what was expected
//     takes the fast path.
//  2. SYN-SENT has its own order of checks: synsent.go.
//  3. TIME-WAIT, until its record is made, answers late segments: timewait.go.
//  4. All others go through the eight steps: steps.go.
//
// Segments for listeners and for nobody never reach a TCB: listen.go.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Input processes one segment for t. The answer says whether, and why, the
// segment or a part of it was refused; it is counted already.
func (e *Engine) Input(t *TCB, s *Segment, now mono.Time) drop.Reason {
	e.Stats.SegmentsIn++
	if e.expected(t, s) {
		return e.inputExpected(t, s, now)
	}
	s.note()
	switch t.state {
	case Closed:
		return e.Refuse(s, t.key)
	case SynSent:
		return e.inputSynSent(t, s, now)
	case TimeWait:
		return e.inputLate(t, s)
	default:
		return e.inputSteps(t, s, now)
	}
}

// expected is header prediction: true when none of the eight steps would do
// anything with s but take its acknowledgment and append its text.
func (e *Engine) expected(t *TCB, s *Segment) bool {
	return t.state == Established &&
		s.unusual()&^wire.PSH == wire.ACK && // no SYN, FIN, RST or URG, nothing about congestion
		s.Seq == t.rcvNxt && // in order
		t.flags&(flagFinSeen|flagReadShut|flagOrphan) == 0 && // text has a receiver, nothing after a FIN
		t.ooo == 0 && // no hole that it could fill
		t.recovery == recoveryOpen && t.sacked == 0 && t.dupAcks == 0 && !t.has(flagTailSent) && // nothing lost
		s.Ack.Minus(t.sndUna) <= t.sndNxt.Minus(t.sndUna) && // acknowledges what is in flight, or nothing
		(len(s.Payload) > 0 || s.Ack != t.sndUna) && // not a duplicate ACK
		seq.Size(len(s.Payload)) <= t.rcvAdv.Minus(t.rcvNxt) && // inside the window
		(uint32(s.Window)<<t.sndScale == t.sndWnd || plantedFastPath) && // the window stays
		t.timestampFits(&s.Options)
}

// timestampFits reports that the segment has just the options a segment in
// the ordinary course has: a timestamp that does not go back, if negotiated.
func (t *TCB) timestampFits(o *wire.Options) bool {
	if !t.has(flagTS) {
		return o.Present&^wire.HasTimestamp == 0
	}
	return o.Present == wire.HasTimestamp && int32(o.TSVal-t.tsRecent) >= 0
}

// inputExpected is what the steps amount to for an expected segment.
func (e *Engine) inputExpected(t *TCB, s *Segment, now mono.Time) drop.Reason {
	e.Stats.FastPath++
	t.rcvAt = now
	t.noteTimestamp(s, s.Seq)
	if t.isNews(s) {
		t.noteWindow(s, t.sndWnd)
	}
	t.heard()
	if s.Ack != t.sndUna {
		flight := t.flight()
		e.rackAcked(t, s.Ack, &s.Options, now)
		acked := e.advance(t, s.Ack, &s.Options, now)
		t.pipe = t.flight()
		e.growWindow(t, acked, flight, now)
		e.armLoss(t, now)
	}
	if len(s.Payload) > 0 {
		t.ecn |= ecnState(s.ECN)
		return e.receiveInOrder(t, s.Payload, now)
	}
	return drop.None
}
