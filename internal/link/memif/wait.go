package memif

// Sleeping and waking. While the shard polls, the receive ring says so, and
// nobody rings. Before a sleep it says the contrary, and then the ring is looked
// at once more; the sender publishes first and then looks whether to ring. So one
// of the two sees the other. Between publication and look there must be a fence,
// which waits for the other core: if the peer was seen to poll, the look is put
// off until the next call, when there is nothing to wait for any more.
//
//	peer's event descriptor --(edges, while adopted)--> bell (epoll) --> park
//
// The counter behind the descriptor is never read: an edge is enough, and reading
// could block.

import (
	"fmt"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/park"
	"golang.org/x/sys/unix"
)

func (q *Queue) openSleeper() (err error) {
	if q.bell, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	q.sleeper, err = park.New(q.bell, q.due, nil)
	return err
}

// due reports whether there is something to receive. News from Serve come with
// a Wake.
func (q *Queue) due() bool { return q.peer != nil && q.arrivals() != 0 }

// Wait blocks until frames may have arrived, the peer has come or gone, Wake was
// called, or d has passed.
func (q *Queue) Wait(d time.Duration) {
	if q.peer != nil {
		if q.kickDue {
			q.kickIfAsleep()
		}
		q.pair.rx.mask(false)
	}
	slept := q.sleeper.Wait(d)
	if q.peer != nil { // due may have let go of it
		q.pair.rx.mask(true)
	}
	if slept {
		q.counters.Waits++
		_, _ = unix.EpollWait(q.bell, q.edges[:], 0) // forget the edges
	}
}

// Wake makes the present or the next Wait return. Any goroutine may call.
func (q *Queue) Wake() { q.sleeper.Wake() }
