package sim

// A scene is a world that is drawn by lot: a wire, two hosts, traffic, and some
// of the hardships of hardship_test.go.

import (
	"io"
	"math/rand/v2"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

type scene struct {
	*World
	wire    mem.Config
	config  [2]HostConfig
	traffic *Traffic
	line    *mem.Wire
	hosts   [2]*Host
	ports   [2]*Listener

	between   time.Duration // dials, at most
	enough    uint64        // segments before the last dial
	most      int           // connections
	listen    int           // backlog
	hardships []string
	then      []func() // when the hosts stand
	filters   []func(side int, frame []byte) mem.Verdict
}

// newScene draws a world.
func newScene(seed uint64, capture io.Writer) *scene {
	w := New(Options{Seed: seed, Capture: capture})
	r := w.Rand
	s := &scene{World: w, enough: 1100 + r.Uint64N(500), most: 300, between: 5 * time.Millisecond, listen: 1 + r.IntN(32)}
	s.wire.RingFrames = 256
	for i := range s.config {
		s.config[i].TCP = randomTCP(r)
		s.config[i].HoldAcks = r.IntN(2) == 0
		s.config[i].TCP.ECN = []tcp.ECNMode{tcp.ECNPassive, tcp.ECNActive, tcp.ECNActive, tcp.ECNOff}[seed/uint64(1+3*i)%4]
	}
	s.traffic = w.Traffic()
	s.traffic.Size = []int{300, 2_000, 6_000, 15_000}[r.IntN(4)]
	s.traffic.AtOnce = 1 + r.IntN(8)
	randomLine(r, &s.wire)
	s.drawHardships(seed)
	s.line = w.Wire(s.wire)
	for i := range s.hosts {
		s.config[i].Wire, s.config[i].Side, s.config[i].Queues = s.line, i, s.wire.Queues
		s.hosts[i] = w.Host(s.config[i])
		s.ports[i] = s.traffic.Listen(s.hosts[i], uint16(80+i), s.listen)
	}
	for side := range s.hosts {
		if len(s.filters) > 0 {
			s.line.SetFilter(side, func(b []byte) mem.Verdict { return s.filter(side, b) })
		}
	}
	for _, f := range s.then {
		f()
	}
	s.dialOn()
	return s
}

func (s *scene) filter(side int, b []byte) mem.Verdict {
	for _, f := range s.filters {
		if f(side, b) == mem.Drop {
			return mem.Drop
		}
	}
	return mem.Pass
}

// dialOn dials as long as there is something to be sent.
func (s *scene) dialOn() {
	r := s.Rand
	if s.isSpent() {
		return
	}
	pause := s.between
	if s.traffic.Active() >= s.traffic.AtOnce || s.failing() {
		pause = max(pause, 4*s.traffic.Pause)
	}
	if s.traffic.Active() < s.traffic.AtOnce {
		from := r.IntN(2)
		to := s.ports[1-from]
		if r.IntN(24) == 0 {
			to = s.ports[from] // its own address
		}
		s.traffic.Dial(s.hosts[from], r.IntN(s.hosts[from].Shards()), to)
	}
	s.After(time.Duration(r.Int64N(int64(pause)+1)), s.dialOn)
}

// failing reports that the last dials came to nothing at once.
func (s *scene) failing() bool {
	n := len(s.traffic.Pairs)
	return n > 0 && s.traffic.Pairs[n-1].Dial.Done && s.traffic.Pairs[n-1].Dial.Why != sock.OK
}

// run plays the scene to its end and looks for everything that must not be.
func (s *scene) run() {
	const long = 10_000 * time.Hour // clocks jump
	s.RunUntil(long, s.isSpent)
	s.traffic.Settle(long, long)
	s.Audit()
}

// segmentsIn counts what all shards have received.
func (s *scene) segmentsIn() uint64 {
	sum := uint64(0)
	for _, l := range s.lanes {
		st := l.stats()
		sum += st.TCP.SegmentsIn
	}
	return sum
}

// randomTCP draws a configuration: both hosts of a world have their own.
func randomTCP(r *rand.Rand) tcp.Config {
	c := tcp.DefaultConfig()
	one := func(n int) bool { return r.IntN(n) == 0 }
	c.NoSACK, c.NoTimestamps, c.NoScaling = one(4), one(4), one(8)
	c.Congestion = []cc.ID{cc.CUBIC, cc.NewReno}[r.IntN(2)]
	c.InitialWindow = []int{1, 2, 4, 10}[r.IntN(4)]
	c.NoDelay, c.DelayFirstAck = one(3), one(4)
	// Without keep-alive a reader waits for ever for a peer whose RST was lost.
	c.KeepAlive, c.KeepIdle, c.KeepInterval = true, time.Duration(10+r.IntN(100))*time.Second, 5*time.Second
	c.TimeWait = []time.Duration{time.Second, 10 * time.Second, time.Minute}[r.IntN(3)]
	c.IdleRings = []time.Duration{20 * time.Millisecond, 500 * time.Millisecond}[r.IntN(2)]
	if one(3) {
		c.RTOMin = 20 * time.Millisecond
	}
	return c
}

// randomLine draws what the wire is like when nothing is wrong with it.
func randomLine(r *rand.Rand, c *mem.Config) {
	c.MTU = []int{576, 1280, 1500, 1500, 1500, 4000, 9000}[r.IntN(7)]
	if r.IntN(4) == 0 {
		return // no delay at all
	}
	delay := []time.Duration{20 * time.Microsecond, time.Millisecond, 20 * time.Millisecond, 150 * time.Millisecond}[r.IntN(4)]
	for i := range c.Impair {
		c.Impair[i].Delay = delay
	}
}
