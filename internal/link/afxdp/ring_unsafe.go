package afxdp

// One of the four rings of a socket: an index that we write, an index that the
// kernel writes, and slots between them. Whoever produces writes slots, then
// its index; whoever consumes reads that index, then slots. Go's atomics give
// both orders, and also the full barrier between publishing and reading the
// flags that the kernel's wake-up protocol asks for.
//
// The pointers lead into a mapping of the socket, valid from mapRing until
// unmap, which Queue.Close calls.

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is of addresses (fill, completion) or descriptors (receive, transmit).
type ring[T uint64 | unix.XDPDesc] struct {
	ours   *atomic.Uint32 // the index that we write
	others *atomic.Uint32 // the index that the kernel writes
	flags  *atomic.Uint32
	slots  []T
	mask   uint32

	mine   uint32 // value of ours
	theirs uint32 // value of others when we last looked
	mem    []byte
}

// side is which end of a ring is ours.
type side uint8

const (
	produces side = iota
	consumes
)

func mapRing[T uint64 | unix.XDPDesc](fd, size int, page int64, at unix.XDPRingOffset, s side) (ring[T], error) {
	var slot T
	length := int(at.Desc) + size*int(unsafe.Sizeof(slot))
	mem, err := unix.Mmap(fd, page, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return ring[T]{}, fmt.Errorf("map ring: %w", err)
	}
	index := func(offset uint64) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&mem[offset])) }
	r := ring[T]{
		ours:   index(at.Producer),
		others: index(at.Consumer),
		flags:  index(at.Flags),
		slots:  unsafe.Slice((*T)(unsafe.Pointer(&mem[at.Desc])), size),
		mask:   uint32(size - 1),
		mem:    mem,
	}
	if s == consumes {
		r.ours, r.others = r.others, r.ours
	}
	r.mine, r.theirs = r.ours.Load(), r.others.Load()
	return r, nil
}

// unmap may be called for a ring that was never mapped.
func (r *ring[T]) unmap() error {
	if r.mem == nil {
		return nil
	}
	mem := r.mem
	*r = ring[T]{}
	return unix.Munmap(mem)
}

// free returns how many slots may be produced; it looks at the kernel's index
// only when fewer than want are known to be.
func (r *ring[T]) free(want uint32) uint32 {
	size := r.mask + 1
	if n := size - (r.mine - r.theirs); n >= want {
		return n
	}
	r.theirs = r.others.Load()
	return size - (r.mine - r.theirs)
}

// ready returns how many slots may be consumed.
func (r *ring[T]) ready(want uint32) uint32 {
	if n := r.theirs - r.mine; n >= want {
		return n
	}
	r.theirs = r.others.Load()
	return r.theirs - r.mine
}

// slot is the i-th from our index on.
func (r *ring[T]) slot(i uint32) *T { return &r.slots[(r.mine+i)&r.mask] }

// advance passes n slots to the kernel.
func (r *ring[T]) advance(n uint32) {
	r.mine += n
	r.ours.Store(r.mine)
}

// untaken is how many produced slots the kernel has not consumed yet.
func (r *ring[T]) untaken() uint32 {
	r.theirs = r.others.Load()
	return r.mine - r.theirs
}

// needsWakeup reports whether the kernel waits for a system call.
func (r *ring[T]) needsWakeup() bool { return r.flags.Load()&unix.XDP_RING_NEED_WAKEUP != 0 }
