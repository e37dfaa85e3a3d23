package mtcp

import (
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/param"
	"github.com/mtcp-go/mtcp/internal/stack"
)

// Config describes a Stack. Link and Addresses are needed; the zero value of
// every other field is its default. Package config reads one from a file.
type Config struct {
	// Link is where packets go: AFXDP, TAP, Memif, or an end of a Wire.
	Link Link

	// Addresses are the stack's own, with their prefix lengths. The kernel must
	// not have them too, except with AFXDP.Shared, where they choose among the
	// kernel's, and none means all. IPv4 only so far.
	Addresses []netip.Prefix

	// Gateway is the next hop for everything that is not on link. With
	// AFXDP.Shared the kernel's routes count instead.
	Gateway netip.Addr

	// ProbeAddresses asks the network before the addresses are used whether
	// somebody has them (RFC 5227), which takes some seconds in which nothing
	// can be sent.
	ProbeAddresses bool

	// Memory bounds the octets that the stack takes, all shards together and
	// whatever happens: connections, rings, tables, packet frames. Connections,
	// TimeWaits and RingMemory follow from it where they are not given; what is
	// too small for what was asked for is refused. None of it is touched before it
	// is needed. Default: no budget, each part has its own default; 1MiB to 64TiB.
	//
	// Stack.Memory tells how it is divided. What applications hold on the Go heap,
	// a Conn above all, is theirs: docs/LIMITS.md has the numbers.
	Memory int

	// Connections bounds the connections of each shard; beyond it SYNs are
	// dropped and counted. Default: 131072, or a part of Memory; 1 to 268435456.
	Connections int

	// TimeWaits bounds the TIME_WAIT records of each shard, of 64 octets each;
	// beyond it the oldest give way, and are counted. Default: 262144, or twice
	// Connections with Memory; 1 to 268435456.
	TimeWaits int

	// RingMemory bounds the octets of each shard's send and receive rings, of
	// which connections take what they need and give it back when idle. Default:
	// 512MiB, or what is left of Memory; 4MiB to 128GiB.
	RingMemory int

	// HugePages asks for huge pages for that memory. They are reserved as a whole
	// when the stack is made; when there are too few, ordinary pages are used, and
	// the log says why.
	HugePages bool

	// Backlog bounds, per shard, the connections of a listener that wait for
	// Accept, and by twice that number those that are half open. Default: 4096, or
	// Connections if that is less; 1 to 1048576 connections.
	//
	// Listeners whose queues together would take more than 64 MiB, or a 32nd of
	// Memory (at least 1 MiB), are refused with ENOBUFS.
	Backlog int

	// PortFirst is the first of the ports that dials, and listeners on port 0,
	// are given. Default: 32768; 1 to 65535.
	PortFirst int

	// PortLast is the last of these ports. Default: 60999; 1 to 65535.
	PortLast int

	// Neighbours bounds the ARP entries of each shard; beyond it idle ones give
	// way. Default: 1024; 8 to 32768.
	Neighbours int

	// Cores are those that the shards' threads are pinned to, in turn. It suits
	// handlers of package event; where goroutines use the connections each round
	// then costs switches between threads. None leaves the shards where the Go
	// scheduler has them. Default: none; each 0 to 1023.
	Cores []int

	// BusyPoll keeps idle shards from sleeping, each of which then takes all of a
	// core: a round trip is spared a wake-up of some 50 µs. With Cores, shards of
	// one core take turns on its thread, also those of other stacks: no handler
	// may close a stack that has a shard on its core.
	BusyPoll bool

	TCP TCP // how TCP behaves
	IP  IP  // how IP behaves

	// Capture takes a copy of every packet in pcapng format, when not nil. It
	// is written from the packet path, so a slow writer slows the stack.
	Capture io.Writer

	// Logger hears of what an operator should know. Default: nobody.
	Logger *slog.Logger

	// Seed makes all that is random in the stack follow from it, for
	// simulations. 0 takes the system's randomness, which a stack that can be
	// reached by others needs.
	Seed uint64
}

// defaultBacklog is that of a stack with as many connections.
const defaultBacklog = 4096

// complete fills in the defaults and refuses what is out of range.
func (c *Config) complete() error {
	if err := param.Stack.Complete(c); err != nil {
		return err
	}
	if err := param.TCP.Complete(&c.TCP); err != nil {
		return err
	}
	return param.IP.Complete(&c.IP)
}

// stackConfig translates a complete configuration to the terms of the layer
// below.
func (c *Config) stackConfig() stack.Config {
	return stack.Config{
		Addresses:   c.Addresses,
		Gateway:     c.Gateway,
		Connections: c.Connections,
		TimeWaits:   c.TimeWaits,
		RingMemory:  c.RingMemory,
		Memory:      c.Memory,
		HugePages:   c.HugePages,
		PortFirst:   uint16(c.PortFirst), // in range
		PortLast:    uint16(c.PortLast),
		TCP:         c.TCP.engine(),
		Host:        c.IP.host(),
		Neighbours:  neigh.Config{MaxEntries: c.Neighbours},
		Cores:       c.Cores,
		BusyPoll:    c.BusyPoll,
		Probe:       c.ProbeAddresses,
		Seed:        c.Seed,
	}
}

// IP is how IP and ICMP behave. Zero values are the defaults.
type IP struct {
	// TTL is the time to live of packets that leave. Default: 64; 1 to 255 hops.
	TTL int

	// MinPathMTU is what no ICMP message makes a path's MTU smaller than.
	// Default: 552; 68 to 1500.
	MinPathMTU int

	// PathMTUAge is the time after which a path is tried with larger packets
	// again (RFC 1191). Default: 10m; 60s to 24h.
	PathMTUAge time.Duration

	// Reassemblies bounds what each shard puts together from fragments at a
	// time; beyond it the oldest give way. Default: 64; 1 to 4096 datagrams.
	Reassemblies int

	// ReassemblyMemory bounds each shard's memory for that. Default: 1MiB; 64KiB
	// to 64MiB.
	ReassemblyMemory int

	// ReassemblyTimeout is how long a datagram waits for its last fragment.
	// Default: 30s; 1s to 120s.
	ReassemblyTimeout time.Duration

	// ICMPRate bounds each shard's ICMP answers, and by the same number its ICMP
	// errors. Default: 1000; 1 to 1000000 a second.
	ICMPRate int

	// ICMPBurst is how many of either may go at once. Default: 50; 1 to 1000000
	// messages.
	ICMPBurst int
}

func (p *IP) host() ip.Config {
	return ip.Config{
		TTL:               uint8(p.TTL), // in range
		MinPathMTU:        p.MinPathMTU,
		PathMTUAge:        p.PathMTUAge,
		Datagrams:         p.Reassemblies,
		ReassemblyBytes:   p.ReassemblyMemory,
		ReassemblyTimeout: p.ReassemblyTimeout,
		ICMPRate:          p.ICMPRate,
		ICMPBurst:         p.ICMPBurst,
	}
}
