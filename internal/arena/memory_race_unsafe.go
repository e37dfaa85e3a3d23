//go:build race

// The memory of race builds: the Go heap, where the detector sees accesses.

package arena

import (
	"os"
	"unsafe"
)

// memory is one heap allocation, kept alive by the slice.
type memory struct {
	bytes []byte
	size  int
	fd    int
	huge  bool
	why   string
}

// obtain allocates at least size octets that begin at a page. Reading the
// address is valid because the collector does not move heap objects; the
// collector frees the memory when the last slice into it has gone.
func obtain(_ string, size int, o Options) (memory, error) {
	page := os.Getpagesize()
	size = roundUp(size, page)
	b := make([]byte, size+page)
	at := int(uintptr(unsafe.Pointer(&b[0])) & uintptr(page-1))
	first := (page - at) & (page - 1)
	m := memory{bytes: b[first : first+size : first+size], size: size, fd: -1}
	if o.HugePages {
		m.why = "race build: the memory is on the Go heap"
	}
	return m, nil
}

// discard leaves the pages to the heap: they are zero already.
func discard([]byte) {}

// enlarge leaves that to the heap, too.
func enlarge([]byte) {}

// release drops the region's own reference.
func (m *memory) release() error {
	m.bytes = nil
	return nil
}
