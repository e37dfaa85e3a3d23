package wheel

// This file lets time pass. Advance takes the slots in the order in which
// their ticks come: it hands out those of level 0 and sorts the others into
// the levels below.

import "github.com/mtcp-go/mtcp/internal/mono"

// refileBatch bounds how many far timers one Advance sorts into lower levels
// (some ten microseconds), so that a million timers set together do not stop
// the packets.
const refileBatch = 1024

// Advance moves the wheel to now and puts the ids of timers that are due into
// out, clearing them; it returns how many. It is done when Next is after now;
// otherwise out was too short, or there were many timers to sort, and another
// call goes on. No timer is handed out before its time. A now before that of
// an earlier call changes nothing.
func (w *Wheel) Advance(now mono.Time, out []uint32) int {
	target := passed(now)
	if target < w.pos {
		return 0
	}
	n, refiles := 0, refileBatch
	for {
		level, slot := w.first()
		if level == levels {
			w.pos = target
			return n
		}
		start := w.start(level, slot)
		if start > target {
			w.pos = target // leaves all timers filed rightly
			return n
		}
		w.pos = start
		if level > 0 {
			refiles = w.refile(head(level, slot), refiles)
			if refiles == 0 {
				return n
			}
			continue
		}
		n += w.collect(head(level, slot), out[n:])
		if n == len(out) {
			return n
		}
	}
}

// collect empties the slot of one tick into out, as far as that goes.
func (w *Wheel) collect(h uint32, out []uint32) int {
	n := 0
	for n < len(out) && w.nodes[h].next != h {
		i := w.nodes[h].next
		w.unlink(i)
		out[n] = i - heads
		n++
	}
	return n
}

// refile sorts up to limit timers of a slot, which the position has reached,
// into the levels below, and returns how much of the limit is left.
func (w *Wheel) refile(h uint32, limit int) int {
	for ; limit > 0 && w.nodes[h].next != h; limit-- {
		i := w.nodes[h].next
		w.unlink(i)
		w.file(i)
		w.count++
	}
	return limit
}
