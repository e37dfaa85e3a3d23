package shard

// A world for tests: shards, in virtual time and without goroutines. Two of
// them meet on a wire in memory; one alone has a queue of slices at its link,
// and the test stands at the other end of it.

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/arena"
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/technique"
	"github.com/mtcp-go/mtcp/internal/wire"
)

const (
	ourIP  wire.IPv4 = 10<<24 | 1
	peerIP wire.IPv4 = 10<<24 | 2
	port             = 80

	roundTime = mono.Time(time.Microsecond) // that a round takes
)

// An answer is what a dial came to.
type answer struct {
	sock.Accepted
	why sock.Errno
}

// A station is a shard with its mailbox, its listener's queue and its events.
type station struct {
	*Shard
	mail    *sock.Mailbox
	waiting *sock.AcceptQueue
	dialed  map[uint64]answer
	token   uint64

	questions []question // about neighbours, if they come from outside
}

type question struct {
	about    wire.IPv4
	isProven bool
}

func (h *station) Dialed(token uint64, c sock.Accepted, why sock.Errno) {
	h.dialed[token] = answer{c, why}
}
func (h *station) Call(uint64, mono.Time) {}
func (h *station) Neighbour(a wire.IPv4, isProven bool) {
	h.questions = append(h.questions, question{a, isProven})
}

// limits are what tests choose of a station; zeros take the defaults.
type limits struct {
	connections, timeWaits, ringMemory, backlog int
	id, shards                                  int
	tcp                                         func(*tcp.Config)
	outside                                     bool // neighbours come from outside
	hold                                        bool // ACKs wait for answers
	technique                                   technique.Choice
}

func (c *limits) setDefaults() {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.connections, 1024)
	def(&c.timeWaits, 1024)
	def(&c.ringMemory, 16<<20)
	def(&c.backlog, 128)
	def(&c.shards, 1)
}

func newStation(t testing.TB, q link.Queue, addr wire.IPv4, c limits, now mono.Time) *station {
	t.Helper()
	c.setDefaults()
	region, err := arena.New("shard test", c.ringMemory+(c.connections+1)*128+64<<10, arena.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, region.Close()) })
	commands, err := ring.NewMPSC(nil, make([]ring.Slot[sock.Command], 1<<15))
	must(t, err)
	room := 1
	for room < c.backlog {
		room *= 2
	}
	accepted, err := ring.NewSPSC(nil, make([]sock.Accepted, room))
	must(t, err)
	h := &station{
		mail:    sock.NewMailbox(commands, func() {}),
		waiting: sock.NewAcceptQueue(accepted, func() {}),
		dialed:  make(map[uint64]answer),
	}
	info := q.Info()
	prefix := wire.IPv4Prefix{Addr: addr, Bits: 16}
	cfg := Config{
		ID: c.id, Shards: c.shards,
		Connections: c.connections, TimeWaits: c.timeWaits, RingMemory: c.ringMemory,
		PortFirst: 20000, PortLast: 60000,
		TCP:        tcp.DefaultConfig(),
		Host:       ip.Config{MTU: info.MTU, Seed: 1, ReassemblyBytes: 128 << 10},
		Neighbours: neigh.Config{MAC: wire.MAC(info.MAC), OnLink: []wire.IPv4Prefix{prefix.Network()}, MaxEntries: 64, Seed: 2},
		Addresses:  []wire.IPv4Prefix{prefix},
		Secret:     prf.Key{K0: 3, K1: uint64(addr)}, Seed: 4 + uint64(addr), Memory: region,
	}
	cfg.Neighbours.Outside, cfg.Technique, cfg.HoldAcks = c.outside, c.technique, c.hold
	if c.tcp != nil {
		c.tcp(&cfg.TCP)
	}
	h.Shard, err = New(cfg, q, h.mail, h, now)
	must(t, err)
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listen opens the port of all tests.
func (h *station) listen(t testing.TB, backlog int) {
	t.Helper()
	if why := h.Listen(0, port, backlog, h.waiting); why != sock.OK {
		t.Fatal(why)
	}
}

// pop takes the oldest connection that waits.
func (h *station) pop() (sock.App, bool) {
	var a sock.Accepted
	if !h.waiting.Pop(&a) {
		return sock.App{}, false
	}
	return h.App(a.Handle), true
}

// dial asks for a connection and returns the request's name.
func (h *station) dial(to wire.IPv4) uint64 {
	h.token++
	h.mail.Send(&sock.Command{Op: sock.OpConnect, Token: h.token, Remote: wide(to), RemotePort: port})
	return h.token
}

func (h *station) stats() (st Stats) {
	h.Snapshot(&st)
	return st
}

func (h *station) dropped(r drop.Reason) uint64 { return h.stats().Drops[r] }

// A world runs stations.
type world struct {
	testing.TB
	now      mono.Time
	stations []*station
	apps     func() bool // applications; true when one did something

	// The far end of a lone station's link.
	link      *script
	answerARP bool
}

// alone is a world of one station, whose peers are the test's.
func alone(t testing.TB, c limits) (*world, *station) {
	t.Helper()
	w := &world{TB: t, now: mono.Time(time.Second), link: newScript(1500), answerARP: true}
	h := newStation(t, w.link, ourIP, c, w.now)
	w.stations = []*station{h}
	return w, h
}

// pair is a world of two stations on a wire; the first one listens.
func pair(t testing.TB, c limits) (w *world, server, client *station) {
	t.Helper()
	m, err := mem.New(mem.Config{RingFrames: 1 << 12})
	must(t, err)
	w = &world{TB: t, now: mono.Time(time.Second)}
	server = newStation(t, m.Side(0).Queue(0), ourIP, c, w.now)
	client = newStation(t, m.Side(1).Queue(0), peerIP, c, w.now)
	w.stations = []*station{server, client}
	return w, server, client
}

// round is Input, applications, Output for all. It reports whether anything happened.
func (w *world) round() bool {
	w.now += roundTime
	busy := false
	for _, h := range w.stations {
		busy = h.Input(w.now) || busy
	}
	if w.apps != nil {
		busy = w.apps() || busy
	}
	for _, h := range w.stations {
		busy = h.Output(w.now) || busy
	}
	if w.link != nil && w.answerARP {
		w.link.answerARP()
	}
	return busy
}

// run lets so much time pass; where nothing happens it jumps.
func (w *world) run(d time.Duration) {
	w.Helper()
	end := w.now.Add(d)
	for rounds := 0; w.now < end; rounds++ {
		if rounds > 2_000_000 {
			w.Fatalf("the world does not come to rest: %v to go", end.Sub(w.now))
		}
		if w.round() || w.link != nil && len(w.link.in) > 0 {
			continue
		}
		next := end
		for _, h := range w.stations {
			if !h.Idle() {
				next = w.now
			}
			next = min(next, h.NextTimer())
		}
		w.now = max(next-roundTime, w.now)
	}
}

// until runs rounds until something is so, for at most a while.
func (w *world) until(d time.Duration, what string, so func() bool) {
	w.Helper()
	end := w.now.Add(d)
	for !so() {
		if !w.now.Before(end) {
			w.Fatalf("not within %v: %s", d, what)
		}
		if !w.round() {
			w.run(50 * time.Microsecond)
		}
	}
}

// write writes what the connection takes of text, once it has asked for a ring
// as large as that.
func (w *world) write(h *station, app *sock.App, text []byte) int {
	w.Helper()
	if len(text) == 0 {
		return 0
	}
	h.Waiter(app.Handle)
	if app.ParkWrite(len(text)) {
		w.round()
	}
	n, s := app.Write(text)
	if s != sock.Done && s != sock.WouldBlock {
		w.Fatalf("write: %v", s)
	}
	return n
}

// A script is a queue whose frames the test makes and reads.
type script struct {
	info link.Info
	in   [][]byte
	out  []sent
	lent [batch][]byte
}

// sent is a frame that the shard sent.
type sent struct {
	at    mono.Time
	bytes []byte
}

func newScript(mtu int) *script {
	q := &script{info: link.Info{Name: "script", MAC: [6]byte{2, 0, 0, 0, 0, 1}, MTU: mtu, Queues: 1}}
	for i := range q.lent {
		q.lent[i] = make([]byte, wire.EthernetLen+mtu)
	}
	return q
}

func (q *script) Recv(_ mono.Time, rx []link.Frame) int {
	n := min(len(rx), len(q.in))
	for i := range n {
		rx[i] = link.Frame{Bytes: q.in[i]}
	}
	q.in = q.in[n:]
	return n
}
func (q *script) Release([]link.Frame) {}
func (q *script) Reserve(tx []link.Frame) int {
	n := min(len(tx), batch)
	for i := range n {
		tx[i] = link.Frame{Bytes: q.lent[i]}
	}
	return n
}
func (q *script) Send(now mono.Time, tx []link.Frame) {
	for i := range tx {
		if len(tx[i].Bytes) > 0 {
			q.out = append(q.out, sent{now, append([]byte(nil), tx[i].Bytes...)})
		}
	}
}
func (q *script) Wait(time.Duration)      {}
func (q *script) Wake()                   {}
func (q *script) Info() link.Info         { return q.info }
func (q *script) Counters() link.Counters { return link.Counters{} }
func (q *script) Close() error            { return nil }

// answerARP answers requests for any address but the stack's own, and takes
// all ARP out of what was sent.
func (q *script) answerARP() {
	kept := q.out[:0]
	for _, f := range q.out {
		eth, rest, _ := wire.ParseEthernet(f.bytes)
		a, ok := wire.ParseARP(rest)
		if eth.Type != wire.EtherTypeARP || !ok {
			kept = append(kept, f)
			continue
		}
		if a.Op == wire.ARPRequest && a.TargetIP != ourIP {
			q.in = append(q.in, arpFrame(a.SenderMAC, wire.ARP{
				Op: wire.ARPReply, SenderMAC: peerMAC, SenderIP: a.TargetIP, TargetMAC: a.SenderMAC, TargetIP: a.SenderIP,
			}))
		}
	}
	q.out = kept
}
