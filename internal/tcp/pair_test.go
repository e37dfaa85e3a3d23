// Two engines back to back in virtual time, over a wire that loses, repeats
// and overtakes. Applications use sock.App and keep to its parking protocol, so
// a lost wake-up or a window update that is never sent shows as a standstill.

package tcp

import (
	"bytes"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A plan for one side of a pair.
type sideConfig struct {
	cfg     Config
	mtu     int
	poolMiB int
	send    int           // octets to write before closing
	chunk   int           // octets per write
	reads   int           // octets per read; 0 all there is
	every   time.Duration // between reads
	waits   bool          // closes only when the peer has closed
	iss     seq.Value
	fixISS  bool
}

type pairConfig struct {
	a, b     sideConfig
	loss     float64
	dup      float64
	delay    time.Duration
	jitter   time.Duration
	rate     int // octets per second, 0 unlimited
	queue    int // octets that wait for the wire, 0 unlimited
	limit    time.Duration
	bothOpen bool // simultaneous open
}

type packet struct {
	at    mono.Time
	order int
	to    *side
	data  []byte
}

type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	return p[i].at < p[j].at || p[i].at == p[j].at && p[i].order < p[j].order
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	old := *p
	x := old[len(old)-1]
	*p = old[:len(old)-1]
	return x
}

type side struct {
	sideConfig
	name   string
	peer   *side
	e      *Engine
	c      *TCB
	blocks []sock.Block
	mail   *sock.Mailbox
	app    sock.App
	key    flow.Key4

	listening, opened, finished, inTW bool
	tw                                TimeWaitRecord

	source, got          []byte
	written              int
	readParked, wrParked bool
	shut, eof, appClosed bool
	nextRead             mono.Time
	broke                sock.Errno
	wheel                wheel
	wireFree             mono.Time // when the wire out of here is idle
	out                  int       // segments sent
}

type pair struct {
	tb    testing.TB
	cfg   pairConfig
	a, b  *side
	wire  packets
	order int
	now   mono.Time
	rnd   *rand.Rand
	lost  int
	steps int
}

func newPair(tb testing.TB, cfg pairConfig, seed uint64) *pair {
	p := &pair{tb: tb, cfg: cfg, now: testStart, rnd: rand.New(rand.NewPCG(seed, 77))}
	p.a = newSide(tb, "a", cfg.a, testKey, p.rnd)
	k := flow.Key4{LocalIP: testKey.RemoteIP, RemoteIP: testKey.LocalIP, LocalPort: testKey.RemotePort, RemotePort: testKey.LocalPort}
	p.b = newSide(tb, "b", cfg.b, k, p.rnd)
	p.a.peer, p.b.peer = p.b, p.a
	return p
}

func newSide(tb testing.TB, name string, cfg sideConfig, k flow.Key4, rnd *rand.Rand) *side {
	s := &side{sideConfig: cfg, wheel: wheel{mono.Never}, name: name, key: k, c: new(TCB), blocks: make([]sock.Block, 2)}
	pool, err := ring.NewPool(make([]byte, max(cfg.poolMiB, 4)<<20))
	if err != nil {
		tb.Fatal(err)
	}
	s.e = New(cfg.cfg, Resources{Blocks: s.blocks, Pool: pool, Ranges: slab.New(make([]RangeSet, 5)), Sent: slab.New(make([]SendLog, 5)), Secret: prf.Key{K0: rnd.Uint64(), K1: 9}, Seed: rnd.Uint64()})
	mpsc, err := ring.NewMPSC(new(ring.Indices), make([]ring.Slot[sock.Command], 64))
	if err != nil {
		tb.Fatal(err)
	}
	s.mail = sock.NewMailbox(mpsc, func() {})
	s.source = make([]byte, cfg.send)
	for i := range s.source {
		s.source[i] = byte(rnd.Uint32())
	}
	return s
}

func (p *pair) open() {
	p.a.e.Connect(p.a.c, testSlot, p.a.key, MTU{Path: p.a.mtu}, p.now)
	if p.a.fixISS {
		p.a.e.startSending(p.a.c, p.a.iss)
	}
	p.a.bind()
	if p.cfg.bothOpen {
		p.b.e.Connect(p.b.c, testSlot, p.b.key, MTU{Path: p.b.mtu}, p.now)
		p.b.bind()
		return
	}
	p.b.listening = true
}

func (s *side) bind() {
	s.app = sock.Bind(&s.blocks[testSlot], s.e.mem, s.mail, slab.Handle(testSlot))
	s.listening = false
}

// run goes on until both sides are done, and checks that everything arrived.
func (p *pair) run() {
	p.tb.Helper()
	p.open()
	limit := p.now.Add(max(p.cfg.limit, time.Hour))
	for !p.done() {
		p.turn(p.a)
		p.turn(p.b)
		next := p.next()
		if next == mono.Never {
			if p.done() {
				break
			}
			p.tb.Fatalf("standstill after %v: %v", p.now.Sub(testStart), p)
		}
		if p.now = max(p.now, next); p.now > limit {
			p.tb.Fatalf("not done after %v: %v", p.now.Sub(testStart), p)
		}
		if p.steps++; p.steps > 3_000_000 {
			p.tb.Fatalf("too many steps: %v", p)
		}
		p.deliver()
		p.timers(p.a)
		p.timers(p.b)
	}
	p.finish()
}

func (p *pair) done() bool { return p.a.finished && p.b.finished && p.a.appClosed && p.b.appClosed }

func (p *pair) String() string {
	s := ""
	for _, x := range []*side{p.a, p.b} {
		s += fmt.Sprintf("\n%s: %v got %d of %d, wrote %d of %d, eof %v, shut %v, closed %v, parked r %v w %v, want %b, una %d nxt %d end %d wnd %d pipe %d cwnd %d recovery %d, left %d timer %v",
			x.name, x.c.state, len(x.got), len(x.peer.source), x.written, len(x.source), x.eof, x.shut, x.appClosed, x.readParked, x.wrParked, x.c.want,
			x.c.sndUna, x.c.sndNxt, x.c.sndEnd, x.c.sndWnd, x.c.pipe, x.c.cc.Cwnd, x.c.recovery, x.c.rcvAdv-x.c.rcvNxt, x.c.NextTimer())
	}
	return s
}

// turn lets the application act, takes its commands, and sends.
func (p *pair) turn(s *side) {
	if s.opened && !s.appClosed {
		p.application(s)
	}
	var c sock.Command
	for s.mail.Take(&c) {
		p.command(s, &c)
	}
	p.publish(s)
	p.transmit(s)
	p.publish(s)
}

func (p *pair) application(s *side) {
	if !s.readParked && !s.eof && s.broke == 0 && p.now >= s.nextRead {
		p.appRead(s)
	}
	if !s.wrParked && !s.shut && s.broke == 0 {
		p.appWrite(s)
	}
	if s.shut && s.eof || s.broke != 0 {
		s.appClosed = true
		s.app.Close(false)
	}
}

func (p *pair) appRead(s *side) {
	buf := make([]byte, 1<<16)
	if s.reads > 0 {
		buf = buf[:s.reads]
	}
	for {
		n, st := s.app.Read(buf)
		s.got = append(s.got, buf[:n]...)
		switch {
		case st == sock.Ended:
			s.eof = true
			return
		case st == sock.Failed:
			s.broke = s.app.Block.Errno()
			return
		case st == sock.WouldBlock:
			if s.app.ParkRead() {
				s.readParked = true
				return
			}
		case s.every > 0:
			s.nextRead = p.now.Add(s.every)
			return
		}
	}
}

func (p *pair) appWrite(s *side) {
	for s.written < len(s.source) {
		end := min(s.written+max(s.chunk, 1), len(s.source))
		n, st := s.app.Write(s.source[s.written:end])
		s.written += n
		if st == sock.Failed || st == sock.Ended {
			s.broke = max(s.app.Block.Errno(), sock.Reset)
			return
		}
		if st == sock.WouldBlock && s.app.ParkWrite(end-s.written) {
			s.wrParked = true
			return
		}
	}
	if !s.waits || s.eof {
		s.shut = true
		s.app.Shutdown()
	}
}

func (p *pair) command(s *side, c *sock.Command) {
	e := s.e
	switch c.Op {
	case sock.OpSend:
		e.Send(s.c, p.now)
	case sock.OpWantTx:
		e.WantTx(s.c, int(c.Token), p.now)
	case sock.OpWindow:
		e.Window(s.c)
	case sock.OpShutdown:
		e.Shutdown(s.c, p.now)
	case sock.OpClose:
		e.Close(s.c, p.now)
	default:
		p.tb.Fatalf("command %d", c.Op)
	}
	p.check(s)
}

// publish does what a shard does with the news of a connection.
func (p *pair) publish(s *side) {
	for s.c.HasNews() {
		s.wheel.keeps(s.c)
		v := s.c.TakeVerdict()
		var bits, who sock.Ready
		if v&Opened != 0 {
			s.opened = true
			s.e.ReadyTx(s.c)
			bits |= sock.Connected
		}
		if v&Readable != 0 {
			who |= sock.ReadParked
		}
		if v&Writable != 0 {
			who |= sock.WriteParked
		}
		if v&PeerDone != 0 {
			bits, who = bits|sock.EOF, who|sock.ReadParked
		}
		if v&Broke != 0 {
			s.blocks[testSlot].Break(s.c.Errno())
			who |= sock.ReadParked | sock.WriteParked
		}
		woken := s.blocks[testSlot].Raise(bits, who)
		s.readParked = s.readParked && woken&sock.ReadParked == 0
		s.wrParked = s.wrParked && woken&sock.WriteParked == 0
		if v&EnterTW != 0 {
			s.e.EnterTimeWait(s.c, &s.tw, p.now)
			s.inTW = true
			s.e.LeaveTCB(s.c)
			v |= s.c.TakeVerdict()
		}
		if v&Finished != 0 {
			s.finished = true
			if !s.opened { // nobody will come for it
				s.appClosed = true
				s.broke = s.c.Errno()
			}
		}
	}
}

func (p *pair) transmit(s *side) {
	var frame [65600]byte
	for n := 0; ; n++ {
		size := s.e.Output(s.c, frame[:s.mtu], p.now)
		p.check(s)
		if size == 0 {
			break
		}
		if n > 200_000 {
			p.tb.Fatal("Output without end")
		}
		p.send(s, frame[:size])
	}
	var r Reply
	for s.e.PopReply(&r) {
		p.send(s, frame[:s.e.PutReply(frame[:], &r)])
	}
}

// send puts a segment on the wire.
func (p *pair) send(s *side, b []byte) {
	s.out++
	if len(b)+20 > s.mtu || len(b)+20 > s.peer.mtu {
		p.tb.Fatalf("%s sent %d octets over an MTU of %d", s.name, len(b)+20, min(s.mtu, s.peer.mtu))
	}
	start := max(p.now, s.wireFree)
	if p.cfg.rate > 0 {
		took := time.Duration(len(b)+20) * time.Second / time.Duration(p.cfg.rate)
		if p.cfg.queue > 0 && start.Sub(p.now) > time.Duration(p.cfg.queue)*time.Second/time.Duration(p.cfg.rate) {
			p.lost++
			return // the queue is full
		}
		s.wireFree = start.Add(took)
		start = s.wireFree
	}
	if p.rnd.Float64() < p.cfg.loss {
		p.lost++
		return
	}
	copies := 1
	if p.rnd.Float64() < p.cfg.dup {
		copies = 2
	}
	for range copies {
		at := start.Add(p.cfg.delay)
		if p.cfg.jitter > 0 {
			at = at.Add(time.Duration(p.rnd.Int64N(int64(p.cfg.jitter))))
		}
		p.order++
		heap.Push(&p.wire, packet{at: at, order: p.order, to: s.peer, data: bytes.Clone(b)})
	}
}

// next returns when something happens next.
func (p *pair) next() mono.Time {
	next := mono.Never
	if len(p.wire) > 0 {
		next = p.wire[0].at
	}
	for _, s := range []*side{p.a, p.b} {
		next = min(next, s.c.NextTimer())
		if s.opened && !s.appClosed && !s.readParked && !s.eof && s.nextRead > p.now {
			next = min(next, s.nextRead)
		}
	}
	return next
}

func (p *pair) deliver() {
	for len(p.wire) > 0 && p.wire[0].at <= p.now {
		pk := heap.Pop(&p.wire).(packet)
		p.input(pk.to, pk.data)
	}
}

func (p *pair) input(s *side, b []byte) {
	seg := new(Segment)
	h, opts, payload, _ := wire.ParseTCP(b)
	checkOptionBytes(p.tb, opts, h.Flags.Has(wire.SYN))
	if !wire.ParseOptions(opts, &seg.Options) {
		p.tb.Fatalf("bad options: % x", opts)
	}
	seg.TCP, seg.Payload = h, payload
	switch {
	case s.inTW:
		a, _ := s.e.InputTimeWait(&s.tw, seg, p.now)
		if a == TWReuse {
			p.tb.Fatal("a SYN after the end")
		}
	case s.listening:
		if s.e.InputListen(seg, s.key) {
			s.e.Accept(s.c, testSlot, s.key, MTU{Path: s.mtu}, 1, seg, 0, false, p.now)
			s.bind()
		}
	default:
		s.e.Input(s.c, seg, p.now)
	}
	p.check(s)
	p.publish(s)
}

func (p *pair) timers(s *side) {
	if s.c.NextTimer() <= p.now {
		s.e.Timeout(s.c, p.now)
		p.check(s)
		p.publish(s)
	}
}

func (p *pair) check(s *side) {
	p.tb.Helper()
	if why := broken(s.e, s.c); why != "" {
		p.tb.Fatalf("%s: %s: %v", s.name, why, p)
	}
	if !s.wheel.keeps(s.c) {
		p.tb.Fatalf("%s: a timer was set, and no word of it: %v", s.name, p)
	}
}

// finish compares what arrived with what was sent, and looks for leaks.
func (p *pair) finish() {
	p.tb.Helper()
	for _, s := range []*side{p.a, p.b} {
		if s.broke != 0 {
			p.tb.Fatalf("%s broke: %v%v", s.name, s.broke, p)
		}
		if !bytes.Equal(s.got, s.peer.source) {
			p.tb.Fatalf("%s got %d octets, and not those that were sent (%d)", s.name, len(s.got), len(s.peer.source))
		}
		s.e.Release(s.c)
		if n := s.e.pool.InUse() + s.e.ranges.Len(); n != 0 {
			p.tb.Fatalf("%s holds %d octets and range sets in the end", s.name, n)
		}
	}
}

func side0() sideConfig { return sideConfig{cfg: DefaultConfig(), mtu: 1500, chunk: 4096} }

func TestPair_OneMegabyteEachWay(t *testing.T) {
	cfg := pairConfig{a: side0(), b: side0(), delay: 5 * time.Millisecond}
	cfg.a.send, cfg.b.send = 1<<20, 1<<20
	p := newPair(t, cfg, 1)
	p.run()
	if n := p.a.e.Stats.Retransmits + p.b.e.Stats.Retransmits; n != 0 {
		t.Errorf("%d retransmissions over a wire that loses nothing", n)
	}
	if p.a.e.Stats.FastPath == 0 {
		t.Error("nothing took the fast path")
	}
}

// randomPair draws a configuration from everything that connections differ in.
func randomPair(rnd *rand.Rand) pairConfig {
	pick := func(v ...int) int { return v[rnd.IntN(len(v))] }
	cfg := pairConfig{
		loss:     float64(pick(0, 0, 1, 5, 20)) / 100,
		dup:      float64(pick(0, 0, 2, 10)) / 100,
		delay:    time.Duration(pick(0, 50, 1000, 20_000, 150_000)) * time.Microsecond,
		jitter:   time.Duration(pick(0, 0, 100, 10_000, 100_000)) * time.Microsecond,
		bothOpen: rnd.IntN(8) == 0,
		limit:    6 * time.Hour,
	}
	for _, s := range []*sideConfig{&cfg.a, &cfg.b} {
		*s = side0()
		s.cfg.NoSACK = rnd.IntN(3) == 0
		s.cfg.NoTimestamps = rnd.IntN(3) == 0
		s.cfg.NoScaling = rnd.IntN(3) == 0
		s.cfg.WindowScale = pick(0, 2, 7, 8, 14)
		s.cfg.RcvBuf = pick(4096, 16<<10, 64<<10, 256<<10)
		s.cfg.RcvBufMax = max(s.cfg.RcvBuf, pick(4096, 64<<10, 1<<20))
		s.cfg.NoDelay = rnd.IntN(2) == 0
		s.cfg.Retries, s.cfg.OrphanRetries, s.cfg.SynRetries, s.cfg.SynAckRetries = 200, 200, 200, 200
		s.cfg.DelayFirstAck = rnd.IntN(2) == 0
		s.mtu = pick(128, 576, 1500, 1500, 9000)
		s.send = pick(0, 1, 100, 5000, 60_000, 200_000)
		s.chunk = pick(1, 100, 1000, 4096, 100_000)
		if s.send > 5000 {
			s.chunk = max(s.chunk, 1000)
		}
		s.reads = pick(0, 0, 100, 5000)
		s.every = time.Duration(pick(0, 0, 1000, 30_000)) * time.Microsecond
		s.waits = rnd.IntN(3) == 0
	}
	cfg.b.waits = cfg.b.waits && !cfg.a.waits
	return cfg
}

func TestPair_RandomConnectionsUnderLoss(t *testing.T) {
	n := uint64(150)
	if raceEnabled || testing.Short() { // one goroutine: all of them without the race detector
		n = 30
	}
	for seed := range n {
		runRandomPair(t, seed)
	}
}

func runRandomPair(t *testing.T, seed uint64) {
	t.Run(fmt.Sprint(seed), func(t *testing.T) {
		cfg := randomPair(rand.New(rand.NewPCG(seed, 5)))
		defer func() {
			if t.Failed() {
				t.Logf("%+v", cfg)
			}
		}()
		newPair(t, cfg, seed).run()
	})
}
