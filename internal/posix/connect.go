// The active open.

package posix

import (
	"syscall"

	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Connect is connect(2).
func (h *Host) Connect(fd int, to Addr) *Call {
	s := h.socket(fd)
	if s == nil {
		return failed(syscall.EBADF)
	}
	switch s.phase {
	case listening:
		return failed(syscall.EINVAL)
	case connected:
		return failed(syscall.EISCONN)
	case connecting:
		if s.nonblock {
			return failed(syscall.EALREADY)
		}
	case ended:
		if e := s.takeError(); e != 0 {
			return failed(e)
		}
		s.phase = fresh
		fallthrough
	case fresh:
		s.dial(to)
	}
	return h.begin(!s.nonblock, syscall.EINPROGRESS, func(c *Call) bool {
		switch s.phase {
		case connecting:
			return false
		case connected:
			return c.succeed(0)
		}
		if e := s.takeError(); e != 0 {
			return c.fail(e)
		}
		return c.fail(syscall.ECONNABORTED)
	})
}

// dial has the shard open the connection.
func (s *socket) dial(to Addr) {
	h := s.host
	h.lastToken++
	s.token, s.phase, s.remote = h.lastToken, connecting, to
	h.dials[s.token] = s
	c := &sock.Command{
		Op: sock.OpConnect, Token: s.token,
		Local: mapped(s.local.IP), LocalPort: s.local.Port, Remote: mapped(to.IP), RemotePort: to.Port,
	}
	h.do(func() { h.shard.Connect(c, h.now, s.v.settings()...) })
}

// opened is good news of the dial.
func (s *socket) opened(a sock.Accepted) {
	s.attach(a)
	for _, o := range s.v.late {
		s.app.Set(o.Option, o.Value)
	}
	s.v.late = nil
}

// refused is bad news of it.
func (s *socket) refused(why sock.Errno) {
	s.phase, s.err = ended, errnoOf(why)
}

// giveUp ends the attempt.
func (s *socket) giveUp() {
	delete(s.host.dials, s.token)
	s.host.mail.Send(&sock.Command{Op: sock.OpCancel, Token: s.token})
	s.phase = ended
}

// takeError returns the error that waits to be told, once.
func (s *socket) takeError() syscall.Errno {
	s.noticeEnd()
	e := s.err
	s.err = 0
	return e
}

// noticeEnd takes the error of a connection that broke.
func (s *socket) noticeEnd() {
	if s.phase != connected || s.broke {
		return
	}
	if why := s.app.Block.Errno(); why != sock.OK {
		s.broke, s.err = true, errnoOf(why)
	}
}

// mapped writes an address as commands carry it; 0 stays unspecified.
func mapped(a wire.IPv4) (b [16]byte) {
	if a != 0 {
		b[10], b[11] = 0xff, 0xff
		a.Put(b[12:])
	}
	return b
}
