// The world: one goroutine drives the host by the clock of the machine and makes
// the calls; those that block come back when the host has done with them.

package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/posix"
)

const (
	maxAsked = 64          // calls that wait for the goroutine; more wait outside
	maxSleep = time.Second // a lost wake-up costs time and nothing else
)

type world struct {
	host    *posix.Host
	queue   link.Queue
	started time.Time
	asked   chan func()
	ended   chan struct{}
	blocked []waiter // the goroutine's own
}

// A waiter is a call that has begun, and who waits for it.
type waiter struct {
	call *posix.Call
	done chan struct{}
}

func newWorld(c posix.Config) (*world, error) {
	h, err := posix.New(c)
	if err != nil {
		return nil, err
	}
	return &world{host: h, queue: c.Link, started: time.Now(), asked: make(chan func(), maxAsked), ended: make(chan struct{})}, nil
}

// run drives the host until the context ends.
func (w *world) run(ctx context.Context) error {
	defer close(w.ended)
	stop := context.AfterFunc(ctx, w.queue.Wake)
	defer stop()
	for ctx.Err() == nil {
		sleep := w.host.Step(posix.Start + time.Since(w.started)) // first, so that calls find the right time
		began := w.begin()
		w.finish()
		if sleep > 0 && !began {
			w.queue.Wait(min(sleep, maxSleep))
		}
	}
	return errors.Join(w.host.Close())
}

// begin makes the calls that were asked for. It reports whether there were any.
func (w *world) begin() (any bool) {
	for {
		select {
		case f := <-w.asked:
			f()
			any = true
		default:
			return any
		}
	}
}

// finish lets those go whose call is done.
func (w *world) finish() {
	kept := w.blocked[:0]
	for _, b := range w.blocked {
		if b.call.Done {
			close(b.done)
		} else {
			kept = append(kept, b)
		}
	}
	w.blocked = kept
}

// do has the goroutine run f. It reports whether that can still happen.
func (w *world) do(f func()) bool {
	select {
	case w.asked <- f:
		w.queue.Wake()
		return true
	case <-w.ended:
		return false
	}
}

// call makes a call and waits for it, or until the caller has gone.
func (w *world) call(ctx context.Context, begin func(h *posix.Host) *posix.Call) (int, syscall.Errno) {
	var c *posix.Call
	done := make(chan struct{})
	w.do(func() {
		c = begin(w.host)
		w.blocked = append(w.blocked, waiter{c, done})
	})
	select {
	case <-done:
	case <-w.ended:
		return -1, syscall.EIO
	case <-ctx.Done():
		w.do(func() { w.host.Interrupt(c) })
		select {
		case <-done:
		case <-w.ended:
			return -1, syscall.EIO
		}
	}
	return c.Result()
}
