// Room in the table: who gets a slot, and who has to leave for it.
//
// The table has two parts. Neighbours that have not answered have a share of the
// slots, in which the oldest makes room for the newest, failures first; so
// packets from any number of spoofed addresses never displace a neighbour that
// has answered. Neighbours that have answered fill the rest, in which those make
// room that nobody has used for a while.

package neigh

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func (t *Table) find(ip wire.IPv4) (slot, bool) { return t.index.find(ip) }

// unresolvedLimit is how many unanswered neighbours there may be.
func (t *Table) unresolvedLimit() int { return len(t.entries) / unresolvedShare }

// resolvedLimit is how many answered ones.
func (t *Table) resolvedLimit() int { return len(t.entries) - t.unresolvedLimit() }

// allocUnresolved makes an entry for a neighbour that will be asked.
func (t *Table) allocUnresolved(ip wire.IPv4) (slot, bool) {
	if t.incomplete.n+t.failed.n >= t.unresolvedLimit() && !t.evictUnresolved() {
		return noSlot, false
	}
	return t.alloc(ip)
}

// allocResolved makes an entry for a neighbour whose address is known.
func (t *Table) allocResolved(ip wire.IPv4) (slot, bool) {
	if !t.roomForResolved() {
		return noSlot, false
	}
	return t.alloc(ip)
}

// alloc takes a free slot, or one of an unanswered neighbour.
func (t *Table) alloc(ip wire.IPv4) (slot, bool) {
	if t.free.n == 0 && !t.evictUnresolved() {
		return noSlot, false
	}
	i := t.free.first
	t.free.remove(i)
	e := &t.entries[i]
	generation := e.generation + 1
	if generation == 0 {
		generation = 1 // the zero ID is none
	}
	*e = entry{ip: ip, generation: generation}
	t.index.insert(ip, i)
	return i, true
}

// canRelease reports whether news of the entry, if it has some to leave behind,
// can stay in the queue when it is gone.
func (t *Table) canRelease(i slot) bool {
	return !t.entries[i].hasEvent || t.events.hasRoomForReleased()
}

// release forgets an entry. Its ID is wrong from now on; an event of its that
// still waits is delivered. The caller has asked canRelease.
func (t *Table) release(i slot, now mono.Time) {
	e := &t.entries[i]
	t.setState(i, Free, now)
	t.wants.remove(i)
	t.index.remove(e.ip)
	e.hasEvent = false
	t.free.pushFront(i) // what was used last is still in the cache
}

// evictUnresolved frees the oldest failure, else the oldest unanswered entry, whose
// waiters are told. It is false when there is none, or no room to tell.
func (t *Table) evictUnresolved() bool {
	i := t.failed.first
	if i == noSlot {
		i = t.incomplete.first
	}
	if i == noSlot || !t.events.hasRoomForReleased() {
		return false
	}
	if t.entries[i].state == Incomplete {
		t.tell(i, Unreachable)
	}
	t.stats.EvictedUnresolved++
	t.release(i, t.now)
	return true
}

// roomForResolved makes sure that one more answered neighbour may be kept.
func (t *Table) roomForResolved() bool {
	if t.resolved < t.resolvedLimit() {
		return true
	}
	i, ok := t.victim()
	if ok {
		t.stats.Evicted++
		t.release(i, t.now)
	}
	return ok
}

// victim finds an answered neighbour that nobody has used for a while: a stale
// one if there is any. The search goes on where the last one ended.
func (t *Table) victim() (slot, bool) {
	for _, staleOnly := range [2]bool{true, false} {
		for range t.entries {
			i := t.hand
			t.hand = (t.hand + 1) % slot(len(t.entries)) // at most maxEntriesLimit
			e := &t.entries[i]
			isCandidate := e.state == Stale || !staleOnly && e.state.IsUsable() && e.state != Static
			if isCandidate && !t.isInUse(e) && t.canRelease(i) {
				return i, true
			}
		}
	}
	return noSlot, false
}

func (t *Table) isInUse(e *entry) bool {
	return e.used.IsSet() && t.now.Before(e.used.Add(inUse))
}
