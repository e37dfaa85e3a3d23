// Time. A round lets every shard that has reason to run do so once, with the
// applications between its Input and its Output. When nobody has anything to
// do at this moment, the clock jumps to the next time at which somebody has.

package sim

import (
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/link/pcap"
	"github.com/mtcp-go/mtcp/internal/mono"
)

// Limits.
const (
	maxProblems = 20 // kept; a broken world has thousands

	// restlessRounds: if the clock does not reach a second in so many rounds,
	// something goes round in circles.
	restlessRounds = 1 << 18

	// maxRounds and maxFrames end a world that would take all day, or is in a
	// storm.
	maxRounds = 1 << 20
	maxFrames = 1 << 19
)

// start is the time at which worlds begin: no time is the zero Time.
const start = mono.Time(time.Hour)

// Options of a world.
type Options struct {
	Seed    uint64
	Capture io.Writer     // pcapng of all hosts; nil: none
	Pace    time.Duration // a busy round takes from 0 to this long; 0: 10 µs
}

// A World is hosts, wires, applications and a clock.
type World struct {
	Name string     // for people
	Rand *rand.Rand // of everything random outside the wires

	Marks []string // what a test has seen happen

	opt      Options
	now      mono.Time
	hosts    []*Host
	lanes    []*lane // of all hosts
	stations []*Station
	wires    []*mem.Wire
	events   events
	steppers []func()
	turns    []int // the order of the lanes in this round
	capture  *pcap.Writer
	trace    uint64
	frames   uint64
	segments uint64 // TCP's, received by shards
	problems []string
	rounds   uint64
	calm     uint64 // round in which the clock was last seen to move on
	calmAt   mono.Time
}

// New makes an empty world.
func New(o Options) *World {
	if o.Pace == 0 {
		o.Pace = 10 * time.Microsecond
	}
	w := &World{
		Rand:  rand.New(rand.NewPCG(o.Seed, 0x73696d)),
		opt:   o,
		now:   start,
		trace: o.Seed,
	}
	if o.Capture != nil {
		w.capture = pcap.NewWriter(o.Capture, pcap.Options{})
	}
	return w
}

// Wire adds a wire. Its seed is the world's.
func (w *World) Wire(c mem.Config) *mem.Wire {
	c.Seed = w.Rand.Uint64()
	m, err := mem.New(c)
	if err != nil {
		panic(err) // the test asked for an impossible wire
	}
	w.wires = append(w.wires, m)
	return m
}

// Now returns the time.
func (w *World) Now() mono.Time { return w.now }

// Jump moves the clock, as a machine that slept finds it moved.
func (w *World) Jump(d time.Duration) { w.now = w.now.Add(d) }

// Trace returns a hash of all frames that shards have sent, with their times,
// and how many there were.
func (w *World) Trace() (hash, frames uint64) { return w.trace, w.frames }

// Segments returns how many TCP segments shards have received from the wires.
func (w *World) Segments() uint64 { return w.segments }

// Problem notes something that must not happen.
func (w *World) Problem(format string, args ...any) {
	if len(w.problems) < maxProblems {
		at := time.Duration(w.now - start)
		w.problems = append(w.problems, fmt.Sprintf("%v: ", at)+fmt.Sprintf(format, args...))
	}
}

// Problems returns what must not have happened.
func (w *World) Problems() []string { return w.problems }

// After calls f in d from now.
func (w *World) After(d time.Duration, f func()) {
	w.events.count++
	heap.Push(&w.events, event{at: w.now.Add(d), turn: w.events.count, do: f})
}

// EachRound calls f in every round, after the shards.
func (w *World) EachRound(f func()) { w.steppers = append(w.steppers, f) }

// Close gives the memory of all hosts back, and completes the capture.
func (w *World) Close() {
	for _, h := range w.hosts {
		h.memory.Close()
	}
	if w.capture != nil {
		if err := w.capture.Flush(); err != nil {
			w.Problem("capture: %v", err)
		}
	}
}

// Run lets d pass.
func (w *World) Run(d time.Duration) {
	end := w.now.Add(d)
	w.RunUntil(d, func() bool { return false })
	w.now = max(w.now, end)
}

// RunUntil lets time pass until done says so, and reports whether it did
// within the limit. A world in which nothing is due any more ends early.
func (w *World) RunUntil(limit time.Duration, done func() bool) bool {
	end := w.now.Add(limit)
	for !done() {
		busy := w.round()
		if done() { // before the clock moves on
			return true
		}
		next := w.next()
		if next == mono.Never || next > end {
			return false
		}
		if busy {
			w.now = w.now.Add(time.Duration(w.Rand.Int64N(int64(w.opt.Pace) + 1)))
		}
		w.now = max(w.now, next)
		if w.isRestless() || w.now > end || len(w.problems) == maxProblems {
			return false
		}
	}
	return true
}

// Rest lets time pass until nothing will ever happen again, and reports
// whether that was within the limit.
func (w *World) Rest(limit time.Duration) bool {
	w.RunUntil(limit, func() bool { return w.isBroken() })
	return w.next() == mono.Never
}

func (w *World) isBroken() bool { return len(w.problems) == maxProblems }

// isRestless notices a world that is busy and gets nowhere.
func (w *World) isRestless() bool {
	if w.now.Sub(w.calmAt) >= time.Second {
		w.calm, w.calmAt = w.rounds, w.now
	}
	if w.rounds > maxRounds || w.frames > maxFrames {
		w.Problem("no end: %d rounds, %d frames", w.rounds, w.frames)
		return true
	}
	if w.rounds-w.calm < restlessRounds {
		return false
	}
	w.Problem("no rest: %d rounds within a second", w.rounds-w.calm)
	w.calm = w.rounds
	return true
}

// round runs everything once. It reports whether anybody had anything to do.
func (w *World) round() bool {
	w.rounds++
	busy := w.runEvents()
	for _, i := range w.order() {
		busy = w.lanes[i].run(w.now) || busy
	}
	for _, s := range w.stations {
		busy = s.run(w.now) || busy
	}
	for _, f := range w.steppers {
		f()
	}
	return busy
}

// order is a random one: shards run beside each other.
func (w *World) order() []int {
	for len(w.turns) < len(w.lanes) {
		w.turns = append(w.turns, len(w.turns))
	}
	if len(w.turns) > 1 {
		w.Rand.Shuffle(len(w.turns), func(i, j int) { w.turns[i], w.turns[j] = w.turns[j], w.turns[i] })
	}
	return w.turns
}

// next is when somebody has something to do: Never if nobody ever will.
func (w *World) next() mono.Time {
	next := mono.Never
	if len(w.events.list) > 0 {
		next = w.events.list[0].at
	}
	for _, l := range w.lanes {
		next = min(next, l.next())
	}
	for _, s := range w.stations {
		next = min(next, s.queue.Due())
	}
	return next
}

func (w *World) runEvents() bool {
	ran := false
	for len(w.events.list) > 0 && w.events.list[0].at <= w.now {
		heap.Pop(&w.events).(event).do()
		ran = true
	}
	return ran
}

// event is something to be done at a time; those of one time in the order in
// which they were made.
type event struct {
	at   mono.Time
	turn uint64
	do   func()
}

// events is a heap.
type events struct {
	list  []event
	count uint64
}

func (e *events) Len() int { return len(e.list) }
func (e *events) Less(i, j int) bool {
	a, b := &e.list[i], &e.list[j]
	return a.at < b.at || a.at == b.at && a.turn < b.turn
}
func (e *events) Swap(i, j int) { e.list[i], e.list[j] = e.list[j], e.list[i] }
func (e *events) Push(x any)    { e.list = append(e.list, x.(event)) }
func (e *events) Pop() any {
	last := len(e.list) - 1
	x := e.list[last]
	e.list[last] = event{}
	e.list = e.list[:last]
	return x
}
