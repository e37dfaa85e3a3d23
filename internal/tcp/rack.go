// RACK (RFC 8985): loss by time. What was sent clearly before something that has
// arrived since is lost. When the end of a flight is lost, so that nothing arrives
// any more, a probe finds out: tail.go.
//
//	sent at    t0         t1              t2
//	├──────────┼──────────┼───────────────┼───▶ sequence numbers
//	sndUna      marks of the send log      sndNxt
//
// First transmissions leave in the order of their numbers, so what counts as lost
// is all below a position (lostEnd) that is not selectively acknowledged. What was
// sent again has marks of its own: resent.go. Without a log, as when memory for it
// is short, RFC 6675 decides.

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// maxMarks bounds a send log.
const maxMarks = 32

// reorderSlack is by how many µs the timer for what may be late comes later. Linux's
// has 2 ms, and what its clock's ticks add.
const reorderSlack = 3000

// For so many recoveries a larger reordering window stays, and by so many steps it
// may be larger (RFC 8985 §6.2 step 4). One octet holds both: steps, and recoveries
// less one.
const (
	reorderKeep     = 16
	maxReorderSteps = 15
)

// A sendLog says when what is in flight was sent for the first time, and again, and
// what of that was delivered last.
type sendLog struct {
	n      uint32
	resent uint32    // marks in again
	at     uint32    // when what was sent last of all that was delivered was sent, µs clock
	end    seq.Value // its end
	rtt    uint32    // how long what has arrived last took, µs
	rttEnd seq.Value // its end
	rttAt  uint32    // and when it arrived

	examined uint32 // when the timer last had losses looked for, µs clock

	dsackRound seq.Value // with inRound: the reordering window has grown for D-SACKs of this round
	reducedAt  uint32    // when the window was reduced for what was lost again, µs clock
	undo       undo
	timed      bool // times are kept: else it is for the undo alone
	advanced   bool // something has arrived since losses were looked for
	inRound    bool

	m     [maxMarks]sentMark
	again [maxAgain]resentMark
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
	if l.resent > 0 {
		l.carve(seq.Range{First: una.Sub(1 << 30), End: una})
	}
}

// arrived notes that what was sent at, and ends at end, is here.
func (l *sendLog) arrived(at uint32, end seq.Value, clock uint32) {
	l.advanced = true
	if clock-l.examined > 1<<30 { // clocks are compared on a circle
		l.examined = clock - 1<<30
	}
	if clock != l.rttAt || end.Greater(l.rttEnd) {
		l.rtt, l.rttEnd, l.rttAt = clock-at, end, clock
	}
	if !l.isBefore(at, end) {
		l.at, l.end = at, end
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
func (e *Engine) hasRACK(t *TCB) bool { return t.sentLog != 0 && e.sent.At(t.sentLog).timed }

// attachLog gets a log for a TCB that needs one.
func (e *Engine) attachLog(t *TCB) bool {
	i, ok := e.sent.Get()
	if !ok {
		e.Stats.SendLogsFull++ // losses are found by counts meanwhile, and nothing is undone
		return false
	}
	t.sentLog = i
	l := e.sent.At(i)
	l.n, l.resent, l.timed, l.inRound, l.undo = 0, 0, false, false, undo{}
	return true
}

// logSent keeps the log for text up to end, from the second segment in flight on:
// a lone one needs none. before is when the one before was sent.
func (e *Engine) logSent(t *TCB, end seq.Value, before, now mono.Time) {
	if !e.hasRACK(t) {
		if e.cfg.NoRACK || !t.has(flagSACK) || t.flight() == 0 {
			return
		}
		if t.sentLog == 0 && !e.attachLog(t) {
			return
		}
		l := e.sent.At(t.sentLog)
		l.timed = true
		l.note(t.sndNxt, microClock(before))
		l.end, l.at, l.rtt, l.advanced = t.sndUna, microClock(before)-1, 0, false // nothing was delivered yet
		l.rttEnd, l.rttAt, l.examined = l.end, l.at, l.at
		l.reducedAt = l.at
	}
	e.sent.At(t.sentLog).note(end, microClock(now))
}

// forgetSent drops what was acknowledged, and the log with the last of it. A D-SACK
// may come after that.
func (e *Engine) forgetSent(t *TCB) {
	switch {
	case t.sentLog == 0:
	case t.flight() == 0 && !e.sent.At(t.sentLog).undo.on:
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
func (e *Engine) rackAcked(t *TCB, ack seq.Value, o *wire.Options, now mono.Time) {
	if !e.hasRACK(t) {
		return
	}
	news := seq.Range{First: t.sndUna, End: ack}
	if t.sacked != 0 {
		set := e.ranges.At(t.sacked)
		if gap := set.gapAt(t.sndUna, ack); !gap.IsEmpty() {
			e.sawReordering(t, gap, set.last().End)
		}
		if r, before := set.find(ack.Sub(1)); before {
			news.End = seq.Max(r.First, t.sndUna) // the last of it had arrived before
		}
	}
	e.rackDelivered(t, news, o, now)
}

// rackDelivered notes that r has arrived: the last of it that was sent once, and
// what was sent again (RFC 8985 §6.2 step 2).
func (e *Engine) rackDelivered(t *TCB, r seq.Range, o *wire.Options, now mono.Time) {
	l, end := e.sent.At(t.sentLog), r.End
	for i := 0; i < int(l.resent); i++ {
		if m := &l.again[i]; m.first.Less(end) && end.LessEq(m.end) {
			end, i = m.first, -1
		}
	}
	if end.Greater(r.First) && !e.wasResent(t, end) {
		if at, ok := l.when(end); ok {
			l.arrived(at, end, microClock(now))
		}
	}
	e.rackResent(t, r, o, now)
}

// sawReordering notes that r arrived after something behind it, though it was sent
// once only (RFC 8985 §6.2 step 3), and by how many segments.
func (e *Engine) sawReordering(t *TCB, r seq.Range, highest seq.Value) {
	if !r.End.Less(highest) || !e.hasRACK(t) || e.wasResent(t, r.End) {
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
// evidence of a loss, and longer where D-SACKs told that it was too short.
func (e *Engine) reorderWindow(t *TCB) uint32 {
	if e.rare(t).Reordering == 0 {
		if !t.isLossless() || t.dupAcks >= dupThresh || t.sackedOctets > (dupThresh-1)*uint32(t.segmentSize()) {
			return 0
		}
	}
	steps := uint32(e.rare(t).ReorderMore>>4) + 1
	return min(steps*(e.blocks[t.slot].Account.MinRTT/4), t.srtt/8)
}

// rackEdge returns the position below which everything that has not arrived is
// lost (RFC 8985 §6.2 step 5): it was sent before what has arrived, and longer ago
// than that took. Of segments that were sent at once the first ones were sent
// earlier.
func (e *Engine) rackEdge(t *TCB, now mono.Time) seq.Value {
	log, edge := e.sent.At(t.sentLog), t.sndUna
	due, clock := log.rtt+e.reorderWindow(t), microClock(now)
	for _, m := range log.m[:log.n] {
		d, age, end := int32(m.at-log.at), clock-m.at, m.end
		if d > 0 || age < due {
			break
		}
		if d == 0 {
			end = seq.Min(end, log.end)
		}
		if age == due {
			end = seq.Min(end, log.rttEnd)
		}
		edge = seq.Max(edge, end)
		if end != m.end {
			break
		}
	}
	for i := range log.again[:log.resent] {
		// Behind highRxt is a tail loss probe, or what an earlier recovery sent: later
		// than the log says.
		m := &log.again[i]
		if m.first.GreaterEq(t.highRxt) && !m.lost && !(log.isBefore(m.at, m.end) && clock-m.at >= due) {
			edge = seq.Min(edge, m.first)
		}
	}
	return seq.Max(edge, t.sndUna)
}

// rackWait returns in how many µs the last will be lost of what was sent before
// something that has arrived, if it does not arrive; 0 if there is nothing. That is
// a little late, as in Linux: most of what is merely late arrives meanwhile.
func (e *Engine) rackWait(t *TCB, now mono.Time) (in uint32) {
	log, clock := e.sent.At(t.sentLog), microClock(now)
	due := log.rtt + e.reorderWindow(t)
	left := func(at uint32) uint32 {
		if int32(log.examined-at) > int32(due) {
			return 0 // the timer has found that time alone does not tell
		}
		return uint32(max(int32(due+min(reorderSlack, t.srtt/8/4)-(clock-at)), 1))
	}
	from := seq.Max(t.lostEnd, t.sndUna)
	for _, m := range log.m[:log.n] {
		d, end := int32(m.at-log.at), m.end
		if d > 0 {
			break
		}
		if d == 0 {
			end = seq.Min(end, log.end)
		}
		if !e.unsacked(t, from, end).IsEmpty() {
			in = max(in, left(m.at))
		}
		from = seq.Max(from, m.end)
	}
	for i := range log.again[:log.resent] {
		if m := &log.again[i]; !m.lost && log.isBefore(m.at, m.end) {
			in = max(in, left(m.at))
		}
	}
	return in
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
	case t.flight() == 0 || t.has(flagPersist) || !t.state.in(sending):
	case t.sacked != 0 || t.recovery != recoveryOpen:
		if e.hasRACK(t) {
			if in := e.rackWait(t, now); in > 0 {
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

// onLossTimer looks for losses again, or has the tail probed.
func (e *Engine) onLossTimer(t *TCB, now mono.Time) {
	if t.has(flagTail) {
		t.want |= WantData // planTail
		if t.rexmtAt != 0 && !now.Before(t.rexmtAt) {
			t.rexmtAt = now.Add(t.timeout()) // the probe takes its place
		}
		return
	}
	e.lookAgain(t)
	e.setPipe(t, now)
	if t.isLossless() && e.lossFound(t) {
		e.enterFastRecovery(t, &ackNews{flight: t.flight(), hadSacked: t.sackedOctets}, now)
		e.lookAgain(t) // what is late is not waited for any more
		e.setPipe(t, now)
	}
	if e.hasRACK(t) {
		e.sent.At(t.sentLog).examined = microClock(now)
	}
	e.armLoss(t, now)
	t.want |= WantData
}

// lookAgain has losses looked for though nothing has arrived.
func (e *Engine) lookAgain(t *TCB) {
	if e.hasRACK(t) {
		e.sent.At(t.sentLog).advanced = true
	}
}
