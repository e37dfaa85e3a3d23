package cc

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

const (
	mss   = 1000
	start = mono.Time(5 * time.Second)
)

var both = []ID{NewReno, CUBIC}

// in returns a State in congestion avoidance with a window of n segments.
func in(id ID, segments uint32) State {
	var s State
	Init(&s, id, mss, 10*mss)
	s.Cwnd, s.Ssthresh = segments*mss, segments*mss
	return s
}

func ack(now mono.Time, acked uint32) Ack {
	return Ack{Now: now, Acked: acked, MSS: mss, CwndLimited: true}
}

func TestInit_BeginsWithTheInitialWindowAndNoThreshold(t *testing.T) {
	for _, tt := range []struct{ iw, want uint32 }{{10 * mss, 10 * mss}, {0, mss}, {1 << 31, maxCwnd}} {
		var s State
		Init(&s, CUBIC, mss, tt.iw)
		if s.Cwnd != tt.want || s.Ssthresh != InfiniteSsthresh || !s.InSlowStart() || s.ID() != CUBIC {
			t.Errorf("iw %d: %+v", tt.iw, s)
		}
	}
}

func TestOnLoss_SetsTheThreshold(t *testing.T) {
	tests := []struct {
		id             ID
		cwnd, inFlight uint32
		want           uint32
		why            string
	}{
		{NewReno, 20 * mss, 20 * mss, 10 * mss, "half of what is in flight"},
		{NewReno, 20 * mss, 10 * mss, 5 * mss, "in flight counts, not cwnd: RFC 5681 equation 4"},
		{NewReno, 10 * mss, 13 * mss, 5 * mss, "limited transmit does not count: RFC 5681 §3.2"},
		{NewReno, 21 * mss, 21 * mss, 10 * mss, "whole segments, rounded down"},
		{NewReno, 2 * mss, 2 * mss, 2 * mss, "not below two segments"},
		{NewReno, mss, 0, 2 * mss, "not below two segments, with nothing in flight"},
		{CUBIC, 20 * mss, 20 * mss, 14 * mss, "0.7 of what is in flight"},
		{CUBIC, 100 * mss, 10 * mss, 7 * mss, "in flight counts"},
		{CUBIC, 15 * mss, 15 * mss, 10 * mss, "10.5 is rounded down"},
		{CUBIC, 2 * mss, 2 * mss, 2 * mss, "not below two segments"},
		{CUBIC, maxCwnd, maxCwnd, 751619000, "no overflow at a gigabyte"},
	}
	for _, tt := range tests {
		s := in(tt.id, 1)
		s.Cwnd = tt.cwnd
		OnLoss(&s, start, tt.inFlight, mss)
		if s.Ssthresh != tt.want || s.Cwnd != tt.cwnd {
			t.Errorf("%v, cwnd %d, in flight %d: ssthresh %d, cwnd %d; want %d and cwnd untouched: %s",
				tt.id, tt.cwnd, tt.inFlight, s.Ssthresh, s.Cwnd, tt.want, tt.why)
		}
		OnRecovered(&s, start, mss)
		if s.Cwnd != tt.want {
			t.Errorf("%v: cwnd %d after recovery, want ssthresh %d", tt.id, s.Cwnd, tt.want)
		}
	}
}

func TestOnECN_ReducesAsALossDoes(t *testing.T) {
	for _, id := range both {
		a, b := in(id, 20), in(id, 20)
		OnLoss(&a, start, 20*mss, mss)
		OnECN(&b, start, 20*mss, mss)
		if a != b {
			t.Errorf("%v: %+v and %+v", id, a, b)
		}
	}
}

// RFC 3168 §6.1.2: a window of two segments becomes one, though the threshold does not.
func TestOnMarked_ReducesAtOnceDownToOneSegment(t *testing.T) {
	for _, id := range both {
		for _, tt := range []struct{ cwnd, inFlight, reno, cubic uint32 }{
			{20, 20, 10, 14}, {20, 10, 5, 7}, {20, 1, 2, 2}, {3, 3, 2, 2}, {2, 2, 1, 1}, {1, 1, 1, 1},
		} {
			s := in(id, tt.cwnd)
			OnECN(&s, start, tt.inFlight*mss, mss)
			OnMarked(&s, mss)
			want := tt.reno
			if id == CUBIC {
				want = tt.cubic
			}
			if s.Cwnd != want*mss || s.Ssthresh < 2*mss || s.has(reducing) {
				t.Errorf("%v: %d segments, %d in flight: cwnd %d, want %d; ssthresh %d", id, tt.cwnd, tt.inFlight, s.Cwnd, want*mss, s.Ssthresh)
			}
		}
	}
}

func TestOnRTO_OneSegmentAndOneReductionPerSeries(t *testing.T) {
	s := in(NewReno, 20)
	OnRTO(&s, start, 20*mss, mss)
	if s.Cwnd != mss || s.Ssthresh != 10*mss {
		t.Fatalf("cwnd %d ssthresh %d, want 1 and 10 segments", s.Cwnd, s.Ssthresh)
	}
	OnRTO(&s, start, 20*mss, mss)
	if s.Ssthresh != 10*mss {
		t.Errorf("ssthresh %d: the same segment timed out again, RFC 5681 §3.1 holds ssthresh", s.Ssthresh)
	}
	OnAck(&s, ack(start, 2*mss))
	if s.Cwnd != 3*mss {
		t.Errorf("cwnd %d, want slow start to go on", s.Cwnd)
	}
	OnRTO(&s, start, 3*mss, mss)
	if s.Ssthresh != 2*mss || s.Cwnd != mss {
		t.Errorf("ssthresh %d: after progress a time-out is a new event", s.Ssthresh)
	}
	OnAck(&s, ack(start, mss))
	OnRecovered(&s, start, mss)
	if s.Cwnd != 2*mss {
		t.Errorf("cwnd %d: recovery from a time-out leaves the window alone", s.Cwnd)
	}
}

func TestOnRTO_InFastRecoveryKeepsTheThreshold(t *testing.T) {
	s := in(NewReno, 20)
	OnLoss(&s, start, 20*mss, mss)
	s.Cwnd = 12 * mss
	OnRTO(&s, start, 12*mss, mss)
	if s.Ssthresh != 10*mss || s.Cwnd != mss {
		t.Errorf("ssthresh %d cwnd %d: one event, one reduction", s.Ssthresh, s.Cwnd)
	}
	OnRecovered(&s, start, mss)
	if s.Cwnd != mss {
		t.Errorf("cwnd %d: the time-out replaced the fast recovery", s.Cwnd)
	}
}

func TestUndo_RestoresWhatWasBeforeTheReduction(t *testing.T) {
	for _, id := range both {
		s := in(id, 40)
		OnRTO(&s, start, 40*mss, mss)
		OnRTO(&s, start, 40*mss, mss)
		OnAck(&s, ack(start, mss))
		Undo(&s)
		if s.Cwnd != 40*mss || s.Ssthresh != 40*mss {
			t.Errorf("%v: cwnd %d ssthresh %d, want 40 segments", id, s.Cwnd, s.Ssthresh)
		}
		OnRecovered(&s, start, mss)
		if s.Cwnd != 40*mss {
			t.Errorf("%v: cwnd %d: the end of an undone recovery must not shrink it", id, s.Cwnd)
		}
		s.Cwnd, s.Ssthresh = 5*mss, 5*mss
		Undo(&s)
		if s.Cwnd != 5*mss {
			t.Errorf("%v: a reduction was undone twice", id)
		}
	}
}

func TestUndo_KeepsWhatWasGainedSince(t *testing.T) {
	s := in(NewReno, 10)
	OnLoss(&s, start, 10*mss, mss)
	OnRecovered(&s, start, mss)
	s.Cwnd, s.Ssthresh = 15*mss, 12*mss
	Undo(&s)
	if s.Cwnd != 15*mss || s.Ssthresh != 12*mss {
		t.Errorf("cwnd %d ssthresh %d, want 15 and 12 segments", s.Cwnd, s.Ssthresh)
	}
}

func TestOnIdle_HalvesPerTimeOutDownToTheInitialWindow(t *testing.T) {
	const rto = 200 * time.Millisecond
	for _, tt := range []struct {
		idle      time.Duration
		cwnd      uint32
		want      uint32
		threshold uint32
	}{
		{rto, 80, 80, 40},
		{rto + 1, 80, 40, 60},
		{2 * rto, 80, 40, 60},
		{2*rto + 1, 80, 20, 60},
		{3*rto + 1, 80, 10, 60},
		{time.Hour, 80, 10, 60},
		{time.Hour, 50, 10, 40}, // the threshold is not lowered
		{time.Hour, 4, 4, 40},   // below the initial window: unchanged
		{time.Hour * 1e6, 1 << 20, 10, 1 << 20 * 3 / 4},
		{0, 80, 80, 40},
		{-5, 80, 80, 40},
	} {
		for _, id := range both {
			s := in(id, 40)
			s.Cwnd = tt.cwnd * mss
			OnIdle(&s, start, tt.idle, rto, mss)
			if s.Cwnd != tt.want*mss || s.Ssthresh != tt.threshold*mss {
				t.Errorf("%v, %v idle, cwnd %d: cwnd %d ssthresh %d, want %d and %d segments", id, tt.idle, tt.cwnd, s.Cwnd, s.Ssthresh, tt.want, tt.threshold)
			}
		}
	}
	s := in(NewReno, 40)
	OnIdle(&s, start, time.Hour, 0, mss)
	if s.Cwnd != 40*mss {
		t.Error("without a time-out there is nothing to count")
	}
}

func TestOnAck_NeedsALimitedWindowAndNewOctets(t *testing.T) {
	for _, id := range both {
		for _, cwnd := range []uint32{10, 40} {
			s := in(id, 20)
			s.Cwnd = cwnd * mss
			for i := range 1000 {
				a := ack(start.Add(time.Duration(i)*time.Millisecond), 5*mss)
				if i%2 == 0 {
					a.CwndLimited = false
				} else {
					a.Acked = 0
				}
				OnAck(&s, a)
			}
			if s.Cwnd != cwnd*mss {
				t.Errorf("%v: cwnd %d, want it unchanged at %d segments", id, s.Cwnd, cwnd)
			}
		}
	}
}

// TestProperties_AnyOrderOfEvents feeds nonsense as well as sense.
func TestProperties_AnyOrderOfEvents(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		size := []uint16{1, 536, 1448, 8948, 65535, 0}[r.IntN(6)]
		var s State
		Init(&s, ID(r.IntN(2)), size, uint32(size)*10)
		if r.IntN(2) == 0 {
			EnableHyStart(&s)
		}
		now := start
		for range 2000 {
			now = now.Add(time.Duration(r.Int64N(1 << (1 + r.IntN(40)))))
			before, growing := s.Cwnd, false
			flight := uint32(r.Uint64N(uint64(s.Cwnd)*2 + 1))
			switch r.IntN(16) {
			case 0:
				OnLoss(&s, now, flight, size)
			case 1:
				OnRTO(&s, now, flight, size)
			case 2, 3:
				OnRecovered(&s, now, size)
			case 4:
				Undo(&s)
			case 5:
				OnIdle(&s, now, time.Duration(r.Int64N(1<<40)), time.Duration(r.Int64N(1<<35)), size)
			case 6:
				OnECN(&s, now, flight, size)
			default:
				growing = true
				OnAck(&s, Ack{
					Now: now, Acked: r.Uint32() >> r.IntN(32), InFlight: flight, MSS: size,
					RTT: time.Duration(r.Int64N(1 << 30)), SRTT: time.Duration(r.Int64N(1 << 30)),
					CwndLimited: r.IntN(4) > 0,
				})
			}
			if s.Cwnd < max(uint32(size), 1) || s.Cwnd > maxCwnd {
				t.Fatalf("seed %d: cwnd %d with segments of %d", seed, s.Cwnd, size)
			}
			if s.Ssthresh < 2*max(uint32(size), 1) {
				t.Fatalf("seed %d: ssthresh %d with segments of %d", seed, s.Ssthresh, size)
			}
			if growing && s.Cwnd < before {
				t.Fatalf("seed %d: an acknowledgment shrank the window from %d to %d", seed, before, s.Cwnd)
			}
		}
	}
}

func TestOnAck_DoesNotAllocate(t *testing.T) {
	for _, id := range both {
		s := in(id, 100)
		now := start
		if n := testing.AllocsPerRun(100, func() {
			now = now.Add(time.Millisecond)
			OnAck(&s, ack(now, mss))
		}); n != 0 {
			t.Errorf("%v: %v allocations", id, n)
		}
	}
}
