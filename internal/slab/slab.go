// Fixed slots: a stack of those that came back, behind it a high-water mark, and
// a generation per slot.
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
// the slot in the high half, which is odd. Zero is no handle.
type Handle uint64

// Index returns the slot that h names, or once named.
func (h Handle) Index() Index { return Index(h) } // the low half, on purpose

// Generation returns which use of the slot h names. It wraps after 2³¹ uses.
func (h Handle) Generation() uint32 { return uint32(h >> 32) }

// Slot is what the slab knows of an item: how often it has been taken and given
// back, so that it is odd while in use. It stands beside the items, so that what is
// free drags no cold items into the cache.
type Slot uint32

// Slots returns how many of them n items need: one each, and as many for the stack,
// of which no more are touched than items were free at a time.
func Slots(n int) int { return 2 * n }

// maxItems is the most that indices can name.
const maxItems = 1<<32 - 1

// Slab keeps account of which items are in use.
type Slab[T any] struct {
	items []T
	slots []Slot
	free  []Slot // indices of those that came back: a stack, or with fifo a ring
	count int    // of them
	first int    // with fifo: the place of the one that came back first
	high  Index  // the highest slot that was ever given out
	live  int
	fifo  bool
}

// New returns a slab over items, which stay the caller's memory. Item 0 is
// never given out, so that arrays beside it can use the same indices.
func New[T any](items []T) *Slab[T] { return Over(items, make([]Slot, Slots(len(items)))) }

// Over is New with the slots, all zero, in memory of the caller's too.
func Over[T any](items []T, slots []Slot) *Slab[T] {
	n := len(items)
	if n > maxItems || len(slots) != Slots(n) {
		panic("slab: more items than indices, or not the slots for them")
	}
	s := cacheline.New[Slab[T]]()
	*s = Slab[T]{items: items, slots: slots[:n:n], free: slots[n:]}
	return s
}

// FIFO has the slab give out first what was never used, then what came back
// first, so that it goes round in all of its memory: what benchmarks compare with.
func (s *Slab[T]) FIFO() { s.fifo = true }

// Get takes a slot. Its item holds whatever it held before.
func (s *Slab[T]) Get() (Index, bool) {
	i := s.high + 1
	fresh := int(i) < len(s.slots)
	switch {
	case s.count > 0 && !s.fifo:
		s.count--
		i = Index(s.free[s.count])
	case fresh:
		s.high = i
	case s.count > 0:
		i = Index(s.free[s.first])
		s.count--
		s.first = (s.first + 1) % len(s.free)
	default:
		return 0, false
	}
	s.slots[i]++
	s.live++
	return i, true
}

// Put gives slot i back and makes its handles stale. It panics if the slot is
// not in use: somebody would then share it.
func (s *Slab[T]) Put(i Index) {
	if !s.InUse(i) {
		panic("slab: a slot was given back twice")
	}
	s.slots[i]++
	s.live--
	last := s.count
	if s.fifo {
		last = (s.first + last) % len(s.free)
	}
	s.free[last] = Slot(i)
	s.count++
}

// At returns the item of slot i, which the caller knows to be in use.
func (s *Slab[T]) At(i Index) *T { return &s.items[i] }

// InUse reports whether slot i is taken. Any index may be asked for.
func (s *Slab[T]) InUse(i Index) bool {
	return int(i) < len(s.slots) && s.slots[i]&1 != 0
}

// Handle returns the name of the present use of slot i, or zero if it has none.
func (s *Slab[T]) Handle(i Index) Handle {
	if !s.InUse(i) {
		return 0
	}
	return Handle(s.slots[i])<<32 | Handle(i)
}

// Lookup returns the slot of h if that use of it still lasts. Any h may be
// asked for.
func (s *Slab[T]) Lookup(h Handle) (Index, bool) {
	i := h.Index()
	if s.InUse(i) && uint32(s.slots[i]) == h.Generation() {
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
