package flow

import "github.com/mtcp-go/mtcp/internal/cacheline"

// This file holds the connection table: open addressing with linear probing.
// Four entries share a cache line, so that most lookups touch one. Deleting
// shifts later entries back over the hole; there are no tombstones, and the
// table's speed depends only on how full it is.

// startSlots is the size of a new table: a page of entries at most.
const startSlots = 64

// An Entry is one connection. A value of 0 means that the slot is free.
type Entry struct {
	key   Key4
	value uint32
}

// slotArray is a power of two of slots. The invariant of linear probing: no
// free slot stands between an entry's home and the entry.
type slotArray struct {
	mask  uint64
	slots []Entry
}

// A Table maps connections to numbers. It has one owner.
type Table struct {
	seed   [2]uint64
	cur    slotArray
	old    slotArray // while growing: the smaller array that is being emptied
	next   uint64    // slots of old before this one are free
	len    int
	max    int
	memory []Entry // of the arrays: see place

	use Use
}

// Use is what a Table tells of its memory. Either may be nil.
type Use struct {
	Prepare func([]Entry) // it will soon touch all of these
	Release func([]Entry) // it has emptied these, and they are zero; so they must be when they are looked at again
}

// NewTable returns an empty table for at most max connections. The seed is
// the secret that keeps peers from choosing collisions.
func NewTable(max int, seed [2]uint64) *Table {
	return TableOver(make([]Entry, Entries(max)), max, seed, Use{})
}

// TableOver is NewTable over memory of the caller's: Entries zero entries, of
// which no more are touched than the table has ever needed.
func TableOver(memory []Entry, max int, seed [2]uint64, use Use) *Table {
	if max < 1 || max > 1<<31 || len(memory) != Entries(max) {
		panic("flow: impossible table size")
	}
	t := cacheline.New[Table]()
	*t = Table{seed: seed, max: max, memory: memory, use: use}
	t.cur = t.place(startSlots)
	return t
}

// Hash returns the hash of k under this table's seed, for Find.
func (t *Table) Hash(k Key4) uint64 { return hash4(&t.seed, k) }

// Lookup returns the value of k.
func (t *Table) Lookup(k Key4) (uint32, bool) { return t.Find(k, t.Hash(k)) }

// Find is Lookup with the hash of k at hand.
func (t *Table) Find(k Key4, hash uint64) (uint32, bool) {
	if e := t.find(k, hash); e != nil {
		return e.value, true
	}
	return 0, false
}

// Insert adds k, and reports whether it could: not if k is there already, and
// not if the table holds its maximum. The value must not be 0.
func (t *Table) Insert(k Key4, value uint32) bool {
	if value == 0 {
		panic("flow: the value 0 marks a free slot")
	}
	t.migrate()
	hash := t.Hash(k)
	if t.len >= t.max || t.find(k, hash) != nil {
		return false
	}
	t.grow()
	t.cur.put(hash, Entry{key: k, value: value})
	t.len++
	return true
}

// Update changes the value of k, and reports whether k is there.
func (t *Table) Update(k Key4, value uint32) bool {
	if value == 0 {
		panic("flow: the value 0 marks a free slot")
	}
	e := t.find(k, t.Hash(k))
	if e == nil {
		return false
	}
	e.value = value
	return true
}

// Delete removes k, and reports whether it was there.
func (t *Table) Delete(k Key4) bool {
	t.migrate()
	hash := t.Hash(k)
	a := &t.cur
	i, ok := a.index(k, hash)
	if !ok && t.isGrowing() {
		a = &t.old
		i, ok = a.index(k, hash)
	}
	if !ok {
		return false
	}
	a.remove(i, &t.seed)
	t.len--
	return true
}

// Len returns the number of connections in the table.
func (t *Table) Len() int { return t.len }

// Slots returns how many entries the table has memory for now.
func (t *Table) Slots() int {
	n := len(t.cur.slots)
	if t.isGrowing() {
		n += len(t.old.slots) - int(t.next) // at most the old array's
	}
	return n
}

// All calls yield for each connection, in no order, until it says false. The
// table must not change meanwhile.
func (t *Table) All(yield func(Key4, uint32) bool) {
	for _, a := range [2]*slotArray{&t.cur, &t.old} {
		for i := range a.slots {
			if e := &a.slots[i]; e.value != 0 && !yield(e.key, e.value) {
				return
			}
		}
	}
}

// find returns the entry of k, or nil. While the table grows, an entry whose
// home in the old array has been emptied cannot be there any more (a free slot
// would stand before it), so about one array is searched in either case.
func (t *Table) find(k Key4, hash uint64) *Entry {
	if t.isGrowing() && hash&t.old.mask >= t.next {
		if i, ok := t.old.index(k, hash); ok {
			return &t.old.slots[i]
		}
	}
	if i, ok := t.cur.index(k, hash); ok {
		return &t.cur.slots[i]
	}
	return nil
}

// index returns the slot of k, or the free slot at which the search ended.
func (a *slotArray) index(k Key4, hash uint64) (uint64, bool) {
	for i := hash & a.mask; ; i = (i + 1) & a.mask {
		e := &a.slots[i]
		if e.value == 0 {
			return i, false
		}
		if e.key == k {
			return i, true
		}
	}
}

// put adds an entry that is not there, in the first free slot from its home.
func (a *slotArray) put(hash uint64, e Entry) {
	i := hash & a.mask
	for a.slots[i].value != 0 {
		i = (i + 1) & a.mask
	}
	a.slots[i] = e
}

// remove frees slot i and closes the gap: an entry further on moves into the
// hole if its home is not between the two.
//
//	home ≤ hole < j  (on the circle): slot j moves to the hole, and is the hole
//	hole < home ≤ j                 : slot j stays
func (a *slotArray) remove(hole uint64, seed *[2]uint64) {
	for j := (hole + 1) & a.mask; a.slots[j].value != 0; j = (j + 1) & a.mask {
		home := hash4(seed, a.slots[j].key) & a.mask
		if (j-home)&a.mask >= (j-hole)&a.mask {
			a.slots[hole] = a.slots[j]
			hole = j
		}
	}
	a.slots[hole] = Entry{}
}
