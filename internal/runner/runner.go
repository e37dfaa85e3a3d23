package runner

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
	"golang.org/x/sys/unix"
)

// spinRounds is how many idle rounds are made before sleeping. It is a number
// and not a time, so that a clock that stands still does not spin for ever.
const spinRounds = 32

// yieldRounds is how many rounds pass, at most, before other goroutines may run
// whom the shard has not readied itself. A yield costs as much as a segment; on a
// thread of the shard's own it costs two switches between threads.
const (
	yieldRounds       = 16
	yieldRoundsPinned = 1024
)

// maxSleep bounds a sleep, so that a lost wake-up would cost time and not
// the connection.
const maxSleep = time.Second

// A Clock gives the time of all shards of a stack. Its zero is an hour before
// it was made, so that no time is the zero Time.
type Clock struct{ start time.Time }

// NewClock returns a running clock.
func NewClock() *Clock { return &Clock{start: time.Now()} }

// Now reads the clock.
func (c *Clock) Now() mono.Time { return mono.Time(time.Since(c.start) + time.Hour) }

// Wall returns the wall-clock time of t, for captures.
func (c *Clock) Wall(t mono.Time) time.Time { return c.start.Add(time.Duration(t) - time.Hour) }

// Options say how a shard runs.
type Options struct {
	Pinned   bool // on a thread of its own, on one core
	Core     int  // which, if Pinned
	BusyPoll bool // never sleep: for latencies below a wake-up, at the price of a core
}

// A Runner runs one shard on a goroutine of its own.
type Runner struct {
	opt   Options
	shard *shard.Shard
	queue link.Queue
	mail  *sock.Mailbox
	clock *Clock
	busy  time.Duration // of rounds that had something to do; the shard's
	stop  atomic.Bool
	done  chan struct{}
}

// Start begins to run a shard.
//
// An error is that of the pinning.
func Start(s *shard.Shard, q link.Queue, mail *sock.Mailbox, clock *Clock, opt Options) (*Runner, error) {
	r := &Runner{shard: s, queue: q, mail: mail, clock: clock, opt: opt, done: make(chan struct{})}
	labels := pprof.Labels("mtcp_shard", strconv.Itoa(s.Config().ID))
	started := make(chan error)
	go pprof.Do(context.Background(), labels, func(context.Context) {
		defer close(r.done)
		err := r.pin()
		started <- err
		if err == nil {
			r.loop()
		}
	})
	return r, <-started
}

// Busy is how long there was something to do, goroutines that ran within the yield
// included. A function on the shard may ask.
func (r *Runner) Busy() time.Duration { return r.busy }

// pin gives the goroutine a thread, and the thread a core. The thread ends with
// the goroutine, so nobody else comes to run on it.
func (r *Runner) pin() error {
	if !r.opt.Pinned {
		return nil
	}
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(r.opt.Core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("runner: shard %d on core %d: %w", r.shard.Config().ID, r.opt.Core, err)
	}
	return nil
}

// Stop ends the loop after the present round and waits for it.
func (r *Runner) Stop() {
	r.stop.Store(true)
	r.queue.Wake()
	<-r.done
}

// loop is the life of a shard. Input readies the goroutines that wait for what
// arrived, the yield runs them on this very processor, and Output sends what they
// answered. Where handlers of the event door have answered within Input there is
// nobody to yield to.
func (r *Runner) loop() {
	idle, unyielded := 0, 0
	limit := yieldRounds
	if r.opt.Pinned {
		limit = yieldRoundsPinned
	}
	worked, last := false, r.clock.Now()
	for !r.stop.Load() {
		now := r.clock.Now()
		if worked {
			r.busy += now.Sub(last)
		}
		last = now
		busy := r.shard.Input(now)
		if unyielded++; r.shard.Woke() || unyielded >= limit {
			runtime.Gosched()
			unyielded = 0
		}
		if worked = r.shard.Output(now) || busy; worked {
			idle = 0
			continue
		}
		if idle++; idle < spinRounds || r.opt.BusyPoll {
			continue
		}
		r.sleep(now)
		idle = 0
	}
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
