package wheel

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/mtcp-go/mtcp/internal/mono"
)

const epoch = mono.Time(7 * time.Second)

// drain calls Advance until the wheel has nothing more to do at now.
func drain(w *Wheel, now mono.Time) []uint32 {
	var all []uint32
	var out [5]uint32
	for {
		n := w.Advance(now, out[:])
		all = append(all, out[:n]...)
		if n == 0 && w.Next() > now {
			return all
		}
	}
}

func TestNode_FourToACacheLine(t *testing.T) {
	if n := unsafe.Sizeof(Node{}); n != 16 {
		t.Errorf("a node has %d octets, want 16", n)
	}
}

func TestAdvance_NeverEarlyAtMostOneTickLate(t *testing.T) {
	for _, after := range []time.Duration{
		1, Tick - 1, Tick, Tick + 1, 63 * Tick, 64 * Tick, 64*Tick + 1, time.Second,
		time.Minute, time.Hour, 24 * time.Hour, 365 * 24 * time.Hour, 200 * 365 * 24 * time.Hour,
	} {
		w := New(3, epoch)
		at := epoch.Add(after)
		w.Schedule(2, at)
		if got := drain(w, at-1); len(got) != 0 {
			t.Errorf("after %v: went off early: %v", after, got)
		}
		if w.Next() > at+Tick {
			t.Errorf("after %v: Next = %d, more than a tick after %d", after, w.Next(), at)
		}
		if got := drain(w, at+Tick); len(got) != 1 || got[0] != 2 {
			t.Errorf("after %v: one tick late: %v, want [2]", after, got)
		}
		if _, set := w.At(2); set || w.Len() != 0 || w.Next() != mono.Never {
			t.Errorf("after %v: the timer is still set", after)
		}
	}
}

func TestAdvance_PastTimerIsDueAtOnce(t *testing.T) {
	w := New(1, epoch)
	drain(w, epoch.Add(time.Hour))
	for _, at := range []mono.Time{-5, 0, 1, epoch, epoch.Add(time.Hour - Tick)} {
		w.Schedule(1, at)
		if next := w.Next(); next > epoch.Add(time.Hour) {
			t.Errorf("at %d: Next = %d is in the future", at, next)
		}
		if got := drain(w, epoch.Add(time.Hour)); len(got) != 1 {
			t.Errorf("at %d: %v, want it at once", at, got)
		}
	}
}

func TestAdvance_FillsNoMoreThanOutAndGoesOn(t *testing.T) {
	w := New(10, epoch)
	for id := uint32(1); id <= 10; id++ {
		w.Schedule(id, epoch.Add(time.Second))
	}
	var out [4]uint32
	now := epoch.Add(2 * time.Second)
	var got []uint32
	for _, want := range []int{4, 4, 2, 0} {
		n := w.Advance(now, out[:])
		if n != want {
			t.Fatalf("Advance = %d, want %d", n, want)
		}
		got = append(got, out[:n]...)
	}
	for i, id := range got {
		if id != uint32(i+1) {
			t.Fatalf("order %v, want the order of scheduling", got)
		}
	}
}

func TestAdvance_BoundsTheSortingOfFarTimers(t *testing.T) {
	const n = 5 * refileBatch
	w := New(n, epoch)
	for id := uint32(1); id <= n; id++ {
		w.Schedule(id, epoch.Add(time.Hour+time.Duration(id)))
	}
	now := epoch.Add(2 * time.Hour)
	var out [n]uint32
	calls, total := 0, 0
	for w.Next() <= now {
		total += w.Advance(now, out[:])
		calls++
	}
	if total != n {
		t.Errorf("%d timers went off, want %d", total, n)
	}
	if calls < n/refileBatch || calls > 100 {
		t.Errorf("%d calls: the work of one is not bounded, or it makes no progress", calls)
	}
}

func TestAdvance_SortsAWholeSlotBeforeItGoesOn(t *testing.T) {
	const n = 5 * refileBatch
	w, model := New(n, epoch), map[uint32]mono.Time{}
	r := rand.New(rand.NewPCG(3, 4))
	for id := uint32(1); id <= n; id++ {
		model[id] = epoch.Add(time.Hour + time.Duration(r.Int64N(4096*Tick)))
		w.Schedule(id, model[id])
	}
	for now := epoch.Add(time.Hour - time.Second); len(model) > 0; now += 50 * Tick {
		stepModel(t, w, model, now)
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestAdvance_EarlierNowChangesNothing(t *testing.T) {
	w := New(1, epoch)
	drain(w, epoch.Add(time.Hour))
	w.Schedule(1, epoch)
	var out [1]uint32
	if n := w.Advance(epoch.Add(time.Minute), out[:]); n != 0 {
		t.Error("a clock that ran backwards set a timer off")
	}
	if n := w.Advance(epoch.Add(time.Hour), out[:]); n != 1 {
		t.Error("the timer was lost")
	}
}

func TestSchedule_NeverIsACancelledTimer(t *testing.T) {
	w := New(2, epoch)
	w.Schedule(1, epoch.Add(time.Second))
	w.Schedule(1, mono.Never)
	w.Schedule(2, mono.Never)
	if w.Len() != 0 || w.Next() != mono.Never {
		t.Errorf("Len %d, Next %d", w.Len(), w.Next())
	}
	w.Schedule(1, mono.Never-1) // the last time there is: filed, and never reached
	if at, set := w.At(1); !set || at != mono.Never-1 || w.Next() <= epoch {
		t.Errorf("At = %d, %v; Next %d", at, set, w.Next())
	}
}

func TestIndex_RefusesIDsOutsideTheRange(t *testing.T) {
	for _, id := range []uint32{0, 4, 1 << 31, 1<<32 - 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("id %d was taken", id)
				}
			}()
			New(3, epoch).Schedule(id, epoch)
		}()
	}
}

// randomDelay is mostly near, sometimes past, sometimes very far.
func randomDelay(r *rand.Rand) time.Duration {
	switch r.IntN(8) {
	case 0:
		return -time.Duration(r.Int64N(int64(time.Minute)))
	case 1:
		return time.Duration(r.Int64N(int64(1000 * time.Hour)))
	case 2:
		return time.Duration(r.Int64N(1 << 62))
	default:
		return time.Duration(r.Int64N(1 << (10 + r.IntN(30))))
	}
}

// TestModel_RandomOperationsAgreeWithAMap holds a wheel against a map of times.
func TestModel_RandomOperationsAgreeWithAMap(t *testing.T) {
	const ids = 50
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		now := epoch + mono.Time(r.Int64N(1<<50))
		w, model := New(ids, now), map[uint32]mono.Time{}
		for range 400 {
			id := uint32(1 + r.IntN(ids))
			switch r.IntN(10) {
			case 0, 1, 2, 3, 4:
				at := now.Add(randomDelay(r))
				w.Schedule(id, at)
				model[id] = at
			case 5:
				w.Cancel(id)
				delete(model, id)
			case 6:
				var out [3]uint32 // a clock that runs backwards
				if n := w.Advance(now-mono.Time(1+r.Int64N(1<<36))-Tick, out[:]); n != 0 {
					t.Errorf("%v went off in the past", out[:n])
				}
			case 7:
				now = max(now, min(w.Next(), mono.Never/2))
				stepModel(t, w, model, now)
			default:
				now = min(now.Add(time.Duration(r.Int64N(1<<(8+r.IntN(40))))), mono.Never/2)
				stepModel(t, w, model, now)
			}
			checkModel(t, w, model)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

func stepModel(t *testing.T, w *Wheel, model map[uint32]mono.Time, now mono.Time) {
	t.Helper()
	for _, id := range drain(w, now) {
		at, set := model[id]
		if !set || at > now {
			t.Errorf("at %d: timer %d (set %v for %d) went off", now, id, set, at)
		}
		delete(model, id)
	}
	for id, at := range model {
		if at <= now-Tick {
			t.Errorf("at %d: timer %d for %d is late", now, id, at)
		}
	}
}

func checkModel(t *testing.T, w *Wheel, model map[uint32]mono.Time) {
	t.Helper()
	if w.Len() != len(model) {
		t.Errorf("Len = %d, want %d", w.Len(), len(model))
	}
	next := w.Next()
	for id := uint32(1); int(id) <= len(w.nodes)-1-heads; id++ {
		want, wantSet := model[id]
		got, set := w.At(id)
		if set != wantSet || (set && got != want) {
			t.Errorf("At(%d) = %d, %v; want %d, %v", id, got, set, want, wantSet)
		}
		if wantSet && next > max(want, 0)+Tick && next != mono.Time(w.pos<<tickShift) {
			t.Errorf("Next = %d is later than the tick of timer %d for %d", next, id, want)
		}
	}
}

func TestWheel_DoesNotAllocate(t *testing.T) {
	w := New(100, epoch)
	now := epoch
	var out [64]uint32
	if n := testing.AllocsPerRun(100, func() {
		for id := uint32(1); id <= 100; id++ {
			w.Schedule(id, now.Add(time.Duration(id)*time.Second))
		}
		w.Cancel(50)
		now = now.Add(30 * time.Second)
		for w.Next() <= now {
			w.Advance(now, out[:])
		}
	}); n != 0 {
		t.Errorf("%v allocations per run", n)
	}
}

// Where one Advance leaves timers of a slot unsorted others at the same time go on,
// until there is nothing to do: who asks Next before it sleeps would spin otherwise.
func TestAdvance_GoesOnWithinTheTick(t *testing.T) {
	const n = refileBatch + 1
	w := New(n, epoch)
	start := (passed(epoch)/slots + 2) * slots // of a slot of 64 ticks
	for id := uint32(1); id <= n; id++ {
		w.Schedule(id, mono.Time((start+5)<<tickShift))
	}
	now := mono.Time(start << tickShift)
	var out [64]uint32
	for range 3 {
		if got := w.Advance(now, out[:]); got != 0 {
			t.Fatalf("%d timers before their time", got)
		}
	}
	if next := w.Next(); next <= now {
		t.Errorf("something is still to be done at %v, when it is %v", next, now)
	}
}
