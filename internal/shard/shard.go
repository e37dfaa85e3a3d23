package shard

import (
	"fmt"

	"github.com/mtcp-go/mtcp/internal/arena"
	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/technique"
	"github.com/mtcp-go/mtcp/internal/wheel"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Config describes one shard.
type Config struct {
	ID, Shards  int // which of how many
	Connections int // slots
	TimeWaits   int // records
	RingMemory  int // octets
	Commands    int // slots of the mailbox
	PortFirst   uint16
	PortLast    uint16
	Ports       []uint16 // ephemeral ports that are no range; nil: PortFirst to PortLast
	HoldAcks    bool     // let an ACK wait some rounds for an answer to carry it
	TCP         tcp.Config
	Addresses   []wire.IPv4Prefix
	Routes      []ip.Route
	Host        ip.Config
	Neighbours  neigh.Config
	Secret      prf.Key
	Seed        uint64
	Memory      *arena.Region    // blocks, rings, commands: what applications see
	Tables      *arena.Region    // TCBs and all else by slot; nil: the Go heap
	Technique   technique.Choice // what to do without, for benchmarks
}

// Events are the calls a shard makes to the layer above, on its own goroutine.
// They must not block.
type Events interface {
	// Dialed answers OpConnect: a connection, or why there is none.
	Dialed(token uint64, c sock.Accepted, why sock.Errno)
	// Call runs the function that OpCall named.
	Call(token uint64, now mono.Time)
	// Neighbour asks for the address of a neighbour, or for a look whether it is
	// still there; with isProven it says that it is. Only if neighbours come from
	// outside, and an answer comes by TellNeighbour. It may be lost: the question
	// is asked again.
	Neighbour(ip wire.IPv4, isProven bool)
}

// batch bounds every phase of a round: 64 packets.
const batch = technique.MaxBatch

// maxSegments bounds what one connection sends before others have their turn.
const maxSegments = 16

// A Shard is one core's stack.
type Shard struct {
	cfg     Config
	queue   link.Queue
	info    link.Info
	events  Events
	mail    *sock.Mailbox
	handler Handler   // of the event door, nil if there is none
	now     mono.Time // of the present round

	// Who owns a packet.
	flows     *flow.Table // value: slot, or twBit with a record
	listeners *flow.Listeners
	listening []listener
	ports     *flow.Ports

	// Protocols.
	host   *ip.Host
	arp    *neigh.Table
	engine *tcp.Engine
	wheel  *wheel.Wheel

	// Connections: slot i is tcbs.At(i), blocks[i], waiters of i.
	tcbs    *slab.Slab[tcp.TCB]
	blocks  []sock.Block
	waiters waiters
	memory  *ring.Memory
	pool    *ring.Pool
	dials   map[slab.Index]uint64 // active opens in progress: tokens

	tw timeWaits

	// Work of the present round.
	rx        [batch]link.Frame
	tx        [batch]link.Frame
	txHave    int // reserved frames
	txUsed    int // of them, filled
	txEnd     int // of them, for what is being sent
	odd       int // 1 in every second round
	txLocal   int // packets to ourselves
	parsed    [batch]arrival
	nParsed   int
	expired   [batch]uint32
	touched   []slab.Index
	lists     [numLists]list
	loop      *ring.Frames // frames to ourselves
	asked     asked        // replies that wait for their neighbour
	assembled []byte       // one frame that came in fragments
	peers     []*Handover  // to other shards, by number; nil for ourselves
	inbox     []*Handover  // from other shards
	last      *sock.Waiter // nil, or whom to ready when WakeLast is called
	lastWoken sock.Ready   // and for what
	woke      bool         // somebody was readied since Woke was asked
	searches  int          // segments passed on in search of their shard
	quiet     int          // rounds since something arrived
	draining  bool
	over      sock.Errno          // why everything was aborted, and nothing is opened any more
	isDown    bool                // the link: what is sent is lost
	crowded   uint32              // rounds in a row in which the device had a whole batch or more
	isStalled bool                // the device had no frame for what was to be sent last
	sums      bool                // the engine sums what it writes
	frameMax  int                 // frames in a batch
	acksFirst bool                // before applications run: without.go
	lanes     [numLists + 1]uint8 // where a connection waits: its own list, unless there is only one

	drops    [drop.NumReasons]uint64
	counters counters
}

// New composes a shard around a queue.
func New(cfg Config, q link.Queue, mail *sock.Mailbox, events Events, now mono.Time) (*Shard, error) {
	s := cacheline.New[Shard]()
	*s = Shard{cfg: cfg, queue: q, info: q.Info(), events: events, mail: mail}
	s.choose(&cfg)
	blocks, err := arena.Make[sock.Block](cfg.Memory, cfg.Connections+1)
	if err != nil {
		return nil, fmt.Errorf("shard: blocks of %d connections: %w", cfg.Connections, err)
	}
	rings, err := cfg.Memory.Bytes(cfg.RingMemory, 4096)
	if err != nil {
		return nil, fmt.Errorf("shard: %d MiB of ring memory: %w", cfg.RingMemory>>20, err)
	}
	t, err := newTables(&cfg)
	if err != nil {
		return nil, fmt.Errorf("shard: tables of %d connections: %w", cfg.Connections, err)
	}
	if s.pool, err = ring.PoolOver(rings, t.pages); err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	s.blocks, s.memory = blocks, s.pool.Memory()
	s.waiters = newWaiters(cfg.Connections + 1)
	s.tcbs = slab.Over(t.tcbs, t.tcbSlots)
	s.dials = make(map[slab.Index]uint64)
	s.tw.slab = slab.Over(t.records, t.recordSlots)
	rnd := prf.NewRand(cfg.Seed)
	seed := func() [2]uint64 { return [2]uint64{rnd.Uint64(), rnd.Uint64()} }
	s.flows = flow.TableOver(t.flows, cfg.Connections+cfg.TimeWaits, seed(), (*owners)(s), t.use)
	s.listeners = flow.NewListeners(maxListeners, seed())
	s.listening = make([]listener, 1, 8)
	s.touched = t.touched[:0]
	var ok bool
	if s.ports, ok = flow.NewPorts(cfg.PortFirst, cfg.PortLast, seed()); !ok {
		return nil, fmt.Errorf("shard: no ports from %d to %d", cfg.PortFirst, cfg.PortLast)
	}
	if len(cfg.Ports) > 0 {
		s.ports = flow.NewPortList(cfg.Ports, seed())
	}
	s.host = ip.New(cfg.Host)
	s.arp = neigh.New(cfg.Neighbours)
	for _, a := range cfg.Addresses {
		if !s.host.AddAddress(a) || !s.arp.AddAddress(a.Addr, now) {
			return nil, fmt.Errorf("shard: address %v cannot be used, or there are too many", a)
		}
	}
	for _, r := range cfg.Routes {
		if !s.host.AddRoute(r) {
			return nil, fmt.Errorf("shard: no way to gateway %v", r.Gateway)
		}
	}
	s.engine = tcp.New(cfg.TCP, tcp.Resources{
		Blocks: blocks,
		Pool:   s.pool,
		Ranges: slab.Over(t.ranges, t.rangeSlots),
		Sent:   slab.Over(t.sent, t.sentSlots),
		Secret: cfg.Secret,
		Seed:   rnd.Uint64(),
	})
	s.doWithout()
	s.wheel = wheel.Over(t.timers, now)
	s.assembled = make([]byte, wire.EthernetLen+s.info.MTU)
	if s.loop, err = newFrames(s.info.MTU); err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	return s, nil
}

// Input takes what has arrived, runs timers, and tells applications, the last of
// them by WakeLast. It reports whether there was anything to do.
func (s *Shard) Input(now mono.Time) bool {
	s.now = now
	n := s.receive(now)
	if s.acksFirst {
		s.acknowledge(now)
	}
	n += s.timers(now)
	s.publish(now)
	s.quiet++
	if n > 0 {
		s.quiet = 0
	}
	return n > 0
}

// Output takes the commands of applications and sends what connections want
// to. It reports whether there was anything to do.
func (s *Shard) Output(now mono.Time) bool {
	s.now = now
	s.WakeLast()
	n := s.commands(now)
	s.publish(now)
	crowd := s.lists[listAck-1].n+s.lists[listData-1].n > batch
	n += s.transmit(now)
	if crowd && !s.isStalled { // or those that wait would stay as many, when a batch comes in each round
		n += s.transmit(now)
	}
	s.publish(now)
	s.WakeLast()
	if s.arp.HasQuestion() {
		s.askOutside()
	}
	return n > 0
}

// Woke reports whether a goroutine may have been readied since the last call.
func (s *Shard) Woke() bool {
	woke := s.woke
	s.woke = false
	return woke
}

// NextTimer returns when the shard has something to do by itself.
func (s *Shard) NextTimer() mono.Time {
	next := min(s.wheel.Next(), s.arp.Next(), s.host.Next(), s.tw.next())
	if s.handler != nil {
		next = min(next, s.handler.Next())
	}
	return next
}

// Idle reports that nothing waits: the runner may sleep until NextTimer.
func (s *Shard) Idle() bool { return !s.hasOutput() && s.nothingElse() }

// nothingElse reports that there is nothing to do but perhaps to send.
func (s *Shard) nothingElse() bool {
	return len(s.touched) == 0 && s.lists[listHeld-1].head == 0 && s.loop.Len() == 0 && !s.handoverWaits()
}

// hasOutput reports that something is to be sent.
func (s *Shard) hasOutput() bool {
	for i := range s.lists[:numReady] {
		if s.lists[i].head != 0 {
			return true
		}
	}
	return s.engine.Replies() > 0 || s.asked.again > 0 || s.arp.HasOutput() || s.host.HasOutput()
}

// mac returns the link's address.
func (s *Shard) mac() wire.MAC { return wire.MAC(s.info.MAC) }

// App returns an application's view of a connection of this shard. Safe from
// any goroutine: it reads what never changes.
func (s *Shard) App(h slab.Handle) sock.App {
	return sock.Bind(&s.blocks[h.Index()], s.memory, s.mail, h)
}

// Waiter returns the waiter of a connection, making it if need be. The
// application that owns the connection calls, before it first parks.
func (s *Shard) Waiter(h slab.Handle) *sock.Waiter {
	return s.waiters.of(h.Index())
}

// Config returns what the shard was made with.
func (s *Shard) Config() *Config { return &s.cfg }
