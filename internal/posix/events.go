// What a socket is ready for, and poll(2).

package posix

import (
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// Events of poll and epoll.
const (
	PollIn    = 0x1
	PollPri   = 0x2
	PollOut   = 0x4
	PollErr   = 0x8
	PollHup   = 0x10
	PollNval  = 0x20
	pollRdn   = 0x40
	pollWrn   = 0x100
	PollRdHup = 0x2000
)

// ready is what Linux's tcp_poll would say.
func (s *socket) ready() uint32 {
	s.noticeEnd()
	m := uint32(0)
	if s.err != 0 {
		m |= PollErr
	}
	switch s.phase {
	case fresh:
		return m | PollOut | pollWrn | PollHup
	case listening:
		if s.queue.Len() > 0 {
			m |= PollIn | pollRdn
		}
		return m
	case connecting:
		return m
	case ended:
		return m | PollIn | pollRdn | PollOut | pollWrn | PollHup | PollRdHup
	}
	eof := s.app.HasEOF()
	if s.broke || (eof || s.readShut) && s.wrShut {
		m |= PollHup
	}
	if eof || s.readShut || s.broke {
		m |= PollIn | pollRdn | PollRdHup
	}
	if s.app.Buffered() > 0 {
		m |= PollIn | pollRdn
	}
	if s.app.UrgentLeft() > 0 {
		m |= PollPri
	}
	if s.wrShut || s.broke || s.hasRoom() {
		m |= PollOut | pollWrn
	}
	return m
}

// hasRoom is Linux's measure: a third of the buffer is free.
func (s *socket) hasRoom() bool { return s.app.Unsent() < s.v.sndBuf*2/3 }

// seen is what notice found last.
type seen struct {
	received uint32 // position
	waiting  int
	eof      bool
	broke    bool
	room     bool
	phase    phase
}

// notice wakes the pollers of sockets to which something has happened.
func (h *Host) notice() {
	for _, s := range h.sockets {
		if len(s.polls) == 0 {
			continue
		}
		was := s.seen
		s.seen = s.look()
		woken := uint32(0)
		switch now := &s.seen; {
		case now.phase != was.phase, now.broke != was.broke:
			woken = ^uint32(0)
		case now.received != was.received, now.waiting > was.waiting:
			woken = PollIn | pollRdn
		case now.eof != was.eof:
			woken = PollIn | pollRdn | PollRdHup | PollHup
		}
		if s.seen.room && !was.room {
			woken |= PollOut | pollWrn
		}
		for _, i := range s.polls {
			i.wake(woken)
		}
	}
}

func (s *socket) look() seen {
	n := seen{phase: s.phase}
	switch s.phase {
	case listening:
		n.waiting = s.queue.Len()
	case connected:
		s.noticeEnd()
		n.received = s.app.Received()
		n.eof, n.broke, n.room = s.app.HasEOF(), s.broke, s.hasRoom()
	}
	return n
}

// PollFD is one descriptor of poll(2).
type PollFD struct {
	FD      int
	Events  uint32
	Revents uint32
}

// Poll is poll(2); below 0 it waits without limit.
func (h *Host) Poll(fds []PollFD, timeout time.Duration) *Call {
	c := h.begin(timeout != 0, 0, func(c *Call) bool {
		n := 0
		for i := range fds {
			f := &fds[i]
			f.Revents = 0
			switch s := h.socket(f.FD); {
			case f.FD < 0:
				continue
			case s == nil:
				f.Revents = PollNval
			default:
				f.Revents = s.ready() & (f.Events | PollErr | PollHup)
			}
			if f.Revents != 0 {
				n++
			}
		}
		c.N = n
		return n > 0
	})
	h.limit(c, timeout)
	return c
}

// limit has a blocked call return, with nothing, after a time.
func (h *Host) limit(c *Call, timeout time.Duration) {
	if !c.Done && timeout >= 0 {
		c.deadline = h.now.Add(timeout)
		if timeout > time.Duration(mono.Never-h.now) {
			c.deadline = 0
		}
	}
	if c.Done && c.Errno == syscall.EAGAIN {
		c.Errno = 0
	}
}
