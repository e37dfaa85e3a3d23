package afxdp

// Sleeping without holding a thread: the goroutine parks in Go's own poller.
//
// The socket itself is not given to that poller. It would ask for every event,
// edge by edge, and each batch that arrives or leaves would wake an idle thread
// of the process while the shard is awake and spinning. So an epoll descriptor
// stands between the two, and the socket is armed in it only while the shard
// sleeps:
//
//	socket --(armed only in Wait)--> q.poll (epoll) --(always)--> Go's poller
//
// No wake-up is lost. Arrivals: RawConn.Read clears the poller's readiness
// before it first asks q.arrived, which looks at the ring; what comes later
// makes an edge. Wake: it sets the flag, then moves the deadline into the past;
// Wait sets its deadline, then looks at the flag in q.arrived. Close ends the sleep and lets
// Wait return before it takes the memory away.

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stuckWait limits a sleep when frames wait for the interface: nothing tells
// when it has room again.
const stuckWait = time.Millisecond

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

func (q *Queue) openPoll() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return fmt.Errorf("epoll: %w", err)
	}
	q.poll = os.NewFile(uintptr(fd), "afxdp")
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, q.fd, &q.events); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	// Without the poller there are no deadlines either, so this also tests it.
	if err := q.poll.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("epoll in the runtime's poller: %w", err)
	}
	q.pollRaw, err = q.poll.SyscallConn()
	q.arm = func(poll uintptr) {
		_ = unix.EpollCtl(int(poll), unix.EPOLL_CTL_MOD, q.fd, &q.events)
	}
	q.arrived = func(uintptr) bool { return q.rx.ready(1) != 0 || q.woken.Load() }
	return err
}

// Wait blocks until frames may have arrived, Wake was called, or d has passed.
func (q *Queue) Wait(d time.Duration) {
	q.inWait.Lock()
	defer q.inWait.Unlock()
	if q.released || q.woken.Swap(false) || d == 0 || q.rx.ready(1) != 0 {
		return
	}
	if q.fill.needsWakeup() {
		kickReceive(q.fd)
	}
	q.armFor(unix.EPOLLIN)
	q.sleep(q.limit(d))
	q.armFor(0)
	q.woken.Store(false)
}

// sleep parks until q.arrived holds or d has passed; a negative d is no limit.
func (q *Queue) sleep(d time.Duration) {
	var deadline time.Time
	if d >= 0 {
		deadline = time.Now().Add(d)
	}
	if q.poll.SetReadDeadline(deadline) != nil {
		return
	}
	q.counters.Waits++
	_ = q.pollRaw.Read(q.arrived) // a passed deadline, or Close
}

// limit shortens a sleep that has frames to look after.
func (q *Queue) limit(d time.Duration) time.Duration {
	q.reclaim()
	if (q.stuck || len(q.free) == 0) && (d < 0 || d > stuckWait) {
		return stuckWait
	}
	return d
}

// armFor chooses the events of the socket that q.poll passes on. It cannot fail
// while both are open.
func (q *Queue) armFor(events uint32) {
	q.events = unix.EpollEvent{Events: events, Fd: int32(q.fd)}
	_ = q.pollRaw.Control(q.arm)
}

// Wake makes the present or the next Wait return. Any goroutine may call.
func (q *Queue) Wake() {
	if q.woken.Swap(true) {
		return // somebody else is at it
	}
	_ = q.poll.SetReadDeadline(longAgo)
}
