package ring

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestMPSC_FollowsTheModel(t *testing.T) {
	for _, size := range []int{1, 2, 16} {
		rng := rand.New(rand.NewPCG(21, uint64(size)))
		r, err := NewMPSC(nil, make([]Slot[int], size))
		if err != nil {
			t.Fatal(err)
		}
		var model []int
		for step := range 20_000 {
			if rng.IntN(2) == 0 {
				if ok := r.Push(&step); ok != (len(model) < size) {
					t.Fatalf("size %d, step %d: Push = %v with %d in", size, step, ok, len(model))
				} else if ok {
					model = append(model, step)
				}
			} else {
				var v int
				if ok := r.Pop(&v); ok != (len(model) > 0) || ok && v != model[0] {
					t.Fatalf("size %d, step %d: Pop = %d, %v with %v", size, step, v, ok, model)
				} else if ok {
					model = model[1:]
				}
			}
			if r.Empty() != (len(model) == 0) || r.Len() != len(model) || r.Cap() != size {
				t.Fatalf("size %d, step %d: Empty %v, Len %d, want %d", size, step, r.Empty(), r.Len(), len(model))
			}
		}
	}
}

func TestMPSC_TurnsWrap(t *testing.T) {
	const size = 4
	slots := make([]Slot[int], size)
	var x Indices
	r, _ := NewMPSC(&x, slots)
	start := uint64(math.MaxUint32/2-1) * size // the last lap but one before turns wrap
	x.tail.at.Store(start)
	r.head = start
	for i := range slots {
		_, turn := r.at(start)
		slots[i].turn.Store(turn)
	}
	for lap := range 5 {
		for v := range size {
			if !r.Push(&v) {
				t.Fatalf("lap %d: full at %d", lap, v)
			}
		}
		if v := 9; r.Push(&v) {
			t.Fatalf("lap %d: one too many", lap)
		}
		for want := range size {
			var v int
			if !r.Pop(&v) || v != want {
				t.Fatalf("lap %d: got %d, want %d", lap, v, want)
			}
		}
		if !r.Empty() {
			t.Fatalf("lap %d: not empty", lap)
		}
	}
}

func TestMPSC_AnInterruptedProducerHidesButLosesNothing(t *testing.T) {
	r, _ := NewMPSC(nil, make([]Slot[int], 4))
	slot, turn := r.at(0)
	r.index.tail.at.Store(1) // claimed by a producer that was interrupted there
	for v := range 4 {
		if ok := r.Push(&v); ok != (v < 3) {
			t.Fatalf("Push %d = %v: others must go on until the ring is full", v, ok)
		}
	}
	var v int
	if r.Pop(&v) || !r.Empty() || r.Len() != 4 {
		t.Fatalf("got %d before its turn, Len %d", v, r.Len())
	}
	slot.value = 100
	slot.turn.Store(turn + 1)
	for _, want := range []int{100, 0, 1, 2} {
		if !r.Pop(&v) || v != want {
			t.Fatalf("got %d, want %d", v, want)
		}
	}
}

func TestMPSC_IsSafeForMany(t *testing.T) {
	const producers, each = 4, 50_000
	r, _ := NewMPSC(nil, make([]Slot[[4]int], 32))
	for p := range producers {
		go func() {
			for n := 0; n < each; {
				if r.Push(&[4]int{p, n, n, n}) {
					n++
				} else {
					runtime.Gosched()
				}
			}
		}()
	}
	var next [producers]int
	for got := 0; got < producers*each; {
		var v [4]int
		if !r.Pop(&v) {
			runtime.Gosched()
			continue
		}
		n := next[v[0]]
		if v != [4]int{v[0], n, n, n} {
			t.Fatalf("got %v, want %d of producer %d", v, n, v[0])
		}
		next[v[0]]++
		got++
	}
	if !r.Empty() || r.Len() != 0 {
		t.Errorf("%d records too many", r.Len())
	}
}

func TestMPSC_DoesNotAllocate(t *testing.T) {
	r, _ := NewMPSC(nil, make([]Slot[[60]byte], 8))
	var v [60]byte
	if n := testing.AllocsPerRun(100, func() { r.Push(&v); r.Pop(&v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
