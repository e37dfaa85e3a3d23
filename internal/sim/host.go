// A host: shards on one side of a wire, and what applications can ask of them.

package sim

import (
	"fmt"
	"math/bits"

	"github.com/mtcp-go/mtcp/internal/arena"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// HostConfig describes a host. The zero value of a limit takes a small default.
type HostConfig struct {
	Wire    *mem.Wire
	Side    int
	Queues  int // as the wire has; 0: 1
	Prefix  wire.IPv4Prefix
	Gateway wire.IPv4 // 0: none

	Connections int // per shard; 256
	TimeWaits   int // 256
	RingMemory  int // octets; 16 MiB
	Commands    int // 4096
	PortFirst   uint16
	PortLast    uint16
	HoldAcks    bool // as stacks with goroutines do

	TCP        tcp.Config // zero: the default
	IP         ip.Config
	Neighbours neigh.Config
}

// A Host is a station with a stack.
type Host struct {
	Address wire.IPv4
	MAC     wire.MAC

	world  *World
	name   string
	cfg    HostConfig
	lanes  []*lane
	memory *arena.Region
	views  views // of segments that this host has sent

	lastToken uint64
	dials     map[uint64]*Dial
	calls     map[uint64]call
	conns     []*Conn
	listeners []*Listener
}

// Host adds a host to the world.
func (w *World) Host(c HostConfig) *Host {
	c.setDefaults()
	h := &Host{
		Address: c.Prefix.Addr,
		world:   w,
		name:    fmt.Sprintf("host%d", len(w.hosts)),
		cfg:     c,
		views:   views{byKey: make(map[flow.Key4]*View)},
		dials:   make(map[uint64]*Dial),
		calls:   make(map[uint64]call),
	}
	if err := h.build(); err != nil {
		panic(err) // the test asked for an impossible host
	}
	w.hosts = append(w.hosts, h)
	w.lanes = append(w.lanes, h.lanes...)
	return h
}

func (c *HostConfig) setDefaults() {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Queues, 1)
	def(&c.Connections, 256)
	def(&c.TimeWaits, 256)
	def(&c.RingMemory, 16<<20)
	def(&c.Commands, 4096)
	if c.PortFirst == 0 {
		c.PortFirst, c.PortLast = 32768, 60999
	}
	if c.TCP.RTOInitial == 0 {
		c.TCP = tcp.DefaultConfig()
	}
	if c.Prefix.Addr == 0 {
		c.Prefix = wire.IPv4Prefix{Addr: 10<<24 | wire.IPv4(c.Side+1), Bits: 24}
	}
	def(&c.IP.ReassemblyBytes, 128<<10)
	if c.Neighbours.MaxEntries == 0 {
		c.Neighbours.MaxEntries = 64
	}
}

func (h *Host) build() error {
	c := &h.cfg
	const block, slack = 128, 64 << 10
	var err error
	h.memory, err = arena.New(h.name, c.Queues*(c.RingMemory+(c.Connections+1)*block+slack), arena.Options{})
	if err != nil {
		return err
	}
	secret := prf.Key{K0: h.world.Rand.Uint64(), K1: h.world.Rand.Uint64()}
	var shards []*shard.Shard
	for i := range c.Queues {
		l := &lane{host: h, id: i, queue: c.Wire.Side(c.Side).Queue(i)}
		l.tap = newTap(h, i, l.queue)
		if err := l.build(secret); err != nil {
			return err
		}
		h.lanes = append(h.lanes, l)
		shards = append(shards, l.shard)
	}
	h.MAC = wire.MAC(h.lanes[0].queue.Info().MAC)
	return shard.Connect(shards)
}

func (l *lane) build(secret prf.Key) error {
	h, c, w := l.host, &l.host.cfg, l.host.world
	commands, err := ring.NewMPSC(nil, make([]ring.Slot[sock.Command], c.Commands))
	if err != nil {
		return err
	}
	l.mail = sock.NewMailbox(commands, func() { l.woken = true })
	info := l.queue.Info()
	host, arp := c.IP, c.Neighbours
	host.MTU, host.Seed = info.MTU, w.Rand.Uint64()
	arp.MAC, arp.Seed = wire.MAC(info.MAC), w.Rand.Uint64()
	arp.OnLink = []wire.IPv4Prefix{c.Prefix.Network()}
	var routes []ip.Route
	if c.Gateway != 0 {
		routes = []ip.Route{{Gateway: c.Gateway}}
	}
	var q link.Queue = l.tap
	if w.capture != nil {
		q = w.capture.Tee(q)
	}
	l.shard, err = shard.New(shard.Config{
		ID: l.id, Shards: c.Queues,
		Connections: c.Connections, TimeWaits: c.TimeWaits, RingMemory: c.RingMemory,
		PortFirst: c.PortFirst, PortLast: c.PortLast, HoldAcks: c.HoldAcks,
		TCP: c.TCP, Host: host, Neighbours: arp,
		Addresses: []wire.IPv4Prefix{c.Prefix}, Routes: routes,
		Secret: secret, Seed: w.Rand.Uint64(), Memory: h.memory,
	}, q, l.mail, (*answers)(h), w.now)
	return err
}

// Shards returns how many shards the host has.
func (h *Host) Shards() int { return len(h.lanes) }

// Shard returns one of them.
func (h *Host) Shard(i int) *shard.Shard { return h.lanes[i].shard }

// Stats returns a snapshot of a shard.
func (h *Host) Stats(i int) (st shard.Stats) {
	h.lanes[i].shard.Snapshot(&st)
	return st
}

// Call runs f on a shard as an application would have it run.
func (h *Host) Call(i int, f func(*shard.Shard, mono.Time)) {
	h.lastToken++
	h.calls[h.lastToken] = call{i, f}
	h.send(i, &sock.Command{Op: sock.OpCall, Token: h.lastToken})
}

// Command sends any command to a shard.
func (h *Host) Command(i int, c sock.Command) { h.send(i, &c) }

func (h *Host) send(i int, c *sock.Command) { h.lanes[i].mail.Send(c) }

// A Conn is an open connection as an application holds it.
type Conn struct {
	sock.App
	Host          *Host
	Shard         int
	Local, Remote Addr

	waiter *sock.Waiter
	closed bool
}

func (h *Host) conn(a sock.Accepted) *Conn {
	s := h.lanes[a.Shard].shard
	c := &Conn{
		App: s.App(a.Handle), Host: h, Shard: int(a.Shard),
		Local:  Addr{unmapped(a.Local), a.LocalPort},
		Remote: Addr{unmapped(a.Remote), a.RemotePort},
		waiter: s.Waiter(a.Handle),
	}
	h.conns = append(h.conns, c)
	return c
}

// Close gives the connection back; abort resets it.
func (c *Conn) Close(abort bool) {
	c.closed = true
	c.App.Close(abort)
}

// A Dial is an active open.
type Dial struct {
	Conn *Conn      // when it has come to something
	Why  sock.Errno // when not
	Done bool

	token    uint64
	shard    int
	canceled bool
	then     func(*Dial)
}

// Addr is an address and a port of either side.
type Addr struct {
	IP   wire.IPv4
	Port uint16
}

// Dial opens a connection from a shard. from may be zero.
func (h *Host) Dial(i int, from, to Addr) *Dial {
	h.lastToken++
	d := &Dial{token: h.lastToken, shard: i}
	h.dials[d.token] = d
	h.send(i, &sock.Command{
		Op: sock.OpConnect, Token: d.token,
		Local: mapped(from.IP), LocalPort: from.Port, Remote: mapped(to.IP), RemotePort: to.Port,
	})
	return d
}

// Cancel gives an active open up; a connection that was there already is
// closed.
func (h *Host) Cancel(d *Dial) {
	if d.Done {
		return
	}
	d.canceled = true
	h.send(d.shard, &sock.Command{Op: sock.OpCancel, Token: d.token})
}

// answers is a host as its shards see it.
type answers Host

// Dialed implements shard.Events.
func (x *answers) Dialed(token uint64, a sock.Accepted, why sock.Errno) {
	h := (*Host)(x)
	d := h.dials[token]
	if d == nil || d.Done {
		h.world.Problem("%s: a dial was answered that nobody made, or twice", h.name)
		return
	}
	delete(h.dials, token)
	d.Done, d.Why = true, why
	if why == sock.OK {
		d.Conn = h.conn(a)
	}
	switch {
	case d.then != nil:
		d.then(d)
	case d.canceled && d.Conn != nil:
		d.Conn.Close(true)
	}
}

// Neighbour implements shard.Events: hosts speak ARP themselves.
func (x *answers) Neighbour(a wire.IPv4, _ bool) {
	h := (*Host)(x)
	h.world.Problem("%s: asks outside for %v", h.name, a)
}

// Call implements shard.Events.
func (x *answers) Call(token uint64, now mono.Time) {
	c, ok := x.calls[token]
	if !ok {
		x.world.Problem("%s: a call was made that nobody asked for, or twice", x.name)
		return
	}
	delete(x.calls, token)
	c.do(x.lanes[c.shard].shard, now)
}

// call is a function on its way to a shard.
type call struct {
	shard int
	do    func(*shard.Shard, mono.Time)
}

// mapped writes an address as commands carry it; 0 stays unspecified.
func mapped(a wire.IPv4) (b [16]byte) {
	if a != 0 {
		b[10], b[11] = 0xff, 0xff
		a.Put(b[12:])
	}
	return b
}

func unmapped(b [16]byte) wire.IPv4 { return wire.FromBytes(b[12:]) }

// A Listener is a port on all shards of a host.
type Listener struct {
	Why  sock.Errno // of the last shard that refused
	Open bool

	host   *Host
	ip     wire.IPv4
	port   uint16
	queues []*sock.AcceptQueue
	opened int       // shards that have done so
	closed mono.Time // when it was closed last
	pushed bool      // something may be in a queue
}

// Listen opens a port, with the next Output of each shard.
func (h *Host) Listen(at Addr, backlog int) *Listener {
	l := &Listener{host: h, ip: at.IP, port: at.Port, Open: true}
	h.listeners = append(h.listeners, l)
	for i := range h.lanes {
		r, err := ring.NewSPSC(nil, make([]sock.Accepted, 1<<bits.Len(uint(backlog))))
		if err != nil {
			panic(err)
		}
		l.queues = append(l.queues, sock.NewAcceptQueue(r, func() { l.pushed = true }))
		h.Call(i, func(s *shard.Shard, _ mono.Time) {
			l.opened++
			if why := s.Listen(at.IP, at.Port, backlog, l.queues[i]); why != sock.OK {
				l.Why = why
			}
		})
	}
	return l
}

// Accept takes a connection that waits; nil if none does.
func (l *Listener) Accept() *Conn {
	var a sock.Accepted
	for _, q := range l.queues {
		if q.Pop(&a) {
			return l.host.conn(a)
		}
	}
	return nil
}

// Waiting returns how many connections wait to be accepted.
func (l *Listener) Waiting() int {
	n := 0
	for _, q := range l.queues {
		n += q.Len()
	}
	return n
}

// Close closes the port and resets what nobody has accepted.
func (l *Listener) Close() {
	l.Open = false
	for i := range l.host.lanes {
		l.host.Call(i, func(s *shard.Shard, now mono.Time) {
			s.Unlisten(l.ip, l.port)
			l.closed = now
			var a sock.Accepted
			for l.queues[i].Pop(&a) {
				l.host.conn(a).Close(true)
			}
		})
	}
}
