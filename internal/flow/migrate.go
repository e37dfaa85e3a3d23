package flow

// This file lets the table grow without stopping a packet: a larger array is
// put beside the old one, and every change of the table moves a few slots.
// When the larger is full in its turn, the old one is long empty: the larger
// has as many slots to fill as the old one had in all, at migrateSlots of
// them emptied per insertion.

import "math/bits"

const (
	// migrateSlots is how many slots of the old array one change empties: four
	// cache lines, read in order.
	migrateSlots = 16

	// Emptied slots are given back by 2 MiB, which may be one page, a smaller array
	// as a whole, and one below 64 KiB not at all.
	releaseSlots  = 2 << 20 / 16
	leastReleased = 64 << 10 / 16

	// A table grows when it is more than fullNum/fullDen full. At three
	// quarters a hit looks at 2.5 slots and a miss at 8.5, on average; after
	// growth it is 1.3 and 1.7.
	fullNum, fullDen = 3, 4
)

// finalSlots is the size of the array that holds max entries.
func finalSlots(max int) int {
	n := startSlots
	for n/fullDen*fullNum < max {
		n *= 2
	}
	return n
}

// Entries returns how many entries a table for at most max connections takes
// over its life: the largest array, and the one before it.
func Entries(max int) int {
	n := finalSlots(max)
	if n == startSlots {
		return n
	}
	return n + n/2
}

// place returns the array of n slots. The largest stands first in the memory,
// the one before it behind, the one before that first again: so two arrays that
// follow each other lie apart, and each begins in memory that is zero, because
// an array that has been emptied is.
//
//	n slots                            n/2 slots
//	|n| n/4 |n/16|                     |n/2| n/8 | ...
func (t *Table) place(n int) slotArray {
	final, first := finalSlots(t.max), 0
	if bits.TrailingZeros(uint(final/n))%2 == 1 {
		first = final
	}
	return slotArray{mask: uint64(n - 1), slots: t.memory[first : first+n : first+n]}
}

func (t *Table) isGrowing() bool { return t.old.slots != nil }

// grow begins to double the table if the next insertion would overfill it.
func (t *Table) grow() {
	n := len(t.cur.slots)
	if t.len < n/fullDen*fullNum {
		return
	}
	for t.isGrowing() { // cannot be: see above; but it would lose entries
		t.migrate()
	}
	t.old, t.next = t.cur, 0
	t.cur = t.place(2 * n)
	if t.use.Prepare != nil {
		t.use.Prepare(t.cur.slots)
	}
}

// Settle moves a few more slots of a table that is growing, so that one that
// stands still at last does not keep two arrays. Once a round is enough.
func (t *Table) Settle() {
	if !t.isGrowing() {
		return
	}
	for range 4 {
		t.migrate()
	}
}

// migrate empties the next few slots of the old array into the new.
func (t *Table) migrate() {
	if !t.isGrowing() {
		return
	}
	end := min(t.next+migrateSlots, uint64(len(t.old.slots)))
	for ; t.next < end; t.next++ {
		// Removing an entry may move another into its slot.
		for e := &t.old.slots[t.next]; e.value != 0; {
			t.cur.put(t.Hash(e.key), *e)
			t.old.remove(t.next, &t.seed)
		}
	}
	if n := uint64(min(len(t.old.slots), releaseSlots)); t.next%n == 0 && n >= leastReleased && t.use.Release != nil {
		t.use.Release(t.old.slots[t.next-n : t.next])
	}
	if t.next == uint64(len(t.old.slots)) {
		t.old, t.next = slotArray{}, 0
	}
}
