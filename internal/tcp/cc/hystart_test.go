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

func TestHyStart_FewSamplesDecideNothing(t *testing.T) {
	var s State
	Init(&s, CUBIC, mss, 4*mss)
	EnableHyStart(&s)
	OnAck(&s, Ack{Now: start, Acked: mss, InFlight: 4 * mss, RTT: 10 * time.Millisecond, MSS: mss, CwndLimited: true})
	for range 6 {
		OnAck(&s, Ack{Now: start, Acked: 1, InFlight: 4 * mss, RTT: 90 * time.Millisecond, MSS: mss, CwndLimited: true})
	}
	if s.has(inCSS) {
		t.Error("fewer than eight samples ended slow start")
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
