// Typed arrays out of a Region, for types that the garbage collector need not
// know about.

package arena

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"unsafe"
)

// cacheLine is the alignment of arrays: a record of 64 octets never straddles.
const cacheLine = 64

// Make returns n zero values of T at the start of a cache line. It refuses a T
// that holds pointers of any kind: the collector would not see them.
//
// The conversion is valid because the octets are n*sizeof(T) long, aligned to
// 64 (more than any T asks for), exclusively ours, and hold no pointers. They
// are freed by closing the Region, after the last use of the array.
func Make[T any](r *Region, n int) ([]T, error) {
	t := reflect.TypeFor[T]()
	if at := pointerIn(t, t.String()); at != "" {
		return nil, fmt.Errorf("arena: %s: %s is a pointer", r.name, at)
	}
	size := int(t.Size())
	if n < 0 || size == 0 || n > math.MaxInt/size {
		return nil, fmt.Errorf("arena: %s: %d of %v: %w", r.name, n, t, errSize)
	}
	b, err := r.Bytes(n*size, cacheLine)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n), nil
}

// Size returns how much of a Region n values of T take at most: whole cache
// lines, so that sizes add up.
func Size[T any](n int) int { return roundUp(n*int(reflect.TypeFor[T]().Size()), cacheLine) }

// Release gives the pages that lie within s, an array of a private Region, back
// to the kernel. All of s is zero, and will be zero when it is touched again.
//
// The conversion is valid because s is memory of ours; whole pages of it are
// named to the kernel, and nothing else.
func Release[T any](s []T) {
	if pages := wholePages(s, 0); pages != nil {
		discard(pages)
	}
}

// smallPart is how much of an array stays on ordinary pages: what is not touched
// at all takes no memory, and what is touched a little not a huge page.
const smallPart = 2 << 20

// Large asks the kernel for transparent huge pages where s, an array of a private
// Region, goes beyond its first 2 MiB: for arrays that are used from the front on,
// or everywhere. A table that grows then takes a fault for each 2 MiB instead of
// each 4 KiB. Where the kernel has none nothing changes.
func Large[T any](s []T) {
	if pages := wholePages(s, smallPart); pages != nil {
		enlarge(pages)
	}
}

// wholePages returns the pages that lie within s, but for what they have before
// the octet from.
func wholePages[T any](s []T, from int) []byte {
	if len(s) == 0 {
		return nil
	}
	page := os.Getpagesize()
	b := unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
	first := from + -int(uintptr(unsafe.Pointer(&b[0])))&(page-1)
	end := first + (len(b)-first)&^(page-1)
	if end <= first {
		return nil
	}
	return b[first:end]
}

// pointerIn returns where t, which is called path, holds a pointer, or "".
func pointerIn(t reflect.Type, path string) string {
	switch t.Kind() {
	case reflect.Pointer, reflect.UnsafePointer, reflect.Slice, reflect.String,
		reflect.Map, reflect.Chan, reflect.Func, reflect.Interface:
		return path
	case reflect.Array:
		if t.Len() > 0 {
			return pointerIn(t.Elem(), path+"[]")
		}
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if at := pointerIn(f.Type, path+"."+f.Name); at != "" {
				return at
			}
		}
	}
	return ""
}
