package mem

// This file builds a wire: two sides, their queues, and two directions between
// them. Direction d is the one in which side d sends.

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Limits and defaults.
const (
	defaultMTU        = 1500
	defaultRingFrames = 1024
	defaultRateQueue  = 256 << 10 // octets
	defaultReorderBy  = time.Millisecond

	minMTU        = 68 // RFC 791
	maxMTU        = 65535
	maxQueues     = 64
	maxRingFrames = 1 << 20
	minRingFrames = 64  // of one ring, when several share a queue
	maxBatch      = 256 // frames that Reserve lends
)

// Config describes a wire. The zero Config is an unimpaired one with one queue
// on each side.
type Config struct {
	MTU        int // largest IP packet, octets; 0 is 1500
	Queues     int // on each side; 0 is 1
	RingFrames int // frames under way to one queue, rounded up to a power of two; 0 is 1024

	Impair [2]Impairment // by the side that sends
	Seed   uint64        // of the impairments
	MAC    [2][6]byte    // by side; zero is 02:00:00:00:00:01 and …:02
}

// Impairment is what happens to frames in one direction, in this order.
// Probabilities are from 0 to 1.
type Impairment struct {
	Loss      float64 // the frame vanishes
	Duplicate float64 // it comes twice; what follows is decided for each copy
	Corrupt   float64 // one bit of it is flipped
	Stray     float64 // it comes to a queue by lot, instead of its flow's

	Rate       uint64 // octets per second of the bottleneck; 0 is unlimited
	QueueLimit int    // octets that may wait for it; more are dropped. 0 is 256 KiB
	MarkAbove  int    // with more of them before it, a packet that may be is marked (RFC 3168); 0: none is

	Delay     time.Duration
	Jitter    time.Duration // added, evenly distributed from 0; lets frames overtake
	Reorder   float64       // the frame comes ReorderBy later than it would
	ReorderBy time.Duration // 0 is 1 ms
}

func (m *Impairment) isNone() bool {
	return m.Loss == 0 && m.Duplicate == 0 && m.Corrupt == 0 && m.Stray == 0 && m.Reorder == 0 &&
		m.Rate == 0 && m.Delay == 0 && m.Jitter == 0
}

var errImpairment = errors.New("mem: a probability outside 0 to 1, or a negative quantity")

func (m *Impairment) check() error {
	for _, p := range [...]float64{m.Loss, m.Duplicate, m.Corrupt, m.Stray, m.Reorder} {
		if !(p >= 0 && p <= 1) { // not a number is outside too
			return errImpairment
		}
	}
	if m.Delay < 0 || m.Jitter < 0 || m.ReorderBy < 0 || m.QueueLimit < 0 || m.MarkAbove < 0 {
		return errImpairment
	}
	return nil
}

// A Wire joins two sides.
type Wire struct {
	info  [2]link.Info
	paths [2]*path
	sides [2]Side

	steering *steering
}

// A Side is one end of a wire.
type Side struct {
	queues []*Queue
}

// Side returns one end: 0 or 1.
func (w *Wire) Side(i int) *Side { return &w.sides[i] }

// Queue returns the i-th queue of an end.
func (s *Side) Queue(i int) *Queue { return s.queues[i] }

// New makes a wire.
func New(c Config) (*Wire, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	w := &Wire{steering: newSteering(c.Queues)}
	for d := range w.paths {
		w.paths[d] = newPath(&c, d)
		w.info[d] = link.Info{
			Name:   fmt.Sprintf("mem%d", d),
			Mode:   "in-process",
			MAC:    c.MAC[d],
			MTU:    c.MTU,
			Queues: c.Queues,
			Memory: c.memory(),

			Incoming: w.steering.of,
		}
		if w.paths[d].impaired {
			w.info[d].Mode = "in-process, impaired"
		}
		for n := range c.Queues {
			w.sides[d].queues = append(w.sides[d].queues, newQueue(w, d, n, c.Queues, frameSize(c.MTU)))
		}
	}
	for d := range w.sides {
		if err := w.join(d, &c); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// complete fills in defaults and refuses what cannot be.
func (c *Config) complete() error {
	if c.MTU == 0 {
		c.MTU = defaultMTU
	}
	if c.Queues == 0 {
		c.Queues = 1
	}
	if c.RingFrames == 0 {
		c.RingFrames = defaultRingFrames
	}
	if c.MTU < minMTU || c.MTU > maxMTU || c.Queues < 0 || c.Queues > maxQueues ||
		c.RingFrames < 0 || c.RingFrames > maxRingFrames {
		return fmt.Errorf("mem: MTU %d, %d queues, %d frames: out of range", c.MTU, c.Queues, c.RingFrames)
	}
	c.RingFrames = roundUp(c.RingFrames)
	for d := range c.Impair {
		m := &c.Impair[d]
		if err := m.check(); err != nil {
			return err
		}
		if m.QueueLimit == 0 {
			m.QueueLimit = defaultRateQueue
		}
		if m.ReorderBy == 0 {
			m.ReorderBy = defaultReorderBy
		}
		if c.MAC[d] == ([6]byte{}) {
			c.MAC[d] = [6]byte{2, 0, 0, 0, 0, byte(d + 1)}
		}
	}
	return nil
}

// join connects the queues of sending side d with those of the other: by a
// ring for each pair of queues, so that each has one producer, or by the
// inboxes of an impaired path.
func (w *Wire) join(d int, c *Config) error {
	from, to := w.sides[d].queues, w.sides[1-d].queues
	for _, f := range from {
		f.peers, f.outPath = to, w.paths[d]
	}
	for i, t := range to {
		t.inPath = w.paths[d]
		if t.inPath.impaired {
			t.inbox = &t.inPath.inboxes[i]
			continue
		}
		for _, f := range from {
			r, err := newRing(c)
			if err != nil {
				return fmt.Errorf("mem: %w", err)
			}
			f.out = append(f.out, r)
			t.in = append(t.in, r)
		}
	}
	return nil
}

// memory returns the octets of one queue: what it receives, and room for what
// it is about to send.
func (c *Config) memory() int {
	size := frameSize(c.MTU)
	return maxBatch*size + c.Queues*ring.FramesSize(c.pairFrames(), size)
}

// pairFrames is how many frames the ring of one pair of queues holds: all rings
// to a queue together have about RingFrames.
func (c *Config) pairFrames() int {
	return max(roundUp(c.RingFrames/c.Queues), min(c.RingFrames, minRingFrames))
}

// newRing makes the ring of one pair of queues.
func newRing(c *Config) (*ring.Frames, error) {
	size := frameSize(c.MTU)
	return ring.NewFrames(nil, make([]byte, ring.FramesSize(c.pairFrames(), size)), size)
}

func frameSize(mtu int) int { return wire.EthernetLen + mtu }

func roundUp(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }
