package traffic

import (
	"time"

	"github.com/mtcp-go/mtcp/event"
)

// arrivals are the transactions of an open loop: each is due at its time, and its
// latency counts from then, so that a server which stalls cannot keep the client
// from noticing (coordinated omission).
type arrivals struct {
	client   *client
	interval float64 // ns
	started  time.Duration
	n        uint64          // how many have been due
	waiting  []time.Duration // due, without a connection
	first    int             // of waiting
	timer    *event.Timer
}

const (
	pumpInterval = 20 * time.Microsecond
	maxDue       = 1 << 20 // that wait; more are counted as late
)

func (a *arrivals) begin(c *client) {
	a.client = c
	a.interval = float64(time.Second) / c.spec.Rate
	a.started = c.loop.Now()
	a.timer = c.loop.After(0, func(*event.Loop) { a.pump() })
}

func (a *arrivals) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// pump notes what has become due, and has it done where it can be.
func (a *arrivals) pump() {
	c := a.client
	if c.stopped {
		return
	}
	now := c.loop.Now()
	for {
		at := a.started + time.Duration(float64(a.n)*a.interval)
		if at > now {
			break
		}
		a.n++
		if len(a.waiting)-a.first == maxDue {
			c.r.Late++
			continue
		}
		a.waiting = append(a.waiting, at)
	}
	a.serve()
	a.timer.Reset(pumpInterval)
}

// serve gives what is due to those who rest.
func (a *arrivals) serve() {
	c := a.client
	for a.first < len(a.waiting) && len(c.idle) > 0 {
		s := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		s.begun = a.waiting[a.first]
		a.first++
		if c.spec.Work.each() {
			s.dial()
		} else if s.conn.IsOpen() {
			s.ask()
		}
	}
	if a.first == len(a.waiting) {
		a.waiting, a.first = a.waiting[:0], 0
	} else if a.first > maxDue {
		a.waiting = append(a.waiting[:0], a.waiting[a.first:]...)
		a.first = 0
	}
}

// rest has a place wait for a transaction to be due; the oldest that waits is
// its own.
func (c *client) rest(s *session) {
	c.idle = append(c.idle, s)
	if c.due.client != nil {
		c.due.serve()
	}
}
