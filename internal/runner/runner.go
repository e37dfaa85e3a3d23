package runner

import (
	"context"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
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
	BusyPoll bool // never sleep: for latencies below a wake-up, at the price of a core; if Pinned, shards of a core share its thread
}

// A Runner runs one shard on a goroutine, which may run others of its core.
type Runner struct {
	opt    Options
	shard  *shard.Shard
	queue  link.Queue
	mail   *sock.Mailbox
	clock  *Clock
	labels context.Context // with the shard's number, for profiles
	busy   time.Duration   // of rounds that had something to do; the shard's
	stop   atomic.Bool
	done   chan struct{}
	loop   loop
}

// Start begins to run a shard.
//
// An error is that of the pinning.
func Start(s *shard.Shard, q link.Queue, mail *sock.Mailbox, clock *Clock, opt Options) (*Runner, error) {
	r := cacheline.New[Runner]()
	*r = Runner{shard: s, queue: q, mail: mail, clock: clock, opt: opt, done: make(chan struct{})}
	r.labels = pprof.WithLabels(context.Background(), pprof.Labels("mtcp_shard", strconv.Itoa(s.Config().ID)))
	r.loop.begin(clock.Now(), opt.Pinned)
	if opt.Pinned && opt.BusyPoll {
		err := sit(r)
		if err != nil {
			close(r.done)
		}
		return r, err
	}
	started := make(chan error)
	go func() {
		defer close(r.done)
		pprof.SetGoroutineLabels(r.labels) // inherited by those it starts
		if opt.Pinned {
			if err := Pin(opt.Core); err != nil {
				started <- err
				return
			}
		}
		r.run(func() { started <- nil })
	}()
	return r, <-started
}

// Busy is how long there was something to do, goroutines that ran within the yield
// included. A function on the shard may ask.
func (r *Runner) Busy() time.Duration { return r.busy }

// Stop ends the loop after the present round and waits for it.
func (r *Runner) Stop() {
	r.stop.Store(true)
	r.queue.Wake()
	<-r.done
}
