// Explicit congestion notification (RFC 3168): a router that is congested marks
// what says that it may be marked, instead of dropping it.
//
//	    text, ECT(0)             text, CE
//	us ───────────────▶ router ─────────────▶ peer
//	   ◀──────────────────────────────────────     ECE on each acknowledgment,
//	        text, CWR                              until
//	   ──────────────────────────────────────▶     it hears that we send less
//
// A connection has it if both said so in their SYNs. It costs the fast path
// nothing: a segment that is marked, or carries ECE or CWR, takes the steps.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// ECNMode says which connections have ECN.
type ECNMode uint8

// The modes.
const (
	ECNPassive ECNMode = iota // those whose peer asks for it
	ECNOff                    // none
	ECNActive                 // we ask, too
)

var ecnModes = [...]string{ECNPassive: "passive", ECNOff: "off", ECNActive: "active"}

// ParseECNMode returns the mode of that name.
func ParseECNMode(name string) (ECNMode, bool) {
	for m, s := range ecnModes {
		if s == name {
			return ECNMode(m), true
		}
	}
	return 0, false
}

// ecnState is a connection's part in it. The lowest two bits collect the
// codepoints that the peer's text came with.
type ecnState uint8

const (
	ecnSeen   ecnState = ecnState(wire.ECNMask)
	ecnEchoes ecnState = 1 << 2  // what comes marked is told
	ecnSends  ecnState = 1 << 3  // our text may be marked
	ecnWaits  ecnState = 1 << 4  // new text waits for the timer
	ecnSays   ecnState = 1 << 5  // our SYN, or SYN-ACK, says so; from ESTABLISHED on it is
	ecnMarked          = ecnSays // that recover was set for a mark, so nothing was sent again
	ecnECE             = ecnState(wire.ECE)
	ecnCWR             = ecnState(wire.CWR) // on the next new text
)

func (x ecnState) has(y ecnState) bool { return x&y != 0 }

// echo is the flag of every acknowledgment.
func (x ecnState) echo() wire.Flags { return wire.Flags(x & ecnECE) }

// answer is the flag of a SYN-ACK.
func (x ecnState) answer() wire.Flags {
	if x.has(ecnSays) {
		return wire.ECE
	}
	return 0
}

const bothMarks = wire.ECE | wire.CWR

// ECN is the codepoint of the segment that Output has written last.
func (e *Engine) ECN() uint8 { return e.ecn }

// askECN decides what our own SYN says, which is not sent for the first time if
// again. Where nothing answers, something on the way may not like what it asks
// (§6.1.1.1); and who has sent such a SYN must not send ECT.
func (e *Engine) askECN(t *TCB, again bool) wire.Flags {
	switch {
	case e.cfg.ECN != ECNActive:
		return 0
	case again:
		t.ecn &^= ecnSends
		return 0
	}
	t.ecn |= ecnSays | ecnSends
	return bothMarks
}

// takeECN reads what the peer's SYN says (§6.1.1). A SYN-ACK with both flags is the
// work of something that reflects what it does not know. A SYN that came marked
// was on a path that writes these bits, so they are worth nothing; but with AE it
// may be ECT (RFC 9768), and asks for at least this.
func (e *Engine) takeECN(t *TCB, s *Segment) {
	marks, want := s.Flags&bothMarks, bothMarks
	isOpen := t.state == SynSent
	if s.Flags.Has(wire.ACK) {
		want = wire.ECE
	}
	switch {
	case marks != want, e.cfg.ECN == ECNOff, isOpen && !t.ecn.has(ecnSays), want != wire.ECE && s.ECN != wire.NotECT && !s.AE:
		t.ecn = 0
	case isOpen:
		t.ecn = t.ecn&ecnSends | ecnEchoes | ecnSays
	default:
		t.ecn = ecnSends | ecnEchoes | ecnSays
	}
}

// askedAgain takes a SYN that comes once more in SYN-RECEIVED. If it asks no more,
// our text must not be marked (§6.1.1); but the peer may have the answer to its
// first, so what comes marked is told.
func (t *TCB) askedAgain(s *Segment) {
	if s.Flags&bothMarks != bothMarks {
		t.ecn &^= ecnSends | ecnSays
	}
}

// takeMarks is the receiver (§6.1.3): CE has every acknowledgment carry ECE until
// CWR comes, on text as it should or, as Linux takes it, without. A mark counts on
// text that is new. Both are answered at once, for the peer's window may be very
// small.
func (e *Engine) takeMarks(t *TCB, s *Segment) {
	if t.ecn.has(ecnECE) && s.Flags.Has(wire.CWR) {
		t.ecn &^= ecnECE
		if s.length() > 0 {
			t.want |= WantAck
		}
	}
	if len(s.Payload) == 0 || !t.state.in(receiving) {
		return
	}
	t.ecn |= ecnState(s.ECN)
	if s.ECN != wire.CE || !t.ecn.has(ecnEchoes) {
		return
	}
	e.Stats.MarksIn++
	if !t.ecn.has(ecnECE) {
		t.ecn |= ecnECE
		t.want |= WantAck
		t.quick = max(t.quick, minQuickAcks)
	}
}

// markText is for a segment of new text: it may be marked, and the first after a
// reduction says that there was one. Nothing else is ever marked (§6.1.4 to §6.1.6).
func (e *Engine) markText(t *TCB) wire.Flags {
	e.ecn = wire.ECT0
	cwr := t.ecn & ecnCWR
	t.ecn &^= ecnCWR
	return wire.Flags(cwr)
}

// tellReduced has the next new text say that the window was reduced, for whatever
// reason (§6.1.2).
func (t *TCB) tellReduced() { t.ecn |= (t.ecn & ecnSends) << 4 }

// isEcho reports that s, not an old segment, tells of congestion in what was in
// flight before it.
func (t *TCB) isEcho(s *Segment, flight uint32) bool {
	return s.Flags.Has(wire.ECE) && t.ecn.has(ecnSends) && flight > 0 && s.Ack.GreaterEq(t.sndUna)
}

// wasReduced reports that what was in flight at the last reduction is not
// acknowledged, nor what told of it: one more echo is not news. A position that has
// grown old lies there too, once in 4 GiB, for a window; that does no harm.
func (t *TCB) wasReduced() bool { return t.recover.Minus(t.sndUna) <= t.sndNxt.Minus(t.sndUna) }

// enterMarked is the sender (§6.1.2): the window is reduced as for a loss, once per
// window of text, and by the same way, in proportion to what is delivered (RFC
// 9937). A window of a few segments is reduced at once, down to one.
func (e *Engine) enterMarked(t *TCB, in *ackNews, now mono.Time) {
	e.Stats.ECNReductions++
	t.recover = t.sndNxt
	t.ecn |= ecnMarked
	t.tellReduced()
	mss := t.segmentSize()
	wasOne := t.cc.Cwnd <= uint32(mss)
	e.cannotUndo(t) // a mark is no mistake
	cc.OnECN(&t.cc, now, in.flight, mss)
	if t.flight() > 0 && t.cc.Cwnd > t.cc.Ssthresh && !t.has(flagTailSent) {
		t.recovery = recoveryMarked
		t.words = [3]uint32{recoverFS: max(in.flight-min(in.flight, in.hadSacked), 1)}
		e.reduceProportionally(t, in)
		return
	}
	cc.OnMarked(&t.cc, mss)
	if wasOne && t.flight() == 0 {
		// Less than one segment per round trip is one per time-out.
		t.recovery = recoveryMarked
		t.ecn |= ecnWaits
		t.rexmtAt = now.Add(t.timeout())
		t.verdict |= TimersMoved
	}
}

// onMarkTimer lets a window of one segment be used again.
func (e *Engine) onMarkTimer(t *TCB) {
	t.ecn &^= ecnWaits
	t.recovery = recoveryOpen
	t.wantUnsent()
}
