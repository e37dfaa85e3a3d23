// Neighbours from outside: somebody else speaks ARP for our addresses, and the
// table is told what comes of it. It writes no frame and takes none; what it
// would have broadcast it asks through Question, with the same states, timers
// and limits. So a neighbour of which nobody ever tells fails like one that does
// not answer.
//
// An address that is known stays good until something else is told: when it has
// been used without proof for a while, the question is only a reminder to look,
// and when it has been proven the proof is passed on, once per reachable time.

package neigh

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// HasQuestion reports whether Question has one.
func (t *Table) HasQuestion() bool { return t.cfg.Outside && t.wants.n > 0 }

// Question takes the oldest question: whose address to find or to verify. With
// isProven it is none, but advice that the neighbour is there.
func (t *Table) Question() (ip wire.IPv4, isProven, ok bool) {
	if !t.HasQuestion() {
		return 0, false, false
	}
	i := t.wants.first
	t.wants.remove(i)
	e := &t.entries[i]
	isProven = e.isProven
	e.isProven = false
	if !isProven {
		t.stats.Requests++
	}
	return e.ip, isProven, true
}

// Tell says which Ethernet address a neighbour has. Those that nobody here has
// asked for are not kept: it is false then.
func (t *Table) Tell(ip wire.IPv4, mac wire.MAC, now mono.Time) bool {
	t.now = now
	i, ok := t.find(ip)
	if !ok || mac.IsMulticast() || mac.IsZero() {
		return false
	}
	if !t.entries[i].state.IsUsable() {
		return t.resolve(i, mac, true, now) == drop.None
	}
	t.update(i, mac, true, now)
	return true
}

// TellGone says that a neighbour does not answer, or is not known any more. Who
// waits for it hears of that; who does not asks again when it next sends.
func (t *Table) TellGone(ip wire.IPv4, now mono.Time) {
	t.now = now
	i, ok := t.find(ip)
	if !ok || t.entries[i].state == Failed {
		return
	}
	isAwaited := t.entries[i].state == Incomplete
	t.setState(i, Failed, now)
	if isAwaited {
		t.stats.Failed++
		t.tell(i, Unreachable)
		return
	}
	t.entries[i].retryAt = now
}

// Renumber makes every ID stale, so that whoever keeps one routes anew.
func (t *Table) Renumber() {
	for i := range t.entries {
		if e := &t.entries[i]; e.state != Free {
			e.generation++
			if e.generation == 0 {
				e.generation = 1
			}
		}
	}
}

// SetMAC changes our own Ethernet address, and announces it.
func (t *Table) SetMAC(mac wire.MAC, now mono.Time) {
	t.cfg.MAC = mac
	if t.cfg.Outside {
		return
	}
	for i := range t.addresses[:t.nAddresses] {
		if a := &t.addresses[i]; a.isOurs() {
			a.state, a.sent = announcing, 0
			t.announceAddress(a, now)
		}
	}
}

// remind asks, without a doubt that would stop anybody from sending.
func (t *Table) remind(i slot, isProven bool) {
	t.entries[i].isProven = isProven
	t.wants.pushBack(i)
}
