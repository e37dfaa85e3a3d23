// Loss recovery (RFC 5681, 6582, 6675; proportional rate reduction by RFC 9937).
//
//	         3 duplicate ACKs, or loss by SACK
//	 open ─────────────────────────────────────▶ fast
//	  ▲  ▲───────── SND.UNA ≥ recover ────────────┘ │
//	  │                                             │ RTO
//	  └──────────── SND.UNA ≥ recover ───── loss ◀──┴──── RTO, from open too
//
// An echo of congestion leads from open to marked (ecn.go), which is like fast
// but for that nothing is lost, and from which a loss leads on to fast.
//
// In each state Output asks lostHole for what to retransmit and pipe for
// whether it may.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

type recoveryState uint8

const (
	recoveryOpen   recoveryState = iota
	recoveryMarked               // the window is being reduced, and nothing is lost
	recoveryFast
	recoveryLoss
)

// isLossless reports that nothing counts as lost.
func (t *TCB) isLossless() bool { return t.recovery < recoveryFast }

// inProportion reports that what is delivered says what may be sent (RFC 9937).
func (t *TCB) inProportion() bool {
	return t.recovery == recoveryMarked || t.recovery == recoveryFast
}

// recover takes one acknowledgment into account.
func (e *Engine) recover(t *TCB, s *Segment, in *ackNews, now mono.Time) {
	e.countDelivered(t, in)
	wasReducing := t.inProportion()
	if e.isSpurious(t, s, in) {
		e.takeBack(t, now)
	} else if t.recovery != recoveryOpen && in.advanced && t.sndUna.GreaterEq(t.recover) {
		e.recovered(t, now)
	}
	in.lost = e.setPipe(t, now)
	switch t.recovery {
	case recoveryOpen, recoveryMarked:
		switch {
		case e.lossFound(t):
			e.enterFastRecovery(t, in, now)
		case t.recovery == recoveryMarked:
			if !t.ecn.has(ecnWaits) {
				e.reduceProportionally(t, in)
			}
		case in.echo: // and no growth (RFC 3168 §6.1.2)
			if !t.wasReduced() {
				e.enterMarked(t, in, now)
			}
		case t.dupAcks == 0 && !wasReducing && in.advanced:
			// What a duplicate ACK or a SACK block stood for was counted then: the
			// window did not grow for it, so that it grew no faster for disorder.
			e.growWindow(t, in.delivered, in.flight, now)
		}
	case recoveryFast:
		e.reduceProportionally(t, in)
	case recoveryLoss:
		if !in.echo {
			e.growWindow(t, in.acked, t.cc.Cwnd, now)
		}
	}
}

// countDelivered keeps account of duplicate ACKs and of what has left the
// network. No octet counts twice: neither one that was selectively acknowledged
// before, nor, without SACK, one for which a duplicate ACK stood.
func (e *Engine) countDelivered(t *TCB, in *ackNews) {
	mss := uint32(t.segmentSize())
	if in.advanced {
		before := e.trimScoreboard(t)
		if retired := t.retireDupAcks(in); !t.has(flagSACK) {
			before = retired * mss
		}
		in.delivered = in.acked - min(in.acked, before)
	}
	in.delivered += in.sacked
	if in.duplicate && !t.has(flagSACK) {
		in.delivered += mss
	}
	if in.sacked > 0 || in.duplicate && !t.has(flagSACK) {
		t.dupAcks += uint8(min(1, 255-int(t.dupAcks)))
	}
}

// retireDupAcks: an acknowledgment that advances ends a series of duplicates.
// In recovery without SACK it takes away the segments that it covers, the
// first of which was the hole (RFC 6582 §3.2 step 3, in segments). It returns
// how many.
func (t *TCB) retireDupAcks(in *ackNews) uint32 {
	retired := uint32(t.dupAcks)
	if !t.has(flagSACK) && t.recovery == recoveryFast {
		covered := (in.acked + uint32(t.segmentSize()) - 1) / uint32(t.segmentSize())
		retired = min(retired, max(covered, 1)-1)
	}
	t.dupAcks -= uint8(retired) // at most what there was
	return retired
}

// lossFound reports that fast recovery is due.
func (e *Engine) lossFound(t *TCB) bool {
	if t.flight() == 0 {
		return false
	}
	if e.hasRACK(t) {
		return t.lostEnd.Greater(t.sndUna)
	}
	if t.has(flagSACK) { // RFC 6675 §5: by either measure
		return t.dupAcks >= dupThresh || t.lostEnd.Greater(t.sndUna)
	}
	// RFC 6582 §3.2 step 2: duplicates of what was retransmitted before the
	// last recovery ended are no news. It never ends below recover, and then
	// SND.UNA only grows. For a mark nothing was retransmitted.
	return t.dupAcks >= dupThresh && (t.sndUna != t.recover || t.ecn.has(ecnMarked))
}

func (e *Engine) enterFastRecovery(t *TCB, in *ackNews, now mono.Time) {
	e.Stats.FastRecoveries++
	isReduced := t.recovery == recoveryMarked // for marks in the same window: once is enough
	t.recovery = recoveryFast
	t.recover = t.sndNxt
	t.highRxt = t.sndUna
	t.ecn &^= ecnMarked
	t.tellReduced()
	if isReduced {
		e.setPipe(t, now)
		e.reduceProportionally(t, in)
		return
	}
	// What this recovery will see delivered: not what was before it.
	before := in.hadSacked
	if !t.has(flagSACK) {
		before = uint32(t.dupAcks-1) * uint32(t.segmentSize())
	}
	t.words = [3]uint32{recoverFS: max(in.flight-min(in.flight, before), 1)}
	t.flags &^= flagTailSent | flagTailAgain // the loss has its answer
	e.canUndo(t, now)
	cc.OnLoss(&t.cc, now, in.flight, t.segmentSize())
	e.setPipe(t, now)
	e.reduceProportionally(t, in)
	t.want |= WantData
}

// reduceProportionally is RFC 9937: while recovering, send in proportion to
// what is delivered, so that the window arrives at ssthresh by the end.
func (e *Engine) reduceProportionally(t *TCB, in *ackNews) {
	mss := uint32(t.segmentSize())
	delivered := in.delivered
	t.words[prrDelivered] += delivered
	send := uint32(0)
	if t.pipe > t.cc.Ssthresh {
		due := (uint64(t.words[prrDelivered])*uint64(t.cc.Ssthresh) + uint64(t.words[recoverFS]) - 1) / uint64(t.words[recoverFS])
		send = uint32(max(int64(due)-int64(t.words[prrOut]), 0))
	} else {
		send = max(delivered, t.words[prrDelivered]-min(t.words[prrDelivered], t.words[prrOut]))
		if in.advanced && !in.lost {
			send += mss // safe ACK: slow start towards ssthresh
		}
		send = min(send, t.cc.Ssthresh-t.pipe)
	}
	if t.words[prrOut] == 0 || in.advanced && t.highRxt == t.sndUna && t.recovery == recoveryFast {
		// The fast retransmission itself, or the one that a partial
		// acknowledgment asks for (RFC 6582 §3.2 step 3).
		send = max(send, mss)
	}
	// Whole segments: what is left over counts for the next acknowledgment.
	t.cc.Cwnd = t.pipe + (send+mss-1)/mss*mss
	t.want |= WantData
}

// recovered ends a recovery.
func (e *Engine) recovered(t *TCB, now mono.Time) {
	t.endFast()
	t.recovery = recoveryOpen
	t.dupAcks = 0
	e.keepReordering(t)
	cc.OnRecovered(&t.cc, now, t.segmentSize())
}

// endFast is before every end of sending in proportion: the words have another
// meaning then.
func (t *TCB) endFast() {
	if t.inProportion() {
		t.startValidation()
	}
}

// enterLoss is a retransmission time-out (RFC 5681 §3.1, RFC 6298 §5): all that
// is not selectively acknowledged is lost.
func (e *Engine) enterLoss(t *TCB, now mono.Time) {
	cc.OnRTO(&t.cc, now, t.flight(), t.segmentSize())
	t.tellReduced()
	if t.sacked != 0 && e.ranges.At(t.sacked).r[0].First == t.sndUna {
		// The peer acknowledged this selectively and yet not at all: it has
		// reneged (RFC 2018 §8). Believe none of it.
		e.releaseRanges(&t.sacked)
		t.sackedOctets = 0
	}
	t.endFast()
	if t.recovery == recoveryOpen {
		e.canUndo(t, now)
	}
	if t.sentLog != 0 {
		e.sent.At(t.sentLog).allLost(true)
	}
	e.watchRTO(t, t.recovery)
	t.recovery = recoveryLoss
	t.recover, t.lostEnd = t.sndNxt, t.sndNxt
	t.highRxt = t.sndUna
	t.ecn &^= ecnMarked
	t.dupAcks = 0
	t.flags &^= flagTiming // Karn
	e.setPipe(t, now)
	t.want |= WantData
}

// validateWindow remembers whether the congestion window was used, once per round
// trip at least: only a window that was used may grow (RFC 7661 §4.3).
func (t *TCB) validateWindow(full bool) {
	out := t.flight()
	switch {
	case t.inProportion(): // startValidation follows
	case !t.sndUna.Less(seq.Value(t.words[outSeq])), full, !t.has(flagCwndFull) && out > t.words[maxOut]:
		t.words[maxOut], t.words[outSeq] = out, uint32(t.sndNxt)
		t.flags &^= flagCwndFull
		if full {
			t.flags |= flagCwndFull
		}
	}
}

// startValidation begins it anew, after fast recovery.
func (t *TCB) startValidation() {
	t.words = [3]uint32{maxOut: t.flight(), outSeq: uint32(t.sndNxt)}
}
