package arena

import (
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"
)

// addressOf returns where b lies; the tests only look at its alignment.
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

// record has the shapes that shared records have.
type record struct {
	position atomic.Uint32
	handle   uint64
	bytes    [11]byte
	inner    struct{ a, b int16 }
	none     [0]*int
}

func TestMake_ReturnsAlignedZeroValues(t *testing.T) {
	r := newRegion(t, 1<<16, Options{})
	if _, err := r.Bytes(3, 1); err != nil {
		t.Fatal(err)
	}
	s, err := Make[record](r, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(s) != 100 || cap(s) != 100 {
		t.Errorf("len %d, cap %d, want 100", len(s), cap(s))
	}
	if at := uintptr(unsafe.Pointer(&s[0])); at%64 != 0 {
		t.Errorf("address %#x is not at a cache line", at)
	}
	for i := range s {
		if s[i].position.Load() != 0 || s[i].handle != 0 || s[i].bytes != [11]byte{} {
			t.Fatalf("record %d is not zero", i)
		}
		s[i].handle = uint64(i)
	}
	if want := 64 + 100*int(unsafe.Sizeof(record{})); r.Info().Used != want {
		t.Errorf("used = %d, want %d", r.Info().Used, want)
	}
}

func TestMake_RefusesPointers(t *testing.T) {
	r := newRegion(t, 1<<16, Options{})
	refusals := map[string]error{}
	refuse(refusals, "pointer", r, new(int))
	refuse(refusals, "slice", r, []byte(nil))
	refuse(refusals, "string", r, "")
	refuse(refusals, "map", r, map[int]int(nil))
	refuse(refusals, "chan", r, chan int(nil))
	refuse(refusals, "func", r, func() {})
	refuse(refusals, "interface", r, struct{ error }{})
	refuse(refusals, "unsafe.Pointer", r, unsafe.Pointer(nil))
	refuse(refusals, "atomic pointer", r, struct{ p atomic.Pointer[int] }{})
	refuse(refusals, "array in struct", r, struct{ list [3]struct{ name string } }{})
	for kind, err := range refusals {
		if err == nil {
			t.Errorf("a %s was accepted", kind)
		}
	}
	if err := refusals["array in struct"]; err != nil && !strings.Contains(err.Error(), ".list[].name is a pointer") {
		t.Errorf("the error does not say where: %v", err)
	}
}

// refuse asks for one T and keeps the error.
func refuse[T any](into map[string]error, kind string, r *Region, _ T) {
	_, into[kind] = Make[T](r, 1)
}

func TestMake_RefusesImpossibleCounts(t *testing.T) {
	r := newRegion(t, 4096, Options{})
	for _, n := range []int{-1, math.MinInt, math.MaxInt, math.MaxInt/8 + 1} {
		if _, err := Make[uint64](r, n); err == nil {
			t.Errorf("Make of %d succeeded", n)
		}
	}
	if _, err := Make[struct{}](r, 1); err == nil {
		t.Error("an array of nothing was accepted")
	}
	if s, err := Make[uint64](r, 0); err != nil || len(s) != 0 {
		t.Errorf("Make of none: %v, %v", s, err)
	}
	if _, err := Make[uint64](r, 513); !errors.Is(err, ErrFull) {
		t.Errorf("more than the region: %v, want ErrFull", err)
	}
}
