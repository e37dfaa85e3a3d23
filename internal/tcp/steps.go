// Segment arrival in the synchronized states and SYN-RECEIVED: the eight steps
// of RFC 9293 §3.10.7.4 in order, with RFC 5961 (blind attacks) and RFC 7323
// (timestamps) where they belong.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func (e *Engine) inputSteps(t *TCB, s *Segment, now mono.Time) drop.Reason {
	if r := e.stepTimestamp(t, s, now); r != drop.None {
		return r
	}
	if r := e.stepSequence(t, s, now); r != drop.None {
		return r
	}
	t.rcvAt = now
	if s.Flags.Has(wire.RST) {
		return e.stepRST(t, s, now)
	}
	// The third step, security and compartment, is not implemented (SHOULD NOT
	// be, RFC 9293 §A.1).
	if s.Flags.Has(wire.SYN) {
		return e.stepSYN(t, s, now)
	}
	e.trimFront(t, s)
	e.trimBack(t, s)
	if r := e.stepACK(t, s, now); r != drop.None {
		return r
	}
	e.stepURG(t, s)
	e.takeMarks(t, s)
	r := e.stepText(t, s, now)
	if t.state != Closed {
		e.stepFIN(t, s)
	}
	if r == drop.None && s.cut {
		return drop.OutOfWindow // counted by trimBack
	}
	return r
}

// stepTimestamp is PAWS, which RFC 7323 §5.3 puts before the first step.
func (e *Engine) stepTimestamp(t *TCB, s *Segment, now mono.Time) drop.Reason {
	switch has := s.Options.Present.Has(wire.HasTimestamp); {
	case !t.has(flagTS), s.Flags.Has(wire.RST), s.Flags.Has(wire.SYN) && !has:
		return drop.None
	case !has:
		return e.drop(drop.NoTimestamp) // RFC 7323 §3.2: silently
	}
	if int32(s.Options.TSVal-t.tsRecent) < 0 && now.Sub(t.rcvAt) < pawsExpiry {
		e.dupAck(t, s, now)
		return e.drop(drop.PAWS)
	}
	return drop.None
}

// noteTimestamp takes the peer's timestamp for the next echo (RFC 7323 §4.3) from
// a segment that began at first, after PAWS and after its acknowledgment was
// found good. The echo is that of the oldest segment not acknowledged yet.
func (t *TCB) noteTimestamp(s *Segment, first seq.Value) {
	if t.has(flagTS) && first.LessEq(t.rcvAcked) {
		t.tsRecent = s.Options.TSVal
	}
}

// stepSequence is the first step: is any of the segment in the window?
func (e *Engine) stepSequence(t *TCB, s *Segment, now mono.Time) drop.Reason {
	if t.state == SynReceived && s.Flags&(wire.SYN|wire.RST) == wire.SYN && s.Seq+1 == t.rcvNxt {
		switch {
		case !s.Flags.Has(wire.ACK):
			t.want |= WantControl // the peer lost our SYN-ACK
			t.askedAgain(s)
			return e.drop(drop.SeqOld)
		case !t.has(flagPassive):
			// The peer's half of a simultaneous open (RFC 9293 figure 7): its
			// SYN is known and acknowledged once more, its ACK is news.
			s.Flags &^= wire.SYN
			s.Seq++
			t.want |= WantAck
		}
	}
	wnd := t.rcvAdv.Minus(t.rcvNxt)
	if !acceptable(s.Seq, s.length(), t.rcvNxt, wnd) {
		return e.unacceptable(t, s, now)
	}
	return drop.None
}

// acceptable is the table of RFC 9293 §3.10.7.4, with its special allowance: at
// a zero window a segment at the left edge is looked at for its ACK and RST,
// though none of its text is taken (MUST-66).
func acceptable(first seq.Value, n seq.Size, nxt seq.Value, wnd seq.Size) bool {
	switch {
	case wnd == 0:
		return first == nxt
	case n == 0:
		// The right edge included, as Linux and BSD have it: a peer that has
		// filled the window while there is a hole acknowledges from there.
		return first.Minus(nxt) <= wnd
	default:
		return first.InWindow(nxt, wnd) || first.Add(n-1).InWindow(nxt, wnd)
	}
}

// unacceptable answers a segment outside the window: with an ACK that says
// what we expect, unless it is a RST.
func (e *Engine) unacceptable(t *TCB, s *Segment, now mono.Time) drop.Reason {
	switch {
	case s.Flags.Has(wire.RST):
		return e.drop(drop.RSTOutside)
	case s.Flags.Has(wire.SYN):
		e.challenge(t, now)
		return e.drop(drop.SYNInWindow)
	case len(s.Payload) > 0 && s.Seq.Less(t.rcvNxt) && s.textEnd().LessEq(t.rcvNxt):
		e.noteDuplicate(t, seq.Range{First: s.Seq, End: s.textEnd()})
		t.quick = max(t.quick, 1)
		t.want |= WantAck
		return e.drop(drop.SeqOld)
	}
	e.dupAck(t, s, now)
	return e.drop(drop.SeqUnacceptable)
}

// dupAck answers a segment that was refused. One without text is answered at
// a limited rate, or two hosts that disagree would answer each other for ever.
func (e *Engine) dupAck(t *TCB, s *Segment, now mono.Time) {
	if len(s.Payload) > 0 {
		t.want |= WantAck
		return
	}
	e.challenge(t, now)
}

// trimFront cuts what was received before.
func (e *Engine) trimFront(t *TCB, s *Segment) {
	if !s.Seq.Less(t.rcvNxt) {
		return
	}
	if n := min(t.rcvNxt.Minus(s.Seq), seq.Size(len(s.Payload))); n > 0 {
		e.noteDuplicate(t, seq.Range{First: s.Seq, End: s.Seq.Add(n)})
		t.want |= WantAck
		s.Payload = s.Payload[n:]
		s.Seq = s.Seq.Add(n)
	}
	if s.Seq.Less(t.rcvNxt) { // the FIN was old too
		s.Flags &^= wire.FIN
		s.Seq = t.rcvNxt
	}
}

// trimBack cuts what the window does not take, and a FIN behind it.
func (e *Engine) trimBack(t *TCB, s *Segment) {
	room := t.rcvAdv.Minus(s.Seq)
	if seq.Size(len(s.Payload)) > room {
		s.Payload = s.Payload[:room]
		s.Flags &^= wire.FIN
		s.cut = true
		e.drop(drop.OutOfWindow)
		t.want |= WantAck
	}
	if t.has(flagFinSeen) && s.textEnd().Greater(t.finSeq) { // text beyond the peer's own FIN
		s.Payload = s.Payload[:min(t.finSeq.Minus(s.Seq), seq.Size(len(s.Payload)))]
		if s.Seq.Greater(t.finSeq) {
			s.Payload, s.Flags = nil, s.Flags&^wire.FIN
		}
	}
}

// stepRST is the second step (RFC 5961 §3): a RST counts only at exactly the
// next sequence number.
func (e *Engine) stepRST(t *TCB, s *Segment, now mono.Time) drop.Reason {
	if s.Seq != t.rcvNxt {
		if len(s.Payload) == 0 && !s.Seq.InWindow(t.rcvNxt, t.rcvAdv.Minus(t.rcvNxt)) { // just behind the window
			return e.drop(drop.RSTOutside)
		}
		e.challenge(t, now)
		return e.drop(drop.RSTInWindow)
	}
	e.Stats.ResetsIn++
	switch t.state {
	case SynReceived:
		if t.has(flagPassive) { // back to LISTEN: nobody needs to know (MUST-11)
			e.finish(t)
			return drop.None
		}
		e.fail(t, sock.Refused)
	default:
		// In CLOSING and LAST-ACK, too, text may not have arrived: the user
		// learns that the end was not in order (MUST-12).
		e.fail(t, sock.Reset)
	}
	return drop.None
}

// stepSYN is the fourth step (RFC 5961 §4). A SYN before the window, with text that
// reaches into it, is an old one and ends nothing.
func (e *Engine) stepSYN(t *TCB, s *Segment, now mono.Time) drop.Reason {
	if t.state == SynReceived && t.has(flagPassive) && s.Seq.GreaterEq(t.rcvNxt) {
		e.finish(t) // back to LISTEN
		return e.drop(drop.SYNInWindow)
	}
	e.challenge(t, now)
	return e.drop(drop.SYNInWindow)
}

// stepACK is the fifth step.
func (e *Engine) stepACK(t *TCB, s *Segment, now mono.Time) drop.Reason {
	if !s.Flags.Has(wire.ACK) {
		return e.drop(drop.AckMissing)
	}
	if t.state == SynReceived {
		if !t.isCompletedBy(s) {
			e.replyReset(s, t.key)
			t.want &^= WantAck // nothing but the RST
			t.flags &^= flagDSACK
			return e.drop(drop.AckUnacceptable)
		}
		t.noteWindow(s, s.window(t.sndScale))
		e.establish(t, now)
		s.Flags &^= wire.ECE // only our SYN was in flight
	}
	if s.Ack.Greater(t.sndNxt) || s.Ack.Less(t.sndUna.Sub(seq.Size(t.sndMax))) {
		e.challenge(t, now) // RFC 5961 §5
		return e.drop(drop.AckUnacceptable)
	}
	t.noteTimestamp(s, s.first)
	e.processAck(t, s, now)
	e.ackedFin(t, now)
	return drop.None
}

// isCompletedBy reports that s acknowledges the SYN of a half-open connection.
func (t *TCB) isCompletedBy(s *Segment) bool {
	return s.Ack.Greater(t.sndUna) && s.Ack.LessEq(t.sndNxt)
}

// Doubts reports that t is half open and did not send what s acknowledges. That
// would be answered with a RST; but the peer may have completed another
// half, that another shard opened for the same SYN.
func (t *TCB) Doubts(s *Segment) bool {
	return t.state == SynReceived && t.has(flagPassive) && s.isPlain() && !t.isCompletedBy(s)
}

// ackedFin moves on when our FIN has been acknowledged.
func (e *Engine) ackedFin(t *TCB, now mono.Time) {
	if !t.has(flagFinSent) || t.sndUna != t.sndEnd+1 {
		return
	}
	switch t.state {
	case FinWait1:
		e.setState(t, FinWait2)
		if t.has(flagOrphan) {
			e.startFinWait2(t, now)
		}
	case Closing:
		e.timeWait(t)
	case LastAck:
		e.finish(t)
	}
}

// stepFIN is the eighth step; it also takes a FIN that came early, once the
// text before it is there.
func (e *Engine) stepFIN(t *TCB, s *Segment) {
	if s.Flags.Has(wire.FIN) && t.state.in(receiving) && e.endsText(t, s.textEnd()) {
		t.flags |= flagFinSeen
		t.finSeq = s.textEnd()
	}
	if !t.has(flagFinSeen) || t.has(flagFinDone) {
		return
	}
	if t.rcvNxt != t.finSeq {
		if s.Flags.Has(wire.FIN) {
			t.oweAck()
		}
		return
	}
	t.flags |= flagFinDone
	t.rcvNxt++
	t.rcvAdv = seq.Max(t.rcvAdv, t.rcvNxt)
	t.verdict |= PeerDone
	t.want |= WantAck
	e.releaseRanges(&t.ooo)
	switch t.state {
	case Established:
		e.setState(t, CloseWait)
	case FinWait1:
		e.setState(t, Closing)
	case FinWait2:
		e.timeWait(t)
	}
}

// endsText reports that a FIN at v may be believed: it is in order, or it is the
// first and no text beyond it has come.
func (e *Engine) endsText(t *TCB, v seq.Value) bool {
	return v == t.rcvNxt || v.Greater(t.rcvNxt) && !t.has(flagFinSeen) && (t.ooo == 0 || e.ranges.At(t.ooo).last().End.LessEq(v))
}

// challenge sends an ACK so that an honest peer can correct itself, at a
// limited rate per connection (RFC 5961 §7). The limit moves by chance, so that
// nobody can count on it.
func (e *Engine) challenge(t *TCB, now mono.Time) {
	second := uint8(milliClock(now) / 1000) // modulo 256: a rare second may have too small a limit
	if second != t.challengeT {
		t.challengeT, t.challenges = second, uint8(e.rnd.Uint64()&3)
	}
	if int(t.challenges) >= e.cfg.ChallengeLimit+3 {
		e.drop(drop.ChallengeLimit)
		return
	}
	t.challenges++
	e.Stats.ChallengeAcks++
	t.want |= WantAck
}
