// Index words and the positions that both single-producer rings share.

package ring

import (
	"errors"
	"math/bits"
	"sync/atomic"
)

// cacheLine is the unit in which cores take memory from each other.
const cacheLine = 64

var errSlots = errors.New("ring: the number of slots is not a power of two")

// line is one index alone on its cache line.
type line struct {
	at atomic.Uint64
	_  [cacheLine - 8]byte
}

// Indices are the shared words of a record or frame ring: how many were ever
// put in, and how many were ever taken out. They are pointer-free, so that they
// may lie in the same region as the slots. They begin as zero.
type Indices struct {
	tail line // producers write it
	head line // the consumer writes it; an MPSC leaves it alone
}

// ends is a ring of size slots with one producer and one consumer: positions
// only, whatever the slots hold.
//
// Who writes what: the producer tail and its own fields, the consumer head and
// its own fields. Always: head ≤ tail ≤ head + size.
//
// Why the order suffices: a slot is filled before tail is stored, and tail is
// loaded before the slot is read; a slot is read before head is stored, and
// head is loaded before the slot is filled again. Each side keeps the last
// index that it saw of the other: an old value is only too careful, and saves
// taking the other's cache line for every record.
type ends struct {
	index *Indices
	size  uint64
	_     [cacheLine - 16]byte

	// owned by the producer
	tail     uint64
	headSeen uint64
	_        [cacheLine - 16]byte

	// owned by the consumer
	head     uint64
	tailSeen uint64
	_        [cacheLine - 16]byte
}

// newEnds returns the positions for n slots, a power of two. Without index the
// words are made here.
func newEnds(index *Indices, n int) (ends, error) {
	if n <= 0 || bits.OnesCount(uint(n)) != 1 {
		return ends{}, errSlots
	}
	if index == nil {
		index = &Indices{}
	}
	tail, head := index.tail.at.Load(), index.head.at.Load()
	return ends{index: index, size: uint64(n), tail: tail, headSeen: head, head: head, tailSeen: tail}, nil
}

// free returns how many slots the producer may fill; it looks at the consumer
// only if fewer than want are known to be.
func (e *ends) free(want uint64) uint64 {
	if n := e.size - (e.tail - e.headSeen); n >= want {
		return n
	}
	e.headSeen = e.index.head.at.Load()
	return e.size - (e.tail - e.headSeen)
}

// ready returns how many slots the consumer may read; it looks at the producer
// only if fewer than want are known to be.
func (e *ends) ready(want uint64) uint64 {
	if n := e.tailSeen - e.head; n >= want {
		return n
	}
	e.tailSeen = e.index.tail.at.Load()
	return e.tailSeen - e.head
}

// commit makes the next n slots visible to the consumer.
func (e *ends) commit(n uint64) {
	e.tail += n
	e.index.tail.at.Store(e.tail)
}

// release lets the producer fill the first n slots again.
func (e *ends) release(n uint64) {
	e.head += n
	e.index.head.at.Store(e.head)
}

// length returns how many slots are filled, for anyone: of the past when the
// two sides are at work. Head is loaded first, so that it is never negative.
func (e *ends) length() int {
	head := e.index.head.at.Load()
	return int(min(e.index.tail.at.Load()-head, e.size))
}
