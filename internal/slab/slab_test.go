package slab

import (
	"math/rand/v2"
	"testing"
)

func TestGet_GivesOutWhatCameBackLast(t *testing.T) {
	s := New(make([]int, 100))
	for want := Index(1); want <= 5; want++ {
		if i, ok := s.Get(); !ok || i != want {
			t.Fatalf("Get = %d, %v, want the fresh slot %d", i, ok, want)
		}
	}
	for _, i := range []Index{2, 5, 3} {
		s.Put(i)
	}
	for _, want := range []Index{3, 5, 2, 6} {
		if i, _ := s.Get(); i != want {
			t.Errorf("Get = %d, want %d", i, want)
		}
	}
}

func TestFIFO_GoesRoundInAllSlots(t *testing.T) {
	s := New(make([]int, 5))
	s.FIFO()
	for turn := range 12 {
		i, ok := s.Get()
		if want := Index(turn%4 + 1); !ok || i != want {
			t.Fatalf("Get = %d, %v, want %d: never used, or away for longest", i, ok, want)
		}
		s.Put(i)
	}
}

func TestGet_NeverGivesOutZeroAndEnds(t *testing.T) {
	for n := range 5 {
		s := New(make([]int, n))
		want := max(n-1, 0)
		for k := range want {
			if i, ok := s.Get(); !ok || i == 0 {
				t.Errorf("%d items: Get %d = %d, %v", n, k, i, ok)
			}
		}
		if i, ok := s.Get(); ok || i != 0 {
			t.Errorf("%d items: one too many: %d", n, i)
		}
		if s.Cap() != want || s.Len() != want {
			t.Errorf("%d items: cap %d, len %d, want %d", n, s.Cap(), s.Len(), want)
		}
	}
}

func TestGet_TouchesNoMoreSlotsThanAreLive(t *testing.T) {
	s := New(make([]int, 1000))
	for range 10_000 {
		a, _ := s.Get()
		b, _ := s.Get()
		s.Put(a)
		s.Put(b)
	}
	if s.High() != 2 {
		t.Errorf("two live slots at a time reached slot %d", s.High())
	}
}

func TestPut_PanicsWhenTheSlotIsNotInUse(t *testing.T) {
	s := New(make([]int, 4))
	i, _ := s.Get()
	s.Put(i)
	for _, bad := range []Index{i, 0, 2, 4, maxItems} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Put(%d) of a slot that is not in use went through", bad)
				}
			}()
			s.Put(bad)
		}()
	}
}

func TestLookup_RefusesStaleAndForgedHandles(t *testing.T) {
	s := New(make([]int, 4))
	i, _ := s.Get()
	h := s.Handle(i)
	if h == 0 || h.Index() != i {
		t.Fatalf("handle %#x of slot %d", h, i)
	}
	if got, ok := s.Lookup(h); !ok || got != i {
		t.Errorf("Lookup of a live handle = %d, %v", got, ok)
	}
	s.Put(i)
	if s.Handle(i) != 0 {
		t.Error("a free slot has a handle")
	}
	next := h + 2<<32
	for _, bad := range []Handle{h, h + 1<<32, next, 0, 3, 4, ^Handle(0), maxItems} {
		if got, ok := s.Lookup(bad); ok || got != 0 {
			t.Errorf("Lookup(%#x) = %d, %v", bad, got, ok)
		}
	}
	again, _ := s.Get()
	if again != i || s.Handle(i) != next {
		t.Fatalf("slot %d with handle %#x, want %d with %#x", again, s.Handle(again), i, next)
	}
	if _, ok := s.Lookup(h); ok {
		t.Error("the handle of an earlier use was accepted")
	}
}

func TestPut_LeavesTheItemAlone(t *testing.T) {
	items := make([]int, 2)
	s := New(items)
	i, _ := s.Get()
	*s.At(i) = 7
	s.Put(i)
	i, _ = s.Get()
	if *s.At(i) != 7 || items[i] != 7 {
		t.Error("the slab wrote to an item")
	}
}

func TestSlab_FollowsTheModel(t *testing.T) {
	followModel(t, New(make([]int, 64)))
	fifo := New(make([]int, 64))
	fifo.FIFO()
	followModel(t, fifo)
}

func followModel(t *testing.T, s *Slab[int]) {
	const n = 64
	rng := rand.New(rand.NewPCG(1, 2))
	live := map[Index]Handle{}
	var order, stale []Handle
	for step := range 100_000 {
		if rng.IntN(2) == 0 {
			i, ok := s.Get()
			if ok != (len(live) < n-1) {
				t.Fatalf("step %d: Get = %v with %d of %d live", step, ok, len(live), n-1)
			}
			if ok {
				if _, twice := live[i]; twice || i == 0 {
					t.Fatalf("step %d: slot %d given out twice", step, i)
				}
				live[i] = s.Handle(i)
				order = append(order, live[i])
			}
		} else if len(order) > 0 {
			k := rng.IntN(len(order))
			h := order[k]
			order[k] = order[len(order)-1]
			order = order[:len(order)-1]
			s.Put(h.Index())
			delete(live, h.Index())
			stale = append(stale, h)
		}
		if s.Len() != len(live) {
			t.Fatalf("step %d: Len = %d, want %d", step, s.Len(), len(live))
		}
		for i := range Index(n + 1) {
			h, ok := live[i]
			if s.InUse(i) != ok || s.Handle(i) != h {
				t.Fatalf("step %d: slot %d: in use %v, handle %#x; want %v, %#x", step, i, s.InUse(i), s.Handle(i), ok, h)
			}
		}
		if len(stale) > 0 {
			if h := stale[rng.IntN(len(stale))]; live[h.Index()] != h {
				if _, ok := s.Lookup(h); ok {
					t.Fatalf("step %d: stale handle %#x was accepted", step, h)
				}
			}
		}
	}
}

func TestSlab_DoesNotAllocate(t *testing.T) {
	s := New(make([]int, 10))
	if n := testing.AllocsPerRun(100, func() {
		i, _ := s.Get()
		s.Lookup(s.Handle(i))
		s.Put(i)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
