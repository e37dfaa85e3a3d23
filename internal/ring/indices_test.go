package ring

import (
	"testing"
	"unsafe"
)

func TestIndices_EachSideHasItsOwnCacheLines(t *testing.T) {
	var x Indices
	if unsafe.Sizeof(x) != 128 || unsafe.Offsetof(x.head) != 64 {
		t.Errorf("indices of %d octets, head at %d", unsafe.Sizeof(x), unsafe.Offsetof(x.head))
	}
	var e ends
	if p, c := unsafe.Offsetof(e.tail), unsafe.Offsetof(e.head); p != 64 || c != 128 || unsafe.Sizeof(e) != 192 {
		t.Errorf("producer at %d, consumer at %d, size %d", p, c, unsafe.Sizeof(e))
	}
	var m MPSC[int]
	if c := unsafe.Offsetof(m.head); c != 64 || unsafe.Sizeof(m) != 128 {
		t.Errorf("consumer of an MPSC at %d, size %d", c, unsafe.Sizeof(m))
	}
	if n := unsafe.Sizeof(Slot[[60]byte]{}) + unsafe.Sizeof(Slot[[7]uint64]{}); n != 128 {
		t.Errorf("two command slots take %d octets, want two lines", n)
	}
	if n := unsafe.Sizeof(Doorbell{}); n != 64 {
		t.Errorf("a doorbell of %d octets", n)
	}
}

func TestNew_RefusesSlotsThatAreNoPowerOfTwo(t *testing.T) {
	for _, n := range []int{0, 3, 6, 100} {
		if _, err := NewSPSC(nil, make([]int, n)); err == nil {
			t.Errorf("an SPSC of %d slots", n)
		}
		if _, err := NewMPSC(nil, make([]Slot[int], n)); err == nil {
			t.Errorf("an MPSC of %d slots", n)
		}
	}
}

func TestEnds_GoOnFromTheIndicesTheyFind(t *testing.T) {
	var x Indices
	slots := make([]int, 4)
	first, _ := NewSPSC(&x, slots)
	for v := range 3 {
		first.Push(&v)
	}
	var v int
	first.Pop(&v)
	second, _ := NewSPSC(&x, slots)
	if second.Len() != 2 || second.PushAll([]int{3, 4, 5}) != 2 {
		t.Fatalf("len %d: want the two records that were in the memory, and room for two", second.Len())
	}
	for want := 1; want < 5; want++ {
		if !second.Pop(&v) || v != want {
			t.Errorf("got %d, want %d", v, want)
		}
	}
}
