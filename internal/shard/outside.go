// What changes while a shard runs: its link, and, where another stack has the
// same addresses, that stack's addresses, routes and neighbours. All of these
// are for the shard's goroutine only.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// SetLink follows the link. While it is down all that is sent is lost, and
// counted: connections live on by their timers.
func (s *Shard) SetLink(up bool) { s.isDown = !up }

// SetMAC follows the interface's own address.
func (s *Shard) SetMAC(mac wire.MAC, now mono.Time) {
	s.info.MAC = mac
	s.arp.SetMAC(mac, now)
}

// SetMTU follows the link's MTU, and connections follow in their segments. What
// is more than the device's frames hold is refused: the MTU becomes what they do
// hold, and the answer is false.
func (s *Shard) SetMTU(mtu int, now mono.Time) bool {
	fits := mtu <= s.info.MTU
	s.host.SetMTU(min(mtu, s.info.MTU))
	s.resizeSegments(now)
	return fits
}

// SetNetwork replaces the addresses and routes by those of the stack that has
// them, too, and returns how many could not be used. Connections take their new
// way with the next segment. Those from an address that is no more are silent
// until it is back, or their timers end them (as in Linux); the error says why.
func (s *Shard) SetNetwork(addresses []wire.IPv4Prefix, routes []ip.Route, now mono.Time) (ignored int) {
	had := s.host.HasRouteMTU()
	ignored = s.host.Replace(addresses, routes)
	for _, a := range s.cfg.Addresses {
		s.arp.RemoveAddress(a.Addr)
	}
	var links []wire.IPv4Prefix
	for _, a := range addresses {
		links = append(links, a.Network())
		s.arp.AddAddress(a.Addr, now) // Replace has counted what cannot be
	}
	s.arp.SetOnLink(links)
	s.cfg.Addresses = addresses
	s.arp.Renumber()
	if had || s.host.HasRouteMTU() {
		s.resizeSegments(now)
	}
	s.unblockAll()
	return ignored
}

// TellNeighbour says which Ethernet address a neighbour has.
func (s *Shard) TellNeighbour(a wire.IPv4, mac wire.MAC, now mono.Time) {
	s.arp.Tell(a, mac, now)
	s.neighbourEvents(now)
}

// TellNeighbourGone says that a neighbour does not answer, or is forgotten.
func (s *Shard) TellNeighbourGone(a wire.IPv4, now mono.Time) {
	s.arp.TellGone(a, now)
	s.neighbourEvents(now)
}

// Has reports whether a connection, or what remains of one, is of a kind. It
// looks at all of them.
func (s *Shard) Has(is func(flow.Key4) bool) bool {
	for i := slab.Index(1); i <= s.tcbs.High(); i++ {
		if s.tcbs.InUse(i) && s.tcbs.At(i).State() != tcp.Closed && is(s.tcbs.At(i).Key()) {
			return true
		}
	}
	for i := slab.Index(1); i <= s.tw.slab.High(); i++ {
		if s.tw.slab.InUse(i) && is(s.tw.slab.At(i).Key) {
			return true
		}
	}
	return false
}

// resizeSegments has connections follow what their links and routes let through.
func (s *Shard) resizeSegments(now mono.Time) {
	for i := slab.Index(1); i <= s.tcbs.High(); i++ {
		if !s.tcbs.InUse(i) {
			continue
		}
		t := s.tcbs.At(i)
		if mtu := s.host.PathMTU(wire.IPv4(t.Key().RemoteIP), now); mtu != 0 {
			s.engine.LinkMTU(t, mtu)
		}
	}
}

// unblockAll lets those who wait for a neighbour look for their way anew.
func (s *Shard) unblockAll() {
	for t := s.pop(listBlocked); t != nil; t = s.pop(listBlocked) {
		s.touch(t)
	}
}

// askOutside passes on what the neighbours' table would ask.
func (s *Shard) askOutside() {
	for a, isProven, ok := s.arp.Question(); ok; a, isProven, ok = s.arp.Question() {
		s.events.Neighbour(a, isProven)
	}
}
