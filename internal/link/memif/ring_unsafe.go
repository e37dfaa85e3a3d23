package memif

// A ring in shared memory, in the machine's byte order:
//
//	  0  cookie 32, flags 16, head 16
//	 64  tail 16
//	128  descriptors of 16 octets: flags 16, region 16, length 32, offset 32, metadata 32
//
// Whoever owns the buffers, always the slave, writes head: S2M, the slave
// produces at head and the master consumes up to tail; M2S, the slave offers
// empty buffers up to head and the master fills them up to tail. The receiver
// writes flags.
//
// Go has no atomic access to 16 bits. Head shares its 32-bit word with flags,
// which the other side may be writing: so flags change by and/or of the whole word,
// head by a plain store of its half (see inOrder) or else by adding to the upper
// half, where the carry falls out at the top. Nobody's half is overwritten and
// nothing loops. Tail stands beside padding.
//
// The conversions are valid because newRing has checked that the ring lies
// within memory that is mapped, at a multiple of 8, and its types hold no
// pointers. The memory is unmapped by peer.release after the last queue has let go.

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"
)

const (
	cookie = 0x3e31f20

	headWord  = 4 // flags and head
	tailWord  = 64
	ringSlots = 128

	flagMasked = 1 // in flags: the receiver polls, do not ring

	slotSize  = 16
	cacheLine = 64
)

// ring is one side's view.
type ring struct {
	head  *atomic.Uint32 // flags in the lower half
	tail  *atomic.Uint32 // padding in the upper half
	slots []slot
}

// A slot is a descriptor in shared memory: read by load only.
type slot struct{ what, where uint64 }

// A descriptor is a copy of a slot, which nobody changes any more.
type descriptor struct {
	flags, region  uint16
	length, offset uint32
}

const flagNext = 1 // in a descriptor's flags: the packet goes on in the next

// ringSize is what a ring takes.
func ringSize(log2 uint8) uint64 { return ringSlots + slotSize<<log2 }

// newRing finds a ring in a region, and checks its cookie.
func newRing(mem []byte, offset uint32, log2 uint8) (ring, error) {
	switch {
	case log2 > maxLog2Ring:
		return ring{}, fmt.Errorf("ring size 2^%d: at most 2^%d", log2, maxLog2Ring)
	case offset%8 != 0:
		return ring{}, fmt.Errorf("ring at %d, which is no multiple of 8", offset)
	case uint64(offset)+ringSize(log2) > uint64(len(mem)):
		return ring{}, fmt.Errorf("ring at %d ends outside of its region of %d octets", offset, len(mem))
	}
	at := unsafe.Pointer(&mem[offset])
	if c := atomic.LoadUint32((*uint32)(at)); c != cookie {
		return ring{}, fmt.Errorf("cookie %#x, not %#x", c, uint32(cookie))
	}
	return ring{
		head:  (*atomic.Uint32)(unsafe.Add(at, headWord)),
		tail:  (*atomic.Uint32)(unsafe.Add(at, tailWord)),
		slots: unsafe.Slice((*slot)(unsafe.Add(at, ringSlots)), 1<<log2),
	}, nil
}

// putCookie begins a ring in memory of ours, all of which is zero.
func putCookie(mem []byte, offset uint32) { *(*uint32)(unsafe.Pointer(&mem[offset])) = cookie }

func (r *ring) size() uint16 { return uint16(len(r.slots)) } // at most 2^maxLog2Ring

// loadHead and loadTail see all that was written before the index was.
func (r *ring) loadHead() uint16 { return uint16(r.head.Load() >> 16) }
func (r *ring) loadTail() uint16 { return uint16(r.tail.Load()) }

// inOrder says that a processor's stores are seen in their order, and that a store
// of 16 bits leaves its neighbours alone: to publish, a plain store will do, which
// waits for nobody. What an atomic one does besides, a fence, is Queue.kickIfAsleep's business.
const inOrder = runtime.GOARCH == "amd64"

// storeHead publishes what was written before. It is of the side that owns
// head; what another one wrote there is mended.
//
//go:norace
func (r *ring) storeHead(v uint16) {
	if inOrder {
		*(*uint16)(unsafe.Add(unsafe.Pointer(r.head), 2)) = v
		return
	}
	r.head.Add((uint32(v) - r.head.Load()>>16) << 16)
}

// storeTail publishes what was written before, likewise.
//
//go:norace
func (r *ring) storeTail(v uint16) {
	if inOrder {
		*(*uint32)(unsafe.Pointer(r.tail)) = uint32(v)
		return
	}
	r.tail.Store(uint32(v))
}

// mask asks the sender not to ring, or to ring.
func (r *ring) mask(polling bool) {
	if polling {
		r.head.Or(flagMasked)
	} else {
		r.head.And(^uint32(flagMasked))
	}
}

// masked reports whether the receiver polls. After storeHead or storeTail, it
// is asked for after the publication: both are sequentially consistent.
func (r *ring) masked() bool { return r.head.Load()&flagMasked != 0 }

// load reads the slot of an index, each word once.
func (r *ring) load(i uint16) descriptor {
	s := &r.slots[int(i)&(len(r.slots)-1)]
	what, where := atomic.LoadUint64(&s.what), atomic.LoadUint64(&s.where)
	return descriptor{flags: uint16(what), region: uint16(what >> 16), length: uint32(what >> 32), offset: uint32(where)}
}

// store writes the slot of an index, which storeHead or storeTail publishes.
func (r *ring) store(i uint16, d descriptor) {
	s := &r.slots[int(i)&(len(r.slots)-1)]
	s.what = uint64(d.flags) | uint64(d.region)<<16 | uint64(d.length)<<32
	s.where = uint64(d.offset)
}
