// The loop of a shard.
//
// Input readies the goroutines that wait for what arrived, the yield runs them on
// this very processor, and Output sends what they answered. Where handlers of the
// event door have answered within Input there is nobody to yield to.

package runner

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// spinRounds is how many idle rounds are made before sleeping. It is a number
// and not a time, so that a clock that stands still does not spin for ever.
const spinRounds = 32

// yieldRounds is how many rounds pass, at most, before other goroutines may run
// whom the shard has not readied itself. A yield costs as much as a segment. On a
// thread of the shard's own it costs two switches between threads, some 40 µs:
// there they wait for yieldEvery, or run on another processor if there is one.
const (
	yieldRounds       = 16
	yieldRoundsPinned = 1024
	yieldEvery        = time.Millisecond
)

// maxSleep bounds a sleep, so that a lost wake-up would cost time and not
// the connection.
const maxSleep = time.Second

// pollEvery is how long kernel sockets of the process may wait while loops take
// all processors.
const pollEvery = time.Millisecond

// awake counts the loops of the process that do not sleep.
var awake atomic.Int32

// loop is the state of a shard's loop. It belongs to the goroutine that runs it.
type loop struct {
	now, last mono.Time // of the present round, and of the one before
	polled    mono.Time // when the scheduler was last known to look, or to be free to
	yielded   mono.Time // pinned: when others last had their turn
	worked    bool      // the last round had something to do
	busy      bool      // the present one has
	idle      int       // rounds without
	unyielded int       // rounds since the last yield
	limit     int       // of them
	baton     *baton    // nil: on a thread of its own
	poller    *poller   // nil until needed
}

// begin sets the loop up.
func (l *loop) begin(now mono.Time, pinned bool) {
	l.last, l.polled, l.yielded, l.limit = now, now, now, yieldRounds
	if pinned {
		l.limit = yieldRoundsPinned
	}
}

// run runs the loop until Stop; it calls begun when all its goroutines are there.
func (r *Runner) run(begun func()) {
	awake.Add(1)
	defer awake.Add(-1)
	l := &r.loop
	defer func() { l.poller.close() }()
	if r.opt.Pinned {
		begun()
		r.rounds(0)
		return
	}
	b := newBaton()
	l.baton = b
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(b.idler)
	others.Go(func() {
		if b.wait(1) { // the first yield passes it on
			r.output()
			r.rounds(1)
		}
	})
	begun()
	r.rounds(0)
}

// rounds runs the loop from the start of a round, as goroutine me of the two that
// take turns: what one did before a yield the other goes on with after it.
func (r *Runner) rounds(me int) {
	for !r.stop.Load() {
		if !r.round(me) {
			return
		}
	}
	if b := r.loop.baton; b != nil {
		b.end(me)
	}
}

// round is one round. It is false if the loop has ended within the yield.
func (r *Runner) round(me int) bool {
	r.input()
	if !r.yield(me) {
		return false
	}
	r.output()
	return true
}

func (r *Runner) input() {
	l := &r.loop
	l.now = r.clock.Now()
	if l.worked {
		r.busy += l.now.Sub(l.last)
	}
	l.last = l.now
	l.busy = r.shard.Input(l.now)
}

// yield lets others run: those whom the shard has readied, and now and then
// whoever there is. It is false if the loop has ended meanwhile.
func (r *Runner) yield(me int) bool {
	l := &r.loop
	woke := r.shard.Woke()
	if l.unyielded++; !woke && l.unyielded < l.limit {
		return true
	}
	l.unyielded = 0
	switch {
	case l.baton == nil && !woke && !r.othersWait():
	case l.baton == nil:
		r.shard.WakeLast()
		l.yielded = l.now
		runtime.Gosched()
	case r.mustPoll():
		r.shard.WakeLast()
		l.poller.poll()
	default:
		last, why := r.shard.TakeLast()
		return l.baton.pass(me, last, why)
	}
	return true
}

// othersWait reports that there may be goroutines who find no processor, and for
// long enough.
func (r *Runner) othersWait() bool {
	l := &r.loop
	return l.now.Sub(l.yielded) >= yieldEvery && int(awake.Load()) >= runtime.GOMAXPROCS(0)
}

// mustPoll reports that loops may have kept the scheduler from looking at kernel
// sockets: as many are awake as there are processors. With a processor to spare
// the scheduler looks from there.
func (r *Runner) mustPoll() bool {
	l := &r.loop
	if l.now.Sub(l.polled) < pollEvery {
		return false
	}
	l.polled = l.now
	if int(awake.Load()) < runtime.GOMAXPROCS(0) {
		return false
	}
	if l.poller == nil {
		l.poller, _ = newPoller() // without descriptors they wait 10 ms
	}
	return l.poller != nil
}

func (r *Runner) output() {
	l := &r.loop
	l.worked = r.shard.Output(l.now) || l.busy
	if l.worked {
		l.idle = 0
		return
	}
	if l.idle++; l.idle < spinRounds || r.opt.BusyPoll {
		return
	}
	awake.Add(-1)
	r.sleep(l.now)
	awake.Add(1)
	l.idle = 0
	l.polled = r.clock.Now()
}

// sleep arms the doorbell, looks once more, and waits for a frame, a command
// or a timer.
func (r *Runner) sleep(now mono.Time) {
	if !r.mail.Arm() {
		return
	}
	defer r.mail.Disarm()
	d := maxSleep
	if stalled, is := r.shard.Stalled(); is {
		d = stalled
	} else if !r.shard.Idle() {
		return
	}
	if next := r.shard.NextTimer(); next != mono.Never {
		d = min(d, next.Sub(now))
	}
	if d > 0 {
		r.queue.Wait(d)
	}
}
