package afxdp

// Sleeping and waking: internal/link/park does it, told here what it is that
// has arrived, and what to do before a sleep.

import (
	"fmt"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/park"
)

// stuckWait limits a sleep when frames wait for the interface: nothing tells
// when it has room again. One that is down has no room soon.
const (
	stuckWait = time.Millisecond
	downWait  = 50 * time.Millisecond
)

func (q *Queue) openSleeper() (err error) {
	q.sleeper, err = park.New(q.fd, q.arrived, q.beforeSleep)
	if err != nil {
		return fmt.Errorf("sleeper: %w", err)
	}
	return nil
}

// arrived reports whether frames wait in the receive ring.
func (q *Queue) arrived() bool { return q.rx.ready(1) != 0 }

// beforeSleep makes the kernel look for frames to receive into, and shortens
// the sleep when there are frames to look after.
func (q *Queue) beforeSleep(d time.Duration) time.Duration {
	if q.fill.needsWakeup() {
		kickReceive(q.fd)
	}
	return q.limit(d)
}

// limit shortens a sleep that has frames to look after.
func (q *Queue) limit(d time.Duration) time.Duration {
	q.reclaim()
	longest := stuckWait
	if q.down {
		longest = downWait
	}
	if (q.stuck || len(q.free) == 0) && (d < 0 || d > longest) {
		return longest
	}
	return d
}

// Wait blocks until frames may have arrived, Wake was called, or d has passed.
func (q *Queue) Wait(d time.Duration) {
	if q.sleeper.Wait(d) {
		q.counters.Waits++
	}
}

// Wake makes the present or the next Wait return. Any goroutine may call.
func (q *Queue) Wake() { q.sleeper.Wake() }
