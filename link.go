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
	"github.com/mtcp-go/mtcp/internal/stack"
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

	// Of an interface of the kernel.
	name   string
	watch  *netconf.Watcher
	hasMAC bool           // its MAC is the stack's
	share  *share         // nil: the addresses are the stack's own
	asked  *questions     // with share
	take   []netip.Prefix // the addresses, with share
}

// adapt makes the stack one that shares its addresses.
func (o *openLink) adapt(c *stack.Config) {
	if o.share == nil {
		return
	}
	c.Addresses, c.Ports, c.Ask, c.Keeper = o.take, o.share.dialPorts(), o.asked.ask, o.share
}

// endWatch is for a link that no stack came to follow.
func (o *openLink) endWatch() error {
	if o.watch == nil {
		return nil
	}
	return o.watch.Close()
}

// AFXDP opens a network interface beside the kernel: packets to the stack's
// addresses, or with Shared to its ports, come to the stack, all others stay the
// kernel's. It needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF, and with Shared and a
// port below 1024 CAP_NET_BIND_SERVICE.
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

	// Shared leaves the addresses to the kernel, too: only the ports on which the
	// stack listens, and those of its own connections, come to the stack.
	// Neighbours and routes are the kernel's, and followed as they change. The
	// configuration then names which of the interface's addresses to use; none
	// means all, also those that come later. netfilter does not see the stack's
	// packets.
	Shared bool

	// Ports are those that the stack may listen on, with Shared. None means any
	// that the kernel does not use. Default: none; each 1 to 65535.
	Ports []uint16

	// DialPorts is how many local ports are kept from the kernel for the stack's
	// own connections, with Shared. Each is a socket. Default: 1024, or none
	// without Shared; 1 to 16384 ports.
	DialPorts int
}

func (x AFXDP) open(c *Config) (o openLink, err error) {
	if err := param.AFXDP.Complete(&x); err != nil {
		return openLink{}, fmt.Errorf("afxdp: %w", err)
	}
	o = openLink{clock: runner.NewClock(), name: x.Interface, hasMAC: true}
	if o.watch, err = netconf.Watch(x.Interface); err != nil {
		return openLink{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.endWatch())
		}
	}()
	if o.take, err = x.addresses(c, o.watch.Snapshot().Addresses); err != nil {
		return o, err
	}
	cfg := x.device(o.take)
	d, err := afxdp.Open(cfg)
	if err != nil {
		return o, err
	}
	o.close = d.Close
	if x.Shared {
		o.asked = newQuestions()
		if o.share, err = openShare(d, &x, c.Addresses, cfg.Addresses); err != nil {
			return o, errors.Join(err, d.Close())
		}
	}
	for i := range d.Queues() {
		o.queues = append(o.queues, d.Queue(i))
	}
	return o, nil
}

// device translates to the device's terms.
func (x AFXDP) device(addresses []netip.Prefix) afxdp.Config {
	cfg := afxdp.Config{
		Interface: x.Interface,
		Require:   afxdp.Requirement(slices.Index(requirements, x.Require)),
		Frames:    x.Frames,
		FrameSize: x.FrameSize,
		RingSize:  x.RingSize,
		BusyPoll:  x.BusyPoll,
		Shared:    x.Shared,
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
	for _, a := range addresses {
		cfg.Addresses = append(cfg.Addresses, a.Addr())
	}
	return cfg
}

// requirements are in the device's order.
var requirements = []string{"", "native", "zerocopy"}

// addresses are those whose packets come to the stack at first.
func (x *AFXDP) addresses(c *Config, kernel []netip.Prefix) ([]netip.Prefix, error) {
	if !x.Shared {
		if x.Ports != nil || x.DialPorts != 0 {
			return nil, errors.New("ports of an address that is not shared: the stack has all of them (Ports and DialPorts are for Shared)")
		}
		return c.Addresses, nil
	}
	switch {
	case c.Gateway.IsValid():
		return nil, errors.New("a gateway with a shared address: the kernel's routes are used (leave Gateway out)")
	case c.ProbeAddresses:
		return nil, errors.New("probing a shared address: the kernel has it already (leave ProbeAddresses out)")
	case len(kernel) == 0:
		return nil, fmt.Errorf("%s has no IPv4 address to share (mend: ip addr add ADDRESS/LENGTH dev %s)", x.Interface, x.Interface)
	case len(c.Addresses) == 0:
		return kernel, nil
	}
	var take []netip.Prefix
	for _, a := range c.Addresses {
		i := slices.IndexFunc(kernel, func(k netip.Prefix) bool { return k.Addr() == a.Addr() })
		if i < 0 {
			return nil, fmt.Errorf("%v is no address of %s to share (there are: %v)", a.Addr(), x.Interface, kernel)
		}
		take = append(take, kernel[i])
	}
	return take, nil
}

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
	o := openLink{clock: runner.NewClock(), name: d.Info().Name, close: d.Close}
	if o.watch, err = netconf.Watch(o.name); err != nil {
		return openLink{}, errors.Join(err, d.Close())
	}
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
