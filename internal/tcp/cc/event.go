package cc

// This file holds what can happen to a connection's congestion control, in
// the order of its life.

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// Init begins with an initial window of iw octets and no threshold.
func Init(s *State, id ID, mss uint16, iw uint32) {
	iw = min(max(iw, segment(mss)), maxCwnd)
	*s = State{id: id, Cwnd: iw, Ssthresh: InfiniteSsthresh, initial: iw}
}

// An Ack is what an acknowledgment tells congestion control.
type Ack struct {
	Now         mono.Time
	Acked       uint32        // octets newly acknowledged
	InFlight    uint32        // octets in flight before this acknowledgment
	RTT         time.Duration // sample taken from this acknowledgment, 0 if none
	SRTT        time.Duration // smoothed, 0 if not known
	MSS         uint16
	CwndLimited bool // the window, not the application or the peer, held us back
}

// OnAck lets the window grow. It is called for acknowledgments that advance,
// but not during fast recovery.
func OnAck(s *State, a Ack) {
	if a.Acked == 0 {
		return
	}
	a.Acked = min(a.Acked, maxCwnd)
	s.flags &^= timedOut
	s.observe(&a)
	if !a.CwndLimited {
		return // a window that was not needed says nothing about the path
	}
	left := a.Acked
	if s.InSlowStart() {
		if left = s.slowStart(&a); left == 0 {
			return
		}
	}
	switch s.id {
	case CUBIC:
		s.growCubic(&a, left)
	default:
		s.growReno(left, a.MSS)
	}
}

// observe keeps the algorithm's clocks, whether the window may grow or not.
func (s *State) observe(a *Ack) {
	if s.watchesDelay() {
		s.watchDelay(a)
	}
	if s.has(inEpoch) {
		s.countTime(a)
	}
}

// OnLoss is the multiplicative decrease at the start of fast recovery. It sets
// Ssthresh; the engine leads Cwnd there and then calls OnRecovered. inFlight
// is RFC 5681's FlightSize: sent and not cumulatively acknowledged.
func OnLoss(s *State, now mono.Time, inFlight uint32, mss uint16) {
	s.reduce(inFlight, mss)
	s.flags |= reducing
	s.flags &^= timedOut
}

// OnECN is the reaction to a congestion mark, which is that to a loss (RFC
// 3168 §6.1.2). The engine calls it once per window of data.
func OnECN(s *State, now mono.Time, inFlight uint32, mss uint16) {
	OnLoss(s, now, inFlight, mss)
}

// OnMarked ends the reaction to a mark at once, without a way down to the
// threshold. A window that is no larger than the least threshold becomes smaller,
// too, but not less than a segment.
func OnMarked(s *State, mss uint16) {
	if s.Cwnd > s.Ssthresh {
		s.Cwnd = s.Ssthresh
	} else {
		s.Cwnd = wholeSegments(s.share(s.Cwnd), mss)
	}
	s.flags &^= reducing
}

// share is what a reduction leaves of n, which is at most 2³⁰.
func (s *State) share(n uint32) uint32 {
	if s.id == CUBIC {
		return uint32(uint64(n) * betaNum / betaDen)
	}
	return n / 2
}

// OnRTO is a retransmission time-out: back to one segment, in slow start. The
// threshold is reduced once per series of events: not if the connection was
// recovering already, and not again until something is acknowledged.
func OnRTO(s *State, now mono.Time, inFlight uint32, mss uint16) {
	if !s.has(reducing | timedOut) {
		s.reduce(inFlight, mss)
	}
	s.flags &^= reducing | inEpoch
	s.flags |= timedOut
	s.acked = 0
	s.wMax = 0 // RFC 9438 §4.8: the next epoch begins where slow start ends
	s.Cwnd = segment(mss)
}

// OnRecovered ends a recovery. After a fast recovery the window is the
// threshold; after a time-out slow start goes on.
func OnRecovered(s *State, now mono.Time, mss uint16) {
	if s.has(reducing) {
		s.Cwnd = max(s.Ssthresh, segment(mss))
	}
	s.flags &^= reducing | timedOut
}

// Undo takes back the last reduction, which had no cause: nothing was lost.
// What the window has gained since is kept.
func Undo(s *State) {
	if !s.has(canUndo) {
		return
	}
	s.Cwnd = max(s.Cwnd, s.priorCwnd)
	s.Ssthresh = max(s.Ssthresh, s.priorSsthresh)
	s.wMax = s.priorMax
	s.acked = 0
	s.flags &^= reducing | timedOut | canUndo | inEpoch | inCSS
	s.words = [5]uint32{} // whoever owns them next begins afresh
}

// OnIdle is called before sending after nothing was in flight for idle. Beyond
// one time-out the window decays by half per time-out, down to the initial
// window, for nothing confirms it any more, while the threshold remembers it
// (RFC 2861; RFC 5681 §4.1 would fall to the initial window at once).
func OnIdle(s *State, now mono.Time, idle, rto time.Duration, mss uint16) {
	if idle <= 0 {
		return
	}
	s.skipTime(now, idle)
	if rto <= 0 || idle <= rto {
		return
	}
	before, restart := s.Cwnd, min(s.initial, s.Cwnd)
	s.Ssthresh = max(s.Ssthresh, wholeSegments(before/2+before/4, mss))
	for idle -= rto; idle > 0 && s.Cwnd > restart; idle -= rto {
		s.Cwnd /= 2
	}
	s.Cwnd = max(wholeSegments(s.Cwnd, mss), restart)
	if s.Cwnd < before {
		s.acked = 0
		s.flags &^= inEpoch
	}
}

// reduce sets the threshold and remembers what was before. The window is left
// to the caller.
func (s *State) reduce(inFlight uint32, mss uint16) {
	s.priorCwnd, s.priorSsthresh, s.priorMax = s.Cwnd, s.Ssthresh, s.wMax
	s.flags |= canUndo
	s.flags &^= inEpoch | inCSS
	s.acked = 0
	base := s.share(min(s.Cwnd, inFlight))
	if s.id == CUBIC {
		s.rememberMax()
	}
	s.Ssthresh = max(wholeSegments(base, mss), 2*segment(mss))
}
