package park

// Sleeping in Go's own poller.
//
// The descriptor itself is not given to that poller. It would ask for every
// event, edge by edge, and each batch that arrives or leaves would wake an idle
// thread of the process while the shard is awake and spinning. So an epoll
// descriptor stands between the two, and the device's is armed in it only while
// the shard sleeps:
//
//	fd --(armed only in Wait)--> s.poll (epoll) --(always)--> Go's poller
//
// No wake-up is lost. Arrivals: RawConn.Read clears the poller's readiness
// before it first asks s.due, which asks the device; what comes later makes an
// edge. Wake: it sets the flag, then moves the deadline into the past; Wait sets
// its deadline, then looks at the flag in s.due. Close ends the sleep and lets
// Wait return before the device takes away what ready and limit look at.

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// A Sleeper is where the owner of one queue sleeps. Wait is the owner's;
// anyone may call Wake and Close.
type Sleeper struct {
	// Set when made.
	fd    int
	ready func() bool
	limit func(time.Duration) time.Duration
	poll  *os.File
	raw   syscall.RawConn
	arm   func(uintptr)
	due   func(uintptr) bool

	woken atomic.Bool

	mu     sync.Mutex // held by Wait, and by Close to let Wait return
	closed bool
	events unix.EpollEvent
}

// New makes a place to sleep until fd is readable. ready reports whether there
// is something to do already, without blocking; a descriptor that has failed is
// always readable, and ready says whether that ends a sleep. limit, which may be
// nil, is asked before each sleep and may shorten it. Both are called within Wait only.
func New(fd int, ready func() bool, limit func(time.Duration) time.Duration) (*Sleeper, error) {
	s := &Sleeper{fd: fd, ready: ready, limit: limit}
	if err := s.open(); err != nil {
		if s.poll != nil {
			err = errors.Join(err, s.poll.Close())
		}
		return nil, err
	}
	return s, nil
}

func (s *Sleeper) open() error {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(poll, true); err != nil {
		_ = unix.Close(poll)
		return fmt.Errorf("epoll: %w", err)
	}
	s.poll = os.NewFile(uintptr(poll), "park")
	if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, s.fd, &s.events); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	// Without the poller there are no deadlines either, so this also tests it.
	if err := s.poll.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("epoll in the runtime's poller: %w", err)
	}
	s.raw, err = s.poll.SyscallConn()
	s.arm = func(poll uintptr) {
		_ = unix.EpollCtl(int(poll), unix.EPOLL_CTL_MOD, s.fd, &s.events)
	}
	s.due = func(uintptr) bool { return s.ready() || s.woken.Load() }
	return err
}

// Wait blocks until the descriptor may have something to read, Wake was called
// since the last Wait returned, or d has passed; a negative d means no limit.
// It reports whether it slept.
func (s *Sleeper) Wait(d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.woken.Swap(false) || d == 0 || s.ready() {
		return false
	}
	if s.limit != nil {
		d = s.limit(d)
	}
	s.armFor(unix.EPOLLIN)
	slept := s.sleep(d)
	s.armFor(0)
	s.woken.Store(false)
	return slept
}

// sleep parks until s.due holds or d has passed; a negative d is no limit.
func (s *Sleeper) sleep(d time.Duration) bool {
	var deadline time.Time
	if d >= 0 {
		deadline = time.Now().Add(d)
	}
	if s.poll.SetReadDeadline(deadline) != nil {
		return false
	}
	_ = s.raw.Read(s.due) // a passed deadline, or Close
	return true
}

// armFor chooses the events that s.poll passes on. It cannot fail while both are
// open.
func (s *Sleeper) armFor(events uint32) {
	s.events = unix.EpollEvent{Events: events, Fd: int32(s.fd)}
	_ = s.raw.Control(s.arm)
}

// Wake makes the present or the next Wait return. Any goroutine may call.
func (s *Sleeper) Wake() {
	if s.woken.Swap(true) {
		return // somebody else is at it
	}
	_ = s.poll.SetReadDeadline(longAgo)
}

// Close ends the present Wait and waits for its return; no later one sleeps.
// The descriptor must still be open, and is the caller's to close afterwards.
func (s *Sleeper) Close() error {
	err := s.poll.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return err
}
