package cc

// This file holds CUBIC (RFC 9438): after a reduction the window follows a
// cubic function of time, flat where the reduction began, and is at no time
// smaller than Reno's would be.
//
//	cwnd                                    ╱   convex: probing
//	W_max ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─____─────╯
//	              ____────────╯
//	          ╱      concave: coming back
//	        ╱
//	        └─────────────────────┴──────── time
//	      epoch                 epoch + K
//
// Times are in ticks of 2²⁰ ns, so that C = 0.4 segments/s³ becomes one
// constant: with a tick of τ seconds, 1/(C·τ³) = 2.5·(10⁹/2²⁰)³ ticks³ for each
// segment.

import (
	"math/bits"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

const (
	// betaNum/betaDen is β: what a reduction leaves of the window.
	betaNum, betaDen = 7, 10

	// fastNum/fastDen is (1+β)/2: fast convergence.
	fastNum, fastDen = 17, 20

	// 1/α = (1+β)/(3·(1-β)) = 17/9: octets acknowledged, in windows, for one
	// segment more in the Reno-friendly region.
	renoNum, renoDen = 17, 9

	// ticks3 is ticks³ per segment, as above, rounded: the error is 10⁻¹⁰.
	ticks3 = 2_168_404_345

	// maxOffset bounds the distance from the flat part, in ticks (18 minutes);
	// the window is at its maximum long before.
	maxOffset = 1 << 20

	// maxEvery bounds the octets for one segment more, so that counting them
	// stays within 32 bits.
	maxEvery = 1 << 31
)

// What the words hold during an epoch.
const (
	epochStart = iota // tick at which it began, moved on by idle time
	epochSeen         // tick of the last acknowledgment
	epochK            // ticks from its start to the flat part
	epochReno         // Reno's window, octets
	epochAcked        // octets acknowledged towards its next growth
)

// growCubic is congestion avoidance.
func (s *State) growCubic(a *Ack, acked uint32) {
	now := tick(a.Now)
	if !s.has(inEpoch) {
		s.beginEpoch(now, a.MSS)
	}
	target := s.cubicAt(now-s.words[epochStart], a.SRTT, a.MSS)
	target = min(target, uint64(s.Cwnd)+uint64(s.Cwnd)/2)
	if target > uint64(s.Cwnd) {
		every := uint64(s.Cwnd) * uint64(segment(a.MSS)) / (target - uint64(s.Cwnd))
		s.growEvery(uint32(min(every, maxEvery)), acked, a.MSS)
	}
	s.keepUpWithReno(acked, a.MSS)
}

// beginEpoch starts the curve at the present window.
func (s *State) beginEpoch(now uint32, mss uint16) {
	s.flags |= inEpoch
	s.words = [5]uint32{epochStart: now, epochSeen: now, epochReno: s.Cwnd}
	if s.wMax <= s.Cwnd {
		s.wMax = s.Cwnd // already above where it was: probe from here
		return
	}
	// K = ∛((W_max - cwnd)/C). Windows are at most 2³⁰, so this fits 64 bits.
	s.words[epochK] = cubeRoot(uint64(s.wMax-s.Cwnd) * ticks3 / uint64(segment(mss)))
}

// cubicAt is the window of the curve one round trip after t ticks, in octets.
func (s *State) cubicAt(t uint32, rtt time.Duration, mss uint16) uint64 {
	offset := int64(t) + int64(rtt>>tickShift) - int64(s.words[epochK])
	below := offset < 0
	if below {
		offset = -offset
	}
	d := uint64(min(offset, maxOffset))
	// d³ ≤ 2⁶⁰ and a segment < 2¹⁶: the high word is below the divisor.
	hi, lo := bits.Mul64(d*d*d, uint64(segment(mss)))
	delta, _ := bits.Div64(hi, lo, ticks3)
	switch {
	case !below:
		return uint64(s.wMax) + min(delta, maxCwnd)
	case delta < uint64(s.wMax):
		return uint64(s.wMax) - delta
	default:
		return 0
	}
}

// keepUpWithReno grows the window that Reno would have (RFC 9438 §4.3), with
// the α that makes up for a β of 0.7, or 1 once it is back where the reduction
// began, and takes it if it is larger.
func (s *State) keepUpWithReno(acked uint32, mss uint16) {
	every := uint64(s.Cwnd)
	if s.words[epochReno] < s.priorCwnd {
		every = every * renoNum / renoDen
	}
	every = max(every, 1)
	credit := uint64(s.words[epochAcked]) + uint64(acked)
	n := credit / every
	s.words[epochAcked] = uint32(credit - n*every) // below every, which is below 2³¹
	s.words[epochReno] = uint32(min(uint64(s.words[epochReno])+n*uint64(segment(mss)), maxCwnd))
	s.Cwnd = max(s.Cwnd, s.words[epochReno])
}

// countTime keeps time in which the window was not the limit out of the curve:
// otherwise it would jump when the application has more to send.
func (s *State) countTime(a *Ack) {
	now := tick(a.Now)
	if !a.CwndLimited {
		s.words[epochStart] += now - s.words[epochSeen]
	}
	s.words[epochSeen] = now
}

// skipTime keeps an idle period, which ends now, out of the curve.
func (s *State) skipTime(now mono.Time, idle time.Duration) {
	if !s.has(inEpoch) {
		return
	}
	// Not more than there was since the last acknowledgment was seen, so that
	// the epoch does not begin in the future.
	since := tick(now) - s.words[epochSeen]
	d := uint32(min(uint64(idle)>>tickShift, uint64(since)))
	s.words[epochStart] += d
	s.words[epochSeen] += d
}

// rememberMax notes where a reduction begins. A flow that did not get back to
// where the one before began gives way further: fast convergence.
func (s *State) rememberMax() {
	if s.Cwnd < s.wMax {
		s.wMax = uint32(uint64(s.Cwnd) * fastNum / fastDen)
		return
	}
	s.wMax = s.Cwnd
}

// cubeRoot returns the largest r with r³ ≤ x, a bit at a time: 22 steps, once
// per epoch.
func cubeRoot(x uint64) uint32 {
	r := uint64(0)
	for bit := uint64(1) << 21; bit > 0; bit >>= 1 {
		if n := r | bit; n <= 2642245 && n*n*n <= x { // 2642245³ < 2⁶⁴
			r = n
		}
	}
	return uint32(r)
}
