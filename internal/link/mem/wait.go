package mem

// This file is sleeping and waking. A sleeper arms its bell, looks again, and
// blocks on a channel that holds one wake-up; a sender that put something in
// rings, and only an armed bell makes it touch the channel. (Why no wake-up is
// lost: internal/ring, doorbell.go.)

import (
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
)

// sleep is what the owner of a queue and those who wake it share.
type sleep struct {
	bell   ring.Doorbell
	wake   chan struct{}
	closed atomic.Bool
	timer  *time.Timer // the owner's; made when first needed
}

func newSleep() sleep { return sleep{wake: make(chan struct{}, 1)} }

// ring wakes the sleeper if there is one.
func (s *sleep) ring() {
	if s.bell.Ring() {
		s.signal()
	}
}

func (s *sleep) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // one is there already
	}
}

// block waits for a wake-up, or for d; a negative d means no limit.
func (s *sleep) block(d time.Duration) {
	if d < 0 {
		<-s.wake
		return
	}
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	select {
	case <-s.wake:
		s.timer.Stop()
	case <-s.timer.C:
	}
}

// Wait blocks until a frame may have arrived, until Wake, or for d. The time
// until a frame that is under way is counted from the queue's last call: the
// loop has just asked for frames before it sleeps.
func (q *Queue) Wait(d time.Duration) {
	q.counters.Waits++
	s := &q.sleep
	s.bell.Arm()
	if due := q.Due(); due != mono.Never {
		until := max(due.Sub(q.now), 0)
		if d < 0 || until < d {
			d = until
		}
	}
	if d != 0 && !s.closed.Load() {
		s.block(d)
	}
	s.bell.Disarm()
}

// Wake makes the present or the next Wait return.
func (q *Queue) Wake() { q.sleep.signal() }

// Close ends the queue and wakes who waits: no later Wait blocks.
func (q *Queue) Close() error {
	q.sleep.closed.Store(true)
	q.sleep.signal()
	return nil
}
