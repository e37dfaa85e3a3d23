// epoll(7): level- and edge-triggered, one-shot.

package posix

import (
	"syscall"
	"time"
)

// Flags of an interest.
const (
	EpollET      = 1 << 31
	EpollOneShot = 1 << 30
)

// An epoll is a descriptor of epoll_create.
type epoll struct {
	host      *Host
	interests []*interest
}

// An interest is a socket that an epoll watches.
type interest struct {
	of     *epoll
	socket *socket
	events uint32
	data   uint64
	armed  bool // something happened since it was reported
	off    bool // one-shot, and shot
}

// An EpollEvent is what epoll_wait returns.
type EpollEvent struct {
	Events uint32
	Data   uint64
}

// EpollCreate is epoll_create(2).
func (h *Host) EpollCreate(fd int) *Call {
	if fd < 0 {
		fd = h.freeFD()
	}
	if fd < 0 || h.files[fd] != nil {
		return failed(syscall.EMFILE)
	}
	h.files[fd] = &epoll{host: h}
	return returned(fd)
}

func (p *epoll) close() {
	for _, i := range append([]*interest(nil), p.interests...) {
		i.gone()
	}
}

// gone ends an interest.
func (i *interest) gone() {
	i.of.interests = without(i.of.interests, i)
	i.socket.polls = without(i.socket.polls, i)
}

func without(list []*interest, x *interest) []*interest {
	var out []*interest
	for _, i := range list {
		if i != x {
			out = append(out, i)
		}
	}
	return out
}

// wake notes that something of interest happened.
func (i *interest) wake(events uint32) {
	if events&(i.events|PollErr|PollHup) != 0 {
		i.armed = true
	}
}

// EpollCtl is epoll_ctl(2).
func (h *Host) EpollCtl(epfd, op, fd int, events uint32, data uint64) *Call {
	p, _ := h.files[epfd].(*epoll)
	s := h.socket(fd)
	if p == nil || s == nil {
		return failed(syscall.EBADF)
	}
	var have *interest
	for _, i := range p.interests {
		if i.socket == s {
			have = i
		}
	}
	switch {
	case op == syscall.EPOLL_CTL_ADD && have != nil:
		return failed(syscall.EEXIST)
	case op != syscall.EPOLL_CTL_ADD && have == nil:
		return failed(syscall.ENOENT)
	case op == syscall.EPOLL_CTL_ADD:
		have = &interest{of: p, socket: s}
		p.interests = append(p.interests, have)
		s.polls = append(s.polls, have)
		s.seen = s.look()
		fallthrough
	case op == syscall.EPOLL_CTL_MOD:
		have.events, have.data, have.off, have.armed = events, data, false, true
	case op == syscall.EPOLL_CTL_DEL:
		have.gone()
	default:
		return failed(syscall.EINVAL)
	}
	h.settle()
	return returned(0)
}

// EpollWait is epoll_wait(2); it appends to out.
func (h *Host) EpollWait(epfd, limit int, timeout time.Duration, out *[]EpollEvent) *Call {
	p, _ := h.files[epfd].(*epoll)
	switch {
	case p == nil:
		return failed(syscall.EBADF)
	case limit < 1:
		return failed(syscall.EINVAL)
	}
	c := h.begin(timeout != 0, 0, func(c *Call) bool {
		for _, i := range p.interests {
			if c.N < limit && i.report(out) {
				c.N++
			}
		}
		return c.N > 0
	})
	h.limit(c, timeout)
	return c
}

// report appends the interest's event, if there is one to be told.
func (i *interest) report(out *[]EpollEvent) bool {
	if i.off || !i.armed && i.events&EpollET != 0 {
		return false
	}
	r := i.socket.ready() & (i.events | PollErr | PollHup)
	i.armed = false
	if r == 0 {
		return false
	}
	i.off = i.events&EpollOneShot != 0
	*out = append(*out, EpollEvent{r, i.data})
	return true
}
