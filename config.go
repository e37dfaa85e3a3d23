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
	// Link is where packets go: AFXDP, or an end of a Wire.
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

	// Connections bounds the connections of each shard; beyond it SYNs are
	// dropped and counted. Default 131072.
	Connections int

	// TimeWaits bounds the TIME_WAIT records of each shard (64 octets each);
	// beyond it the oldest give way, and are counted. Default 262144.
	TimeWaits int

	// RingMemory bounds the octets of each shard's send and receive rings.
	// Connections take of it what they need and give it back when idle.
	// Default 512 MiB.
	RingMemory int

	// HugePages asks for huge pages for that memory. They are reserved as a whole
	// when the stack is made; when there are too few, ordinary pages are used, and
	// the log says why.
	HugePages bool

	// Backlog bounds, per shard, the connections of a listener that wait for
	// Accept, and by twice that number those that are half open. Default 4096.
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
		HugePages:   c.HugePages,
		TCP:         e,
		Probe:       c.ProbeAddresses,
		Seed:        c.Seed,
	}, err
}
