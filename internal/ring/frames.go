// A ring of whole frames from one producer to one consumer: between shards, or
// between the ends of a wire in the process.
//
// Frames are written and read in place. A slot is a line with the length and a
// word of the producer's, and then room for a frame. The stride is an odd
// number of lines, so that frames do not all meet in the same cache sets:
//
//	|meta, length  ...|frame: up to slotSize octets        |meta, length ...
//	 one line          slotSize, rounded up
//
// The positions, with the argument why they suffice, stand in indices.go. All
// of a slot is written before its commit and read before its release.

package ring

import (
	"encoding/binary"
	"fmt"
	"github.com/mtcp-go/mtcp/internal/cacheline"
	"math/bits"
)

// Frames passes frames of up to a slot's size. One goroutine at a time may be
// the producer, and one the consumer.
type Frames struct {
	ends
	mem      []byte
	stride   int
	slotSize int
}

// frameStride returns the distance of two slots.
func frameStride(slotSize int) int {
	lines := 1 + (slotSize+cacheLine-1)/cacheLine
	return (lines | 1) * cacheLine
}

// FramesSize returns how much memory a ring of count frames takes.
func FramesSize(count, slotSize int) int { return count * frameStride(slotSize) }

// NewFrames returns a ring of as many slots, a power of two, as fit into mem.
// If mem is off-heap memory, index should lie there too; it may be nil
// otherwise.
func NewFrames(index *Indices, mem []byte, slotSize int) (*Frames, error) {
	if slotSize <= 0 || slotSize > MaxSize || len(mem) < frameStride(slotSize) {
		return nil, fmt.Errorf("ring: no frame of %d octets fits into %d", slotSize, len(mem))
	}
	fit := len(mem) / frameStride(slotSize)
	e, err := newEnds(index, 1<<(bits.Len(uint(fit))-1))
	if err != nil {
		return nil, err
	}
	f := cacheline.New[Frames]()
	*f = Frames{ends: e, mem: mem, stride: frameStride(slotSize), slotSize: slotSize}
	return f, nil
}

// slot returns the header and the frame's room at a position.
func (f *Frames) slot(position uint64) (header, room []byte) {
	first := int(position&(f.size-1)) * f.stride
	end := first + cacheLine + f.slotSize
	b := f.mem[first:end:end]
	return b[:cacheLine], b[cacheLine:]
}

// Free returns how many frames can be put in. Producer only.
func (f *Frames) Free() int { return int(f.free(f.size)) }

// Slot returns the room for the frame after i others, or nil if there is none.
// Producer only.
func (f *Frames) Slot(i int) []byte {
	if f.free(uint64(i)+1) <= uint64(i) {
		return nil
	}
	_, room := f.slot(f.tail + uint64(i))
	return room
}

// Set says that n octets were written into Slot(i), and what else the consumer
// shall know. It panics if they do not fit. Producer only.
func (f *Frames) Set(i, n int, meta uint64) {
	if n < 0 || n > f.slotSize || uint64(i) >= f.free(uint64(i)+1) {
		panic("ring: a frame outside the free slots")
	}
	header, _ := f.slot(f.tail + uint64(i))
	binary.LittleEndian.PutUint64(header[0:8], meta)
	binary.LittleEndian.PutUint32(header[8:12], uint32(n)) // ≤ MaxSize
}

// Publish puts the first k frames in, which have all been Set. Producer only.
func (f *Frames) Publish(k int) {
	if uint64(k) > f.free(uint64(k)) {
		panic("ring: more frames than slots")
	}
	f.commit(uint64(k))
}

// Reserve returns the room for the next frame, or nil if the ring is full.
// Producer only.
func (f *Frames) Reserve() []byte { return f.Slot(0) }

// Commit puts in the frame of n octets that was written into Reserve's room.
// Producer only.
func (f *Frames) Commit(n int, meta uint64) {
	f.Set(0, n, meta)
	f.commit(1)
}

// Frame returns the frame behind i others, in place, with the producer's word;
// false if there is none. It is the consumer's until released.
func (f *Frames) Frame(i int) ([]byte, uint64, bool) {
	if f.ready(uint64(i)+1) <= uint64(i) {
		return nil, 0, false
	}
	header, room := f.slot(f.head + uint64(i))
	n := min(int(binary.LittleEndian.Uint32(header[8:12])), f.slotSize)
	return room[:n], binary.LittleEndian.Uint64(header[0:8]), true
}

// Release takes the k oldest frames out. Consumer only.
func (f *Frames) Release(k int) {
	if uint64(k) > f.ready(uint64(k)) {
		panic("ring: more frames released than there are")
	}
	f.release(uint64(k))
}

// Front returns the oldest frame; see Frame. Consumer only.
func (f *Frames) Front() ([]byte, uint64, bool) { return f.Frame(0) }

// Pop takes the oldest frame out. Consumer only.
func (f *Frames) Pop() { f.Release(1) }

// Len returns how many frames are in the ring. Anyone may ask; the answer is
// exact when neither side is at work.
func (f *Frames) Len() int { return f.length() }

// Cap returns how many frames fit.
func (f *Frames) Cap() int { return int(f.size) }
