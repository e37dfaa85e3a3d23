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
	loop  loop
}

// Start begins to run a shard.
//
// An error is that of the pinning.
func Start(s *shard.Shard, q link.Queue, mail *sock.Mailbox, clock *Clock, opt Options) (*Runner, error) {
	r := &Runner{shard: s, queue: q, mail: mail, clock: clock, opt: opt, done: make(chan struct{})}
	labels := pprof.Labels("mtcp_shard", strconv.Itoa(s.Config().ID))
	started := make(chan error)
	go pprof.Do(context.Background(), labels, func(context.Context) { // inherited by those it starts
		defer close(r.done)
		if err := r.pin(); err != nil {
			started <- err
			return
		}
		r.run(func() { started <- nil })
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
