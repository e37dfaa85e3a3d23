package runner

import (
	"context"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// spinRounds is how many idle rounds are made before sleeping. It is a number
// and not a time, so that a clock that stands still does not spin for ever.
const spinRounds = 32

// maxSleep bounds a sleep, so that a lost wake-up would cost time and not
// the connection.
const maxSleep = time.Second

// stallSleep bounds a sleep when all there is to do is to send, and the device has
// no room: nothing tells when it has, and whoever makes room may need the core.
const stallSleep = 100 * time.Microsecond

// A Clock gives the time of all shards of a stack. Its zero is an hour before
// it was made, so that no time is the zero Time.
type Clock struct{ start time.Time }

// NewClock returns a running clock.
func NewClock() *Clock { return &Clock{start: time.Now()} }

// Now reads the clock.
func (c *Clock) Now() mono.Time { return mono.Time(time.Since(c.start) + time.Hour) }

// Wall returns the wall-clock time of t, for captures.
func (c *Clock) Wall(t mono.Time) time.Time { return c.start.Add(time.Duration(t) - time.Hour) }

// A Runner runs one shard on a goroutine of its own.
type Runner struct {
	shard *shard.Shard
	queue link.Queue
	mail  *sock.Mailbox
	clock *Clock
	stop  atomic.Bool
	done  chan struct{}
}

// Start begins to run a shard.
func Start(s *shard.Shard, q link.Queue, mail *sock.Mailbox, clock *Clock) *Runner {
	r := &Runner{shard: s, queue: q, mail: mail, clock: clock, done: make(chan struct{})}
	labels := pprof.Labels("mtcp_shard", strconv.Itoa(s.Config().ID))
	go pprof.Do(context.Background(), labels, func(context.Context) {
		defer close(r.done)
		r.loop()
	})
	return r
}

// Stop ends the loop after the present round and waits for it.
func (r *Runner) Stop() {
	r.stop.Store(true)
	r.queue.Wake()
	<-r.done
}

// loop is the life of a shard. The goroutine is not locked to a thread: Input
// readies the goroutines that wait for what arrived, the yield runs them on
// this very processor, and Output sends what they answered.
func (r *Runner) loop() {
	idle := 0
	for !r.stop.Load() {
		now := r.clock.Now()
		busy := r.shard.Input(now)
		runtime.Gosched()
		if r.shard.Output(now) || busy {
			idle = 0
			continue
		}
		if idle++; idle < spinRounds {
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
	switch {
	case r.shard.Idle():
	case r.shard.Stalled():
		d = stallSleep
	default:
		return
	}
	if next := r.shard.NextTimer(); next != mono.Never {
		d = min(d, next.Sub(now))
	}
	if d > 0 {
		r.queue.Wait(d)
	}
}
