package stack

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/technique"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Config is what a stack is made with. Zero limits take their defaults.
type Config struct {
	Queues      []link.Queue   // one shard each
	Addresses   []netip.Prefix // IPv4, with their prefix lengths
	Gateway     netip.Addr     // of the default route; not valid: none
	Connections int            // per shard
	TimeWaits   int            // records per shard
	RingMemory  int            // octets per shard
	HugePages   bool           // for ring memory and what else applications see, if there are any

	// Memory is the budget of the whole stack, octets, from which the parts
	// follow that are zero. 0: they take their defaults.
	Memory       int
	ListenMemory int // octets for listeners' queues, of the whole stack

	PortFirst uint16 // ephemeral ports
	PortLast  uint16
	Ports     []uint16 // ephemeral ports that are no range; nil: PortFirst to PortLast

	TCP        tcp.Config
	Host       ip.Config    // but for MTU and Seed
	Neighbours neigh.Config // but for what follows from the rest
	Cores      []int        // of the shards, in turn; none: wherever the scheduler likes
	BusyPoll   bool         // shards never sleep
	Probe      bool         // probe addresses for conflicts before use (RFC 5227)
	Seed       uint64       // 0: from the system; else everything that is random follows from it

	Technique technique.Choice // what to do without, for benchmarks

	// Ask, when not nil, says that neighbours and routes come from outside: the
	// stack speaks no ARP. Shards call it for a neighbour that they do not know,
	// or that is there for certain; TellNeighbour answers. It must not block.
	Ask func(a wire.IPv4, isProven bool)

	// Keeper, when not nil, has to be asked for ports, which others have, too.
	Keeper Keeper
}

// A Keeper keeps ports for a stack that shares its addresses.
type Keeper interface {
	Claim(port uint16) error       // before it is opened; 0 will be an ephemeral one
	Begin(port uint16) error       // it is open: its packets may come
	Release(port uint16)           // its listener has closed; connections may be left
	MayDialFrom(port uint16) error // 0 is an ephemeral one
}

// Defaults of Config.
const (
	DefaultConnections = 1 << 17
	DefaultTimeWaits   = 1 << 18
	DefaultRingMemory  = 512 << 20
	DefaultListeners   = 64 << 20
	DefaultPortFirst   = 32768
	DefaultPortLast    = 60999

	commandSlots = 1 << 14
	maxSlots     = 1 << 28 // far below what indices and the flow table can name
)

func (c *Config) setDefaults() {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Connections, DefaultConnections)
	def(&c.TimeWaits, DefaultTimeWaits)
	def(&c.RingMemory, DefaultRingMemory)
	def(&c.ListenMemory, DefaultListeners)
	c.setPorts()
}

func (c *Config) setPorts() {
	if c.PortFirst == 0 && c.PortLast == 0 {
		c.PortFirst, c.PortLast = DefaultPortFirst, DefaultPortLast
	}
}

// check refuses what cannot work, in words.
func (c *Config) check() error {
	if len(c.Queues) == 0 {
		return errors.New("no link: a stack needs at least one queue")
	}
	if c.Memory < 0 || c.ListenMemory < 0 {
		return fmt.Errorf("memory of %d octets, of which %d for listeners: neither can be negative", c.Memory, c.ListenMemory)
	}
	if len(c.Addresses) == 0 {
		return errors.New("no address: give the stack one, such as 10.0.0.2/24")
	}
	for _, a := range c.Addresses {
		if !a.IsValid() || !a.Addr().Is4() {
			return fmt.Errorf("address %v: only IPv4 with a prefix length, such as 10.0.0.2/24, is supported", a)
		}
	}
	if c.Connections < 1 || c.Connections > maxSlots {
		return fmt.Errorf("%d connections: 1 to %d are possible", c.Connections, maxSlots)
	}
	if c.TimeWaits < 1 || c.TimeWaits > maxSlots {
		return fmt.Errorf("%d TIME-WAIT records: 1 to %d are possible", c.TimeWaits, maxSlots)
	}
	if c.RingMemory < ring.MaxSize || c.RingMemory > ring.MaxMemory {
		return fmt.Errorf("ring memory of %d octets: %d to %d are possible", c.RingMemory, ring.MaxSize, ring.MaxMemory)
	}
	if c.PortFirst == 0 || c.PortFirst > c.PortLast {
		return fmt.Errorf("ephemeral ports %d to %d: not a range", c.PortFirst, c.PortLast)
	}
	if g := c.Gateway; g.IsValid() && !c.onLink(g) {
		return fmt.Errorf("gateway %v is not on the network of any address", g)
	}
	return nil
}

// ephemeral yields the ports that the stack chooses from.
func (c *Config) ephemeral() iter.Seq[uint16] {
	if len(c.Ports) > 0 {
		return slices.Values(c.Ports)
	}
	return func(yield func(uint16) bool) {
		for p := int(c.PortFirst); p <= int(c.PortLast) && yield(uint16(p)); p++ {
		}
	}
}

func (c *Config) onLink(a netip.Addr) bool {
	for _, p := range c.Addresses {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// random returns the stack's secret and seed.
func (c *Config) random() (prf.Key, uint64) {
	if c.Seed != 0 {
		r := prf.NewRand(c.Seed)
		return prf.Key{K0: r.Uint64(), K1: r.Uint64()}, r.Uint64()
	}
	var b [24]byte
	rand.Read(b[:]) // never fails
	return prf.Key{
		K0: binary.LittleEndian.Uint64(b[0:]),
		K1: binary.LittleEndian.Uint64(b[8:]),
	}, binary.LittleEndian.Uint64(b[16:])
}

// prefixes converts the addresses to the form that the wire has.
func (c *Config) prefixes() []wire.IPv4Prefix {
	var out []wire.IPv4Prefix
	for _, a := range c.Addresses {
		if p, ok := wire.PrefixFromNetip(a); ok {
			out = append(out, p)
		}
	}
	return out
}

func (c *Config) hostConfig(mtu int, seed uint64) ip.Config {
	h := c.Host
	h.MTU, h.Seed = mtu, seed
	return h
}

// routes are those that no address brings: the default route.
func (c *Config) routes() []ip.Route {
	g, ok := wire.FromNetip(c.Gateway)
	if !ok {
		return nil
	}
	return []ip.Route{{Gateway: g}}
}

func (c *Config) neighConfig(mac wire.MAC, seed uint64) neigh.Config {
	n := c.Neighbours
	n.MAC, n.Seed = mac, seed
	for _, p := range c.prefixes() {
		n.OnLink = append(n.OnLink, p.Network())
	}
	n.Outside = c.Ask != nil
	if c.Probe {
		n.ProbeCount = 3
	}
	return n
}
