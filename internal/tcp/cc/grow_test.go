package cc

import "testing"

func TestSlowStart_CountsOctetsUpToTheThreshold(t *testing.T) {
	for _, tt := range []struct {
		cwnd, ssthresh, acked uint32
		want, left            uint32
	}{
		{10 * mss, InfiniteSsthresh, mss, 11 * mss, 0},
		{10 * mss, InfiniteSsthresh, 10 * mss, 20 * mss, 0},
		{10 * mss, InfiniteSsthresh, 1, 10*mss + 1, 0},
		{10 * mss, 15 * mss, 5 * mss, 15 * mss, 0},
		{10 * mss, 15 * mss, 8 * mss, 15 * mss, 3 * mss},
		{maxCwnd - 5, InfiniteSsthresh, mss, maxCwnd, 0},
	} {
		for _, id := range both {
			s := in(id, 1)
			s.Cwnd, s.Ssthresh = tt.cwnd, tt.ssthresh
			OnAck(&s, ack(start, tt.acked))
			// Less than a window is left over, so it only gives credit.
			if s.Cwnd != tt.want || (id == NewReno && s.acked != tt.left) {
				t.Errorf("%v, cwnd %d, ssthresh %d, acked %d: cwnd %d credit %d, want %d and %d",
					id, tt.cwnd, tt.ssthresh, tt.acked, s.Cwnd, s.acked, tt.want, tt.left)
			}
		}
	}
}

func TestReno_OneSegmentPerWindowAcknowledged(t *testing.T) {
	for _, step := range []uint32{1, 100, mss, 2 * mss, 10 * mss} {
		s := in(NewReno, 10)
		for window := uint32(10); window < 30; window++ {
			for sent := uint32(0); sent < window*mss; sent += step {
				if s.Cwnd != window*mss {
					t.Fatalf("step %d: cwnd %d after %d octets of a window of %d segments", step, s.Cwnd, sent, window)
				}
				OnAck(&s, ack(start, min(step, window*mss-sent)))
			}
		}
		if s.Cwnd != 30*mss || s.acked != 0 {
			t.Errorf("step %d: cwnd %d credit %d, want 30 segments and none", step, s.Cwnd, s.acked)
		}
	}
}

func TestReno_StretchAckOfSeveralWindowsGrowsBySeveralSegments(t *testing.T) {
	s := in(NewReno, 10)
	OnAck(&s, ack(start, 35*mss))
	if s.Cwnd != 13*mss || s.acked != 5*mss {
		t.Errorf("cwnd %d credit %d, want 13 segments and 5", s.Cwnd, s.acked)
	}
}

func TestGrowEvery_OldCreditBuysOneSegment(t *testing.T) {
	s := in(NewReno, 10)
	s.acked = 9 * mss // saved when a segment cost 10
	s.growEvery(2*mss, mss, mss)
	if s.Cwnd != 11*mss || s.acked != mss {
		t.Errorf("cwnd %d credit %d, want 11 segments and 1", s.Cwnd, s.acked)
	}
}
