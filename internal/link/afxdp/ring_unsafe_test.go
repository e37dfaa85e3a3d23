package afxdp

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// heapRing is a ring without a kernel. Its indices begin shortly before they
// wrap.
func heapRing[T uint64 | desc](size int) ring[T] {
	r := ring[T]{
		ours: new(atomic.Uint32), others: new(atomic.Uint32), flags: new(atomic.Uint32),
		slots: make([]T, size), mask: uint32(size - 1),
	}
	start := ^uint32(0) - uint32(size)/2
	r.ours.Store(start)
	r.others.Store(start)
	r.mine, r.theirs = start, start
	return r
}

// opposite is the kernel's end of a ring.
func opposite[T uint64 | desc](r *ring[T]) ring[T] {
	k := *r
	k.ours, k.others = r.others, r.ours
	k.mine, k.theirs = k.ours.Load(), k.others.Load()
	return k
}

func TestRing_IsAQueue(t *testing.T) {
	const size = 8
	random := rand.New(rand.NewPCG(1, 2))
	producer := heapRing[uint64](size)
	consumer := opposite(&producer)
	var model []uint64
	next := uint64(1)
	for range 100_000 {
		n := uint32(random.IntN(size + 2))
		if random.IntN(2) == 0 {
			free := producer.free(n)
			if free > size-uint32(len(model)) {
				t.Fatalf("%d free of %d with %d in use", free, size, len(model))
			}
			if free < n && free != size-uint32(len(model)) {
				t.Fatalf("asked for %d, %d free, but there are %d", n, free, size-len(model))
			}
			n = min(n, free)
			for i := range n {
				*producer.slot(i) = next
				model = append(model, next)
				next++
			}
			producer.advance(n)
			if got := producer.untaken(); got != uint32(len(model)) {
				t.Fatalf("%d untaken, want %d", got, len(model))
			}
			continue
		}
		ready := consumer.ready(n)
		if ready > uint32(len(model)) || ready < n && ready != uint32(len(model)) {
			t.Fatalf("asked for %d, %d ready of %d", n, ready, len(model))
		}
		n = min(n, ready)
		for i := range n {
			if got := *consumer.slot(i); got != model[i] {
				t.Fatalf("slot %d holds %d, want %d", i, got, model[i])
			}
		}
		consumer.advance(n)
		model = model[n:]
	}
}
