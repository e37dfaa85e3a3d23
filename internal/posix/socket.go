// Descriptors and sockets, and the calls on them that never block.

package posix

import (
	"math/bits"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A file is what a descriptor stands for.
type file interface{ close() }

// phase is how far a socket has come.
type phase uint8

const (
	fresh phase = iota
	listening
	connecting
	connected
	ended // the attempt to connect came to nothing
)

// Addr is an address and a port.
type Addr struct {
	IP   wire.IPv4
	Port uint16
}

// A socket is a TCP endpoint of a process.
type socket struct {
	host     *Host
	fd       int
	phase    phase
	nonblock bool
	bound    bool
	local    Addr
	remote   Addr
	v        values

	// Listening.
	queue   *sock.AcceptQueue
	backlog int

	// Connecting and connected.
	token    uint64
	handle   slab.Handle
	app      sock.App
	err      syscall.Errno // to be reported once: SO_ERROR
	broke    bool          // the connection's end has been noticed
	readShut bool
	wrShut   bool

	seen  seen // by notice
	polls []*interest
}

// Socket makes a TCP socket. fd is its descriptor, which must be free; below 0
// the lowest free one is taken.
func (h *Host) Socket(fd int) *Call {
	if fd < 0 {
		fd = h.freeFD()
	}
	if fd < 0 || h.files[fd] != nil {
		return failed(syscall.EMFILE)
	}
	s := &socket{host: h, fd: fd, v: h.defaults()}
	h.files[fd] = s
	h.sockets = append(h.sockets, s)
	return returned(fd)
}

// freeFD returns the lowest free descriptor from 3 on, or -1.
func (h *Host) freeFD() int {
	for fd := 3; fd < maxFiles; fd++ {
		if h.files[fd] == nil {
			return fd
		}
	}
	return -1
}

func (h *Host) socket(fd int) *socket {
	s, _ := h.files[fd].(*socket)
	return s
}

// on runs a call on a socket that does not block.
func (h *Host) on(fd int, f func(s *socket) (int, syscall.Errno)) *Call {
	s := h.socket(fd)
	switch {
	case h.files[fd] == nil:
		return failed(syscall.EBADF)
	case s == nil:
		return failed(syscall.ENOTSOCK)
	}
	n, e := f(s)
	h.settle()
	if e != 0 {
		return failed(e)
	}
	return returned(n)
}

// Bind is bind(2). As in Linux port 0 stands for one that is chosen here.
func (h *Host) Bind(fd int, a Addr) *Call {
	return h.on(fd, func(s *socket) (int, syscall.Errno) {
		switch {
		case s.bound || s.phase != fresh:
			return 0, syscall.EINVAL
		case !a.IP.IsUnspecified() && a.IP != h.cfg.Address.Addr:
			return 0, syscall.EADDRNOTAVAIL
		}
		if a.Port == 0 {
			if a.Port = h.freePort(); a.Port == 0 {
				return 0, syscall.EADDRINUSE
			}
		}
		s.bound, s.local = true, a
		return 0, 0
	})
}

// freePort returns a port that no socket has, or 0. The next one is another, so
// that what remains of a connection is not met.
func (h *Host) freePort() uint16 {
	for range lastPort - firstPort + 1 {
		if h.lastPort++; h.lastPort < firstPort || h.lastPort > lastPort {
			h.lastPort = firstPort
		}
		taken := false
		for _, s := range h.sockets {
			taken = taken || s.local.Port == h.lastPort
		}
		if !taken {
			return h.lastPort
		}
	}
	return 0
}

// Name is getsockname(2).
func (h *Host) Name(fd int, a *Addr) *Call {
	return h.on(fd, func(s *socket) (int, syscall.Errno) {
		*a = s.local
		return 0, 0
	})
}

// Listen is listen(2). As in Linux one connection more than the backlog may
// wait.
func (h *Host) Listen(fd, backlog int) *Call {
	return h.on(fd, func(s *socket) (int, syscall.Errno) {
		switch s.phase {
		case listening:
			return 0, 0
		case fresh:
		default:
			return 0, syscall.EINVAL
		}
		backlog = min(max(backlog, 0), 4096)
		r, err := ring.NewSPSC(nil, make([]sock.Accepted, 1<<bits.Len(uint(backlog+1))))
		if err != nil {
			return 0, syscall.ENOBUFS
		}
		q := sock.NewAcceptQueue(r, func() {})
		why := sock.OK
		h.do(func() {
			why = h.shard.Listen(s.local.IP, s.local.Port, backlog+1, q, s.v.settings()...)
		})
		if why != sock.OK {
			return 0, errnoOf(why)
		}
		s.phase, s.queue = listening, q
		return 0, 0
	})
}

// Accept is accept(2); fd is to be the new descriptor, below 0 the lowest free
// one. From says who it is once the call is done.
func (h *Host) Accept(listener, fd int, from *Addr) *Call {
	s := h.socket(listener)
	switch {
	case h.files[listener] == nil:
		return failed(syscall.EBADF)
	case s == nil:
		return failed(syscall.ENOTSOCK)
	case s.phase != listening:
		return failed(syscall.EINVAL)
	}
	return h.begin(!s.nonblock, syscall.EAGAIN, func(c *Call) bool {
		if s.phase != listening {
			return c.fail(syscall.EINVAL)
		}
		var a sock.Accepted
		if !s.queue.Pop(&a) {
			return false
		}
		if fd < 0 {
			fd = h.freeFD()
		}
		n := &socket{host: h, fd: fd, v: s.v, phase: connected, bound: true}
		n.attach(a)
		h.files[fd] = n
		h.sockets = append(h.sockets, n)
		if from != nil {
			*from = n.remote
		}
		return c.succeed(fd)
	})
}

// attach takes over a connection.
func (s *socket) attach(a sock.Accepted) {
	s.handle, s.app = a.Handle, s.host.shard.App(a.Handle)
	s.local = Addr{wire.FromBytes(a.Local[12:]), a.LocalPort}
	s.remote = Addr{wire.FromBytes(a.Remote[12:]), a.RemotePort}
	s.phase = connected
	s.host.shard.Waiter(a.Handle) // the shard looks there when a writer is parked
}

// Shutdown is shutdown(2).
func (h *Host) Shutdown(fd, how int) *Call {
	return h.on(fd, func(s *socket) (int, syscall.Errno) {
		switch {
		case how < syscall.SHUT_RD || how > syscall.SHUT_RDWR:
			return 0, syscall.EINVAL
		case s.phase == listening && how != syscall.SHUT_WR:
			s.unlisten()
			return 0, 0
		case s.phase == connecting:
			s.giveUp()
			s.err = syscall.ECONNRESET // as in Linux
			return 0, 0
		case s.phase != connected, s.isDead():
			return 0, syscall.ENOTCONN
		}
		if how != syscall.SHUT_WR && !s.readShut {
			s.readShut = true
			s.app.ShutdownRead()
		}
		if how != syscall.SHUT_RD && !s.wrShut {
			s.wrShut = true
			s.app.Shutdown()
		}
		return 0, 0
	})
}

// isDead reports that the connection has ended in both directions.
func (s *socket) isDead() bool {
	i, ok := s.info()
	return !ok || i.State == 0
}

// unlisten closes the port and resets who was not accepted.
func (s *socket) unlisten() {
	h := s.host
	h.do(func() { h.shard.Unlisten(s.local.IP, s.local.Port) })
	var a sock.Accepted
	for s.queue.Pop(&a) {
		app := h.shard.App(a.Handle)
		app.Close(true)
	}
	s.phase = fresh
}

// CloseFD is close(2). With a linger time it waits, as in Linux, until the peer has
// acknowledged everything.
func (h *Host) CloseFD(fd int) *Call {
	f := h.files[fd]
	if f == nil {
		return failed(syscall.EBADF)
	}
	delete(h.files, fd)
	s, _ := f.(*socket)
	lingers := s != nil && s.phase == connected && s.v.lingerOn && s.v.linger > 0
	f.close()
	h.settle()
	if !lingers {
		return returned(0)
	}
	c := h.begin(true, 0, func(*Call) bool {
		i, ok := h.shard.Inspect(s.handle, h.now)
		return !ok || !(i.State == tcp.FinWait1 || i.State == tcp.Closing || i.State == tcp.LastAck)
	})
	h.limit(c, time.Duration(s.v.linger)*time.Second)
	return c
}

func (s *socket) close() {
	for _, i := range s.polls {
		i.gone()
	}
	switch s.phase {
	case listening:
		s.unlisten()
	case connecting:
		s.giveUp()
	case connected:
		s.app.Close(false)
	}
	h := s.host
	for i, x := range h.sockets {
		if x == s {
			h.sockets = append(h.sockets[:i], h.sockets[i+1:]...)
			break
		}
	}
	s.phase = ended
}

// Fcntl is fcntl(2) with F_GETFL and F_SETFL.
func (h *Host) Fcntl(fd, cmd, arg int) *Call {
	return h.on(fd, func(s *socket) (int, syscall.Errno) {
		switch cmd {
		case syscall.F_GETFL:
			if s.nonblock {
				return syscall.O_RDWR | syscall.O_NONBLOCK, 0
			}
			return syscall.O_RDWR, 0
		case syscall.F_SETFL:
			s.nonblock = arg&syscall.O_NONBLOCK != 0
			return 0, 0
		}
		return 0, syscall.EINVAL
	})
}

// Numbers that package syscall does not have.
const (
	fionread  = 0x541B // SIOCINQ
	siocoutq  = 0x5411
	siocoutqn = 0x894B // SIOCOUTQNSD

	siocatmark = 0x8905
)

// Ioctl is ioctl(2) with those requests that return a number.
func (h *Host) Ioctl(fd, request int) *Call {
	return h.on(fd, func(s *socket) (int, syscall.Errno) {
		if s.phase == listening {
			return 0, syscall.EINVAL
		}
		switch {
		case request == fionread && s.phase == connected:
			return s.app.Buffered(), 0
		case request == siocatmark && s.phase == connected:
			if s.app.UrgentLeft() == 1 {
				return 1, 0
			}
			return 0, 0
		case request == siocoutq && s.phase == connected:
			return s.app.Unsent(), 0
		case request == siocoutqn && s.phase == connected:
			i, _ := s.info()
			return int(i.Unsent), 0
		case request == siocatmark || request == fionread || request == siocoutq || request == siocoutqn:
			return 0, 0
		}
		return 0, syscall.EINVAL
	})
}
