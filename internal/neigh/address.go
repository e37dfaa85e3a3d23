// Our own addresses: probed before use, announced, defended (RFC 5227).

package neigh

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// addressState is a phase of an address of ours.
type addressState uint8

const (
	probing    addressState = iota // nobody may use it yet
	announcing                     // in use; others are being told
	settled                        // in use
	conflicted                     // somebody else had it first: not used
)

// address is one of our own.
type address struct {
	due        mono.Time
	defended   mono.Time // of the last defence; zero: never
	ip         wire.IPv4
	state      addressState
	sent       uint8 // probes or announcements queued in this state
	wantsFrame bool  // a probe while probing, else an announcement
	isUsable   bool  // event to deliver
	isClaimed  bool  // event to deliver
}

func (a *address) isOurs() bool { return a.state == announcing || a.state == settled }

// AddAddress makes ip one of our own: at once when Config.ProbeCount is zero,
// else after so many probes to which nobody objects. An event tells either way.
// It is false when the address is impossible, known already, or one too many;
// after a conflict the same address may be added again.
func (t *Table) AddAddress(ip wire.IPv4, now mono.Time) bool {
	t.now = now
	if !t.isPossible(ip) || t.isOwn(ip) {
		return false
	}
	a := t.own(ip)
	if a == nil {
		if t.nAddresses == maxAddresses {
			return false
		}
		a = &t.addresses[t.nAddresses]
		t.nAddresses++
	}
	if i, ok := t.find(ip); ok && t.canRelease(i) {
		t.release(i, now) // a neighbour no more
	}
	*a = address{ip: ip, state: probing, due: mono.Never}
	if t.cfg.ProbeCount == 0 {
		t.startUsing(a, now)
		return true
	}
	t.setAddressDue(a, now.Add(t.random(0, t.cfg.ProbeWait)))
	return true
}

// RemoveAddress forgets an address of ours; false when it was none.
func (t *Table) RemoveAddress(ip wire.IPv4) bool {
	a := t.own(ip)
	if a == nil {
		return false
	}
	t.nAddresses--
	*a = t.addresses[t.nAddresses]
	return true
}

// IsUsable reports whether ip is an address of ours that packets may carry.
func (t *Table) IsUsable(ip wire.IPv4) bool {
	a := t.own(ip)
	return a != nil && a.isOurs()
}

// own finds an address of ours in any state; nil when there is none.
func (t *Table) own(ip wire.IPv4) *address {
	for i := range t.addresses[:t.nAddresses] {
		if t.addresses[i].ip == ip {
			return &t.addresses[i]
		}
	}
	return nil
}

// isOwn reports whether ip is ours, or will be unless somebody objects.
func (t *Table) isOwn(ip wire.IPv4) bool {
	a := t.own(ip)
	return a != nil && a.state != conflicted
}

// sourceFor chooses the address from which to ask for ip: one on the same
// prefix, else the first that is in use.
func (t *Table) sourceFor(ip wire.IPv4) (wire.IPv4, bool) {
	var found wire.IPv4
	ok := false
	for i := range t.addresses[:t.nAddresses] {
		a := &t.addresses[i]
		if !a.isOurs() {
			continue
		}
		if t.sharePrefix(a.ip, ip) {
			return a.ip, true
		}
		if !ok {
			found, ok = a.ip, true
		}
	}
	return found, ok
}

func (t *Table) sharePrefix(a, b wire.IPv4) bool {
	for _, p := range t.onLink[:t.nOnLink] {
		if p.Contains(a) && p.Contains(b) {
			return true
		}
	}
	return false
}

// setAddressDue sets when an address's phase goes on.
func (t *Table) setAddressDue(a *address, at mono.Time) {
	a.due = at
	t.timers.note(at)
}

// startUsing ends the probing: the address is ours.
func (t *Table) startUsing(a *address, now mono.Time) {
	a.state, a.sent, a.isUsable = announcing, 0, true
	t.newsDue = true
	if t.cfg.Outside {
		a.state, a.due = settled, mono.Never // announced by whoever speaks ARP for it
		return
	}
	t.announceAddress(a, now)
}

// wantFrame has a probe or an announcement written.
func (t *Table) wantFrame(a *address) { a.wantsFrame, t.framesDue = true, true }

func (t *Table) announceAddress(a *address, now mono.Time) {
	t.wantFrame(a)
	a.sent++
	t.setAddressDue(a, now.Add(t.cfg.AnnounceInterval))
}

// advanceAddress goes on with an address whose time has come.
func (t *Table) advanceAddress(a *address, now mono.Time) {
	if now.Before(a.due) {
		if a.due != mono.Never {
			t.timers.note(a.due)
		}
		return
	}
	switch a.state {
	case probing:
		t.probeAddress(a, now)
	case announcing:
		if int(a.sent) < t.cfg.AnnounceCount {
			t.announceAddress(a, now)
			return
		}
		a.state, a.due = settled, mono.Never
	case settled, conflicted:
		a.due = mono.Never
	}
}

// probeAddress queues the next probe, or ends the probing after the last.
func (t *Table) probeAddress(a *address, now mono.Time) {
	if int(a.sent) >= t.cfg.ProbeCount {
		t.startUsing(a, now)
		return
	}
	t.wantFrame(a)
	a.sent++
	wait := t.random(t.cfg.ProbeMin, t.cfg.ProbeMax)
	if int(a.sent) == t.cfg.ProbeCount {
		wait = t.cfg.AnnounceWait
	}
	t.setAddressDue(a, now.Add(wait))
}

// claimed hears that another station says it has a, or wants it while we are
// still probing (RFC 5227 §2.1.1, §2.4 (c)): we withdraw while probing, and
// defend an address in use, but not more often than the interval says.
func (t *Table) claimed(a *address, now mono.Time) {
	t.stats.Conflicts++
	a.isClaimed, t.newsDue = true, true
	switch a.state {
	case probing:
		a.state, a.wantsFrame, a.due = conflicted, false, mono.Never
	case announcing, settled:
		if a.canDefend(now, t.cfg.DefendInterval) {
			a.defended = now
			t.wantFrame(a)
		}
	case conflicted:
	}
}

func (a *address) canDefend(now mono.Time, interval time.Duration) bool {
	return !a.defended.IsSet() || !now.Before(a.defended.Add(interval))
}

// takeEvents moves what an address has to tell.
func (a *address) takeEvents(buf []Event) int {
	n := 0
	if a.isUsable && n < len(buf) {
		a.isUsable = false
		buf[n] = Event{IP: a.ip, Kind: Usable}
		n++
	}
	if a.isClaimed && n < len(buf) {
		a.isClaimed = false
		buf[n] = Event{IP: a.ip, Kind: Conflict}
		n++
	}
	return n
}
