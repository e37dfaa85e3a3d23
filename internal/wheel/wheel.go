package wheel

// This file holds the wheel's shape and the operations of its users: New,
// Schedule, Cancel, At, Next.
//
// Time is counted in ticks. A timer is filed by the highest base-64 digit in
// which its tick differs from the wheel's position:
//
//	tick  =  … d3 d2 d1 d0          position  =  … p3 p2 p1 p0
//
//	level 0: same d1 and above; slot d0 ≥ p0: this very tick
//	level 1: same d2 and above; slot d1 > p1: 64 ticks, sorted out on arrival
//	level 2: same d3 and above; slot d2 > p2: 4096 ticks
//	…
//
// Two things follow. Whatever stands on a lower level is due before whatever
// stands on a higher one, so the next slot is the lowest bit of the lowest
// level that has any. And moving the position forward to anywhere before that
// slot leaves every timer filed rightly, so that a jump over an idle hour costs
// no more than one over a tick.

import (
	"math/bits"

	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/mono"
)

const (
	// Tick is the wheel's resolution: timers are at most this late.
	Tick = 1 << tickShift

	tickShift = 20 // 2²⁰ ns, about a millisecond

	digitBits = 6
	slots     = 1 << digitBits
	digitMask = slots - 1

	// levels × digitBits = 48 bits hold every tick of a 63-bit time, so there
	// is no horizon.
	levels = 8

	// Node indices: 0 is "none", then the list heads, then the timers.
	heads = levels * slots

	// maxTimers keeps node indices within 32 bits.
	maxTimers = 1<<32 - 1 - heads - 1
)

// A Node is one timer, or the head of one slot's circular list. A timer that is
// not set has next == 0, which is also how memory begins: pages of timers that
// were never set are never touched.
type Node struct {
	at   mono.Time
	next uint32
	prev uint32
}

// A Wheel holds one timer for each id from 1 to the maximum given to New.
type Wheel struct {
	pos   uint64         // the tick in which the wheel stands; earlier ones are done
	used  [levels]uint64 // one bit per slot that has timers
	count int
	nodes []Node
}

// New returns a wheel for the ids 1 to max that stands at now.
func New(max int, now mono.Time) *Wheel { return Over(make([]Node, Nodes(max)), now) }

// Nodes returns how many nodes a wheel for the ids 1 to max has.
func Nodes(max int) int { return 1 + heads + max }

// Over returns a wheel over memory of the caller's: Nodes zero nodes.
func Over(nodes []Node, now mono.Time) *Wheel {
	if len(nodes) < Nodes(0) || len(nodes) > Nodes(maxTimers) {
		panic("wheel: impossible number of timers")
	}
	w := cacheline.New[Wheel]()
	*w = Wheel{pos: passed(now), nodes: nodes}
	for h := uint32(1); h <= heads; h++ {
		w.nodes[h].next, w.nodes[h].prev = h, h
	}
	return w
}

// Schedule sets the timer of id to at, moving it if it was set. A time in the
// past is due at once. A timer set to Never is a cancelled one.
func (w *Wheel) Schedule(id uint32, at mono.Time) {
	i := w.index(id)
	n := &w.nodes[i]
	if n.next != 0 {
		// Most changes of a retransmission timer stay within the tick or go to
		// another; the first need no filing.
		if due(n.at) == due(at) && at != mono.Never {
			n.at = at
			return
		}
		w.unlink(i)
	}
	if at == mono.Never {
		return
	}
	n.at = at
	w.file(i)
	w.count++
}

// Cancel clears the timer of id, if it is set.
func (w *Wheel) Cancel(id uint32) {
	if i := w.index(id); w.nodes[i].next != 0 {
		w.unlink(i)
	}
}

// At returns when the timer of id is set to go off, and whether it is set.
func (w *Wheel) At(id uint32) (mono.Time, bool) {
	n := &w.nodes[w.index(id)]
	return n.at, n.next != 0
}

// Len returns the number of timers that are set.
func (w *Wheel) Len() int { return w.count }

// Next returns the earliest time at which Advance has something to do: Never
// if no timer is set. It is never later than the first timer's tick, and may
// be earlier when timers far away have to be sorted out first.
func (w *Wheel) Next() mono.Time {
	level, slot := w.first()
	if level == levels {
		return mono.Never
	}
	start := w.start(level, slot)
	if start > passed(mono.Never) {
		return mono.Never // the tick that would end after Never
	}
	return mono.Time(start << tickShift)
}

// index returns the node of a timer. An id outside the range is a broken
// invariant of ours: it would name a list head.
func (w *Wheel) index(id uint32) uint32 {
	if id == 0 || uint64(id) >= uint64(len(w.nodes)-heads) {
		panic("wheel: no such timer")
	}
	return heads + id
}

// file puts node i at the end of the slot where its time belongs.
func (w *Wheel) file(i uint32) {
	tick := max(due(w.nodes[i].at), w.pos)
	level := uint(bits.Len64((tick^w.pos)|1)-1) / digitBits
	slot := uint(tick>>(level*digitBits)) & digitMask
	w.used[level%levels] |= 1 << slot

	h := head(level, slot)
	last := w.nodes[h].prev
	w.nodes[i].next, w.nodes[i].prev = h, last
	w.nodes[last].next = i
	w.nodes[h].prev = i
}

// unlink takes node i out of its slot and marks the timer as not set.
func (w *Wheel) unlink(i uint32) {
	n := &w.nodes[i]
	next, prev := n.next, n.prev
	w.nodes[prev].next = next
	w.nodes[next].prev = prev
	n.next = 0
	w.count--
	if next == prev && next <= heads { // only the head is left
		w.used[(next-1)/slots%levels] &^= 1 << ((next - 1) % slots)
	}
}

// first returns the level and the slot to be dealt with next; level == levels
// when there is none. A slot at the position's own digit on a higher level is
// one that is still being sorted out: it goes before the levels below it.
func (w *Wheel) first() (level, slot uint) {
	found := uint(levels)
	for level := range uint(levels) {
		if w.used[level] == 0 {
			continue
		}
		if level > 0 && w.used[level]&(1<<w.digit(level)) != 0 {
			return level, w.digit(level)
		}
		if found == levels {
			found, slot = level, uint(bits.TrailingZeros64(w.used[level]))
		}
	}
	return found, slot
}

// start returns the first tick of a slot ahead of, or at, the position.
func (w *Wheel) start(level, slot uint) uint64 {
	shift := level * digitBits
	if slot == w.digit(level) {
		return w.pos
	}
	return w.pos>>(shift+digitBits)<<(shift+digitBits) | uint64(slot)<<shift
}

// digit returns the position's digit on a level.
func (w *Wheel) digit(level uint) uint {
	return uint(w.pos>>(level*digitBits)) & digitMask
}

// head returns the node that heads a slot's list.
func head(level, slot uint) uint32 { return uint32(1 + level*slots + slot) }

// due returns the tick at whose beginning a timer for at may go off: the first
// that begins at or after it, so that none is early.
func due(at mono.Time) uint64 {
	if at <= 0 {
		return 0
	}
	return (uint64(at) + Tick - 1) >> tickShift
}

// passed returns the tick that has begun at now.
func passed(now mono.Time) uint64 {
	if now <= 0 {
		return 0
	}
	return uint64(now) >> tickShift
}
