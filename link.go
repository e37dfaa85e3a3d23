package mtcp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/link/tap"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/mtcp-go/mtcp/internal/param"
	"github.com/mtcp-go/mtcp/internal/runner"
)

// A Link is where a stack's packets go: AFXDP, TAP, or an end of a Wire.
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
	// Interface is the interface's name. All of its queues are bound, and each
	// gets a shard.
	Interface string

	// Generic asks for generic mode at once, which works with every driver.
	// Otherwise native mode is tried first; LinkInfo tells what was obtained.
	Generic bool

	// Copy asks for copy mode at once. Otherwise zero-copy is tried first.
	Copy bool

	// Require refuses to open in a mode that is less; zerocopy is native, too.
	// Default: any mode; native or zerocopy.
	Require string

	// Frames is the number of packet buffers per queue, half of them for each
	// direction. Default: 4096; a power of two from 128 to 1048576 buffers.
	Frames int

	// FrameSize is the size of a packet buffer, larger than the MTU by 270 at
	// least. Default: 2KiB; a power of two from 2KiB to 4KiB.
	FrameSize int

	// RingSize is the length of the receive and transmit rings shared with the
	// kernel. Default: half of the frames; a power of two from 64 to 524288
	// packets.
	RingSize int

	// BusyPoll makes reading drive the interface instead of its interrupts, for
	// this long at a time; it needs napi_defer_hard_irqs and gro_flush_timeout
	// to be of use. Default: off; 1µs to 1s.
	BusyPoll time.Duration

	// NoTxChecksum fills transmit checksums in software even where the device
	// could.
	NoTxChecksum bool
}

func (x AFXDP) open(c *Config) (openLink, error) {
	if err := param.AFXDP.Complete(&x); err != nil {
		return openLink{}, fmt.Errorf("afxdp: %w", err)
	}
	d, err := afxdp.Open(x.device(c))
	if err != nil {
		return openLink{}, err
	}
	o := openLink{clock: runner.NewClock(), close: d.Close}
	for i := range d.Queues() {
		o.queues = append(o.queues, d.Queue(i))
	}
	return o, nil
}

// device translates to the device's terms.
func (x AFXDP) device(c *Config) afxdp.Config {
	cfg := afxdp.Config{
		Interface: x.Interface,
		Require:   afxdp.Requirement(slices.Index(requirements, x.Require)),
		Frames:    x.Frames,
		FrameSize: x.FrameSize,
		RingSize:  x.RingSize,
		BusyPoll:  x.BusyPoll,
	}
	if x.Generic {
		cfg.Mode = afxdp.ModeGeneric
	}
	if x.Copy {
		cfg.Copy = afxdp.CopyAlways
	}
	if x.NoTxChecksum {
		cfg.TxChecksum = afxdp.Off
	}
	for _, a := range c.Addresses {
		cfg.Addresses = append(cfg.Addresses, a.Addr())
	}
	return cfg
}

// requirements are in the device's order.
var requirements = []string{"", "native", "zerocopy"}

// TAP makes, or attaches to, a TAP interface: for machines without XDP. The
// kernel is the stack's neighbour on it, and forwards if it is told to.
type TAP struct {
	// Interface is the interface's name; one that does not exist is made, and
	// removed with the stack.
	Interface string

	// Queues is the number of queues, and so of shards. Default: 1; 1 to 256.
	Queues int

	// Peer are the kernel's addresses on the interface, on the networks of the
	// stack's addresses. None leaves them as they are.
	Peer []netip.Prefix

	// MTU is the interface's MTU. Default: as it is, or 1500 when made; 68 to
	// 65521.
	MTU int

	// MAC is the Ethernet address of the stack's end. None makes one up.
	MAC net.HardwareAddr

	// Persist lets the interface stay when the stack has gone.
	Persist bool
}

func (x TAP) open(*Config) (openLink, error) {
	if err := param.TAP.Complete(&x); err != nil {
		return openLink{}, fmt.Errorf("tap: %w", err)
	}
	cfg, err := x.device()
	if err != nil {
		return openLink{}, err
	}
	d, err := tap.Open(cfg)
	if err != nil {
		return openLink{}, err
	}
	o := openLink{clock: runner.NewClock(), close: d.Close}
	for i := range d.Queues() {
		o.queues = append(o.queues, d.Queue(i))
	}
	return o, nil
}

// device translates to the device's terms.
func (x TAP) device() (tap.Config, error) {
	cfg := tap.Config{
		Interface:     x.Interface,
		Queues:        x.Queues,
		Persist:       x.Persist,
		MTU:           x.MTU,
		PeerAddresses: x.Peer,
		Up:            true,
		Settle:        netconf.Settle,
	}
	if len(x.MAC) != 0 && len(x.MAC) != len(cfg.MAC) {
		return cfg, fmt.Errorf("tap: MAC: %v is no Ethernet address", x.MAC)
	}
	copy(cfg.MAC[:], x.MAC)
	return cfg, nil
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
