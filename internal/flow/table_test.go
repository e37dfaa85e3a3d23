package flow

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"unsafe"
)

var testSeed = [2]uint64{0x243f6a8885a308d3, 0x13198a2e03707344}

// numbered are keys whose value says which: that of key(i) is i+1.
type numbered struct{}

func (numbered) Key(value uint32) Key4 { return key(value - 1) }

// key makes distinct connections that look like one server's.
func key(i uint32) Key4 {
	return Key4{LocalIP: 0x0a000001, LocalPort: 80, RemoteIP: 0x0a000100 + i>>14, RemotePort: uint16(32768 + i&0x3fff)}
}

func TestEntry_EightToACacheLine(t *testing.T) {
	if n := unsafe.Sizeof(Entry{}); n != 8 {
		t.Errorf("an entry has %d octets, want 8", n)
	}
	if n := unsafe.Sizeof(Key4{}); n != 12 {
		t.Errorf("a key has %d octets, want 12", n)
	}
	tab := NewTable(1<<15, testSeed, numbered{})
	for step := range lastStep(1<<15) + 1 {
		a := tab.place(step)
		if uintptr(unsafe.Pointer(&a[0]))%64 != 0 || len(a) != sizeAt(step) {
			t.Errorf("%d slots, of %d, do not begin on a cache line", len(a), sizeAt(step))
		}
	}
}

func TestInsert_RefusesASecondAndTheOneBeyondTheMaximum(t *testing.T) {
	tab := NewTable(3, testSeed, numbered{})
	for i := range uint32(3) {
		if !tab.Insert(key(i), i+1) {
			t.Fatalf("insertion %d of 3 failed", i)
		}
		if tab.Insert(key(i), 9) {
			t.Errorf("key %d went in twice", i)
		}
	}
	if tab.Insert(key(3), 4) {
		t.Error("a fourth connection went into a table for three")
	}
	if v, ok := tab.Lookup(key(1)); v != 2 || !ok {
		t.Errorf("Lookup = %d, %v, want 2: a refused insertion changes nothing", v, ok)
	}
	if tab.Delete(key(0), 2) || tab.Len() != 3 {
		t.Error("Delete took a connection that has another value")
	}
	if !tab.Delete(key(0), 1) || !tab.Insert(key(3), 4) {
		t.Error("a deleted connection must make room")
	}
}

func TestInsert_ValueZeroIsRefusedLoudly(t *testing.T) {
	for _, f := range []func(*Table){
		func(tab *Table) { tab.Insert(key(1), 0) },
		func(tab *Table) { tab.Insert(key(1), 2); tab.Replace(key(1), 2, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the value 0, which marks free slots, was taken")
				}
			}()
			f(NewTable(3, testSeed, numbered{}))
		}()
	}
}

// checkInvariant looks for an entry that a search could not reach, and for
// entries in the part of the old array that has been emptied.
func checkInvariant(t *testing.T, tab *Table) {
	t.Helper()
	n := 0
	for which, a := range []slotArray{tab.cur, tab.old} {
		for i, e := range a {
			if e.value == 0 {
				continue
			}
			n++
			k := tab.keys.Key(e.value)
			if j := a.index(e); j != i || e.hash != tab.Hash(k) {
				t.Fatalf("slot %d of %d: entry cannot be reached, or stands twice", i, len(a))
			}
			if v, ok := tab.Lookup(k); !ok || v != e.value {
				t.Fatalf("slot %d of %d: Lookup = %d, %v, want %d", i, len(a), v, ok, e.value)
			}
			if which == 1 && i < tab.next {
				t.Fatalf("slot %d of the old array was emptied and is not", i)
			}
		}
	}
	if n != tab.Len() {
		t.Fatalf("%d entries, Len %d", n, tab.Len())
	}
}

// named are keys by value.
type named map[uint32]Key4

func (n named) Key(value uint32) Key4 { return n[value] }

// TestModel_RandomOperationsAgreeWithAMap has phases that fill and phases that
// drain, so that deletions meet every stage of growth.
func TestModel_RandomOperationsAgreeWithAMap(t *testing.T) {
	grew := 0
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		const limit = 1500
		names := named{}
		tab := NewTable(limit, [2]uint64{r.Uint64(), r.Uint64()}, names)
		model := map[Key4]uint32{}
		for op := range 12000 {
			k := key(r.Uint32N(3000))
			v := uint32(1 + op)
			names[v] = k
			have := model[k]
			insertBias := []int{8, 2, 5}[op/1500%3]
			switch c := r.IntN(12); {
			case c < insertBias:
				want := have == 0 && len(model) < limit
				if tab.Insert(k, v) != want {
					t.Fatalf("seed %d: Insert %v, want %v", seed, !want, want)
				}
				if want {
					model[k] = v
				}
			case c < 10:
				if tab.Delete(k, have) != (have != 0) {
					t.Fatalf("seed %d: Delete %v, want %v", seed, have == 0, have != 0)
				}
				delete(model, k)
			default:
				if tab.Replace(k, have, v) != (have != 0) {
					t.Fatalf("seed %d: Replace %v, want %v", seed, have == 0, have != 0)
				}
				if have != 0 {
					model[k] = v
				}
			}
			if tab.isGrowing() {
				grew++
			}
			got, ok := tab.Lookup(k)
			if ok != (model[k] != 0) || got != model[k] {
				t.Fatalf("seed %d: Lookup = %d, %v, want %d", seed, got, ok, model[k])
			}
			if guess := tab.Guess(tab.Hash(k)); guess != 0 && tab.Hash(names[guess]) != tab.Hash(k) || guess == 0 && ok {
				t.Fatalf("seed %d: Guess = %d, and %d is there", seed, guess, got)
			}
			if op%97 == 0 || (tab.isGrowing() && op%5 == 0) {
				checkInvariant(t, tab)
			}
		}
	}
	if grew < 1000 {
		t.Errorf("only %d operations met a growing table", grew)
	}
}

// TestFind_TellsConnectionsOfOneHashApart plants a second connection under the
// hash of the first, as one in four thousand millions has it.
func TestFind_TellsConnectionsOfOneHashApart(t *testing.T) {
	for _, growing := range []bool{false, true} {
		tab := NewTable(1000, testSeed, numbered{})
		tab.Insert(key(0), 1)
		hash := tab.Hash(key(0))
		tab.cur.put(Entry{hash, 2})
		tab.len++
		if growing {
			tab.step++
			tab.old, tab.next, tab.cur = tab.cur, 0, tab.place(tab.step)
		}
		for i := range uint32(2) {
			if v, ok := tab.Find(key(i), hash); !ok || v != i+1 {
				t.Errorf("Find of key %d = %d, %v", i, v, ok)
			}
		}
		if v, ok := tab.Find(key(2), hash); ok {
			t.Errorf("Find of a third = %d", v)
		}
		if g := tab.Guess(hash); g != 1 {
			t.Errorf("Guess = %d, want the first", g)
		}
		if !tab.Replace(key(0), 2, 9) || !tab.Delete(key(0), 9) || tab.Guess(hash) != 1 {
			t.Error("Replace and Delete must take the one that has the value")
		}
	}
}

// TestRemove_WorksAcrossTheEndOfTheArray fills a small array so much that its
// runs wrap, and empties it in every rotation.
func TestRemove_WorksAcrossTheEndOfTheArray(t *testing.T) {
	for first := range uint32(60) {
		tab := NewTable(1, testSeed, numbered{})
		a := tab.cur
		for i := range uint32(60) {
			a.put(Entry{tab.Hash(key(i)), i + 1})
		}
		for n := range uint32(60) {
			i := (first + n) % 60
			at := a.index(Entry{tab.Hash(key(i)), i + 1})
			if at < 0 {
				t.Fatalf("first %d: key %d is lost", first, i)
			}
			a.remove(at)
		}
		for i := range a {
			if a[i] != (Entry{}) {
				t.Fatalf("first %d: slot %d is not empty", first, i)
			}
		}
	}
}

func TestGrow_StaysWithinTheNeedOfTheMaximum(t *testing.T) {
	const limit = 100_000
	tab := NewTable(limit, testSeed, numbered{})
	slots, before, since := startSlots, 0, 0
	for i := uint32(0); tab.Insert(key(i), i+1); i++ {
		if since++; len(tab.cur) != slots {
			slots, before, since = len(tab.cur), slots, 0
		}
		if emptied := since * migrateSlots; tab.isGrowing() && emptied > before+migrateSlots {
			t.Fatalf("%d insertions after growth to %d slots the old array is still there", since, slots)
		}
		if tab.isGrowing() && since > (filled(slots)-filled(before))/2 {
			t.Fatalf("%d slots: the old array lasts until there is no room for more", slots)
		}
		if full := float64(tab.Len()) / float64(tab.Slots()); before > 0 && !tab.isGrowing() && full < 0.5 {
			t.Fatalf("%d slots are %.2f full", slots, full)
		}
	}
	if tab.Len() != limit {
		t.Errorf("Len = %d, want %d", tab.Len(), limit)
	}
	if n := len(tab.cur); n != 131072 {
		t.Errorf("%d slots for %d entries", n, limit)
	}
	checkInvariant(t, tab)
}

func TestGrow_EndsWithoutInsertions(t *testing.T) {
	tab := NewTable(10_000, testSeed, numbered{})
	i := uint32(0)
	for ; len(tab.cur) < 1<<13; i++ {
		tab.Insert(key(i), i+1)
	}
	for n := 0; tab.isGrowing(); n++ {
		if n == 3<<11/(4*migrateSlots) {
			t.Fatalf("still growing after %d calls", n)
		}
		tab.Settle()
	}
	tab.Settle()
	checkInvariant(t, tab)
	for j := range i {
		if v, ok := tab.Lookup(key(j)); !ok || v != j+1 {
			t.Fatalf("entry %d is lost: %d, %v", j, v, ok)
		}
	}
}

// TestGrow_EachArrayBeginsEmpty: arrays share memory with those before the one
// that is being emptied.
func TestGrow_EachArrayBeginsEmpty(t *testing.T) {
	const limit = 400_000 // the array before the last is released in two pieces
	released, prepared := 0, []int(nil)
	tab := TableOver(make([]Entry, Entries(limit)), limit, testSeed, numbered{}, Use{Release: func(gone []Entry) {
		for i := range gone {
			if gone[i] != (Entry{}) {
				t.Fatalf("entry %d of those that are released is in use", i)
			}
		}
		released += len(gone)
	}, Prepare: func(next []Entry) { prepared = append(prepared, len(next)) }})
	if n := len(tab.memory); n != Entries(limit) || n > 3*limit {
		t.Errorf("memory of %d entries for %d connections", n, limit)
	}
	for i := uint32(0); i < limit; i++ {
		before := len(tab.cur)
		tab.Insert(key(i), i+1)
		if len(tab.cur) == before {
			continue
		}
		taken := 0
		for _, e := range tab.cur {
			if e != (Entry{}) {
				taken++
			}
		}
		if taken != 1 {
			t.Fatalf("%d entries in the new array of %d slots, want the one that was inserted", taken, len(tab.cur))
		}
		if &tab.cur[0] == &tab.old[0] {
			t.Fatalf("the arrays of %d and %d slots overlap", before, len(tab.cur))
		}
	}
	if n := len(prepared); n != 26 || prepared[n-1] != 524288 {
		t.Errorf("arrays of %v slots were prepared", prepared)
	}
	want := 0
	for _, n := range prepared[:25] {
		if n >= 8192 {
			want += n
		}
	}
	if released != want || tab.Slots() != 524288 {
		t.Errorf("%d entries released, want %d; %d slots", released, want, tab.Slots())
	}
	for i := range uint32(limit) {
		if v, ok := tab.Lookup(key(i)); !ok || v != i+1 {
			t.Fatalf("entry %d is lost: %d, %v", i, v, ok)
		}
	}
}

// TestHash_ChangesHalfTheBitsWithEachInputBit is a rough avalanche test, on
// the low bits too, since they choose the slot.
func TestHash_ChangesHalfTheBitsWithEachInputBit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	flips := []func(*Key4, uint){
		func(k *Key4, i uint) { k.LocalIP ^= 1 << (i % 32) },
		func(k *Key4, i uint) { k.RemoteIP ^= 1 << (i % 32) },
		func(k *Key4, i uint) { k.LocalPort ^= 1 << (i % 16) },
		func(k *Key4, i uint) { k.RemotePort ^= 1 << (i % 16) },
	}
	for which, flip := range flips {
		for bit := range uint(32) {
			total, low := 0, 0
			const runs = 400
			for range runs {
				seed := [2]uint64{r.Uint64(), r.Uint64()}
				k := key(r.Uint32())
				before := hash4(&seed, k)
				flip(&k, bit)
				d := before ^ hash4(&seed, k)
				total += bits.OnesCount64(d)
				low += bits.OnesCount64(d & 0xff)
			}
			if mean := float64(total) / runs; mean < 30 || mean > 34 {
				t.Errorf("field %d bit %d: %.1f of 64 bits change", which, bit, mean)
			}
			if mean := float64(low) / runs; mean < 3.5 || mean > 4.5 {
				t.Errorf("field %d bit %d: %.1f of the 8 low bits change", which, bit, mean)
			}
		}
	}
}

func TestTable_DoesNotAllocateOnceItIsGrown(t *testing.T) {
	tab := NewTable(1000, testSeed, numbered{})
	for i := range uint32(900) {
		tab.Insert(key(i), i+1)
	}
	if n := testing.AllocsPerRun(100, func() {
		for i := range uint32(100) {
			h := tab.Hash(key(i))
			tab.Find(key(i), h)
			tab.Delete(key(i), i+1)
			tab.Insert(key(i), i+1)
		}
	}); n != 0 {
		t.Errorf("%v allocations per run", n)
	}
}
