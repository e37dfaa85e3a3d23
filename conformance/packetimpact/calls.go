// The calls: messages in, socket calls of Linux, messages out.

package main

import (
	"encoding/binary"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/posix"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// maxRead is the most that one recv gets room for.
const maxRead = 64 << 20

// calls are the methods, by name.
var calls = map[string]func(x *exchange, in, out fields){
	"Accept": accept, "Bind": bind, "Close": closeFD, "Connect": connect, "GetSockName": name, "GetSockOpt": getOption,
	"Listen": listen, "Poll": poll, "Recv": receive, "Send": send, "SendTo": send, "SetNonblocking": setNonblocking,
	"SetSockOpt": setOption, "Shutdown": shutdown, "Socket": socket,
}

// make makes a call and writes its result.
func (x *exchange) make(out fields, result string, begin func(h *posix.Host) *posix.Call) int {
	if x.wrong != nil {
		return -1
	}
	n, e := x.world.call(x.ctx, begin)
	out.setNumber(result, n)
	if e != 0 {
		out.setNumber("errno_", int(e))
	}
	return n
}

func socket(x *exchange, in, out fields) {
	domain, kind := in.number("domain"), in.number("type")
	x.make(out, "fd", func(h *posix.Host) *posix.Call {
		switch {
		case domain != syscall.AF_INET:
			return failed(syscall.EAFNOSUPPORT)
		case kind&0xf != syscall.SOCK_STREAM:
			return failed(syscall.EPROTONOSUPPORT)
		}
		c := h.Socket(-1)
		if fd, e := c.Result(); e == 0 && kind&syscall.SOCK_NONBLOCK != 0 {
			h.Fcntl(fd, syscall.F_SETFL, syscall.O_NONBLOCK)
		}
		return c
	})
}

func accept(x *exchange, in, out fields) {
	fd := in.number("sockfd")
	var from posix.Addr
	x.make(out, "fd", func(h *posix.Host) *posix.Call { return h.Accept(fd, -1, &from) })
	putAddress(out, "addr", from)
}

func bind(x *exchange, in, out fields) {
	fd, to := in.number("sockfd"), address(in, "addr")
	x.make(out, "ret", to.or(func(h *posix.Host) *posix.Call { return h.Bind(fd, to.Addr) }))
}

func connect(x *exchange, in, out fields) {
	fd, to := in.number("sockfd"), address(in, "addr")
	x.make(out, "ret", to.or(func(h *posix.Host) *posix.Call { return h.Connect(fd, to.Addr) }))
}

func name(x *exchange, in, out fields) {
	fd := in.number("sockfd")
	var a posix.Addr
	x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.Name(fd, &a) })
	putAddress(out, "addr", a)
}

func closeFD(x *exchange, in, out fields) {
	fd := in.number("fd")
	x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.CloseFD(fd) })
}

func listen(x *exchange, in, out fields) {
	fd, backlog := in.number("sockfd"), in.number("backlog")
	x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.Listen(fd, backlog) })
}

func shutdown(x *exchange, in, out fields) {
	fd, how := in.number("fd"), in.number("how")
	x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.Shutdown(fd, how) })
}

// send is sendto, too: TCP has no use for the address.
func send(x *exchange, in, out fields) {
	fd, text, flags := in.number("sockfd"), in.octets("buf"), in.number("flags")
	x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.Write(fd, text, flags) })
}

func receive(x *exchange, in, out fields) {
	fd, flags := in.number("sockfd"), in.number("flags")
	room := make([]byte, min(max(in.number("len"), 0), maxRead))
	if n := x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.Read(fd, room, flags) }); n > 0 {
		out.setOctets("buf", room[:n])
	}
}

func setNonblocking(x *exchange, in, out fields) {
	fd, flags := in.number("fd"), in.number("nonblocking")*syscall.O_NONBLOCK
	if x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.Fcntl(fd, syscall.F_SETFL, flags) }) < 0 {
		out.setText("cmd", "F_SETFL")
	}
}

// poll returns only the descriptors to which something has happened.
func poll(x *exchange, in, out fields) {
	var fds []posix.PollFD
	for _, f := range in.list("pfds") {
		fds = append(fds, posix.PollFD{FD: f.number("fd"), Events: uint32(uint16(f.number("events")))})
	}
	limit := time.Duration(in.number("timeout_millis")) * time.Millisecond
	if x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.Poll(fds, limit) }) < 1 {
		return
	}
	for _, f := range fds {
		if f.Revents == 0 {
			continue
		}
		if o, ok := out.more("pfds"); ok {
			o.setNumber("fd", f.FD)
			o.setNumber("events", int(f.Revents))
		}
	}
}

func getOption(x *exchange, in, out fields) {
	fd, level, option, limit, kind := in.number("sockfd"), in.number("level"), in.number("optname"), in.number("optlen"), in.choice("type")
	var value []byte
	x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.Option(fd, level, option, &value) })
	o, _ := out.inner("optval", true)
	switch kind {
	case "BYTES":
		o.setOctets("bytesval", value[:min(len(value), max(limit, 0))])
	case "INT":
		n := 0
		if len(value) >= 4 {
			n = int(int32(binary.NativeEndian.Uint32(value)))
		}
		o.setNumber("intval", n)
	case "TIME":
		t, _ := o.inner("timeval", true)
		if len(value) >= 16 {
			t.setNumber("seconds", int(binary.NativeEndian.Uint64(value)))
			t.setNumber("microseconds", int(binary.NativeEndian.Uint64(value[8:])))
		}
	default:
		x.fail("no such type of option")
	}
}

func setOption(x *exchange, in, out fields) {
	fd, level, option := in.number("sockfd"), in.number("level"), in.number("optname")
	v, _ := in.inner("optval", false)
	var value []byte
	switch v.which("val") {
	case "bytesval":
		value = v.octets("bytesval")
	case "intval":
		value = binary.NativeEndian.AppendUint32(nil, uint32(v.number("intval")))
	case "timeval":
		t, _ := v.inner("timeval", false)
		value = binary.NativeEndian.AppendUint64(nil, uint64(t.number("seconds")))
		value = binary.NativeEndian.AppendUint64(value, uint64(t.number("microseconds")))
	default:
		x.fail("no such type of option")
	}
	x.make(out, "ret", func(h *posix.Host) *posix.Call { return h.SetOption(fd, level, option, value) })
}

// A destination is an address, or why it cannot be used.
type destination struct {
	posix.Addr
	errno syscall.Errno
}

// or makes the call with a usable address.
func (d destination) or(begin func(h *posix.Host) *posix.Call) func(h *posix.Host) *posix.Call {
	if d.errno != 0 {
		return func(*posix.Host) *posix.Call { return failed(d.errno) }
	}
	return begin
}

func address(f fields, name string) (d destination) {
	a, ok := f.inner(name, false)
	if !ok {
		f.x.fail("no address")
		return d
	}
	if a.which("sockaddr") != "in" {
		d.errno = syscall.EAFNOSUPPORT
		return d
	}
	in, _ := a.inner("in", false)
	ip := in.octets("addr")
	if len(ip) != 4 {
		f.x.fail("an IPv4 address of %d octets", len(ip))
		return d
	}
	d.Addr = posix.Addr{IP: wire.FromBytes(ip), Port: uint16(in.number("port"))}
	return d
}

func putAddress(f fields, name string, a posix.Addr) {
	if o, ok := f.inner(name, true); ok {
		in, _ := o.inner("in", true)
		in.setNumber("family", syscall.AF_INET)
		in.setNumber("port", int(a.Port))
		ip := make([]byte, 4)
		a.IP.Put(ip)
		in.setOctets("addr", ip)
	}
}

// failed is a call that did not get anywhere.
func failed(e syscall.Errno) *posix.Call { return &posix.Call{Errno: e, Done: true} }
