// The host: one shard, a clock, and rounds until nothing is left to do.

package posix

import (
	"fmt"
	"time"

	"github.com/mtcp-go/mtcp/internal/arena"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Limits.
const (
	connections = 64
	timeWaits   = 64
	ringMemory  = 16 << 20
	commands    = 1024
	maxRounds   = 1 << 16 // at one moment: more is a circle
	stepRounds  = 256     // of one Step: then the caller may have something to say
	maxPackets  = 1 << 16 // sent and not taken
	maxFiles    = 1024
	firstPort   = 32768 // of those that are chosen for sockets
	lastPort    = 60999
)

// Start is the time at which hosts begin: no time is the zero Time.
const Start = time.Duration(start)

const start = mono.Time(time.Hour)

// Config describes a host.
type Config struct {
	Address wire.IPv4Prefix
	Gateway wire.IPv4 // of everything else
	MTU     int       // 0: 1500
	TCP     tcp.Config
	Wmem    int // SO_SNDBUF of a new socket, as getsockopt gives it
	Rmem    int // SO_RCVBUF

	// Link is a device that the host is to stand behind, in real time: then
	// Step drives it, and Advance, Inject and Take have no meaning. nil: raw IP, in
	// virtual time.
	Link link.Queue
}

// A Packet is an IP packet that the host has sent.
type Packet struct {
	At    mono.Time
	Bytes []byte
}

// A Host is a machine with one shard.
type Host struct {
	cfg    Config
	now    mono.Time
	shard  *shard.Shard
	memory *arena.Region
	mail   *sock.Mailbox
	raw    *raw // nil behind a device

	files   map[int]file
	sockets []*socket // in the order in which they were made
	polls   []*epoll
	pending []*Call // blocked calls

	lastPort  uint16 // that was chosen
	lastToken uint64
	dials     map[uint64]*socket
	calls     map[uint64]func()
	active    bool // something happened since pending calls were tried
	failure   string
}

// New makes a host.
func New(c Config) (*Host, error) {
	if c.MTU == 0 {
		c.MTU = 1500
	}
	if c.TCP.RTOInitial == 0 {
		c.TCP = tcp.DefaultConfig()
	}
	h := &Host{
		cfg: c, now: start,
		files: make(map[int]file), dials: make(map[uint64]*socket), calls: make(map[uint64]func()),
	}
	queue := c.Link
	if queue == nil {
		h.raw = newRaw(c.MTU)
		queue = h.raw
	}
	const block, slack = 128, 64 << 10
	var err error
	if h.memory, err = arena.New("posix", ringMemory+(connections+1)*block+slack, arena.Options{}); err != nil {
		return nil, fmt.Errorf("posix: %w", err)
	}
	slots, err := ring.NewMPSC(nil, make([]ring.Slot[sock.Command], commands))
	if err != nil {
		return nil, fmt.Errorf("posix: %w", err)
	}
	h.mail = sock.NewMailbox(slots, func() {})
	h.shard, err = shard.New(shard.Config{
		Shards: 1, Connections: connections, TimeWaits: timeWaits, RingMemory: ringMemory,
		PortFirst: firstPort, PortLast: lastPort, TCP: c.TCP,
		Addresses: []wire.IPv4Prefix{c.Address}, Routes: []ip.Route{{Gateway: c.Gateway}},
		Host:       ip.Config{MTU: c.MTU, Seed: 1, ReassemblyBytes: 128 << 10},
		Neighbours: neigh.Config{MAC: queue.Info().MAC, Seed: 1, MaxEntries: 64, OnLink: []wire.IPv4Prefix{c.Address.Network()}},
		Secret:     prf.Key{K0: 1, K1: 2}, Seed: 1, Memory: h.memory,
	}, queue, h.mail, (*answers)(h), h.now)
	if err != nil {
		return nil, fmt.Errorf("posix: %w", err)
	}
	h.settle()
	if h.raw != nil {
		h.raw.sent = nil // announcements of our address
	}
	return h, nil
}

// Close gives the memory back.
func (h *Host) Close() error { return h.memory.Close() }

// Now returns the time since the host began, as gettimeofday would from 1970 on.
func (h *Host) Now() time.Duration { return time.Duration(h.now) }

// Next returns when something will happen by itself; mono.Never if nothing
// will.
func (h *Host) Next() time.Duration {
	next := h.shard.NextTimer()
	for _, c := range h.pending {
		if c.deadline != 0 {
			next = min(next, c.deadline)
		}
	}
	return time.Duration(next)
}

// Advance moves the clock to a time, running whatever is due on the way. It
// stops early, and says so, at the moment at which a blocked call returns.
func (h *Host) Advance(to time.Duration) (stopped bool) {
	for h.now < mono.Time(to) {
		h.now = max(h.now, min(mono.Time(h.Next()), mono.Time(to)))
		if h.settle() {
			return true
		}
	}
	return false
}

// Step moves the clock of a host behind a device to a time, and does what there is
// to do. It returns how long nothing will happen by itself.
func (h *Host) Step(to time.Duration) (sleep time.Duration) {
	h.now = max(h.now, mono.Time(to))
	h.settle()
	switch d, is := h.shard.Stalled(); {
	case is:
		return d
	case !h.shard.Idle():
		return 0
	}
	return max(time.Duration(h.Next())-h.Now(), 0)
}

// Inject gives the host a packet, now. It reports whether a blocked call
// returned.
func (h *Host) Inject(packet []byte) bool {
	h.raw.arrive(packet)
	return h.settle()
}

// Take returns the oldest packet that has left and was not taken yet.
func (h *Host) Take() (Packet, bool) {
	if len(h.raw.sent) == 0 {
		return Packet{}, false
	}
	p := h.raw.sent[0]
	h.raw.sent = h.raw.sent[1:]
	return p, true
}

// Failure says what is wrong with the host itself, if anything is.
func (h *Host) Failure() string { return h.failure }

// settle runs rounds until nothing more happens at this moment, with the blocked
// calls between them. It reports whether one of those returned.
func (h *Host) settle() (returned bool) {
	rounds := maxRounds
	if h.raw == nil {
		rounds = stepRounds
	}
	for range rounds {
		busy := h.shard.Input(h.now)
		busy = h.shard.Output(h.now) || busy
		h.notice()
		done, moved := h.tryPending()
		returned = returned || done
		if !busy && !moved && h.atRest() {
			return returned
		}
	}
	if h.raw != nil { // behind a device the peer may go on and on
		h.failure = "the shard does not come to rest"
	}
	return returned
}

// atRest reports that the shard has nothing to do now.
func (h *Host) atRest() bool {
	if h.raw == nil {
		_, stalled := h.shard.Stalled()
		return stalled || h.shard.Idle()
	}
	return h.shard.Idle() && !h.raw.waits()
}

// answers is a host as its shard sees it.
type answers Host

// Dialed implements shard.Events.
func (x *answers) Dialed(token uint64, a sock.Accepted, why sock.Errno) {
	h := (*Host)(x)
	s := h.dials[token]
	delete(h.dials, token)
	switch {
	case s == nil:
		if why == sock.OK { // closed meanwhile
			app := h.shard.App(a.Handle)
			app.Close(true)
		}
	case why != sock.OK:
		s.refused(why)
	default:
		s.opened(a)
	}
}

// Call implements shard.Events.
func (x *answers) Call(token uint64, _ mono.Time) {
	f := x.calls[token]
	delete(x.calls, token)
	if f != nil {
		f()
	}
}

// Neighbour implements shard.Events. The host asks for them itself.
func (x *answers) Neighbour(wire.IPv4, bool) {}

// do runs f on the shard, by a command as everybody does.
func (h *Host) do(f func()) {
	h.lastToken++
	h.calls[h.lastToken] = f
	h.mail.Send(&sock.Command{Op: sock.OpCall, Token: h.lastToken})
	h.settle()
}
