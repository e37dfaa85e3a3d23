package tap

// Sleeping and waking: internal/link/park does it, told here how to see that a
// frame has arrived.

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/link/park"
	"golang.org/x/sys/unix"
)

func (q *Queue) openSleeper() (err error) {
	q.pollSet[0] = unix.PollFd{Fd: int32(q.fd), Events: unix.POLLIN}
	q.sleeper, err = park.New(q.fd, q.arrived, nil)
	return err
}

// arrived asks the kernel whether there is a frame, or news of the interface's
// end. Once that is known nothing arrives any more: a loop that calls Wait
// would spin otherwise.
func (q *Queue) arrived() bool {
	if q.gone {
		return false
	}
	n, err := unix.Poll(q.pollSet[:], 0)
	return n != 0 && err == nil
}

// Wait blocks until a frame may have arrived, Wake was called, the interface was
// removed, or d has passed.
func (q *Queue) Wait(d time.Duration) {
	if q.sleeper.Wait(d) {
		q.counters.Waits++
	}
}

// Wake makes the present or the next Wait return. Any goroutine may call.
func (q *Queue) Wake() { q.sleeper.Wake() }
