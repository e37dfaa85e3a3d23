// The scoreboard: what the peer has selectively acknowledged (RFC 2018), and
// what of the rest counts as lost (RFC 6675). Without SACK duplicate ACKs stand
// for segments that have left the network (RFC 6582).

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
)

// takeSACK notes the blocks of a segment and returns how many octets are
// newly acknowledged by them. A block that is impossible, or reports a
// duplicate (RFC 2883), changes nothing.
func (e *Engine) takeSACK(t *TCB, s *Segment, in *ackNews, now mono.Time) uint32 {
	fresh := seq.Size(0)
	highest := e.highestSacked(t)
	base := seq.Max(t.sndUna, s.Ack)
	flight := t.sndNxt.Minus(base)
	for _, b := range s.Options.SACK[:s.Options.NumSACK] {
		first, end := b.First.Minus(base), b.End.Minus(base)
		if first >= end || end > flight {
			continue
		}
		if t.sacked == 0 && !e.attachRanges(&t.sacked) {
			return 0
		}
		set := e.ranges.At(t.sacked)
		news := set.gapAt(b.First, b.End) // the first of it that is news
		if _, n, ok := set.add(b); ok {
			if fresh += n; n > 0 {
				e.sawReordering(t, news, highest)
				e.notice(t, in, news.End)
				if e.hasRACK(t) {
					e.rackDelivered(t, seq.Range{First: news.First, End: b.End}, &s.Options, now)
				}
			}
		} else {
			e.drop(drop.ReassemblyFull) // SACK is advisory: RFC 2018 §8
		}
	}
	t.sackedOctets += uint32(fresh)
	if fresh > 0 && t.sentLog != 0 {
		e.settle(t)
	}
	return uint32(fresh)
}

// attachRanges gets a range set for a TCB that needs one.
func (e *Engine) attachRanges(i *slab.Index) bool {
	n, ok := e.ranges.Get()
	if !ok {
		e.drop(drop.ReassemblyFull)
		return false
	}
	e.ranges.At(n).reset()
	*i = n
	return true
}

func (e *Engine) releaseRanges(i *slab.Index) {
	if *i != 0 {
		e.ranges.Put(*i)
		*i = 0
	}
}

// trimScoreboard forgets what has been cumulatively acknowledged, and returns
// how many octets of it had been selectively acknowledged before.
func (e *Engine) trimScoreboard(t *TCB) uint32 {
	if t.sacked == 0 {
		return 0
	}
	set := e.ranges.At(t.sacked)
	gone := uint32(set.trim(t.sndUna))
	t.sackedOctets -= gone
	if set.n == 0 {
		e.releaseRanges(&t.sacked)
	}
	return gone
}

// lossEdge returns the position below which everything that is not
// selectively acknowledged counts as lost: above it stand three separate
// ranges, or more octets than two segments (IsLost of RFC 6675 §4).
func (e *Engine) lossEdge(t *TCB) seq.Value {
	if t.sacked == 0 {
		return t.sndUna
	}
	set := e.ranges.At(t.sacked)
	octets := seq.Size(0)
	limit := seq.Size(dupThresh-1) * seq.Size(t.segmentSize())
	for i := int(set.n) - 1; i >= 0; i-- {
		octets += set.r[i].Len()
		if octets > limit || int(set.n)-i >= dupThresh {
			return set.r[i].First
		}
	}
	return t.sndUna
}

// moveLossEdge decides what counts as lost: what the times say, or else the
// scoreboard, and then in fast recovery the segment at SND.UNA in any case. It was
// the cause of the recovery, or a partial acknowledgment has just stopped there
// (RFC 6582 §3.2, RFC 6675 §5 step 4.2). After a time-out it is all that was sent
// before.
func (e *Engine) moveLossEdge(t *TCB, now mono.Time) (news bool) {
	if t.isLossless() {
		// Without a meaning now, and so they must not grow old: positions are
		// compared on a circle.
		t.highRxt, t.lostEnd = t.sndUna, t.sndUna
	}
	t.highRxt, t.lostEnd = seq.Max(t.highRxt, t.sndUna), seq.Max(t.lostEnd, t.sndUna)
	before := t.lostEnd
	if e.hasRACK(t) {
		if l := e.sent.At(t.sentLog); l.advanced {
			l.advanced = false
			news = !t.isLossless() && e.loseAgain(t, now)
			t.lostEnd = seq.Max(t.lostEnd, e.rackEdge(t, now))
		}
	} else {
		e.moveEdgeByCount(t)
	}
	return news || !e.unsacked(t, before, t.lostEnd).IsEmpty()
}

// moveEdgeByCount does so without times.
func (e *Engine) moveEdgeByCount(t *TCB) {
	if t.recovery == recoveryFast {
		first := seq.Min(t.sndUna.Add(seq.Size(t.segmentSize())), t.recover)
		if t.sacked != 0 {
			first = seq.Min(first, e.ranges.At(t.sacked).r[0].First)
		}
		t.lostEnd = seq.Max(t.lostEnd, first)
	}
	t.lostEnd = seq.Max(t.lostEnd, e.lossEdge(t))
}

// setPipe estimates the octets in the network (SetPipe of RFC 6675 §4), after
// moving the loss edge, and reports whether that found something lost.
func (e *Engine) setPipe(t *TCB, now mono.Time) (news bool) {
	flight := t.flight()
	news = e.moveLossEdge(t, now)
	if t.sacked == 0 && t.dupAcks == 0 && t.isLossless() {
		t.pipe = flight
		return news
	}
	lost, resent := e.lostNow(t)
	gone := t.sackedOctets
	if t.sacked == 0 && !t.has(flagSACK) && t.recovery != recoveryLoss {
		gone = min(uint32(t.dupAcks)*uint32(t.segmentSize()), flight-min(flight, lost))
	}
	t.pipe = flight - min(flight, gone+lost) + resent
	return news
}

// lostNow returns how many octets count as lost, and how many of them have been
// sent again.
func (e *Engine) lostNow(t *TCB) (lost, resent uint32) {
	again := seq.Min(t.highRxt, t.lostEnd)
	lost, resent = uint32(t.lostEnd.Minus(t.sndUna)), uint32(again.Minus(t.sndUna))
	if t.sacked != 0 {
		set := e.ranges.At(t.sacked)
		lost -= uint32(set.below(t.lostEnd))
		resent -= uint32(set.below(again))
	}
	return lost, resent - e.lostAgain(t, again)
}

// lostHole returns the next stretch to be retransmitted, empty if there is
// none.
func (e *Engine) lostHole(t *TCB) seq.Range {
	if t.isLossless() {
		return seq.Range{}
	}
	if hole := e.holeAgain(t); !hole.IsEmpty() {
		return hole
	}
	if !t.highRxt.Less(t.lostEnd) {
		return seq.Range{}
	}
	if t.sacked == 0 {
		return seq.Range{First: t.highRxt, End: t.lostEnd}
	}
	return e.ranges.At(t.sacked).gapAt(t.highRxt, t.lostEnd)
}
