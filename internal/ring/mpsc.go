// A ring of records from many producers to one consumer, as commands to a
// shard.
//
// Each slot has a turn word: 2·lap when it may be filled in that lap of the
// ring, 2·lap+1 when it is filled. (Zero memory is thus an empty ring.)
//
//	position  pos = lap·size + i        slot i
//	turn      2·lap  --producer-->  2·lap+1  --consumer-->  2·(lap+1)
//
// Who writes what: producers move tail, by compare-and-swap; who has moved it
// from pos to pos+1 alone writes slot pos, until it stores the turn 2·lap+1;
// from then on the consumer alone does, until it stores 2·(lap+1). The
// consumer's position is its own.
//
// Why the order suffices: the record is stored before the turn that hands it
// over, and copied out before the turn that gives the slot back.
//
// A producer that was interrupted between its compare-and-swap and its store
// hides the records behind it until it goes on; none is lost and none
// overtakes, and neither the consumer nor other producers wait for it: Pop
// finds nothing, and Push goes on until the ring is full. Because each producer
// rings the doorbell after its own Push, the consumer is woken by the one that
// completes the row. (A producer that dies there would hide them for ever: so
// each process that is trusted to die alone needs a ring of its own.)

package ring

import (
	"math/bits"
	"sync/atomic"
)

// Slot is a record and its turn word. A T of 60 octets, or of 56 if its
// alignment is 8, fills a cache line.
type Slot[T any] struct {
	turn  atomic.Uint32
	value T
}

// MPSC passes records of type T. Any goroutine may push; one at a time may be
// the consumer.
type MPSC[T any] struct {
	index *Indices
	slots []Slot[T]
	shift uint8 // lap = position >> shift
	_     [cacheLine - 40]byte

	// owned by the consumer
	head uint64
	_    [cacheLine - 8]byte
}

// NewMPSC returns a ring over slots, whose number is a power of two. Slots and
// index must be zero. If slots lie in off-heap memory, T must be free of
// pointers and index should lie there too; index may be nil otherwise.
func NewMPSC[T any](index *Indices, slots []Slot[T]) (*MPSC[T], error) {
	n := len(slots)
	if n == 0 || bits.OnesCount(uint(n)) != 1 {
		return nil, errSlots
	}
	if index == nil {
		index = &Indices{}
	}
	return &MPSC[T]{index: index, slots: slots, shift: uint8(bits.TrailingZeros(uint(n)))}, nil
}

// at returns the slot of a position, and the turn at which it may be filled.
// Turns wrap; they are only compared with turns of about the same time.
func (r *MPSC[T]) at(position uint64) (*Slot[T], uint32) {
	return &r.slots[position&uint64(len(r.slots)-1)], uint32(position>>(r.shift&63)) * 2
}

// Push puts a copy of v in, or reports that the ring is full.
func (r *MPSC[T]) Push(v *T) bool {
	for {
		position := r.index.tail.at.Load()
		slot, turn := r.at(position)
		switch ahead := int32(slot.turn.Load() - turn); {
		case ahead < 0:
			return false // not emptied since the lap before
		case ahead > 0:
			continue // another producer has been here
		}
		if r.index.tail.at.CompareAndSwap(position, position+1) {
			slot.value = *v
			slot.turn.Store(turn + 1)
			return true
		}
	}
}

// Pop takes the oldest record into v, or reports that there is none. Consumer
// only.
func (r *MPSC[T]) Pop(v *T) bool {
	slot, turn := r.at(r.head)
	if slot.turn.Load() != turn+1 {
		return false
	}
	*v = slot.value
	slot.turn.Store(turn + 2)
	r.head++
	return true
}

// Empty reports whether Pop would find nothing. Consumer only.
func (r *MPSC[T]) Empty() bool {
	slot, turn := r.at(r.head)
	return slot.turn.Load() != turn+1
}

// Len returns how many records are in the ring, those that a producer is just
// putting in included. Consumer only.
func (r *MPSC[T]) Len() int { return int(r.index.tail.at.Load() - r.head) }

// Cap returns how many records fit.
func (r *MPSC[T]) Cap() int { return len(r.slots) }
