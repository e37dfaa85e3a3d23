// Reading and writing.

package posix

import (
	"syscall"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// Flags of recv and send.
const (
	MsgOOB      = 0x1
	MsgPeek     = 0x2
	MsgTrunc    = 0x20
	MsgDontWait = 0x40
	MsgWaitAll  = 0x100
	MsgNoSignal = 0x4000
	MsgMore     = 0x8000
)

// Read is read(2), recv(2) and their kin. p is filled when the call is done.
func (h *Host) Read(fd int, p []byte, flags int) *Call {
	s := h.socket(fd)
	switch {
	case s == nil:
		return failed(syscall.EBADF)
	case s.phase == listening:
		return failed(syscall.ENOTCONN)
	case flags&MsgOOB != 0:
		return failed(syscall.EINVAL) // urgent text is in line
	}
	done := 0
	return h.begin(!s.nonblock && flags&MsgDontWait == 0, syscall.EAGAIN, func(c *Call) bool {
		n, e, wait := s.read(p[done:], flags)
		done += n
		c.N = done
		switch {
		case wait && done > 0:
			return flags&MsgWaitAll == 0
		case wait:
			return false
		case e != 0 && done == 0:
			return c.fail(e)
		}
		return n == 0 || flags&(MsgWaitAll|MsgPeek) != MsgWaitAll || done == len(p)
	})
}

// read does what can be done now; wait says that this was nothing.
func (s *socket) read(p []byte, flags int) (n int, e syscall.Errno, wait bool) {
	switch s.phase {
	case fresh:
		return 0, syscall.ENOTCONN, false
	case connecting:
		return 0, 0, true
	case ended:
		return 0, s.takeError(), false
	}
	n, status := s.take(p, flags)
	if n > 0 || len(p) == 0 && status == sock.Done {
		return n, 0, false
	}
	if e := s.takeError(); e != 0 {
		return 0, e, false
	}
	return 0, 0, status == sock.WouldBlock && !s.readShut && len(p) > 0
}

// take takes what is there, from both rings while one replaces the other.
func (s *socket) take(p []byte, flags int) (n int, status sock.Status) {
	if s.readShut {
		return 0, sock.Ended
	}
	if flags&MsgPeek != 0 {
		if n := min(len(p), s.app.Buffered()); n > 0 && flags&MsgTrunc != 0 {
			return n, sock.Done // only the number counts
		}
		return s.app.Copy(p)
	}
	for {
		a, b, status := s.app.Peek()
		if status != sock.Done || n == len(p) {
			return n, status
		}
		k := min(len(a)+len(b), len(p)-n)
		if flags&MsgTrunc == 0 {
			copy(p[n+copy(p[n:], a):], b)
		}
		n += k
		s.app.Discard(k)
	}
}

// Write is write(2), send(2) and their kin.
func (h *Host) Write(fd int, p []byte, flags int) *Call {
	s := h.socket(fd)
	if s == nil {
		return failed(syscall.EBADF)
	}
	mayBlock := !s.nonblock && flags&MsgDontWait == 0
	more := flags&MsgMore != 0
	done := 0
	if flags&MsgOOB != 0 && s.phase == connected {
		s.app.WillWriteUrgent(len(p))
	}
	c := h.begin(mayBlock, syscall.EAGAIN, func(c *Call) bool {
		n, e := s.write(p[done:], more)
		done += n
		c.N = done
		switch {
		case e == syscall.EAGAIN:
			return false
		case e != 0 && done == 0:
			return c.fail(e)
		}
		return true
	})
	if c.Errno == syscall.EAGAIN {
		if s.phase == connected {
			s.app.Push()
			h.settle()
		}
		if done > 0 {
			c.Errno = 0
		}
	}
	return c
}

// write writes what there is room for, asking for room as long as the shard
// gives some at once.
func (s *socket) write(p []byte, more bool) (n int, e syscall.Errno) {
	switch s.phase {
	case fresh, listening:
		return 0, syscall.EPIPE
	case connecting:
		return 0, syscall.EAGAIN
	case ended:
		if e := s.takeError(); e != 0 {
			return 0, e
		}
		return 0, syscall.EPIPE
	}
	if e := s.takeError(); e != 0 {
		return 0, e
	}
	if s.wrShut || s.broke {
		return 0, syscall.EPIPE
	}
	for range maxRounds {
		room := min(len(p)-n, s.room())
		if room == 0 && n < len(p) {
			return n, syscall.EAGAIN
		}
		k, status := s.app.WriteMore(p[n:n+room], more || n+room < len(p))
		n += k
		switch {
		case status == sock.Ended, status == sock.Failed:
			s.noticeEnd()
			return n, syscall.EPIPE
		case n == len(p):
			return n, 0
		case !s.app.ParkWrite(len(p) - n):
		case !s.grantRoom():
			s.app.UnparkWrite()
			return n, syscall.EAGAIN
		}
	}
	return n, syscall.EAGAIN
}

// room is what SO_SNDBUF leaves.
func (s *socket) room() int { return max(s.v.sndBuf-s.app.Unsent(), 0) }

// grantRoom lets the shard take the command of a parked writer, and reports
// whether that woke it.
func (s *socket) grantRoom() bool {
	s.host.shard.Output(s.host.now)
	return s.app.Block.Flags()&sock.WriteParked == 0
}
