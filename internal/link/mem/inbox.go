package mem

// This file holds the frames that are under way to one queue of an impaired
// path, ordered by the time at which they are due, those of one time by the
// order of sending. It is bounded by its slots.

import "github.com/mtcp-go/mtcp/internal/mono"

// parcel is a frame under way.
type parcel struct {
	due  mono.Time
	turn uint64 // order of sending
	slot uint32
	len  uint32
}

func (a *parcel) before(b *parcel) bool {
	return a.due < b.due || (a.due == b.due && a.turn < b.turn)
}

// inbox is guarded by its path's lock.
type inbox struct {
	mem      []byte
	slotSize int
	vacant   []uint32 // slots, last in first out
	heap     []parcel // a binary heap, the first due on top
	sent     uint64
}

func newInbox(slots, slotSize int) inbox {
	x := inbox{
		mem:      make([]byte, slots*slotSize),
		slotSize: slotSize,
		vacant:   make([]uint32, 0, slots),
		heap:     make([]parcel, 0, slots),
	}
	for i := range slots {
		x.free(uint32(slots - 1 - i)) // so that the first is used first
	}
	return x
}

// due returns when the first frame is.
func (x *inbox) due() mono.Time {
	if len(x.heap) == 0 {
		return mono.Never
	}
	return x.heap[0].due
}

// add makes room for a frame of n octets. It reports whether this is now the
// first one due, and false if there is no room.
func (x *inbox) add(due mono.Time, n int) (room []byte, first, ok bool) {
	if len(x.vacant) == 0 {
		return nil, false, false
	}
	slot := x.vacant[len(x.vacant)-1]
	x.vacant = x.vacant[:len(x.vacant)-1]
	x.sent++
	x.heap = append(x.heap, parcel{due: due, turn: x.sent, slot: slot, len: uint32(n)}) // within the slots' number
	i := len(x.heap) - 1
	for i > 0 && x.heap[i].before(&x.heap[(i-1)/2]) {
		x.heap[i], x.heap[(i-1)/2] = x.heap[(i-1)/2], x.heap[i]
		i = (i - 1) / 2
	}
	return x.bytes(slot, n), i == 0, true
}

// take removes the first frame from the order; its slot stays taken.
func (x *inbox) take() (b []byte, slot uint32) {
	top, last := x.heap[0], len(x.heap)-1
	x.heap[0] = x.heap[last]
	x.heap = x.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if x.heap[child].before(&x.heap[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		x.heap[i], x.heap[least] = x.heap[least], x.heap[i]
		i = least
	}
	return x.bytes(top.slot, int(top.len)), top.slot
}

// free gives a slot back.
func (x *inbox) free(slot uint32) { x.vacant = append(x.vacant, slot) }

func (x *inbox) bytes(slot uint32, n int) []byte {
	first := int(slot) * x.slotSize
	return x.mem[first : first+n : first+x.slotSize]
}
