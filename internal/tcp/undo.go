// Undo: a reduction that had no cause is taken back. What was sent again had not
// been lost if
//
//   - D-SACKs report all of it as come twice (RFC 2883, RFC 3708),
//   - an acknowledgment echoes a timestamp older than the first retransmission
//     (Eifel, RFC 3522), or
//   - after a time-out something arrives that was sent once only (F-RTO, RFC 5682).
//
// Congestion window and threshold are then what they were, as in Linux (RFC 4015
// would have the window a little smaller), and the recovery ends.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// An undo is what must be known of a reduction to take it back. It lies in the send
// log, which stays for it until the connection is idle.
type undo struct {
	from  seq.Value // SND.UNA when it was made
	left  uint32    // octets sent again since that no D-SACK has accounted for
	at    uint32    // timestamp of the first of them
	on    bool      // there is a reduction that may be undone
	again bool      // something was sent again
	frto  frto
}

// frto is where F-RTO stands.
type frto uint8

const (
	frtoOff   frto = iota
	frtoOn         // watching what is acknowledged
	frtoProbe      // the first acknowledgment advanced: send something new
)

// canUndo begins to watch whether the reduction just made had a cause.
func (e *Engine) canUndo(t *TCB, now mono.Time) {
	if t.sentLog == 0 && !e.attachLog(t) {
		return
	}
	l := e.sent.At(t.sentLog)
	l.undo = undo{from: t.sndUna, on: true}
	for _, m := range l.again[:l.resent] { // a tail loss probe
		l.undo.left += uint32(m.end.Minus(m.first))
		l.undo.again, l.undo.at = true, t.sentStamp(m.at, now)
	}
}

// cannotUndo forgets it: another reduction was made.
func (e *Engine) cannotUndo(t *TCB) {
	if t.sentLog != 0 {
		e.sent.At(t.sentLog).undo.on = false
	}
}

// noteResent accounts for what was sent again.
func (e *Engine) noteResent(t *TCB, r seq.Range, now mono.Time) {
	e.Stats.Retransmits++
	e.rare(t).Resent++
	if t.sentLog == 0 {
		return
	}
	l := e.sent.At(t.sentLog)
	l.noteAgain(r, microClock(now))
	u := &l.undo
	if u.left += uint32(r.Len()); !u.again {
		u.again, u.at = true, t.timestamp(now)
	}
}

// duplicateOf returns what a D-SACK of the segment reports: the first block is below
// its acknowledgment, or inside the second (RFC 2883 §4).
func duplicateOf(s *Segment) (seq.Range, bool) {
	o := &s.Options
	if o.NumSACK == 0 {
		return seq.Range{}, false
	}
	b := o.SACK[0]
	switch {
	case !b.First.Less(b.End):
		return b, false
	case b.First.Less(s.Ack):
		return b, true
	case o.NumSACK > 1:
		x := o.SACK[1]
		return b, x.First.LessEq(b.First) && b.End.LessEq(x.End)
	}
	return b, false
}

// countDuplicate takes a D-SACK into account: for the undo, and for the window in
// which RACK awaits what is late (RFC 8985 §6.2 step 4), unless it is the answer to
// a tail loss probe, which nobody had taken for lost.
func (e *Engine) countDuplicate(t *TCB, s *Segment) {
	d, ok := duplicateOf(s)
	if !ok || t.sentLog == 0 || d.End.Greater(t.sndNxt) {
		return
	}
	l := e.sent.At(t.sentLog)
	if u := &l.undo; u.on && d.End.Greater(u.from) {
		u.left -= min(u.left, uint32(d.Len()))
	}
	if t.has(flagTailAgain) && uint32(d.End) == t.words[tailEnd] {
		return
	}
	if !l.inRound || t.sndUna.GreaterEq(l.dsackRound) {
		l.inRound, l.dsackRound = true, t.sndNxt
		more := &e.rare(t).ReorderMore
		*more = min(*more>>4+1, maxReorderSteps)<<4 | (reorderKeep - 1)
	}
}

// keepReordering ends the larger window after so many recoveries without a D-SACK.
func (e *Engine) keepReordering(t *TCB) {
	if more := &e.rare(t).ReorderMore; *more&15 > 0 {
		*more--
	} else {
		*more = 0
	}
}

// isSpurious reports that the reduction had no cause.
func (e *Engine) isSpurious(t *TCB, s *Segment, in *ackNews) bool {
	if t.sentLog == 0 {
		return false
	}
	l := e.sent.At(t.sentLog)
	u := &l.undo
	if !u.on {
		return false
	}
	told := u.again && u.left == 0
	early := in.advanced && u.again && t.echoedBefore(&s.Options, u.at)
	switch t.recovery {
	case recoveryFast:
		whole := in.advanced && t.sndUna.GreaterEq(t.recover)
		// While something that was sent again is on its way, it may yet be needed.
		return told || early && (l.resent == 0 || whole) || whole && !u.again
	case recoveryLoss:
		return in.advanced && (told || early) || u.frto != frtoOff && e.forwardRTO(t, u, in)
	}
	return told
}

// forwardRTO is F-RTO (RFC 5682 §3.1, §2.1) for one acknowledgment after a time-out:
// it reports that the time-out was spurious.
func (e *Engine) forwardRTO(t *TCB, u *undo, in *ackNews) bool {
	switch {
	case in.original: // step 3b; with SACK in step 2, too
		return true
	case t.sndNxt.Greater(t.recover): // something new was sent
		u.frto = frtoOn
		if in.sacked > 0 || in.duplicate { // step 3a: there is a hole
			u.frto = frtoOff
			if !t.has(flagSACK) { // room for what the duplicate stands for
				t.cc.Cwnd = max(t.cc.Cwnd, 3*uint32(t.segmentSize()))
			}
		}
	case in.advanced && t.sndUna.Less(t.recover) && t.sndEnd.Greater(t.sndNxt) && t.windowRoom(t.sndNxt) > 0:
		u.frto = frtoProbe // step 2b
		t.flags |= flagForce
	case in.advanced, in.duplicate && !t.has(flagSACK): // step 2a
		u.frto = frtoOff
	}
	return false
}

// planForward has F-RTO choose new text instead of what is lost, and says whether
// nothing else may be sent: it may if there is nothing new.
func (e *Engine) planForward(t *TCB, now mono.Time) (p plan, ok, only bool) {
	if t.recovery != recoveryLoss || t.sentLog == 0 {
		return p, false, false
	}
	u := &e.sent.At(t.sentLog).undo
	if u.frto != frtoProbe {
		return p, false, false
	}
	if p, ok = e.planNew(t, now); ok || t.sndNxt.Greater(t.recover) {
		return p, ok, true
	}
	u.frto = frtoOff
	return p, false, false
}

// watchRTO begins F-RTO: not when the time-out ends a fast recovery, whose text on
// the way was sent twice in part.
func (e *Engine) watchRTO(t *TCB, was recoveryState) {
	if t.sentLog != 0 && !e.cfg.NoFRTO {
		u := &e.sent.At(t.sentLog).undo
		u.frto = frtoOff
		if was == recoveryOpen || was == recoveryLoss && t.backoff > 1 {
			u.frto = frtoOn
		}
	}
}

// notice notes that text up to end has arrived: for F-RTO, whether it was sent once
// only, and before the time-out.
func (e *Engine) notice(t *TCB, in *ackNews, end seq.Value) {
	if t.recovery == recoveryLoss && end.LessEq(t.recover) && !e.wasResent(t, end) {
		in.original = true
	}
}

// noticeAcked does so for all before ack. Without SACK a retransmission that is
// acknowledged may have filled the hole before what had come.
func (e *Engine) noticeAcked(t *TCB, in *ackNews, ack seq.Value) {
	if t.recovery != recoveryLoss || !t.has(flagSACK) && e.wasResent(t, t.sndUna+1) {
		return
	}
	end := seq.Min(ack, t.recover)
	if t.sacked != 0 {
		if _, before := e.ranges.At(t.sacked).find(end.Sub(1)); before {
			return
		}
	}
	e.notice(t, in, end)
}

// takeBack undoes the reduction.
func (e *Engine) takeBack(t *TCB, now mono.Time) {
	e.Stats.Undone++
	l := e.sent.At(t.sentLog)
	l.undo = undo{}
	l.allLost(false)
	t.endFast()
	t.recovery = recoveryOpen
	t.dupAcks = 0
	t.backoff = 0
	cc.Undo(&t.cc)
	t.want |= WantData
	if t.flight() == 0 {
		e.releaseSent(t)
	}
}
