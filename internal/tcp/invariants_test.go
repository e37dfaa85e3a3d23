package tcp

import (
	"fmt"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// broken says which invariant of a TCB does not hold; "" if all do.
func broken(e *Engine, t *TCB) string {
	if t.state == Closed {
		return brokenClosed(t)
	}
	for _, f := range []func(*Engine, *TCB) string{brokenSend, brokenReceive, brokenTimers, brokenScoreboard, brokenRecovery, brokenLog} {
		if why := f(e, t); why != "" {
			return why
		}
	}
	return ""
}

func brokenClosed(t *TCB) string {
	switch {
	case t.rexmtAt|t.ackAt|t.keepAt|t.idleAt|t.lossAt != 0:
		return "a timer runs"
	case t.ooo != 0 || t.sacked != 0 || t.sentLog != 0:
		return "ranges or a log are held"
	case t.want&^WantControl != 0 || t.want != 0 && !t.has(flagRST):
		return fmt.Sprintf("wants %b", t.want)
	}
	return ""
}

func brokenSend(e *Engine, t *TCB) string {
	if t.sndUna.Greater(t.sndNxt) || t.sndNxt.Greater(t.sndEnd+1) {
		return fmt.Sprintf("una %d nxt %d end %d", t.sndUna, t.sndNxt, t.sndEnd)
	}
	if t.state >= Established && t.has(flagFinSent) != (t.sndNxt == t.sndEnd+1) {
		return "FIN sent and sndNxt disagree"
	}
	if t.has(flagFinSent) && !t.has(flagFinQueued) {
		return "a FIN was sent that nobody asked for"
	}
	if t.pipe > t.flight() {
		return fmt.Sprintf("pipe %d of flight %d", t.pipe, t.flight())
	}
	tx := e.tx(t)
	want := seq.Min(t.sndUna, t.sndEnd)
	if t.state == SynSent || t.state == SynReceived {
		want = t.sndUna + 1
	}
	if tx.ReadPos() != want {
		return fmt.Sprintf("the send ring is read at %d, una %d end %d", tx.ReadPos(), t.sndUna, t.sndEnd)
	}
	if t.sndEnd.Greater(tx.WritePos()) {
		return "sndEnd beyond what was written"
	}
	return ""
}

func brokenReceive(e *Engine, t *TCB) string {
	if t.state == SynSent {
		return ""
	}
	rx := e.rx(t)
	fin := seq.Size(0)
	if t.has(flagFinDone) {
		fin = 1
	}
	switch {
	case t.rcvNxt.Greater(t.rcvAdv):
		return fmt.Sprintf("rcvNxt %d beyond the window's edge %d", t.rcvNxt, t.rcvAdv)
	case t.rcvAcked.Greater(t.rcvNxt):
		return "acknowledged what did not come"
	case rx.WritePos().Add(fin) != t.rcvNxt:
		return fmt.Sprintf("the receive ring is written at %d, rcvNxt %d", rx.WritePos(), t.rcvNxt)
	case t.rcvAdv.Minus(rx.ReadPos()) > seq.Size(t.rcvBuf)+fin:
		return fmt.Sprintf("a window of %d octets over a buffer of %d", t.rcvAdv.Minus(rx.ReadPos()), t.rcvBuf)
	case t.has(flagFinSeen) && t.rcvNxt.Greater(t.finSeq.Add(fin)):
		return "text beyond the FIN"
	case t.ooo == 0:
		return ""
	}
	set := e.ranges.At(t.ooo)
	if why := brokenRanges(set); why != "" {
		return "out of order: " + why
	}
	if !set.r[0].First.Greater(t.rcvNxt) || set.last().End.Greater(t.rcvAdv) {
		return fmt.Sprintf("out of order %d..%d, window %d..%d", set.r[0].First, set.last().End, t.rcvNxt, t.rcvAdv)
	}
	return ""
}

func brokenRanges(s *rangeSet) string {
	if s.n == 0 || s.n > maxRanges {
		return fmt.Sprintf("%d ranges", s.n)
	}
	for i, r := range s.r[:s.n] {
		if !r.First.Less(r.End) {
			return "an empty range"
		}
		if i > 0 && !s.r[i-1].End.Less(r.First) {
			return "ranges overlap, touch or are not sorted"
		}
	}
	return ""
}

func brokenTimers(e *Engine, t *TCB) string {
	unsent := t.sndEnd.Greater(t.sndNxt) || t.has(flagFinQueued) && !t.has(flagFinSent) // see Unreachable
	switch {
	case t.flight() > 0 && t.rexmtAt == 0 && t.state != TimeWait:
		return "octets in flight without a timer"
	case t.has(flagPersist) && (t.rexmtAt == 0 || t.flight() > 0):
		return "persist without a timer, or with octets in flight"
	case t.ecn.has(ecnWaits) && t.rexmtAt == 0 && t.state != TimeWait:
		return "new text waits for a timer that is off"
	case t.flight() == 0 && t.rexmtAt != 0 && !t.has(flagPersist) && !t.ecn.has(ecnWaits) && !unsent:
		return "retransmission timer for nothing"
	case t.state == TimeWait && t.NextTimer() < 1<<62:
		return "a timer in TIME-WAIT"
	case t.rto > micros(e.cfg.RTOMax) || t.rto == 0:
		return fmt.Sprintf("RTO of %d µs", t.rto)
	case t.srtt > 8*maxRTT:
		return fmt.Sprintf("SRTT of %d µs/8", t.srtt)
	}
	return ""
}

func brokenScoreboard(e *Engine, t *TCB) string {
	if t.sacked == 0 {
		if t.sackedOctets != 0 {
			return "octets without a scoreboard"
		}
		return ""
	}
	set := e.ranges.At(t.sacked)
	if why := brokenRanges(set); why != "" {
		return "scoreboard: " + why
	}
	switch {
	case set.r[0].First.Less(t.sndUna) || set.last().End.Greater(t.sndNxt):
		return "the scoreboard leaves what is in flight"
	case uint32(set.octets()) != t.sackedOctets:
		return fmt.Sprintf("scoreboard of %d octets, counted %d", set.octets(), t.sackedOctets)
	}
	return ""
}

func brokenLog(e *Engine, t *TCB) string {
	if t.sentLog == 0 {
		return ""
	}
	l := e.sent.At(t.sentLog)
	if l.n > maxMarks || l.resent > maxAgain {
		return fmt.Sprintf("%d and %d marks", l.n, l.resent)
	}
	for i, m := range l.again[:l.resent] {
		if !m.first.Less(m.end) || m.end.LessEq(t.sndUna) || m.end.Greater(t.sndNxt) {
			return fmt.Sprintf("%d..%d sent again, una %d nxt %d", m.first, m.end, t.sndUna, t.sndNxt)
		}
		for _, x := range l.again[:i] {
			if x.first.Less(m.end) && m.first.Less(x.end) {
				return "the same was sent again at two times"
			}
		}
		if m.lost && t.isLossless() {
			return "something is lost again without a recovery"
		}
	}
	return ""
}

func brokenRecovery(e *Engine, t *TCB) string {
	if t.recovery == recoveryOpen || t.recovery == recoveryMarked && t.ecn.has(ecnWaits) {
		return ""
	}
	between := func(v seq.Value) bool { return !v.Less(t.sndUna) && !v.Greater(t.sndNxt) }
	switch {
	case !between(t.recover) || t.recover == t.sndUna:
		return "recover is not ahead"
	case !between(t.highRxt) || !between(t.lostEnd):
		return fmt.Sprintf("una %d nxt %d highRxt %d lostEnd %d", t.sndUna, t.sndNxt, t.highRxt, t.lostEnd)
	}
	return ""
}
