package cc

// This file holds HyStart++ (RFC 9406): the first slow start ends when round
// trips grow longer, before the queue overflows. Between the two stands a
// conservative slow start that finds out whether the delay was only jitter.
//
// A round is a window's worth of acknowledgments. It is counted in octets: it
// ends when all that was in flight at its start has been acknowledged.

import "time"

const (
	hyMinThresh  = 4 * time.Millisecond
	hyMaxThresh  = 16 * time.Millisecond
	hyDivisor    = 8 // of the last round's least round trip
	hySamples    = 8 // samples that make a round's minimum count
	hyBurst      = 8 // segments per acknowledgment that count, without pacing
	hyCSSDivisor = 4
	hyCSSRounds  = 5
	hySampleMask = 0xffff
	hyRoundOne   = 1 << 16
)

// What the words hold while HyStart++ watches. Round trips are in
// microseconds; 0 means none yet.
const (
	hyLeft  = iota // octets that are still to be acknowledged in this round
	hyLast         // least round trip of the last round
	hyLeast        // least round trip of this round
	hyBase         // least round trip when conservative slow start began
	hyCount        // samples in this round; above them, rounds of CSS
)

// EnableHyStart makes the first slow start end by HyStart++. It is called
// after Init.
func EnableHyStart(s *State) { s.flags |= hystarts }

// watchesDelay reports whether this is the first slow start, the only one for
// which RFC 9406 recommends HyStart++.
func (s *State) watchesDelay() bool {
	return s.has(hystarts) && s.Ssthresh == InfiniteSsthresh
}

// watchDelay takes a sample and decides about the phase.
func (s *State) watchDelay(a *Ack) {
	if a.Acked >= s.words[hyLeft] {
		if s.beginRound(a); !s.watchesDelay() {
			return
		}
	} else {
		s.words[hyLeft] -= a.Acked
	}
	if a.RTT <= 0 {
		return
	}
	us := uint32(min(max(a.RTT/time.Microsecond, 1), 1<<31))
	if least := &s.words[hyLeast]; *least == 0 || us < *least {
		*least = us
	}
	if s.words[hyCount]&hySampleMask < hySamples {
		s.words[hyCount]++
	}
	if s.words[hyCount]&hySampleMask == hySamples {
		s.judgeDelay()
	}
}

// beginRound turns to the next round. After some rounds of conservative slow
// start it was no jitter: slow start is over.
func (s *State) beginRound(a *Ack) {
	s.words[hyLast], s.words[hyLeast] = s.words[hyLeast], 0
	s.words[hyLeft] = a.InFlight - min(a.Acked, a.InFlight)
	s.words[hyCount] &^= hySampleMask
	if !s.has(inCSS) {
		return
	}
	s.words[hyCount] += hyRoundOne
	if s.words[hyCount]/hyRoundOne >= hyCSSRounds {
		s.Ssthresh = max(s.Cwnd, 2*segment(a.MSS))
		s.flags &^= inCSS
	}
}

// judgeDelay enters conservative slow start when this round's least round trip
// is clearly above the last one's, and leaves it when it falls again.
func (s *State) judgeDelay() {
	last, least := s.words[hyLast], s.words[hyLeast]
	if s.has(inCSS) {
		if least < s.words[hyBase] {
			s.flags &^= inCSS
		}
		return
	}
	if last == 0 {
		return
	}
	thresh := min(max(last/hyDivisor, uint32(hyMinThresh/time.Microsecond)), uint32(hyMaxThresh/time.Microsecond))
	if least >= last+thresh {
		s.flags |= inCSS
		s.words[hyBase] = least
		s.words[hyCount] &= hySampleMask
	}
}

// tempered is how much the window grows in slow start under HyStart++.
func (s *State) tempered(a *Ack) uint32 {
	n := min(a.Acked, hyBurst*segment(a.MSS))
	if s.has(inCSS) {
		n /= hyCSSDivisor
	}
	return n
}
