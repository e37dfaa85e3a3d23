package mtcp

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/mtcp-go/mtcp/internal/stack"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// Config describes a Stack. Link and Addresses are needed; the zero value of
// every other field is its default.
type Config struct {
	// Link is where packets go: AFXDP, TAP, or an end of a Wire.
	Link Link

	// Addresses are the stack's own, with their prefix lengths. The kernel must
	// not have them too, except with AFXDP.Shared, where they choose among the
	// kernel's, and none means all. IPv4 only so far.
	Addresses []netip.Prefix

	// Gateway is the next hop for everything that is not on link. With
	// AFXDP.Shared the kernel's routes count instead.
	Gateway netip.Addr

	// ProbeAddresses asks the network before the addresses are used whether
	// somebody has them (RFC 5227). That takes some seconds, in which nothing
	// can be sent.
	ProbeAddresses bool

	// Memory bounds the octets that the stack takes, all shards together and
	// whatever happens: connections, rings, tables, packet frames. Connections,
	// TimeWaits and RingMemory follow from it where they are zero; New fails when
	// it is too small for what was asked for. None of it is touched before it is
	// needed. Stack.Memory tells how it is divided. Default 0: no budget, and
	// each part has its own default. What applications hold on the Go heap, a
	// Conn above all, is theirs: docs/LIMITS.md has the numbers.
	Memory int

	// Connections bounds the connections of each shard; beyond it SYNs are
	// dropped and counted. Default 131072, or a part of Memory.
	Connections int

	// TimeWaits bounds the TIME_WAIT records of each shard (64 octets each);
	// beyond it the oldest give way, and are counted. Default 262144, or twice
	// Connections with Memory.
	TimeWaits int

	// RingMemory bounds the octets of each shard's send and receive rings.
	// Connections take of it what they need and give it back when idle.
	// At least 4 MiB. Default 512 MiB, or what is left of Memory.
	RingMemory int

	// HugePages asks for huge pages for that memory. They are reserved as a whole
	// when the stack is made; when there are too few, ordinary pages are used, and
	// the log says why.
	HugePages bool

	// Backlog bounds, per shard, the connections of a listener that wait for
	// Accept, and by twice that number those that are half open. Default 4096, or
	// Connections if that is less. Listeners whose queues together would take more
	// than 64 MiB, or a 32nd of Memory (at least 1 MiB), are refused with ENOBUFS.
	Backlog int

	// TimeWait is how long a closed 4-tuple is kept from being reused, except
	// as RFC 6191 allows. Default 60 s (RFC 9293: 2 MSL, 4 minutes).
	TimeWait time.Duration

	// KeepAlive is the idle time before keep-alive probes, and between them;
	// nine are sent. Default 15 s as in package net; negative switches off.
	KeepAlive time.Duration

	// Congestion is "cubic" (the default) or "newreno".
	Congestion string

	// Nagle leaves Nagle's algorithm on at the start of connections. As in
	// package net it is off by default.
	Nagle bool

	// Cores pins the shards' threads, in turn, to these cores. It suits handlers
	// of package event; where goroutines use the connections each round then costs
	// switches between threads. Default: none, the shards run where the Go
	// scheduler has them.
	Cores []int

	// BusyPoll keeps idle shards from sleeping, each of which then takes all of a
	// core: a round trip is spared a wake-up of some 50 µs.
	BusyPoll bool

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

const defaultBacklog = 4096

// engineConfig translates to the engine's terms.
func (c *Config) engineConfig() (tcp.Config, error) {
	e := tcp.DefaultConfig()
	e.NoDelay = !c.Nagle
	if c.TimeWait > 0 {
		e.TimeWait = c.TimeWait
	}
	if c.KeepAlive >= 0 {
		e.KeepAlive = true
		e.KeepIdle = 15 * time.Second
		if c.KeepAlive > 0 {
			e.KeepIdle = c.KeepAlive
		}
		e.KeepInterval = e.KeepIdle
	}
	if c.Congestion != "" {
		id, ok := cc.ParseID(c.Congestion)
		if !ok {
			return e, errors.New(`congestion control "` + c.Congestion + `" is not known: use cubic or newreno`)
		}
		e.Congestion = id
	}
	return e, nil
}

// stackConfig translates to the terms of the layer below.
func (c *Config) stackConfig() (stack.Config, error) {
	e, err := c.engineConfig()
	return stack.Config{
		Addresses:   c.Addresses,
		Gateway:     c.Gateway,
		Connections: c.Connections,
		TimeWaits:   c.TimeWaits,
		RingMemory:  c.RingMemory,
		Memory:      c.Memory,
		HugePages:   c.HugePages,
		TCP:         e,
		Cores:       c.Cores,
		BusyPoll:    c.BusyPoll,
		Probe:       c.ProbeAddresses,
		Seed:        c.Seed,
	}, err
}
