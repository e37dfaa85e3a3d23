package sock

import "sync/atomic"

// A Waiter parks up to one reader and one writer of a connection, and one who
// waits for urgent text. It lives on
// the Go heap, in a table indexed like the blocks; the application makes it
// before it sets its first parked bit, so the shard, which looks only after it
// has seen that bit, finds it there.
//
// A token left over from an earlier wake-up only makes the next sleeper look
// once more.
type Waiter struct {
	Read, Write chan struct{}

	urgent atomic.Pointer[chan struct{}] // made by the first who waits: hardly anybody does
}

// NewWaiter returns a waiter.
func NewWaiter() *Waiter {
	return &Waiter{Read: make(chan struct{}, 1), Write: make(chan struct{}, 1)}
}

// Urgent is where the one sleeps who waits for urgent text.
func (w *Waiter) Urgent() chan struct{} {
	if p := w.urgent.Load(); p != nil {
		return *p
	}
	c := make(chan struct{}, 1)
	w.urgent.CompareAndSwap(nil, &c)
	return *w.urgent.Load()
}

// Wake readies those whose parked bits are in woken.
func (w *Waiter) Wake(woken Ready) {
	if woken&ReadParked != 0 {
		post(w.Read)
	}
	if woken&WriteParked != 0 {
		post(w.Write)
	}
	if woken&UrgentParked != 0 {
		if c := w.urgent.Load(); c != nil {
			post(*c)
		}
	}
}

func post(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
