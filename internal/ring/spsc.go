// A ring of records from one producer to one consumer. The positions, with the
// argument why they suffice, stand in indices.go.

package ring

// SPSC passes records of type T. One goroutine at a time may be the producer,
// and one the consumer.
type SPSC[T any] struct {
	ends
	slots []T
}

// NewSPSC returns a ring over slots, whose number is a power of two. If slots
// lie in off-heap memory, T must be free of pointers and index should lie
// there too; index may be nil otherwise.
func NewSPSC[T any](index *Indices, slots []T) (*SPSC[T], error) {
	e, err := newEnds(index, len(slots))
	if err != nil {
		return nil, err
	}
	return &SPSC[T]{ends: e, slots: slots}, nil
}

// slot returns the place of a position.
func (r *SPSC[T]) slot(position uint64) *T {
	return &r.slots[position&uint64(len(r.slots)-1)]
}

// Push puts a copy of v in, or reports that the ring is full. Producer only.
func (r *SPSC[T]) Push(v *T) bool {
	if r.free(1) == 0 {
		return false
	}
	*r.slot(r.tail) = *v
	r.commit(1)
	return true
}

// PushAll puts in as many of list as fit, and returns how many: they become
// visible together. Producer only.
func (r *SPSC[T]) PushAll(list []T) int {
	n := min(uint64(len(list)), r.free(uint64(len(list))))
	if n == 0 {
		return 0
	}
	for i := range n {
		*r.slot(r.tail + i) = list[i]
	}
	r.commit(n)
	return int(n)
}

// Pop takes the oldest record into v, or reports that there is none. Consumer
// only.
func (r *SPSC[T]) Pop(v *T) bool {
	if r.ready(1) == 0 {
		return false
	}
	*v = *r.slot(r.head)
	r.release(1)
	return true
}

// PopAll takes records into list until it is full or the ring is empty, and
// returns how many. Consumer only.
func (r *SPSC[T]) PopAll(list []T) int {
	n := min(uint64(len(list)), r.ready(uint64(len(list))))
	if n == 0 {
		return 0
	}
	for i := range n {
		list[i] = *r.slot(r.head + i)
	}
	r.release(n)
	return int(n)
}

// Len returns how many records are in the ring. Anyone may ask; the answer is
// exact when neither side is at work.
func (r *SPSC[T]) Len() int { return r.length() }

// Cap returns how many records fit.
func (r *SPSC[T]) Cap() int { return len(r.slots) }
