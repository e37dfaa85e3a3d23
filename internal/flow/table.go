package flow

import "github.com/mtcp-go/mtcp/internal/cacheline"

// This file holds the connection table: open addressing with linear probing.
// An entry has no more of the connection's name than a hash; whoever owns the
// number knows the rest, and is about to be looked at anyway. So eight entries
// share a cache line, most look-ups touch one, and a table need not know its
// connections to grow. Deleting shifts later entries back over the hole; there
// are no tombstones, and the table's speed depends only on how full it is.

// An Entry is one connection. A value of 0 means that the slot is free.
type Entry struct {
	hash  uint32
	value uint32
}

// Keys are the names of what a Table has numbers of.
type Keys interface {
	// Key returns the connection that a value in the table stands for.
	Key(value uint32) Key4
}

// slotArray is a ring of slots. Entries stand in the order of their homes, and
// the invariant of linear probing holds: no free slot stands between an entry's
// home and the entry.
type slotArray []Entry

// A Table maps connections to numbers. It has one owner.
type Table struct {
	seed   [2]uint64
	cur    slotArray
	old    slotArray // while growing: the smaller array that is being emptied
	next   int       // slots of old before this one are free
	len    int
	max    int
	step   int     // how often it has grown
	memory []Entry // of the arrays: see place

	keys Keys
	use  Use
}

// Use is what a Table tells of its memory. Either may be nil.
type Use struct {
	Prepare func([]Entry) // it will soon touch all of these
	Release func([]Entry) // it has emptied these, and they are zero; so they must be when they are looked at again
}

// NewTable returns an empty table for at most max connections. The seed is
// the secret that keeps peers from choosing collisions.
func NewTable(max int, seed [2]uint64, keys Keys) *Table {
	return TableOver(make([]Entry, Entries(max)), max, seed, keys, Use{})
}

// TableOver is NewTable over memory of the caller's: Entries zero entries, of
// which no more are touched than the table has ever needed.
func TableOver(memory []Entry, max int, seed [2]uint64, keys Keys, use Use) *Table {
	if max < 1 || max > 1<<30 || len(memory) != Entries(max) {
		panic("flow: impossible table size")
	}
	t := cacheline.New[Table]()
	*t = Table{seed: seed, max: max, memory: memory, keys: keys, use: use}
	t.cur = t.place(0)
	return t
}

// Hash returns the hash of k under this table's seed, for Find and Guess.
func (t *Table) Hash(k Key4) uint32 { return uint32(hash4(&t.seed, k)) }

// Guess returns a value whose key has the hash, 0 if there is none. It is nearly
// always the one that Find returns, and no key is looked at.
func (t *Table) Guess(hash uint32) uint32 {
	if t.isGrowing() && t.old.home(hash) >= t.next {
		if v := t.old.guess(hash); v != 0 {
			return v
		}
	}
	return t.cur.guess(hash)
}

// Lookup returns the value of k.
func (t *Table) Lookup(k Key4) (uint32, bool) { return t.Find(k, t.Hash(k)) }

// Find is Lookup with the hash of k at hand. While the table grows, an entry
// whose home in the old array has been emptied cannot be there any more (a free
// slot would stand before it), so about one array is searched in either case.
func (t *Table) Find(k Key4, hash uint32) (uint32, bool) {
	if t.isGrowing() && t.old.home(hash) >= t.next {
		if v := t.find(t.old, k, hash); v != 0 {
			return v, true
		}
	}
	v := t.find(t.cur, k, hash)
	return v, v != 0
}

// Insert adds k, and reports whether it could: not if k is there already, and
// not if the table holds its maximum. The value must not be 0.
func (t *Table) Insert(k Key4, value uint32) bool {
	if value == 0 {
		panic("flow: the value 0 marks a free slot")
	}
	t.migrate()
	hash := t.Hash(k)
	if _, there := t.Find(k, hash); there || t.len >= t.max {
		return false
	}
	t.grow()
	t.cur.put(Entry{hash, value})
	t.len++
	return true
}

// Replace gives k, which has the value old, another one, and reports whether it
// had that.
func (t *Table) Replace(k Key4, old, value uint32) bool {
	if value == 0 {
		panic("flow: the value 0 marks a free slot")
	}
	a, i := t.locate(Entry{t.Hash(k), old})
	if i < 0 {
		return false
	}
	a[i].value = value
	return true
}

// Delete removes k, which has the value, and reports whether it had that.
func (t *Table) Delete(k Key4, value uint32) bool {
	t.migrate()
	a, i := t.locate(Entry{t.Hash(k), value})
	if i < 0 {
		return false
	}
	a.remove(i)
	t.len--
	return true
}

// Len returns the number of connections in the table.
func (t *Table) Len() int { return t.len }

// Slots returns how many entries the table has memory for now.
func (t *Table) Slots() int { return len(t.cur) + len(t.old) - t.next }

// find returns the value of k in one array, or 0.
func (t *Table) find(a slotArray, k Key4, hash uint32) uint32 {
	for i := a.home(hash); ; i = a.after(i) {
		switch e := &a[i]; {
		case e.value == 0:
			return 0
		case e.hash == hash && t.keys.Key(e.value) == k:
			return e.value
		}
	}
}

// locate returns where exactly e stands, -1 if it does not.
func (t *Table) locate(e Entry) (slotArray, int) {
	if e.value == 0 {
		return nil, -1
	}
	if t.isGrowing() && t.old.home(e.hash) >= t.next {
		if i := t.old.index(e); i >= 0 {
			return t.old, i
		}
	}
	return t.cur, t.cur.index(e)
}

// home returns the slot at which the search for a hash begins. A larger hash has
// no smaller one.
func (a slotArray) home(hash uint32) int { return int(uint64(hash) * uint64(len(a)) >> 32) }

// after returns the next slot of the ring.
func (a slotArray) after(i int) int {
	if i++; i < len(a) {
		return i
	}
	return 0
}

// distance returns how many slots after the slot from another one is.
func (a slotArray) distance(from, to int) int {
	if to < from {
		to += len(a)
	}
	return to - from
}

func (a slotArray) guess(hash uint32) uint32 {
	for i := a.home(hash); ; i = a.after(i) {
		if e := &a[i]; e.hash == hash || e.value == 0 {
			return e.value
		}
	}
}

// index returns the slot of e, or -1.
func (a slotArray) index(e Entry) int {
	for i := a.home(e.hash); a[i].value != 0; i = a.after(i) {
		if a[i] == e {
			return i
		}
	}
	return -1
}

// put adds an entry that is not there, in the first free slot from its home.
func (a slotArray) put(e Entry) {
	i := a.home(e.hash)
	for a[i].value != 0 {
		i = a.after(i)
	}
	a[i] = e
}

// remove frees slot i and closes the gap: an entry further on moves into the
// hole if its home is not between the two.
//
//	home ≤ hole < j  (on the circle): slot j moves to the hole, and is the hole
//	hole < home ≤ j                 : slot j stays
func (a slotArray) remove(hole int) {
	for j := a.after(hole); a[j].value != 0; j = a.after(j) {
		if a.distance(a.home(a[j].hash), j) >= a.distance(hole, j) {
			a[hole] = a[j]
			hole = j
		}
	}
	a[hole] = Entry{}
}
