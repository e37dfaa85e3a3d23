// Fixed slots: a free list in last-in first-out order, behind it a high-water
// mark, and a generation per slot.
//
//	items   0 | 1 2 3 4 5 6 | 7 8 9 ...
//	        ^   used before ^ high: from here on never touched
//	        never given out
//
// What came back last is still in the cache, so it goes out first. Slots above
// the mark go out only when none came back, so that memory is touched as the
// live count grows and not as it turns over.

package slab

import "github.com/mtcp-go/mtcp/internal/cacheline"

// Index is the place of a slot in its array. Zero is no slot.
type Index uint32

// Handle names one use of a slot: the index in the low half, the generation of
// the slot in the high half. Zero is no handle.
type Handle uint64

// Index returns the slot that h names, or once named.
func (h Handle) Index() Index { return Index(h) } // the low half, on purpose

// Generation returns which use of the slot h names. It wraps after 2³² uses.
func (h Handle) Generation() uint32 { return uint32(h >> 32) }

// taken stands in slot.next while the slot is in use.
const taken = ^Index(0)

// Slot is what the slab knows of an item. It stands beside the items, so that
// the free list does not drag cold items into the cache.
type Slot struct {
	generation uint32 // how often the slot has been given back
	next       Index  // next free slot, or taken
}

// Slab keeps account of which items are in use.
type Slab[T any] struct {
	items []T
	slots []Slot
	free  Index // the slot that came back last, or first: it goes out next
	last  Index // with fifo: the slot that came back last
	high  Index // the highest slot that was ever given out
	live  int
	fifo  bool
}

// New returns a slab over items, which stay the caller's memory. Item 0 is
// never given out, so that arrays beside it can use the same indices.
func New[T any](items []T) *Slab[T] { return Over(items, make([]Slot, len(items))) }

// Over is New with the slots, a zero one for each item, in memory of the
// caller's too.
func Over[T any](items []T, slots []Slot) *Slab[T] {
	if uint64(len(items)) > uint64(taken) || len(slots) != len(items) {
		panic("slab: more items than indices, or not a slot for each")
	}
	s := cacheline.New[Slab[T]]()
	*s = Slab[T]{items: items, slots: slots}
	return s
}

// FIFO has the slab give out first what was never used, then what came back
// first, so that it goes round in all of its memory: what benchmarks compare with.
func (s *Slab[T]) FIFO() { s.fifo = true }

// Get takes a slot. Its item holds whatever it held before.
func (s *Slab[T]) Get() (Index, bool) {
	i := s.free
	if i != 0 && !(s.fifo && int(s.high+1) < len(s.slots)) {
		s.free = s.slots[i].next
	} else if i = s.high + 1; int(i) < len(s.slots) {
		s.high = i
	} else {
		return 0, false
	}
	s.slots[i].next = taken
	s.live++
	return i, true
}

// Put gives slot i back and makes its handles stale. It panics if the slot is
// not in use: somebody would then share it.
func (s *Slab[T]) Put(i Index) {
	if !s.InUse(i) {
		panic("slab: a slot was given back twice")
	}
	slot := &s.slots[i]
	slot.generation++
	s.live--
	if s.fifo {
		s.append(i)
		return
	}
	slot.next = s.free
	s.free = i
}

// append puts slot i last.
func (s *Slab[T]) append(i Index) {
	s.slots[i].next = 0
	if s.free == 0 {
		s.free = i
	} else {
		s.slots[s.last].next = i
	}
	s.last = i
}

// At returns the item of slot i, which the caller knows to be in use.
func (s *Slab[T]) At(i Index) *T { return &s.items[i] }

// InUse reports whether slot i is taken. Any index may be asked for.
func (s *Slab[T]) InUse(i Index) bool {
	return int(i) < len(s.slots) && s.slots[i].next == taken
}

// Handle returns the name of the present use of slot i, or zero if it has none.
func (s *Slab[T]) Handle(i Index) Handle {
	if !s.InUse(i) {
		return 0
	}
	return Handle(s.slots[i].generation)<<32 | Handle(i)
}

// Lookup returns the slot of h if that use of it still lasts. Any h may be
// asked for.
func (s *Slab[T]) Lookup(h Handle) (Index, bool) {
	i := h.Index()
	if s.InUse(i) && s.slots[i].generation == h.Generation() {
		return i, true
	}
	return 0, false
}

// Len returns how many slots are in use.
func (s *Slab[T]) Len() int { return s.live }

// Cap returns how many slots can be in use.
func (s *Slab[T]) Cap() int { return max(len(s.items)-1, 0) }

// High returns an index that no slot in use exceeds, for walking over them.
func (s *Slab[T]) High() Index { return s.high }
