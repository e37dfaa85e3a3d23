package flow

// This file lets the table grow without stopping a packet: a larger array is
// put beside the old one, and every change of the table moves a few slots.
// When the larger is full in its turn, the old one is long empty: the larger
// has a quarter as many slots to fill as the old one had in all, at migrateSlots
// of them emptied per insertion.

const (
	// startSlots is the size of a new table.
	startSlots = 64

	// migrateSlots is how many slots of the old array one change empties: two
	// cache lines, read in order.
	migrateSlots = 16

	// Emptied slots are given back by 2 MiB, which may be one page, a smaller array
	// as a whole, and one below 64 KiB not at all.
	releaseSlots  = 2 << 20 / 8
	leastReleased = 64 << 10 / 8

	// A table grows when it is more than fullNum/fullDen full. At four fifths a
	// hit looks at 3 slots and a miss at 13, on average; after growth it is 1.6
	// or 1.8, and 2.8 or 3.6.
	fullNum, fullDen = 4, 5
)

// sizeAt returns how many slots a table has that has grown so often: half as many
// again, then a third, so that it has doubled after two.
func sizeAt(step int) int { return startSlots << (step / 2) * (2 + step%2) / 2 }

// filled returns how many entries n slots take.
func filled(n int) int { return n / fullDen * fullNum }

// lastStep returns how often a table grows until it holds max entries.
func lastStep(max int) int {
	step := 0
	for filled(sizeAt(step)) < max {
		step++
	}
	return step
}

// Entries returns how many entries a table for at most max connections takes
// over its life: the largest array, and the one before it.
func Entries(max int) int {
	last := lastStep(max)
	if last == 0 {
		return sizeAt(0)
	}
	return sizeAt(last) + sizeAt(last-1)
}

// place returns the array after so many steps of growth. The largest stands first
// in the memory, the one before it behind, the one before that first again: so
// two arrays that follow each other lie apart, and each begins in memory that is
// zero, because an array that has been emptied is.
//
//	last                                last-1
//	|last-4|last-2|                     |last-3|  | ...
func (t *Table) place(step int) slotArray {
	last, first := lastStep(t.max), 0
	if (last-step)%2 == 1 {
		first = sizeAt(last)
	}
	end := first + sizeAt(step)
	return t.memory[first:end:end]
}

func (t *Table) isGrowing() bool { return t.old != nil }

// grow begins to enlarge the table if the next insertion would overfill it.
func (t *Table) grow() {
	if t.len < filled(len(t.cur)) {
		return
	}
	for t.isGrowing() { // cannot be: see above; but it would lose entries
		t.migrate()
	}
	t.step++
	t.old, t.next = t.cur, 0
	t.cur = t.place(t.step)
	if t.use.Prepare != nil {
		t.use.Prepare(t.cur)
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
	for range min(migrateSlots, len(t.old)-t.next) {
		// Removing an entry may move another into its slot.
		for e := &t.old[t.next]; e.value != 0; {
			t.cur.put(*e)
			t.old.remove(t.next)
		}
		t.next++
	}
	ends := t.next == len(t.old)
	if t.use.Release != nil && (ends || t.next%releaseSlots == 0) {
		if first := (t.next - 1) / releaseSlots * releaseSlots; t.next-first >= leastReleased {
			t.use.Release(t.old[first:t.next])
		}
	}
	if ends {
		t.old, t.next = nil, 0
	}
}
