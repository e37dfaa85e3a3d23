package flow

// This file lets the table grow without stopping a packet: a larger array is
// put beside the old one, and every change of the table moves a few slots.
// When the larger is full in its turn, the old one is long empty: the larger
// has as many slots to fill as the old one had in all, at migrateSlots of
// them emptied per insertion.

const (
	// migrateSlots is how many slots of the old array one change empties: four
	// cache lines, read in order.
	migrateSlots = 16

	// A table grows when it is more than fullNum/fullDen full. At three
	// quarters a hit looks at 2.5 slots and a miss at 8.5, on average; after
	// growth it is 1.3 and 1.7.
	fullNum, fullDen = 3, 4
)

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
	t.cur = newSlotArray(2 * n)
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
	if t.next == uint64(len(t.old.slots)) {
		t.old, t.next = slotArray{}, 0
	}
}
