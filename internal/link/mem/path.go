package mem

// This file decides what happens to frames in one direction. Each decision
// takes its numbers from the generator whether it needs them or not, so that a
// frame's fate depends on the seed and on how many frames were sent before it,
// not on the other impairments.

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
)

// A Verdict is a filter's answer about a frame.
type Verdict uint8

// The answers.
const (
	Pass Verdict = iota
	Drop
)

// A Filter looks at a frame before it goes onto the wire. It may change its
// octets, and must not keep them.
type Filter func(frame []byte) Verdict

// Fate counts what a direction has done to frames.
type Fate struct {
	Filtered, Lost, Duplicated, Corrupted, Strayed, Reordered, Marked uint64

	RateFull uint64 // dropped before the bottleneck
	BoxFull  uint64 // dropped because too many frames were under way
}

// path is one direction of a wire.
type path struct {
	impaired bool
	filter   atomic.Pointer[Filter]

	mu      sync.Mutex // guards what follows, and calls of the filter
	chance  *rand.Rand
	strays  *rand.Rand // of its own, so that a frame's fate does not depend on its queue
	is      Impairment
	fate    Fate
	busy    mono.Time // the bottleneck has sent everything by then,
	rest    uint64    // and this many octet-nanoseconds (of Rate) later
	inboxes []inbox   // by receiving queue
}

func newPath(c *Config, direction int) *path {
	p := &path{
		impaired: !c.Impair[direction].isNone(),
		is:       c.Impair[direction],
		chance:   rand.New(rand.NewPCG(c.Seed, uint64(direction))),
		strays:   rand.New(rand.NewPCG(c.Seed, 2+uint64(direction))),
	}
	if p.impaired {
		p.inboxes = make([]inbox, c.Queues)
		for i := range p.inboxes {
			p.inboxes[i] = newInbox(c.RingFrames, frameSize(c.MTU))
		}
	}
	return p
}

// SetFilter lets f see every frame that a side sends, before anything else
// happens to it; nil lets all pass. Any goroutine may call. f is called by the
// senders, one at a time.
func (w *Wire) SetFilter(side int, f Filter) {
	if f == nil {
		w.paths[side].filter.Store(nil)
		return
	}
	w.paths[side].filter.Store(&f)
}

// Fate returns what has happened to frames that a side sent. Any goroutine may
// call.
func (w *Wire) Fate(side int) Fate {
	p := w.paths[side]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fate
}

// admits asks the filter on an unimpaired path.
func (p *path) admits(f *Filter, b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passes(f, b)
}

func (p *path) passes(f *Filter, b []byte) bool {
	if f == nil || (*f)(b) == Pass {
		return true
	}
	p.fate.Filtered++
	return false
}

// send decides about one frame, under the lock. It reports false if the frame
// was dropped for want of room, and whether a copy of it is now the first that
// is due at its queue.
func (p *path) send(now mono.Time, b []byte, to int) (sent, first bool) {
	if !p.passes(p.filter.Load(), b) {
		return true, false
	}
	lost, twice := p.happens(p.is.Loss), p.happens(p.is.Duplicate)
	if lost {
		p.fate.Lost++
		p.copyOf(now, b, to, false)
		p.copyOf(now, b, to, false)
		return true, false
	}
	sent, first = p.copyOf(now, b, to, true)
	if twice {
		p.fate.Duplicated++
	}
	_, second := p.copyOf(now, b, to, twice)
	return sent, first || second
}

// copyOf decides about one copy of a frame; of one that does not exist it
// takes only the numbers.
func (p *path) copyOf(now mono.Time, b []byte, to int, exists bool) (sent, first bool) {
	corrupt, bit := p.happens(p.is.Corrupt), p.chance.Uint64()
	reorder, jitter := p.happens(p.is.Reorder), p.chance.Float64()
	if !exists {
		return false, false
	}
	leaves, isLong, ok := p.throughBottleneck(now, len(b))
	if !ok {
		p.fate.RateFull++
		return false, false
	}
	due := leaves.Add(p.is.Delay + time.Duration(jitter*float64(p.is.Jitter)))
	if reorder {
		p.fate.Reordered++
		due = due.Add(p.is.ReorderBy)
	}
	room, first, ok := p.inboxes[to].add(due, len(b))
	if !ok {
		p.fate.BoxFull++
		return false, false
	}
	copy(room, b)
	if isLong && mark(room[:len(b)]) {
		p.fate.Marked++
	}
	if corrupt {
		p.fate.Corrupted++
		bit %= uint64(len(b)) * 8
		room[bit/8] ^= 1 << (bit % 8)
	}
	return true, first
}

// stray chooses the queue of a frame whose flow's is to. Copies of a frame stay
// together.
func (p *path) stray(to int) int {
	if chance, queue := p.strays.Float64(), p.strays.IntN(len(p.inboxes)); chance < p.is.Stray {
		p.fate.Strayed++
		return queue
	}
	return to
}

func (p *path) happens(probability float64) bool { return p.chance.Float64() < probability }

// throughBottleneck returns when the last octet of a frame leaves the
// bottleneck, whether so many wait for it that it is to be marked, and false if
// too many do.
func (p *path) throughBottleneck(now mono.Time, n int) (leaves mono.Time, isLong, ok bool) {
	rate := p.is.Rate
	if rate == 0 {
		return now, false, true
	}
	if p.busy <= now {
		p.busy, p.rest = now, 0
	}
	waiting := float64(p.busy.Sub(now)) * float64(rate) / float64(time.Second)
	if waiting+float64(n) > float64(p.is.QueueLimit) {
		return 0, false, false
	}
	isLong = p.is.MarkAbove > 0 && waiting > float64(p.is.MarkAbove)
	work := uint64(n)*uint64(time.Second) + p.rest // a frame is below 2¹⁷ octets
	p.busy = p.busy.Add(time.Duration(work / rate))
	p.rest = work % rate
	return p.busy, isLong, true
}

// recv lends frames that are due.
func (p *path) recv(now mono.Time, x *inbox, rx []link.Frame) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(rx) && x.due() <= now {
		b, slot := x.take()
		rx[n] = link.Frame{Bytes: b, Token: uint64(slot)}
		n++
	}
	return n
}

func (p *path) release(x *inbox, rx []link.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range rx {
		x.free(uint32(rx[i].Token)) // as recv gave it
	}
}

func (p *path) due(x *inbox) mono.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return x.due()
}
