// An ARP packet arrives:
//
//  1. impossible senders are refused
//  2. a claim of one of our addresses is a conflict
//  3. what we know of the sender is brought up to date (RFC 826's merge)
//  4. a question for one of our addresses is answered, and its sender learnt

package neigh

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Input takes an ARP packet that came in a frame from the station src.
func (t *Table) Input(a *wire.ARP, src wire.MAC, now mono.Time) drop.Reason {
	t.now = now
	if !t.isPlausible(a, src) {
		return drop.ARPBad
	}
	if own := t.contested(a); own != nil {
		t.claimed(own, now)
		return drop.ARPConflict
	}
	isForUs := t.IsUsable(a.TargetIP)
	isKnown, why := t.merge(a, isForUs, now)
	switch {
	case a.Op == wire.ARPRequest && isForUs:
		return t.answer(a, isKnown, now)
	case isKnown:
		return why
	case a.Op == wire.ARPReply:
		return drop.ARPUnasked
	}
	return drop.ARPNotOurs
}

// isPlausible refuses packets that no honest neighbour sends. A sender address
// of zero is a probe (RFC 5227 §2.1.1).
func (t *Table) isPlausible(a *wire.ARP, src wire.MAC) bool {
	if src.IsMulticast() || a.SenderMAC.IsMulticast() || a.SenderMAC.IsZero() {
		return false
	}
	if a.SenderMAC == t.cfg.MAC || src == t.cfg.MAC {
		return false // our own frame came back, or somebody pretends
	}
	switch a.Op {
	case wire.ARPRequest:
		return a.SenderIP.IsUnspecified() || t.isNeighbour(a.SenderIP)
	case wire.ARPReply:
		return t.isNeighbour(a.SenderIP)
	}
	return false
}

// isNeighbour reports whether ip can belong to a station on this link.
func (t *Table) isNeighbour(ip wire.IPv4) bool {
	if t.nOnLink == 0 {
		return t.isPossible(ip)
	}
	for _, p := range t.onLink[:t.nOnLink] {
		if p.Contains(ip) {
			return t.isPossible(ip)
		}
	}
	return false
}

// isPossible reports whether ip can belong to any one station.
func (t *Table) isPossible(ip wire.IPv4) bool {
	if ip.IsThisNetwork() || ip.IsLoopback() || ip.IsMulticast() || ip.IsReserved() {
		return false
	}
	for _, p := range t.onLink[:t.nOnLink] {
		if b, ok := p.Broadcast(); ok && (ip == b || ip == p.Network().Addr) {
			return false
		}
	}
	return true
}

// contested finds the address of ours that the sender claims, or asks for at the
// same time as we do; nil when there is none.
func (t *Table) contested(a *wire.ARP) *address {
	if own := t.own(a.SenderIP); own != nil && own.state != conflicted {
		return own
	}
	if a.Op == wire.ARPRequest && a.SenderIP.IsUnspecified() {
		if own := t.own(a.TargetIP); own != nil && own.state == probing {
			return own
		}
	}
	return nil
}

// merge updates the sender's entry, if there is one.
func (t *Table) merge(a *wire.ARP, isForUs bool, now mono.Time) (isKnown bool, why drop.Reason) {
	i, ok := t.find(a.SenderIP)
	if !ok {
		return false, drop.None
	}
	isAnswer := a.Op == wire.ARPReply && isForUs
	switch e := &t.entries[i]; e.state {
	case Incomplete, Failed:
		return true, t.resolve(i, a.SenderMAC, isAnswer, now)
	case Probe:
		t.update(i, a.SenderMAC, isAnswer, now)
	case Reachable, Stale, Delay:
		if e.mac == a.SenderMAC {
			return true, drop.None
		}
		if now.Before(e.updated.Add(t.cfg.LockTime)) {
			return true, drop.ARPUnasked // of answers that disagree the first counts
		}
		t.update(i, a.SenderMAC, false, now)
	case Free, Static:
	}
	return true, drop.None
}

// resolve gives an entry its first address.
func (t *Table) resolve(i slot, mac wire.MAC, isAnswer bool, now mono.Time) drop.Reason {
	if !t.roomForResolved() {
		t.stats.Refused++
		return drop.ARPTableFull
	}
	t.stats.Resolved++
	t.learn(i, mac, isAnswer, now)
	t.tell(i, Resolved)
	return drop.None
}

// update confirms or changes the address of an entry that had one.
func (t *Table) update(i slot, mac wire.MAC, isAnswer bool, now mono.Time) {
	e := &t.entries[i]
	isChange := e.mac != mac
	if !isChange && !isAnswer {
		return // that it asks for somebody proves nothing about the way to it
	}
	t.learn(i, mac, isAnswer, now)
	if isChange {
		t.stats.Changed++
		t.tell(i, Changed)
	}
}

// learn sets an address. Only an answer to us proves that both ways work.
func (t *Table) learn(i slot, mac wire.MAC, isAnswer bool, now mono.Time) {
	t.entries[i].mac, t.entries[i].updated = mac, now
	if isAnswer {
		t.setState(i, Reachable, now)
		return
	}
	t.setState(i, Stale, now)
}

// answer queues a reply to a question for one of our addresses, and learns the
// address of the station that asked, which is about to talk to us.
func (t *Table) answer(a *wire.ARP, isKnown bool, now mono.Time) drop.Reason {
	if !t.replies.push(reply{mac: a.SenderMAC, ip: a.SenderIP, own: a.TargetIP}) {
		t.stats.RepliesFull++
		return drop.FrameNoTx
	}
	if isKnown || a.SenderIP.IsUnspecified() {
		return drop.None
	}
	i, ok := t.allocResolved(a.SenderIP)
	if !ok {
		t.stats.Refused++
		return drop.ARPTableFull
	}
	t.learn(i, a.SenderMAC, false, now)
	return drop.None
}
