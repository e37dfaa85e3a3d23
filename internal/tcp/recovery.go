// Loss recovery (RFC 5681, 6582, 6675; proportional rate reduction by RFC 9937).
//
//	         3 duplicate ACKs, or loss by SACK
//	 open ─────────────────────────────────────▶ fast
//	  ▲  ▲───────── SND.UNA ≥ recover ────────────┘ │
//	  │                                             │ RTO
//	  └──────────── SND.UNA ≥ recover ───── loss ◀──┴──── RTO, from open too
//
// In each state Output asks lostHole for what to retransmit and pipe for
// whether it may.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

type recoveryState uint8

const (
	recoveryOpen recoveryState = iota
	recoveryFast
	recoveryLoss
)

// recover takes one acknowledgment into account.
func (e *Engine) recover(t *TCB, in *ackNews, now mono.Time) {
	before := t.pipe
	if in.advanced {
		e.trimScoreboard(t)
		t.retireDupAcks(in)
	}
	if in.sacked > 0 || in.duplicate && !t.has(flagSACK) {
		t.dupAcks += uint8(min(1, 255-int(t.dupAcks)))
	}
	if t.recovery != recoveryOpen && in.advanced && t.sndUna.GreaterEq(t.recover) {
		e.recovered(t, now)
	}
	e.setPipe(t)
	switch t.recovery {
	case recoveryOpen:
		if e.lossFound(t) {
			e.enterFastRecovery(t, in, before, now)
			return
		}
		if t.dupAcks == 0 {
			e.growWindow(t, in.acked, in.flight, now)
		}
	case recoveryFast:
		e.reduceProportionally(t, in)
	case recoveryLoss:
		e.growWindow(t, in.acked, t.cc.Cwnd, now)
	}
}

// retireDupAcks: an acknowledgment that advances ends a series of duplicates.
// In recovery without SACK it takes away the segments that it covers, the
// first of which was the hole (RFC 6582 §3.2 step 3, in segments).
func (t *TCB) retireDupAcks(in *ackNews) {
	if t.has(flagSACK) || t.recovery != recoveryFast {
		t.dupAcks = 0
		return
	}
	covered := (in.acked + uint32(t.segmentSize()) - 1) / uint32(t.segmentSize())
	t.dupAcks -= uint8(min(uint32(t.dupAcks), max(covered, 1)-1))
}

// lossFound reports that fast recovery is due.
func (e *Engine) lossFound(t *TCB) bool {
	if t.flight() == 0 {
		return false
	}
	if t.has(flagSACK) {
		return t.lostEnd.Greater(t.sndUna)
	}
	// RFC 6582 §3.2 step 2: duplicates of what was retransmitted before the
	// last recovery ended are no news.
	return t.dupAcks >= dupThresh && t.sndUna.Greater(t.recover)
}

func (e *Engine) enterFastRecovery(t *TCB, in *ackNews, before uint32, now mono.Time) {
	e.Stats.FastRecoveries++
	t.recovery = recoveryFast
	t.recover = t.sndNxt
	t.highRxt = t.sndUna
	t.recoverFS = max(in.flight, 1)
	t.prrDelivered, t.prrOut = 0, 0
	cc.OnLoss(&t.cc, now, in.flight, t.segmentSize())
	e.setPipe(t)
	e.reduceProportionally(t, in)
	t.want |= WantData
}

// reduceProportionally is RFC 9937: while recovering, send in proportion to
// what is delivered, so that the window arrives at ssthresh by the end.
func (e *Engine) reduceProportionally(t *TCB, in *ackNews) {
	mss := uint32(t.segmentSize())
	delivered := in.acked + in.sacked
	if !t.has(flagSACK) && in.duplicate {
		delivered += mss
	}
	t.prrDelivered += delivered
	send := uint32(0)
	if t.pipe > t.cc.Ssthresh {
		due := (uint64(t.prrDelivered)*uint64(t.cc.Ssthresh) + uint64(t.recoverFS) - 1) / uint64(t.recoverFS)
		send = uint32(max(int64(due)-int64(t.prrOut), 0))
	} else {
		send = max(delivered, t.prrDelivered-min(t.prrDelivered, t.prrOut))
		if in.advanced {
			send += mss // safe ACK: slow start towards ssthresh
		}
		send = min(send, t.cc.Ssthresh-t.pipe)
	}
	if t.prrOut == 0 {
		send = max(send, mss) // the fast retransmission itself
	}
	// Whole segments: what is left over counts for the next acknowledgment.
	t.cc.Cwnd = t.pipe + (send+mss-1)/mss*mss
	t.want |= WantData
}

// recovered ends a recovery.
func (e *Engine) recovered(t *TCB, now mono.Time) {
	if t.recovery == recoveryFast {
		t.cc.Cwnd = max(t.cc.Ssthresh, uint32(t.segmentSize()))
	}
	t.recovery = recoveryOpen
	t.dupAcks = 0
	t.lostEnd, t.highRxt = t.sndUna, t.sndUna
	cc.OnRecovered(&t.cc, now, t.segmentSize())
}

// enterLoss is a retransmission time-out (RFC 5681 §3.1, RFC 6298 §5): all that
// is not selectively acknowledged is lost.
func (e *Engine) enterLoss(t *TCB, now mono.Time) {
	if t.recovery != recoveryLoss {
		cc.OnRTO(&t.cc, now, t.flight(), t.segmentSize())
	} else {
		t.cc.Cwnd = uint32(t.segmentSize())
	}
	if t.sacked != 0 && e.ranges.At(t.sacked).r[0].First == t.sndUna {
		// The peer acknowledged this selectively and yet not at all: it has
		// reneged (RFC 2018 §8). Believe none of it.
		e.releaseRanges(&t.sacked)
		t.sackedOctets = 0
	}
	t.recovery = recoveryLoss
	t.recover, t.lostEnd = t.sndNxt, t.sndNxt
	t.highRxt = t.sndUna
	t.dupAcks = 0
	t.flags &^= flagTiming // Karn
	e.setPipe(t)
	t.want |= WantData
}
