// Fragments become datagrams (RFC 791 §3.2, RFC 815, RFC 5722).
//
// Memory is a pool of blocks: a datagram in reassembly borrows the blocks over
// which its fragments lie, and gives them back when it is complete, late, wrong,
// or the oldest while others need room. A complete datagram is copied into one
// piece, which the next one overwrites.
//
// Fragments that overlap are an attack or an error: the whole datagram is
// dropped, and the fragments of it that still come (RFC 5722 §3). An exact
// duplicate, as networks make them, is dropped alone.

package ip

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// inputFragment adds a fragment to its datagram. d describes the fragment, and
// the datagram when this one completed it.
func (h *Host) inputFragment(header *wire.IPv4Header, d *Datagram, now mono.Time) drop.Reason {
	if why := checkFragment(header, len(d.Payload)); why != drop.None {
		return why
	}
	f := &h.fragments
	p := f.find(partialKey{header.Src, header.Dst, header.ID, header.Proto})
	if p == nil {
		p = h.startPartial(header, now)
	}
	if p.isDead {
		return drop.IPFragOverlap
	}
	if why := h.addFragment(p, header, d); why != drop.None {
		return why
	}
	h.stats.FragmentsHeld++
	d.Held = true
	if !p.isComplete() {
		return drop.None
	}
	return h.finish(p, d)
}

// checkFragment refuses fragments that no datagram can have.
func checkFragment(header *wire.IPv4Header, length int) drop.Reason {
	switch {
	case length == 0:
		return drop.IPFragOverlap
	case header.MF && length%8 != 0:
		return drop.IPFragOverlap // the next one could not begin where this ends
	case int(header.FragOffset)+length > maxReassembled:
		return drop.IPFragLimit
	}
	return drop.None
}

// startPartial begins a datagram, in place of the oldest if there is no room.
func (h *Host) startPartial(header *wire.IPv4Header, now mono.Time) *partial {
	f := &h.fragments
	p := f.unused()
	if p == nil {
		p = f.oldest(nil, false)
		h.evictPartial(p)
	}
	*p = partial{
		key:   partialKey{header.Src, header.Dst, header.ID, header.Proto},
		until: now.Add(h.cfg.ReassemblyTimeout),
		inUse: true,
	}
	f.next = min(f.next, p.until)
	return p
}

func (h *Host) evictPartial(p *partial) {
	h.stats.FragmentEvictions++
	h.fragments.release(p)
}

// addFragment records a fragment and copies its octets.
func (h *Host) addFragment(p *partial, header *wire.IPv4Header, d *Datagram) drop.Reason {
	first := header.FragOffset
	end := first + uint16(len(d.Payload)) // checked: at most maxReassembled
	switch p.place(first, end, !header.MF) {
	case isDuplicate:
		return drop.IPFragOverlap
	case isWrong:
		h.fragments.kill(p)
		return drop.IPFragOverlap
	case isTooMany:
		h.fragments.kill(p)
		return drop.IPFragLimit
	case isNew:
	}
	if !h.reserve(p, first, end) {
		h.fragments.kill(p)
		return drop.IPFragLimit
	}
	h.fragments.store(p, int(first), d.Payload)
	p.ecnSeen |= 1 << (d.TOS & 3)
	if first == 0 {
		p.tos, p.ttl, p.isBroadcast = d.TOS, d.TTL, d.Broadcast
		p.quoteLen = uint8(copy(p.quote[:], d.Packet[:min(len(d.Packet), int(header.HeaderLen)+wire.ICMPQuoteLen)]))
	}
	return drop.None
}

// reserve gives p the blocks for some octets, if need be from the oldest others.
func (h *Host) reserve(p *partial, first, end uint16) bool {
	f := &h.fragments
	for k := int(first) / fragmentBlock; k <= int(end-1)/fragmentBlock; k++ {
		if p.blocks[k] != noBlock {
			continue
		}
		for f.nFree == 0 {
			victim := f.oldest(p, true)
			if victim == nil {
				return false
			}
			h.evictPartial(victim)
		}
		f.nFree--
		p.blocks[k] = f.free[f.nFree]
	}
	return true
}

// finish hands out a complete datagram in one piece.
func (h *Host) finish(p *partial, d *Datagram) drop.Reason {
	f := &h.fragments
	ecn, ok := p.ecn()
	if !ok {
		f.kill(p)
		return drop.IPFragOverlap
	}
	d.Held = false
	d.TOS, d.TTL, d.Broadcast = p.tos&^3|ecn, p.ttl, p.isBroadcast
	d.Payload, d.Packet = f.gather(p), nil
	f.release(p)
	h.stats.Reassembled++
	return drop.None
}

// expireFragments gives up late datagrams. The sender is told when the beginning
// of the datagram had come (RFC 1122 §3.3.2).
func (h *Host) expireFragments(now mono.Time) {
	f := &h.fragments
	f.next = mono.Never
	for i := range f.partials {
		p := &f.partials[i]
		switch {
		case !p.inUse:
		case now.Before(p.until):
			f.next = min(f.next, p.until)
		default:
			if !p.isDead {
				h.stats.FragmentTimeouts++
				h.reassemblyTimeExceeded(p, now)
			}
			f.release(p)
		}
	}
}

func (h *Host) reassemblyTimeExceeded(p *partial, now mono.Time) {
	if p.quoteLen == 0 || p.isBroadcast || !h.IsLocal(p.key.dst) {
		return
	}
	m := wire.ICMPv4{Type: wire.ICMPTimeExceeded, Code: 1}
	h.queueError(m, p.key.src, p.key.dst, p.key.proto, p.quote[:p.quoteLen], now)
}
