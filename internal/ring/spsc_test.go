package ring

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestSPSC_FollowsTheModel(t *testing.T) {
	for _, size := range []int{1, 2, 8, 64} {
		rng := rand.New(rand.NewPCG(20, uint64(size)))
		r, err := NewSPSC(nil, make([]int, size))
		if err != nil {
			t.Fatal(err)
		}
		var model []int
		next := 0
		for step := range 20_000 {
			switch rng.IntN(4) {
			case 0:
				v := next
				if ok := r.Push(&v); ok != (len(model) < size) {
					t.Fatalf("size %d, step %d: Push = %v with %d in", size, step, ok, len(model))
				} else if ok {
					model = append(model, next)
					next++
				}
			case 1:
				var v int
				if ok := r.Pop(&v); ok != (len(model) > 0) || ok && v != model[0] {
					t.Fatalf("size %d, step %d: Pop = %d, %v with %v", size, step, v, ok, model)
				} else if ok {
					model = model[1:]
				}
			case 2:
				list := make([]int, rng.IntN(size+3))
				for i := range list {
					list[i] = next + i
				}
				n := r.PushAll(list)
				if n != min(len(list), size-len(model)) {
					t.Fatalf("size %d, step %d: PushAll of %d = %d with %d in", size, step, len(list), n, len(model))
				}
				model = append(model, list[:n]...)
				next += n
			case 3:
				list := make([]int, rng.IntN(size+3))
				n := r.PopAll(list)
				if n != min(len(list), len(model)) {
					t.Fatalf("size %d, step %d: PopAll of %d = %d with %d in", size, step, len(list), n, len(model))
				}
				for i, v := range list[:n] {
					if v != model[i] {
						t.Fatalf("size %d, step %d: %v, want %v", size, step, list[:n], model)
					}
				}
				model = model[n:]
			}
			if r.Len() != len(model) || r.Cap() != size {
				t.Fatalf("size %d, step %d: Len %d, want %d", size, step, r.Len(), len(model))
			}
		}
	}
}

// produce pushes total records, one by one and in batches.
func produce(r *SPSC[[3]int], total int) {
	batch := make([][3]int, 10)
	for v := 0; v < total; {
		n := min(len(batch), total-v)
		for i := range batch[:n] {
			batch[i] = [3]int{v + i, v + i, v + i}
		}
		if v%3 == 0 {
			n = r.PushAll(batch[:n])
		} else if n = 0; r.Push(&batch[0]) {
			n = 1
		}
		if v += n; n == 0 {
			runtime.Gosched()
		}
	}
}

func TestSPSC_IsSafeForTwo(t *testing.T) {
	const total = 40_000
	for _, size := range []int{1, 2, 64} {
		r, _ := NewSPSC(nil, make([][3]int, size))
		go produce(r, total)
		batch := make([][3]int, 7)
		for want := 0; want < total; {
			n := 0
			if want%3 == 0 {
				n = r.PopAll(batch)
			} else if r.Pop(&batch[0]) {
				n = 1
			}
			for _, v := range batch[:n] {
				if v != [3]int{want, want, want} {
					t.Fatalf("size %d: got %v, want %d", size, v, want)
				}
				want++
			}
			if n == 0 {
				runtime.Gosched()
			}
		}
	}
}

func TestSPSC_DoesNotAllocate(t *testing.T) {
	r, _ := NewSPSC(nil, make([][64]byte, 8))
	var v [64]byte
	if n := testing.AllocsPerRun(100, func() { r.Push(&v); r.Pop(&v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
