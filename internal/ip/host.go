// A Host: its limits, its configuration, its addresses.

package ip

import (
	"math/rand/v2"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Limits.
const (
	maxAddresses    = 64
	maxRoutes       = 256  // static ones; each address brings one more
	maxOutside      = 1024 // routes of Replace
	maxICMPQueue    = 32   // answers and errors that wait for OutputICMP
	maxICMPQuote    = 548  // octets of a packet in an error of ours: 576 in all (RFC 1812 §4.3.2.3)
	pathMTUSets     = 256  // × pathMTUWays destinations
	pathMTUWays     = 4    // destinations that share a set
	minMTU          = 68   // RFC 791
	maxFragments    = 64   // of one datagram
	fragmentBlock   = 2048 // unit of reassembly memory
	maxReassembled  = wire.IPv4MaxLen - wire.IPv4HeaderLen
	blocksPerPacket = (maxReassembled + fragmentBlock - 1) / fragmentBlock
)

// Config says how a Host behaves. The zero value of every field has a sensible
// meaning.
type Config struct {
	MTU  int    // of the link: 1500
	TTL  uint8  // of packets that leave: 64
	Seed uint64 // of the host's randomness

	MinPathMTU int           // 552: no ICMP message makes a path smaller
	PathMTUAge time.Duration // 10 min, after which a larger packet may try again

	Datagrams         int           // 64 in reassembly at a time
	ReassemblyBytes   int           // 1 MiB of memory for them
	ReassemblyTimeout time.Duration // 30 s

	ICMPRate  int // 1000 answers, and as many errors, a second
	ICMPBurst int // 50 of either at once
}

// Stats counts what happened in a Host since New, besides the reasons that
// Input and InputICMP return.
type Stats struct {
	FragmentsHeld     uint64 // accepted into reassembly
	Reassembled       uint64 // datagrams
	FragmentTimeouts  uint64 // datagrams that were given up
	FragmentEvictions uint64 // datagrams that made room for others
	EchoReplies       uint64
	ICMPErrors        uint64 // of our own
	PathMTUDecreases  uint64
}

// localAddress is an address of ours.
type localAddress struct {
	ip        wire.IPv4
	broadcast wire.IPv4 // of its subnet; 255.255.255.255 where that has none
}

// Host is the IPv4 layer of one shard.
type Host struct {
	cfg Config

	addresses  [maxAddresses]localAddress
	nAddresses int
	meanings   meanings // of addresses, and of their broadcast addresses
	routes     routeTable
	ident      uint16 // of the next packet

	fragments  reassembly
	pathMTU    pathMTUCache
	icmp       icmpQueue
	echoLimit  bucket
	errorLimit bucket

	stats Stats
}

// New makes a host without addresses. All of its memory is taken now.
func New(c Config) *Host {
	c.setDefaults()
	rng := rand.NewPCG(c.Seed, 0x6970_7634_686f_7374)
	h := &Host{
		cfg:        c,
		ident:      uint16(rng.Uint64()), // any sixteen bits
		echoLimit:  makeBucket(c.ICMPRate, c.ICMPBurst),
		errorLimit: makeBucket(c.ICMPRate, c.ICMPBurst),
	}
	h.routes = makeRouteTable()
	h.fragments = makeReassembly(c.Datagrams, c.ReassemblyBytes)
	h.pathMTU = makePathMTUCache(rng.Uint64())
	h.icmp = makeICMPQueue(c.MTU)
	return h
}

func (c *Config) setDefaults() {
	c.MTU = min(max(orDefault(c.MTU, 1500), minMTU), wire.IPv4MaxLen)
	if c.TTL == 0 {
		c.TTL = 64
	}
	c.MinPathMTU = max(orDefault(c.MinPathMTU, 552), minMTU)
	c.PathMTUAge = orDefault(c.PathMTUAge, 10*time.Minute)
	c.Datagrams = min(orDefault(c.Datagrams, 64), 1<<12)
	c.ReassemblyBytes = min(orDefault(c.ReassemblyBytes, 1<<20), 1<<26)
	c.ReassemblyTimeout = orDefault(c.ReassemblyTimeout, 30*time.Second)
	c.ICMPRate = orDefault(c.ICMPRate, 1000)
	c.ICMPBurst = orDefault(c.ICMPBurst, 50)
}

// orDefault replaces values that nobody set, and impossible ones.
func orDefault[T int | time.Duration](v, value T) T {
	if v <= 0 {
		return value
	}
	return v
}

// AddAddress makes p.Addr an address of ours, and p the network on the link in
// which it stands. It is false when the address is impossible, known already, or
// one too many.
func (h *Host) AddAddress(p wire.IPv4Prefix) bool {
	if h.nAddresses == maxAddresses || !p.IsValid() || !isUnicast(p.Addr) || h.IsLocal(p.Addr) {
		return false
	}
	broadcast, ok := p.Broadcast()
	if !ok {
		broadcast = wire.IPv4Broadcast
	}
	if p.Bits < 31 && (p.Addr == broadcast || p.Addr == p.Network().Addr) {
		return false
	}
	h.addresses[h.nAddresses] = localAddress{p.Addr, broadcast}
	h.keepAddresses(h.nAddresses + 1)
	h.routes.insert(Route{Prefix: p.Network(), Source: p.Addr}, true)
	return true
}

// RemoveAddress forgets an address and its network; false when it was none.
func (h *Host) RemoveAddress(a wire.IPv4) bool {
	for i := range h.addresses[:h.nAddresses] {
		if h.addresses[i].ip == a {
			copy(h.addresses[i:], h.addresses[i+1:h.nAddresses]) // the first one stays first
			h.keepAddresses(h.nAddresses - 1)
			h.routes.removeConnected(a)
			return true
		}
	}
	return false
}

// keepAddresses makes the first n addresses ours, and no others.
func (h *Host) keepAddresses(n int) {
	h.nAddresses = n
	h.meanings.of(h.addresses[:n])
}

// IsLocal reports whether a is an address of ours.
func (h *Host) IsLocal(a wire.IPv4) bool { return h.meanings.find(a)&meansUs != 0 }

// isBroadcast reports whether a reaches all of the link, or all of a subnet of ours.
func (h *Host) isBroadcast(a wire.IPv4) bool {
	return a.IsBroadcast() || h.meanings.find(a)&meansAll != 0
}

// isUnicast reports whether a can belong to one station on a network.
func isUnicast(a wire.IPv4) bool {
	return !a.IsThisNetwork() && !a.IsLoopback() && !a.IsMulticast() && !a.IsReserved()
}

// Stats returns the counters.
func (h *Host) Stats() Stats { return h.stats }

// Next returns when Advance has something to do.
func (h *Host) Next() mono.Time { return h.fragments.next }

// Advance gives up datagrams whose fragments did not all come in time. Other
// things that age are looked at when they are used.
func (h *Host) Advance(now mono.Time) {
	if now.Before(h.fragments.next) {
		return
	}
	h.expireFragments(now)
}
