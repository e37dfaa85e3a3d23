package mtcp

import (
	"sync"
	"sync/atomic"
	"time"
)

// A sleeper is who waits for something that has a deadline. It is an interface
// and not a function so that setting a deadline makes no closure.
type sleeper interface{ wake() }

// A deadline is one direction's time limit, kept on the application's side: the
// stack knows nothing of it. When it passes the sleeper is woken, and looks at
// passed.
type deadline struct {
	late atomic.Bool
	mu   sync.Mutex
	at   time.Time // zero: none
	t    *time.Timer
}

// passed reports whether the limit has been reached.
func (d *deadline) passed() bool { return d.late.Load() }

// set changes the limit; the zero time removes it. It wakes sleepers at once
// when the limit is in the past.
func (d *deadline) set(at time.Time, s sleeper) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	if at.IsZero() {
		d.late.Store(false)
		if d.t != nil {
			d.t.Stop()
		}
		return
	}
	left := time.Until(at)
	if left <= 0 {
		d.late.Store(true)
		s.wake()
		return
	}
	d.late.Store(false)
	if d.t == nil {
		d.t = time.AfterFunc(left, func() { d.fire(s) })
	} else {
		d.t.Reset(left)
	}
}

// fire runs when the timer expires, perhaps for a limit that was moved since.
func (d *deadline) fire(s sleeper) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at.IsZero() {
		return
	}
	if left := time.Until(d.at); left > 0 {
		d.t.Reset(left)
		return
	}
	d.late.Store(true)
	s.wake()
}

// stop ends the timer for good.
func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = time.Time{}
	if d.t != nil {
		d.t.Stop()
	}
}
