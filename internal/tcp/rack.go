// RACK-TLP (RFC 8985): loss by time. What was sent clearly before something that
// has arrived since is lost; and when the end of a flight is lost, so that
// nothing arrives any more, a probe finds out.
//
//	sent at    t0         t1              t2
//	├──────────┼──────────┼───────────────┼───▶ sequence numbers
//	sndUna      marks of the send log      sndNxt
//
// First transmissions leave in the order of their numbers, so what counts as lost
// is all below a position (lostEnd) that is not selectively acknowledged. What was
// sent again and lost again is left to the retransmission timer. Without a log, as
// when memory for it is short, RFC 6675 decides.

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// maxMarks bounds a send log.
const maxMarks = 32

// A sendLog says when what is in flight was sent for the first time, and what of
// that was delivered last.
type sendLog struct {
	n   uint32
	at  uint32    // when what was sent last of all that was delivered was sent, µs clock
	end seq.Value // its end
	rtt uint32    // and how long it took, µs
	m   [maxMarks]sentMark
}

// SendLog is the memory of one log, for those who provide it.
type SendLog = sendLog

// A sentMark: octets before end, and not before the mark before it, were sent at.
type sentMark struct {
	end seq.Value
	at  uint32 // µs clock
}

// note appends what has just been sent. When the log is full the last mark stands
// for more: the later time holds, so that nothing is lost too early.
func (l *sendLog) note(end seq.Value, at uint32) {
	if l.n > 0 && (l.m[l.n-1].at == at || l.n == maxMarks) {
		l.m[l.n-1] = sentMark{end, at}
		return
	}
	l.m[l.n] = sentMark{end, at}
	l.n++
}

// forget drops what has been acknowledged.
func (l *sendLog) forget(una seq.Value) {
	k := uint32(0)
	for k < l.n && l.m[k].end.LessEq(una) {
		k++
	}
	if k > 0 {
		l.n = uint32(copy(l.m[:], l.m[k:l.n]))
	}
}

// when returns the time at which the octet before end was sent.
func (l *sendLog) when(end seq.Value) (uint32, bool) {
	for _, m := range l.m[:l.n] {
		if end.LessEq(m.end) {
			return m.at, true
		}
	}
	return 0, false
}

// hasRACK reports that losses of t are found by time.
func (e *Engine) hasRACK(t *TCB) bool { return t.sentLog != 0 }

// logSent keeps the log for text up to end, from the second segment in flight on:
// a lone one needs none. before is when the one before was sent.
func (e *Engine) logSent(t *TCB, end seq.Value, before, now mono.Time) {
	if t.sentLog == 0 {
		if e.cfg.NoRACK || !t.has(flagSACK) || t.flight() == 0 {
			return
		}
		i, ok := e.sent.Get()
		if !ok {
			e.Stats.SendLogsFull++ // losses are found by counts meanwhile
			return
		}
		t.sentLog = i
		l := e.sent.At(i)
		l.n = 0
		l.note(t.sndNxt, microClock(before))
		l.end, l.at, l.rtt = t.sndUna, microClock(before)-1, 0 // nothing was delivered yet
	}
	e.sent.At(t.sentLog).note(end, microClock(now))
}

// forgetSent drops what was acknowledged, and the log with the last of it.
func (e *Engine) forgetSent(t *TCB) {
	switch {
	case t.sentLog == 0:
	case t.flight() == 0:
		e.releaseSent(t)
	default:
		e.sent.At(t.sentLog).forget(t.sndUna)
	}
}

func (e *Engine) releaseSent(t *TCB) {
	if t.sentLog != 0 {
		e.sent.Put(t.sentLog)
		t.sentLog = 0
	}
}

// rackAcked notes that all before ack has arrived.
func (e *Engine) rackAcked(t *TCB, ack seq.Value, now mono.Time) {
	if t.sentLog == 0 {
		return
	}
	if t.sacked != 0 {
		set := e.ranges.At(t.sacked)
		if news := set.gapAt(t.sndUna, ack); !news.IsEmpty() {
			e.sawReordering(t, news, set.last().End)
		}
		if _, before := set.find(ack.Sub(1)); before {
			return // the last of it had arrived before
		}
	}
	e.rackDelivered(t, ack, now)
}

// rackDelivered notes that the segment that ends at end has arrived (RFC 8985 §6.2
// step 2). Of one that was sent twice nobody knows which it was.
func (e *Engine) rackDelivered(t *TCB, end seq.Value, now mono.Time) {
	if t.sentLog == 0 || t.wasResent(end) {
		return
	}
	l := e.sent.At(t.sentLog)
	at, ok := l.when(end)
	if d := int32(at - l.at); ok && (d > 0 || d == 0 && end.Greater(l.end)) {
		l.at, l.end, l.rtt = at, end, microClock(now)-at
	}
}

// wasResent reports that the segment that ends at end was sent again.
func (t *TCB) wasResent(end seq.Value) bool {
	return t.recovery != recoveryOpen && end.LessEq(t.highRxt)
}

// sawReordering notes that r arrived after something behind it, though it was sent
// once only (RFC 8985 §6.2 step 3), and by how many segments.
func (e *Engine) sawReordering(t *TCB, r seq.Range, highest seq.Value) {
	if !r.End.Less(highest) || t.wasResent(r.End) || t.sentLog == 0 {
		return
	}
	first := r.First
	if t.recovery != recoveryOpen {
		first = seq.Max(first, seq.Min(t.highRxt, r.End))
	}
	n := highest.Minus(first) / seq.Size(max(t.segmentSize(), 1))
	rare := e.rare(t)
	rare.Reordering = uint8(min(max(seq.Size(rare.Reordering), n, 1), 255))
}

// highestSacked returns the end of what is selectively acknowledged.
func (e *Engine) highestSacked(t *TCB) seq.Value {
	if t.sacked == 0 {
		return t.sndUna
	}
	set := e.ranges.At(t.sacked)
	return set.r[set.n-1].End
}

// reorderWindow is how much later than expected something may arrive (RFC 8985
// §6.2 step 4): not at all where nothing was ever reordered and there is other
// evidence of a loss.
func (e *Engine) reorderWindow(t *TCB) uint32 {
	if e.rare(t).Reordering == 0 {
		if !t.isLossless() || t.dupAcks >= dupThresh || t.sackedOctets > (dupThresh-1)*uint32(t.segmentSize()) {
			return 0
		}
	}
	return min(e.blocks[t.slot].Account.MinRTT/4, t.srtt/8)
}

// rackEdge returns the position below which everything that has not arrived is
// lost (RFC 8985 §6.2 step 5).
func (e *Engine) rackEdge(t *TCB, now mono.Time) seq.Value {
	edge, _ := e.rackLook(t, now)
	return edge
}

// rackLook returns the edge, and in how many µs it will move if nothing arrives; 0
// if it will not.
func (e *Engine) rackLook(t *TCB, now mono.Time) (edge seq.Value, in uint32) {
	edge = t.sndUna
	log := e.sent.At(t.sentLog)
	if t.sacked == 0 && log.end.LessEq(t.sndUna) {
		return edge, 0 // nothing has arrived that is behind anything
	}
	due, clock := log.rtt+e.reorderWindow(t), microClock(now)
	for _, m := range log.m[:log.n] {
		if int32(m.at-log.at) > 0 {
			break
		}
		if age := clock - m.at; age < due {
			if edge.Less(log.end) {
				return edge, due - age
			}
			break
		}
		edge = m.end
		if m.at == log.at {
			edge = seq.Min(m.end, log.end)
			break
		}
	}
	return seq.Max(edge, t.sndUna), 0
}

// armLoss sets the timer by which a loss will be found: RACK's, or that of a tail
// loss probe (RFC 8985 §7.2), which is no later than the RTO. In LAST-ACK there is
// no probe: the answer to one that was not needed would find no connection, and be
// answered with a RST.
func (e *Engine) armLoss(t *TCB, now mono.Time) {
	if !t.has(flagSACK) || e.cfg.NoRACK && e.cfg.NoTailProbe {
		return
	}
	was := t.lossAt
	t.lossAt = 0
	t.flags &^= flagTail
	switch {
	case t.flight() == 0 || t.recovery == recoveryLoss || t.has(flagPersist) || !t.state.in(sending):
	case t.sacked != 0 || t.recovery != recoveryOpen:
		if t.sentLog != 0 {
			if _, in := e.rackLook(t, now); in > 0 {
				t.lossAt = now.Add(time.Duration(in) * time.Microsecond)
			}
		}
	case !e.cfg.NoTailProbe && t.state != LastAck && t.dupAcks == 0 && t.flags&flagTailSent == 0 && t.backoff == 0 && t.rexmtAt != 0:
		t.flags |= flagTail
		t.lossAt = min(now.Add(e.probeTimeout(t)), t.rexmtAt)
	}
	if t.lossAt != was {
		t.verdict |= TimersMoved
	}
}

// probeTimeout is PTO: two round trips, and when only one segment is in flight the
// time for which its acknowledgment may be delayed.
func (e *Engine) probeTimeout(t *TCB) time.Duration {
	if t.srtt == 0 {
		return e.cfg.RTOInitial
	}
	pto := max(2*t.SRTT(), minProbe) // a peer that was not scheduled at once has lost nothing
	if t.flight() <= uint32(t.segmentSize()) {
		pto += e.cfg.RTOMin // as Linux, for RFC 8985's 200 ms
	}
	return pto
}

// onLossTimer looks for losses again, or has the tail probed.
func (e *Engine) onLossTimer(t *TCB, now mono.Time) {
	if t.has(flagTail) {
		t.want |= WantData // planTail
		if t.rexmtAt != 0 && !now.Before(t.rexmtAt) {
			t.rexmtAt = now.Add(t.timeout()) // the probe takes its place
		}
		return
	}
	e.setPipe(t, now)
	if t.isLossless() && e.lossFound(t) {
		e.enterFastRecovery(t, &ackNews{flight: t.flight(), hadSacked: t.sackedOctets}, now)
	}
	e.armLoss(t, now)
	t.want |= WantData
}

// planTail chooses the probe (RFC 8985 §7.3): new text if the peer's window takes
// it, else the last segment once more. A FIN stands alone.
func (e *Engine) planTail(t *TCB) (plan, bool) {
	t.flags &^= flagTail
	if t.flight() == 0 || t.recovery != recoveryOpen {
		return plan{}, false
	}
	full := seq.Size(e.textRoom(t))
	if t.sndEnd.Greater(t.sndNxt) && !t.has(flagFinSent) {
		n := min(t.sndEnd.Minus(t.sndNxt), full)
		if int64(n) <= int64(t.windowRoom(t.sndNxt)) {
			p := plan{seq: t.sndNxt, n: n, how: tail}
			if n < full {
				p.how |= small
			}
			return p, true
		}
	}
	if t.has(flagFinSent) {
		return plan{seq: t.sndEnd, how: withFIN | again | tail}, true
	}
	n := min(seq.Size(t.flight()), full)
	if t.sndNxt == t.sndEnd && t.flight() > uint32(n) {
		if rest := t.sndEnd.Minus(t.sndUna) % full; rest != 0 { // the end of a flight of full segments
			n = rest
		}
	}
	return plan{seq: t.sndNxt.Sub(n), n: n, how: again | tail}, true
}

// sentTail accounts for the probe. The RTO begins anew.
func (e *Engine) sentTail(t *TCB, p plan, end seq.Value, now mono.Time) {
	e.Stats.TailProbes++
	t.flags |= flagTailSent
	t.flags &^= flagTailAgain
	if p.is(again) {
		t.flags |= flagTailAgain
		t.flags &^= flagTiming // Karn
		e.Stats.Retransmits++
		e.rare(t).Resent++
	} else {
		e.sentNew(t, p, end, now)
	}
	t.words[tailEnd] = uint32(t.sndNxt)
	t.rexmtAt = now.Add(t.timeout())
	t.verdict |= TimersMoved
}

// tailProbed draws the conclusion from a probe once its end is acknowledged (RFC
// 8985 §7.4): if text was repeated and nobody says that it came twice, it had been
// lost, and the window is reduced as for any loss.
func (e *Engine) tailProbed(t *TCB, s *Segment, in *ackNews, now mono.Time) {
	end := seq.Value(t.words[tailEnd])
	if !t.has(flagTailSent) || t.sndUna.Less(end) {
		return
	}
	lost := false
	switch {
	case !t.has(flagTailAgain), e.isDSACK(t, s):
	case s.Ack.Greater(end):
		lost = true
	case in.advanced || in.sacked > 0:
		return // the next acknowledgment tells
	}
	t.flags &^= flagTailSent | flagTailAgain
	if lost && t.recovery == recoveryOpen {
		cc.OnLoss(&t.cc, now, in.flight, t.segmentSize())
		cc.OnRecovered(&t.cc, now, t.segmentSize())
		t.tellReduced()
	}
}

// isDSACK reports that the segment says that something came twice (RFC 2883).
func (e *Engine) isDSACK(t *TCB, s *Segment) bool {
	return s.Options.NumSACK > 0 && s.Options.SACK[0].End.LessEq(s.Ack)
}
