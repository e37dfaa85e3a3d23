// What was sent again, and when: a retransmission that is lost in turn is found
// by its time, as any segment is (RFC 8985 §6.2).
//
//	sndUna        highRxt                    sndNxt
//	├──A──┤ ├─B─┤ │          lost   ...  ├─C─┤ │
//
// A and B were sent again in this recovery, C is a tail loss probe. A mark that
// is lost again is sent again before what lies behind highRxt; one behind it only
// tells that its text was sent later than the log of first transmissions says.

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// maxAgain bounds the marks of what was sent again.
const maxAgain = 12

// A resentMark: octets from first to end, as far as they have not arrived, were
// last sent at.
type resentMark struct {
	first, end seq.Value
	at         uint32 // µs clock
	lost       bool
}

// noteAgain notes that r was sent again.
func (l *sendLog) noteAgain(r seq.Range, at uint32) {
	l.carve(r)
	if l.resent > 0 {
		if last := &l.again[l.resent-1]; !last.lost && last.at == at && last.end == r.First {
			last.end = r.End
			return
		}
	}
	if l.resent == maxAgain {
		l.stretch(r, at)
		return
	}
	l.again[l.resent] = resentMark{first: r.First, end: r.End, at: at}
	l.resent++
}

// carve takes r out of the marks. The lowest hole is sent first, so that what
// stands before r in the same mark has arrived.
func (l *sendLog) carve(r seq.Range) {
	k := uint32(0)
	for _, m := range l.again[:l.resent] {
		switch {
		case m.end.LessEq(r.First), m.first.GreaterEq(r.End):
		case m.end.Greater(r.End):
			m.first = r.End
		case m.first.Less(r.First):
			m.end = r.First
		default:
			continue
		}
		l.again[k] = m
		k++
	}
	l.resent = k
}

// stretch has a neighbour of r stand for it, when there is no room: the later time
// holds, so that nothing is lost too early. What lies between the two has arrived.
func (l *sendLog) stretch(r seq.Range, at uint32) {
	below, above := -1, -1
	for i := range l.again {
		m := &l.again[i]
		if m.end.LessEq(r.First) && (below < 0 || m.end.Greater(l.again[below].end)) {
			below = i
		}
		if m.first.GreaterEq(r.End) && (above < 0 || m.first.Less(l.again[above].first)) {
			above = i
		}
	}
	switch {
	case below >= 0:
		m := &l.again[below]
		m.end, m.at, m.lost = r.End, at, false
	case above >= 0:
		m := &l.again[above]
		m.first, m.at, m.lost = r.First, at, false
	}
}

// settle drops the marks of which everything has arrived.
func (e *Engine) settle(t *TCB) {
	l := e.sent.At(t.sentLog)
	k := uint32(0)
	for _, m := range l.again[:l.resent] {
		m.first = seq.Max(m.first, t.sndUna)
		if !e.unsacked(t, m.first, m.end).IsEmpty() {
			l.again[k] = m
			k++
		}
	}
	l.resent = k
}

// unsacked returns the first stretch from first on, and before end, that has not
// arrived.
func (e *Engine) unsacked(t *TCB, first, end seq.Value) seq.Range {
	if first.GreaterEq(end) {
		return seq.Range{First: end, End: end}
	}
	if t.sacked == 0 {
		return seq.Range{First: first, End: end}
	}
	return e.ranges.At(t.sacked).gapAt(first, end)
}

// wasResent reports that the segment that ends at end was sent again.
func (e *Engine) wasResent(t *TCB, end seq.Value) bool {
	if !t.isLossless() && end.LessEq(t.highRxt) {
		return true
	}
	if t.sentLog == 0 {
		return false
	}
	l := e.sent.At(t.sentLog)
	for i := range l.again[:l.resent] {
		if m := &l.again[i]; m.first.Less(end) && end.LessEq(m.end) {
			return true
		}
	}
	return false
}

// rackResent notes which of what was sent again has arrived with r, unless it
// may be the first transmission that has: the echo is older, or it came sooner
// than anything ever did (RFC 8985 §6.2 step 2).
func (e *Engine) rackResent(t *TCB, r seq.Range, o *wire.Options, now mono.Time) {
	l, clock := e.sent.At(t.sentLog), microClock(now)
	for i := range l.again[:l.resent] {
		m := &l.again[i]
		if m.lost || m.end.LessEq(r.First) || m.first.GreaterEq(r.End) {
			continue
		}
		age := clock - m.at
		if age < e.blocks[t.slot].Account.MinRTT || t.echoedBefore(o, t.sentStamp(m.at, now)) {
			continue
		}
		l.arrived(m.at, seq.Min(m.end, r.End), clock)
	}
}

// sentStamp is the timestamp of what was sent at the µs clock at.
func (t *TCB) sentStamp(at uint32, now mono.Time) uint32 {
	return t.timestamp(now.Add(-time.Duration(microClock(now)-at) * time.Microsecond))
}

// echoedBefore reports that the segment with these options answers something that
// was sent before the timestamp at.
func (t *TCB) echoedBefore(o *wire.Options, at uint32) bool {
	return t.has(flagTS) && o.Present.Has(wire.HasTimestamp) && o.TSEcr != 0 && int32(o.TSEcr-at) < 0
}

// isBefore reports that what was sent at, and ends at end, was sent before what
// was sent last of all that has arrived.
func (l *sendLog) isBefore(at uint32, end seq.Value) bool {
	d := int32(at - l.at)
	return d < 0 || d == 0 && end.Less(l.end)
}

// loseAgain finds what was sent again and is lost again (RFC 8985 §6.2 step 5).
// That is another sign of congestion: the window is reduced a second time (RFC
// 5681 §4.3), though not for each of several that were sent together.
func (e *Engine) loseAgain(t *TCB, now mono.Time) (news bool) {
	l, clock := e.sent.At(t.sentLog), microClock(now)
	due, counts := l.rtt+e.reorderWindow(t), false
	for i := range l.again[:l.resent] {
		m := &l.again[i]
		if m.lost || clock-m.at < due || !l.isBefore(m.at, m.end) {
			continue
		}
		m.lost, news = true, true
		counts = counts || m.first.Less(t.highRxt) && int32(m.at-l.reducedAt) > 0
	}
	if counts {
		l.reducedAt = clock
		if t.recovery == recoveryFast {
			e.reduceAgain(t, now)
		}
	}
	return news
}

// reduceAgain begins the reduction anew, at the present flight.
func (e *Engine) reduceAgain(t *TCB, now mono.Time) {
	left := t.flight() - min(t.flight(), t.sackedOctets)
	cc.OnLoss(&t.cc, now, left, t.segmentSize())
	t.tellReduced()
	t.words = [3]uint32{recoverFS: max(left, 1)}
	e.sent.At(t.sentLog).undo.on = false
}

// lostAgain returns how many octets below end were sent again and lost again.
func (e *Engine) lostAgain(t *TCB, end seq.Value) (n uint32) {
	if t.sentLog == 0 {
		return 0
	}
	l := e.sent.At(t.sentLog)
	for i := range l.again[:l.resent] {
		m := &l.again[i]
		first, end := seq.Max(m.first, t.sndUna), seq.Min(m.end, end)
		if !m.lost || first.GreaterEq(end) {
			continue
		}
		n += uint32(end.Minus(first))
		if t.sacked != 0 {
			set := e.ranges.At(t.sacked)
			n -= uint32(set.below(end) - set.below(first))
		}
	}
	return n
}

// holeAgain returns the lowest stretch that was sent again and lost again.
func (e *Engine) holeAgain(t *TCB) (hole seq.Range) {
	if t.sentLog == 0 {
		return hole
	}
	l := e.sent.At(t.sentLog)
	for i := range l.again[:l.resent] {
		m := &l.again[i]
		if !m.lost || m.first.GreaterEq(t.highRxt) {
			continue
		}
		r := e.unsacked(t, seq.Max(m.first, t.sndUna), m.end)
		if !r.IsEmpty() && (hole.IsEmpty() || r.First.Less(hole.First)) {
			hole = r
		}
	}
	return hole
}

// allLost has everything that was sent again count as lost, or nothing: after a
// time-out all is sent once more, and out of recovery nothing is.
func (l *sendLog) allLost(lost bool) {
	for i := range l.again[:l.resent] {
		l.again[i].lost = lost
	}
}
