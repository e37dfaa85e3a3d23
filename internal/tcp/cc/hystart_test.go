package cc

import (
	"testing"
	"time"
)

// slowStarting runs rounds of slow start; rtt gives each round's round trip.
// It returns the windows at the ends of the rounds.
func slowStarting(s *State, rounds int, rtt func(round int) time.Duration) []uint32 {
	var windows []uint32
	now := start
	for round := range rounds {
		flight := s.Cwnd
		for left := flight; left > 0 && s.InSlowStart(); {
			n := min(left, mss)
			a := ack(now, n)
			a.InFlight = left + (s.Cwnd - flight) // what the new window sent
			if left == flight {
				a.InFlight = flight
			}
			a.RTT = rtt(round)
			OnAck(s, a)
			left -= n
		}
		now = now.Add(rtt(round))
		windows = append(windows, s.Cwnd)
	}
	return windows
}

func TestHyStart_SteadyDelayDoublesPerRound(t *testing.T) {
	s := in(CUBIC, 1)
	Init(&s, CUBIC, mss, 10*mss)
	EnableHyStart(&s)
	w := slowStarting(&s, 8, func(int) time.Duration { return 50 * time.Millisecond })
	if w[7] != 2560*mss || s.Ssthresh != InfiniteSsthresh {
		t.Errorf("windows %v, ssthresh %d", w, s.Ssthresh)
	}
}

func TestHyStart_GrowingDelayEndsSlowStart(t *testing.T) {
	var s State
	Init(&s, CUBIC, mss, 10*mss)
	EnableHyStart(&s)
	w := slowStarting(&s, 14, func(round int) time.Duration {
		return 50*time.Millisecond + time.Duration(max(round-3, 0))*10*time.Millisecond
	})
	if s.Ssthresh == InfiniteSsthresh || s.InSlowStart() {
		t.Fatalf("slow start goes on: windows %v", w)
	}
	if w[3] != 160*mss {
		t.Errorf("windows %v: before the delay grows there is plain slow start", w)
	}
	if w[5] > w[4]*3/2 {
		t.Errorf("windows %v: conservative slow start grows by a quarter", w)
	}
}

func TestHyStart_JitterOfOneRoundResumesSlowStart(t *testing.T) {
	var s State
	Init(&s, CUBIC, mss, 10*mss)
	EnableHyStart(&s)
	w := slowStarting(&s, 8, func(round int) time.Duration {
		if round == 3 {
			return 70 * time.Millisecond
		}
		return 50 * time.Millisecond
	})
	if s.Ssthresh != InfiniteSsthresh || s.has(inCSS) {
		t.Errorf("slow start ended: windows %v", w)
	}
	if w[7] < w[5]*3 {
		t.Errorf("windows %v: slow start did not resume", w)
	}
}

func TestHyStart_EightSamplesDecide(t *testing.T) {
	var s State
	Init(&s, CUBIC, mss, 4*mss)
	EnableHyStart(&s)
	sample := func(acked uint32, rtt time.Duration) {
		OnAck(&s, Ack{Now: start, Acked: acked, InFlight: 1000 + acked, RTT: rtt, MSS: mss, CwndLimited: true})
	}
	sample(1, 10*time.Millisecond)    // opens the first round
	sample(1000, 90*time.Millisecond) // and the second
	for range 6 {
		sample(1, 90*time.Millisecond)
	}
	if s.has(inCSS) {
		t.Error("seven samples ended slow start")
	}
	if sample(1, 90*time.Millisecond); !s.has(inCSS) {
		t.Error("eight samples did not end slow start")
	}
}

func TestHyStart_ConservativeSlowStartLastsFiveRounds(t *testing.T) {
	var s State
	Init(&s, CUBIC, mss, 100*mss)
	EnableHyStart(&s)
	rounds := 0
	slowStarting(&s, 20, func(round int) time.Duration {
		if s.has(inCSS) && s.words[hyCount]>>16 == uint32(rounds) {
			rounds++
		}
		return 50*time.Millisecond + time.Duration(round)*10*time.Millisecond
	})
	if rounds != 5 {
		t.Errorf("%d rounds, want 5 (RFC 9406 §4.2)", rounds)
	}
}

func TestHyStart_StretchAckCountsForEightSegments(t *testing.T) {
	var s State
	Init(&s, CUBIC, mss, 100*mss)
	EnableHyStart(&s)
	OnAck(&s, Ack{Now: start, Acked: 50 * mss, InFlight: 100 * mss, MSS: mss, CwndLimited: true})
	if s.Cwnd != 108*mss {
		t.Errorf("cwnd %d, want 108 segments", s.Cwnd)
	}
}

func TestHyStart_OnlyTheFirstSlowStart(t *testing.T) {
	var s State
	Init(&s, CUBIC, mss, 10*mss)
	EnableHyStart(&s)
	slowStarting(&s, 3, func(int) time.Duration { return 10 * time.Millisecond })
	OnRTO(&s, start, s.Cwnd, mss)
	threshold := s.Ssthresh
	slowStarting(&s, 10, func(round int) time.Duration { return time.Duration(round) * 100 * time.Millisecond })
	if s.Ssthresh != threshold || s.Cwnd < threshold {
		t.Errorf("cwnd %d ssthresh %d, want slow start up to %d whatever the delay", s.Cwnd, s.Ssthresh, threshold)
	}
}
