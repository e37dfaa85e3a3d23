package cacheline

import (
	"testing"
	"unsafe"
)

func TestNew_NeighboursShareNoLine(t *testing.T) {
	type counter struct{ n [3]uint64 }
	taken := map[uintptr]int{}
	var all []*counter
	for i := range 100 {
		c := New[counter]()
		all = append(all, c)
		first := uintptr(unsafe.Pointer(c)) / size
		for at := first; at <= (uintptr(unsafe.Pointer(c))+unsafe.Sizeof(*c)-1)/size; at++ {
			if other, is := taken[at]; is {
				t.Fatalf("%d and %d share a line", i, other)
			}
			taken[at] = i
		}
	}
	if all[0].n != [3]uint64{} {
		t.Error("not zero")
	}
}

// What cannot be brought does no harm.
func TestPrefetch_TakesAnything(t *testing.T) {
	Prefetch((*[1000]byte)(nil))
	Prefetch(new(struct{}))
	for _, v := range []any{nil, 7, "text", struct{}{}, (*int)(nil), func() {}, any(new(int)), [2]uint64{1, 2}} {
		PrefetchAny(v)
	}
}
