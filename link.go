package mtcp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/link/tap"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/mtcp-go/mtcp/internal/runner"
)

// A Link is where a stack's packets go: AFXDP, TAP, Memif, or an end of a Wire.
type Link interface {
	open(*Config) (openLink, error)
}

// An openLink is what a stack takes over.
type openLink struct {
	queues []link.Queue
	clock  *runner.Clock
	close  func() error // after the queues
}

// AFXDP opens a network interface beside the kernel: packets to the stack's
// addresses come to the stack, all others stay the kernel's. It needs
// CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF.
type AFXDP struct {
	// Interface is its name, such as "eth0". All of its queues are bound, and
	// each gets a shard.
	Interface string

	// Generic asks for generic mode at once, which works with every driver.
	// Otherwise native mode is tried first; LinkInfo tells what was obtained.
	Generic bool

	// Frames is the number of packet buffers per queue, a power of two.
	// Default 4096.
	Frames int
}

func (x AFXDP) open(c *Config) (openLink, error) {
	cfg := afxdp.Config{Interface: x.Interface, Frames: x.Frames}
	if x.Generic {
		cfg.Mode = afxdp.ModeGeneric
	}
	for _, a := range c.Addresses {
		cfg.Addresses = append(cfg.Addresses, a.Addr())
	}
	d, err := afxdp.Open(cfg)
	if err != nil {
		return openLink{}, err
	}
	o := openLink{clock: runner.NewClock(), close: d.Close}
	for i := range d.Queues() {
		o.queues = append(o.queues, d.Queue(i))
	}
	return o, nil
}

// TAP makes, or attaches to, a TAP interface: for machines without XDP. The
// kernel is the stack's neighbour on it, and forwards if it is told to.
type TAP struct {
	// Interface is its name; one that does not exist is made, and removed with
	// the stack.
	Interface string

	// Queues is the number of queues, and so of shards. Default 1.
	Queues int

	// Peer are the kernel's addresses on the interface, on the networks of the
	// stack's addresses. None leaves them as they are.
	Peer []netip.Prefix
}

func (x TAP) open(*Config) (openLink, error) {
	d, err := tap.Open(tap.Config{
		Interface:     x.Interface,
		Queues:        x.Queues,
		PeerAddresses: x.Peer,
		Up:            true,
		Settle:        netconf.Settle,
	})
	if err != nil {
		return openLink{}, err
	}
	o := openLink{clock: runner.NewClock(), close: d.Close}
	for i := range d.Queues() {
		o.queues = append(o.queues, d.Queue(i))
	}
	return o, nil
}

// WireConfig describes an in-process wire between two stacks. The zero value
// is a perfect one.
type WireConfig struct {
	MTU    int // default 1500
	Queues int // on each side, and so shards of each stack; default 1
	Impair [2]Impairment
	Seed   uint64 // of the impairments
}

// Impairment is what happens to packets in one direction.
type Impairment struct {
	Loss, Duplicate, Corrupt, Reorder float64 // probabilities
	Rate                              uint64  // octets per second; 0 is unlimited
	Delay, Jitter                     time.Duration
}

// A Wire joins two stacks in one process, without privileges: for tests and
// for trying things out.
type Wire struct {
	wire  *mem.Wire
	clock *runner.Clock
	n     int
}

// NewWire makes a wire.
func NewWire(c WireConfig) (*Wire, error) {
	cfg := mem.Config{MTU: c.MTU, Queues: c.Queues, Seed: c.Seed}
	for i, m := range c.Impair {
		cfg.Impair[i] = mem.Impairment{
			Loss: m.Loss, Duplicate: m.Duplicate, Corrupt: m.Corrupt, Reorder: m.Reorder,
			Rate: m.Rate, Delay: m.Delay, Jitter: m.Jitter,
		}
	}
	w, err := mem.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("mtcp: %w", err)
	}
	return &Wire{wire: w, clock: runner.NewClock(), n: max(c.Queues, 1)}, nil
}

// End returns one end of the wire, 0 or 1, for one stack.
func (w *Wire) End(i int) Link { return wireEnd{w, i} }

type wireEnd struct {
	wire *Wire
	side int
}

func (e wireEnd) open(*Config) (openLink, error) {
	if e.side != 0 && e.side != 1 {
		return openLink{}, errors.New("a wire has the ends 0 and 1")
	}
	o := openLink{clock: e.wire.clock, close: func() error { return nil }}
	for i := range e.wire.n {
		o.queues = append(o.queues, e.wire.wire.Side(e.side).Queue(i))
	}
	return o, nil
}
