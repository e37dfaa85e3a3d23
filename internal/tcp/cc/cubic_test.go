package cc

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// reference is RFC 9438 in floating point and segments, for a window that is
// always full and acknowledged segment by segment.
type reference struct {
	cwnd, wMax, k, wEst, prior float64
	begun                      mono.Time
}

func newReference(now mono.Time, cwnd, wMax, prior float64) *reference {
	f := &reference{cwnd: cwnd, wMax: max(wMax, cwnd), wEst: cwnd, prior: prior, begun: now}
	f.k = math.Cbrt((f.wMax - cwnd) / 0.4)
	return f
}

func (f *reference) at(t float64) float64 { return 0.4*math.Pow(t-f.k, 3) + f.wMax }

func (f *reference) ack(now mono.Time, rtt time.Duration) {
	t := now.Sub(f.begun).Seconds()
	target := min(max(f.at(t+rtt.Seconds()), f.cwnd), 1.5*f.cwnd)
	alpha := 3 * (1 - 0.7) / (1 + 0.7)
	if f.wEst >= f.prior {
		alpha = 1
	}
	f.wEst += alpha / f.cwnd
	f.cwnd = max(f.cwnd+(target-f.cwnd)/f.cwnd, f.wEst)
}

// TestCubic_FollowsTheFormulas runs both side by side after a loss, over
// windows and round trips from the Reno-friendly to the steep.
func TestCubic_FollowsTheFormulas(t *testing.T) {
	for _, tt := range []struct {
		segments uint32
		rtt      time.Duration
		seconds  int
	}{
		{20, 10 * time.Millisecond, 10}, // Reno-friendly
		{20, 100 * time.Millisecond, 20},
		{100, 50 * time.Millisecond, 20},
		{1000, 20 * time.Millisecond, 20},
		{1000, 100 * time.Millisecond, 30},
		{5000, 200 * time.Millisecond, 40},
		{20000, 100 * time.Millisecond, 12},
	} {
		s := in(CUBIC, tt.segments)
		OnLoss(&s, start, s.Cwnd, mss)
		OnRecovered(&s, start, mss)
		ref := newReference(start, float64(s.Cwnd)/mss, float64(tt.segments), float64(tt.segments))
		last := s.Cwnd
		for now, end := start, start.Add(time.Duration(tt.seconds)*time.Second); now < end; {
			a := ack(now, mss)
			a.SRTT = tt.rtt
			OnAck(&s, a)
			ref.ack(now, tt.rtt)
			if s.Cwnd < last {
				t.Fatalf("%+v: the window shrank", tt)
			}
			last = s.Cwnd
			if got, want := float64(s.Cwnd)/mss, ref.cwnd; math.Abs(got-want) > 1.5+want/50 {
				t.Fatalf("%+v: %v after the loss cwnd is %.1f segments, want %.1f", tt, now.Sub(start), got, want)
			}
			now = now.Add(time.Duration(float64(tt.rtt) / ref.cwnd))
		}
	}
}

func TestCubic_CurveIsTheFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 20000 {
		size := uint16(500 + r.IntN(9000))
		cwnd := uint32(size) * (2 + r.Uint32N(60000))
		s := State{id: CUBIC, Cwnd: cwnd, wMax: uint32(float64(cwnd) / (0.5 + 0.5*r.Float64()))}
		s.beginEpoch(0, size)
		f := newReference(0, float64(cwnd)/float64(size), float64(s.wMax)/float64(size), 0)
		ticks := r.Uint32N(80000)
		t0 := float64(ticks) * (1 << tickShift) / 1e9
		want := min(max(f.at(t0)*float64(size), 0), maxCwnd)
		got := float64(min(s.cubicAt(ticks, 0, size), maxCwnd))
		// K is cut to whole ticks: allow what the curve moves in one.
		slope := 3 * 0.4 * math.Pow(t0-f.k, 2) * float64(size) * 1.1e-3
		if math.Abs(got-want) > 2+slope*1.1+want*1e-6 {
			t.Fatalf("cwnd %d wMax %d size %d, %d ticks: %.0f, want %.0f", cwnd, s.wMax, size, ticks, got, want)
		}
	}
}

func TestCubic_FastConvergenceGivesWay(t *testing.T) {
	s := in(CUBIC, 100)
	OnLoss(&s, start, s.Cwnd, mss)
	OnRecovered(&s, start, mss)
	if s.wMax != 100*mss || s.Cwnd != 70*mss {
		t.Fatalf("wMax %d cwnd %d, want 100 and 70 segments", s.wMax, s.Cwnd)
	}
	OnLoss(&s, start, s.Cwnd, mss)
	if s.wMax != 70*mss*17/20 || s.Ssthresh != 49*mss {
		t.Errorf("wMax %d ssthresh %d, want 59.5 and 49 segments", s.wMax, s.Ssthresh)
	}
}

func TestCubic_AfterATimeOutTheCurveBeginsFlat(t *testing.T) {
	s := in(CUBIC, 100)
	OnRTO(&s, start, s.Cwnd, mss)
	for s.InSlowStart() {
		OnAck(&s, ack(start, mss))
	}
	OnRecovered(&s, start, mss)
	OnAck(&s, ack(start.Add(time.Second), mss))
	if s.wMax != 70*mss || s.words[epochK] != 0 {
		t.Errorf("wMax %d K %d, want 70 segments and 0 (RFC 9438 §4.8)", s.wMax, s.words[epochK])
	}
}

// grown runs a second of acknowledgments at 20 ms and returns the window.
func grown(s State, now mono.Time) uint32 {
	for range 50 {
		now = now.Add(20 * time.Millisecond)
		a := ack(now, s.Cwnd)
		a.SRTT = 20 * time.Millisecond
		OnAck(&s, a)
	}
	return s.Cwnd
}

func TestCubic_TimeThatDidNotNeedTheWindowDoesNotCount(t *testing.T) {
	fresh := in(CUBIC, 1000)
	OnLoss(&fresh, start, fresh.Cwnd, mss)
	OnRecovered(&fresh, start, mss)
	OnAck(&fresh, ack(start, mss))
	want := grown(fresh, start)

	later := start.Add(time.Minute)
	idle := fresh
	OnIdle(&idle, later, later.Sub(start), time.Hour, mss)
	if got := grown(idle, later); got > want+mss || got+mss < want {
		t.Errorf("after a minute idle the window grows to %d, want %d", got, want)
	}

	limited := fresh
	for now := start; now <= later; now = now.Add(time.Second) {
		a := ack(now, mss)
		a.CwndLimited = false
		OnAck(&limited, a)
	}
	if got := grown(limited, later); got > want+mss || got+mss < want {
		t.Errorf("after a minute limited by the application it grows to %d, want %d", got, want)
	}

	counts := grown(fresh, later) // nothing said that the minute should not count
	if counts < want*11/10 {
		t.Errorf("the window grows to %d after a minute and %d at once: the test shows nothing", counts, want)
	}
}

func TestCubic_IdleNeverMovesTheEpochIntoTheFuture(t *testing.T) {
	s := in(CUBIC, 100)
	OnAck(&s, ack(start, mss))
	now := start.Add(time.Second)
	OnIdle(&s, now, time.Hour, 2*time.Hour, mss)
	if int32(tick(now)-s.words[epochStart]) < 0 {
		t.Errorf("epoch begins at tick %d, now is %d", s.words[epochStart], tick(now))
	}
}

func TestCubic_ADecayedWindowBeginsANewEpoch(t *testing.T) {
	s := in(CUBIC, 100)
	OnAck(&s, ack(start, mss))
	s.Ssthresh = 50 * mss
	OnIdle(&s, start.Add(time.Minute), time.Minute, time.Second, mss)
	s.Cwnd = s.Ssthresh // slow start took it there
	before := s.Cwnd
	OnAck(&s, ack(start.Add(time.Minute), mss))
	if s.Cwnd != before || s.words[epochReno] != before {
		t.Errorf("cwnd %d, Reno's %d: the old epoch's window came back, want %d", s.Cwnd, s.words[epochReno], before)
	}
}

func TestCubic_UndoRestoresWhereTheCurveIsFlat(t *testing.T) {
	s := in(CUBIC, 100)
	OnLoss(&s, start, s.Cwnd, mss)
	OnRecovered(&s, start, mss)
	OnRTO(&s, start, s.Cwnd, mss)
	Undo(&s)
	OnAck(&s, ack(start, mss))
	if s.wMax != 100*mss || s.words[epochK] == 0 {
		t.Errorf("wMax %d K %d, want 100 segments as before the time-out", s.wMax, s.words[epochK])
	}
}

func TestCubic_NeverGrowsByMoreThanHalfPerWindow(t *testing.T) {
	s := in(CUBIC, 100)
	OnAck(&s, ack(start, mss))
	now := start.Add(time.Hour) // far up the curve
	for range 20 {
		before := s.Cwnd
		for sent := uint32(0); sent < before; sent += mss {
			a := ack(now, mss)
			OnAck(&s, a)
		}
		if s.Cwnd > before+before/2+2*mss && before < maxCwnd/2 {
			t.Fatalf("from %d to %d within one window", before, s.Cwnd)
		}
	}
}

func TestCubeRoot_IsExact(t *testing.T) {
	check := func(x uint64) {
		r := uint64(cubeRoot(x))
		if r*r*r > x || (r < 2642245 && (r+1)*(r+1)*(r+1) <= x) {
			t.Fatalf("cubeRoot(%d) = %d", x, r)
		}
	}
	for x := range uint64(100_000) {
		check(x)
	}
	for r := uint64(1); r <= 2642245; r += 1 + r/1000 {
		check(r*r*r - 1)
		check(r * r * r)
		check(r*r*r + 1)
	}
	check(math.MaxUint64)
}
