// System calls.

package script

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/posix"
)

// A handler starts a system call. then looks at what it gave back besides its
// result; it may be nil.
type handler func(r *run, a *arguments) (c *posix.Call, then func() error)

// system makes the event's call and compares its result.
func (r *run) system(e *event) error {
	h, ok := handlers[e.call.name]
	if !ok {
		return fmt.Errorf("system call %s is not known", e.call.name)
	}
	if r.blocked != nil {
		return fmt.Errorf("%s, while %s is still blocked", e.call.name, r.blocked.event.call.name)
	}
	a := &arguments{run: r, call: e.call}
	c, then := h(r, a)
	if a.err != nil {
		return fmt.Errorf("%s: %w", e.call.name, a.err)
	}
	check := func() error {
		err := r.result(e.call, c)
		if err == nil && then != nil && c.Errno == 0 {
			err = then()
		}
		return err
	}
	if e.call.blocks {
		r.blocked = &blocked{e, c, check}
		return r.unblock()
	}
	for !c.Done { // the script says that it does not block
		next := r.host.Next()
		if next-r.host.Now() > patience {
			return fmt.Errorf("%s blocks for ever", e.call.name)
		}
		r.host.Advance(next)
	}
	if err := check(); err != nil {
		return fmt.Errorf("%s: %w", e.call.name, err)
	}
	return r.unblock()
}

// makesFile lists calls that return a descriptor: the script's number for it is
// what it says.
var makesFile = map[string]bool{"socket": true, "accept": true, "accept4": true, "epoll_create": true}

func (r *run) result(c *call, live *posix.Call) error {
	want, err := c.result.int()
	if err != nil {
		return err
	}
	got, errno := live.Result()
	if makesFile[c.name] && want >= 0 {
		if got < 0 {
			return fmt.Errorf("a descriptor expected, not %v", errno)
		}
		r.files[want] = got
		return nil
	}
	if int64(got) != want {
		return fmt.Errorf("%d expected, not %d (%v)", want, got, errno)
	}
	if c.errno != "" {
		n, ok := symbols[c.errno]
		if !ok {
			return fmt.Errorf("error %s is not known", c.errno)
		}
		if syscall.Errno(n) != errno {
			return fmt.Errorf("error %s expected, not %v", c.errno, errno)
		}
	}
	return nil
}

var handlers = map[string]handler{
	"socket": func(r *run, a *arguments) (*posix.Call, func() error) {
		r.subject = &subject{fromScript: make(map[uint32]uint32)}
		return r.host.Socket(-1), nil
	},
	"bind": func(r *run, a *arguments) (*posix.Call, func() error) {
		return r.host.Bind(a.file(0), posix.Addr{IP: ourAddress, Port: servicePort}), nil
	},
	"listen": func(r *run, a *arguments) (*posix.Call, func() error) {
		if r.subject != nil {
			r.subject.state = subjectListens
		}
		return r.host.Listen(a.file(0), a.int(1)), nil
	},
	"accept":  accept,
	"accept4": accept,
	"connect": func(r *run, a *arguments) (*posix.Call, func() error) {
		if c := r.subject; c != nil && c.state == subjectFresh {
			c.state, c.peerPort = subjectConnects, servicePort
		}
		return r.host.Connect(a.file(0), posix.Addr{IP: peerAddress, Port: servicePort}), nil
	},
	"read":     func(r *run, a *arguments) (*posix.Call, func() error) { return a.read(a.size(2), 0) },
	"readv":    func(r *run, a *arguments) (*posix.Call, func() error) { return a.read(a.vector(1), 0) },
	"recv":     func(r *run, a *arguments) (*posix.Call, func() error) { return a.read(a.size(2), a.int(3)) },
	"recvfrom": func(r *run, a *arguments) (*posix.Call, func() error) { return a.read(a.size(2), a.int(3)) },
	"recvmsg":  func(r *run, a *arguments) (*posix.Call, func() error) { return a.read(a.message(1), a.int(2)) },
	"write":    func(r *run, a *arguments) (*posix.Call, func() error) { return a.write(a.size(2), 0) },
	"writev":   func(r *run, a *arguments) (*posix.Call, func() error) { return a.write(a.vector(1), 0) },
	"send":     func(r *run, a *arguments) (*posix.Call, func() error) { return a.write(a.size(2), a.int(3)) },
	"sendto":   func(r *run, a *arguments) (*posix.Call, func() error) { return a.write(a.size(2), a.int(3)) },
	"sendmsg":  func(r *run, a *arguments) (*posix.Call, func() error) { return a.write(a.message(1), a.int(2)) },
	"fcntl": func(r *run, a *arguments) (*posix.Call, func() error) {
		arg := 0
		if len(a.call.arguments) > 2 {
			arg = a.int(2)
		}
		return r.host.Fcntl(a.file(0), a.int(1), arg), nil
	},
	"ioctl": ioctl,
	"close": func(r *run, a *arguments) (*posix.Call, func() error) { return r.host.CloseFD(a.file(0)), nil },
	"shutdown": func(r *run, a *arguments) (*posix.Call, func() error) {
		return r.host.Shutdown(a.file(0), a.int(1)), nil
	},
	"setsockopt": func(r *run, a *arguments) (*posix.Call, func() error) {
		return r.host.SetOption(a.file(0), a.int(1), a.int(2), a.value(3)), nil
	},
	"getsockopt":   getsockopt,
	"poll":         poll,
	"epoll_create": func(r *run, a *arguments) (*posix.Call, func() error) { return r.host.EpollCreate(-1), nil },
	"epoll_ctl": func(r *run, a *arguments) (*posix.Call, func() error) {
		events, data := a.epollEvent(3)
		return r.host.EpollCtl(a.file(0), a.int(1), a.file(2), events, data), nil
	},
	"epoll_wait": epollWait,
}

func accept(r *run, a *arguments) (*posix.Call, func() error) {
	return r.host.Accept(a.file(0), -1, nil), nil
}

func ioctl(r *run, a *arguments) (*posix.Call, func() error) {
	c := r.host.Ioctl(a.file(0), a.int(1))
	want, got := a.int(2), c.N
	if c.Errno == 0 {
		c.N = 0
	}
	return c, func() error {
		if got != want {
			return fmt.Errorf("%d expected, not %d", want, got)
		}
		return nil
	}
}

func getsockopt(r *run, a *arguments) (*posix.Call, func() error) {
	var v []byte
	c := r.host.Option(a.file(0), a.int(1), a.int(2), &v)
	return c, func() error {
		if want := a.value(3); a.err == nil && !bytes.HasPrefix(v, want) {
			if len(want) == 4 && len(v) == 4 {
				return fmt.Errorf("%d expected, not %d", int32(binary.NativeEndian.Uint32(want)), int32(binary.NativeEndian.Uint32(v)))
			}
			return fmt.Errorf("%x expected, not %x", want, v)
		}
		return a.err
	}
}

func poll(r *run, a *arguments) (*posix.Call, func() error) {
	var fds []posix.PollFD
	var want []uint32
	for _, p := range a.call.arguments[0].parts {
		get := func(name string) int64 {
			x, _ := p.field(name)
			n, err := x.int()
			a.note(err)
			return n
		}
		fds = append(fds, posix.PollFD{FD: r.files[get("fd")], Events: uint32(get("events"))})
		want = append(want, uint32(get("revents")))
	}
	return r.host.Poll(fds, time.Duration(a.int(2))*time.Millisecond), func() error {
		for i := range fds {
			if fds[i].Revents != want[i] {
				return fmt.Errorf("events %#x expected, not %#x", want[i], fds[i].Revents)
			}
		}
		return nil
	}
}

func epollWait(r *run, a *arguments) (*posix.Call, func() error) {
	var got []posix.EpollEvent
	c := r.host.EpollWait(a.file(0), a.int(2), time.Duration(a.int(3))*time.Millisecond, &got)
	events, data := a.epollEvent(1)
	return c, func() error {
		if len(got) > 0 && (got[0].Events != events || got[0].Data != data) {
			return fmt.Errorf("events %#x of %d expected, not %#x of %d", events, data, got[0].Events, got[0].Data)
		}
		return nil
	}
}
