// A Region is one stretch of memory that is cut up once, at set-up.

package arena

import (
	"errors"
	"fmt"
	"math"
	"os"
)

// Errors of allocation; they are wrapped with the name of the region.
var (
	ErrFull   = errors.New("region is full")
	ErrClosed = errors.New("region is closed")
	errSize   = errors.New("impossible size")
	errAlign  = errors.New("alignment is not a power of two up to the page size")
)

// MaxSize bounds a region: no more than a ring reference can reach.
const MaxSize = min(1<<40, math.MaxInt/2)

// Options say how the memory of a Region is to be had.
type Options struct {
	// HugePages asks for memory from the kernel's huge page pool. Such memory
	// is reserved as a whole when the region is made, and is not sparse. When
	// there is none the region falls back to ordinary pages; Info says why.
	HugePages bool

	// Private memory has no descriptor: for what no other process shall see. It
	// is never huge.
	Private bool
}

// Info describes a Region.
type Info struct {
	Name string
	Size int    // octets, after rounding up to whole pages
	Used int    // octets handed out, alignment included
	Huge bool   // whether huge pages were obtained
	Why  string // why they were not, if they were asked for
}

// A Region is a stretch of memory out of which arrays are cut, front to back.
type Region struct {
	name   string
	memory memory
	used   int
	closed bool
}

// New makes a region of at least size octets, up to MaxSize, all zero. Ordinary
// pages take no memory until they are touched.
func New(name string, size int, o Options) (*Region, error) {
	if size <= 0 || size > MaxSize {
		return nil, fmt.Errorf("arena: %s: %d octets: %w", name, size, errSize)
	}
	m, err := obtain(name, size, o)
	if err != nil {
		return nil, err
	}
	return &Region{name: name, memory: m}, nil
}

// Bytes returns n zero octets that nobody else has, at a multiple of align,
// which is a power of two up to the page size. The capacity ends where the
// length does, so that an append cannot run into a neighbour.
func (r *Region) Bytes(n, align int) ([]byte, error) {
	switch {
	case r.closed:
		return nil, fmt.Errorf("arena: %s: %w", r.name, ErrClosed)
	case n < 0:
		return nil, fmt.Errorf("arena: %s: %d octets: %w", r.name, n, errSize)
	case align <= 0 || align&(align-1) != 0 || align > os.Getpagesize():
		return nil, fmt.Errorf("arena: %s: %d: %w", r.name, align, errAlign)
	}
	size := len(r.memory.bytes)
	first := roundUp(r.used, align)
	if first > size || n > size-first {
		return nil, fmt.Errorf("arena: %s: %s wanted, %s of %s left: %w",
			r.name, sizeText(n), sizeText(size-r.used), sizeText(size), ErrFull)
	}
	r.used = first + n
	return r.memory.bytes[first:r.used:r.used], nil
}

// Info returns what is known of the region.
func (r *Region) Info() Info {
	return Info{
		Name: r.name,
		Size: r.memory.size,
		Used: r.used,
		Huge: r.memory.huge,
		Why:  r.memory.why,
	}
}

// Fd returns the descriptor of the memory for sharing it, or -1 when the
// region is private, closed, or lies on the Go heap. It stays the region's own.
func (r *Region) Fd() int { return r.memory.fd }

// Close gives the memory back. Slices into it must not be used any more, not
// even read: that is a fault which no recover catches. Closing twice is fine.
func (r *Region) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	return r.memory.release()
}

// roundUp returns n, raised to a multiple of the power of two unit.
func roundUp(n, unit int) int { return (n + unit - 1) &^ (unit - 1) }

// sizeText is n for people: in the greatest unit that divides it.
func sizeText(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d octets", n)
}
