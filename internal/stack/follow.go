package stack

// What changes while a stack runs, told to every shard. Each call returns when
// all shards know.

import (
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func (s *Stack) each(f func(*shard.Shard, mono.Time)) {
	for i := range s.shards {
		s.call(i, f)
	}
}

// SetLink follows the link up or down.
func (s *Stack) SetLink(up bool) {
	s.each(func(sh *shard.Shard, _ mono.Time) { sh.SetLink(up) })
}

// SetMAC follows the interface's own address.
func (s *Stack) SetMAC(mac wire.MAC) {
	s.each(func(sh *shard.Shard, now mono.Time) { sh.SetMAC(mac, now) })
}

// SetMTU follows the link's MTU; false if it is more than the device's frames
// hold, which it then becomes.
func (s *Stack) SetMTU(mtu int) bool {
	fits := true
	s.each(func(sh *shard.Shard, now mono.Time) { fits = sh.SetMTU(mtu, now) && fits })
	return fits
}

// SetNetwork replaces addresses and routes, and returns how many of them cannot
// be used.
func (s *Stack) SetNetwork(addresses []wire.IPv4Prefix, routes []ip.Route) (ignored int) {
	s.addresses.Store(&addresses)
	s.each(func(sh *shard.Shard, now mono.Time) { ignored = sh.SetNetwork(addresses, routes, now) })
	return ignored
}

// TellNeighbour says which Ethernet address a neighbour has; those that nobody
// asked for are not kept.
func (s *Stack) TellNeighbour(a wire.IPv4, mac wire.MAC) {
	s.each(func(sh *shard.Shard, now mono.Time) { sh.TellNeighbour(a, mac, now) })
}

// TellNeighbourGone says that a neighbour does not answer, or is forgotten.
func (s *Stack) TellNeighbourGone(a wire.IPv4) {
	s.each(func(sh *shard.Shard, now mono.Time) { sh.TellNeighbourGone(a, now) })
}

// PortInUse reports whether a connection has this local port, TIME-WAIT included.
func (s *Stack) PortInUse(port uint16) bool {
	return s.inUse(func(k flow.Key4) bool { return k.LocalPort == port })
}

// AddressInUse reports whether a connection has this local address.
func (s *Stack) AddressInUse(a wire.IPv4) bool {
	return s.inUse(func(k flow.Key4) bool { return k.LocalIP == uint32(a) })
}

func (s *Stack) inUse(of func(flow.Key4) bool) (is bool) {
	s.each(func(sh *shard.Shard, _ mono.Time) { is = is || sh.Has(of) })
	return is
}
