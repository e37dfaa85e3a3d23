package main

// The calls. Every pointer is the program's and is used only during the call; no
// memory of Go's is kept by C.

// #include <poll.h>
// #include <stdint.h>
// #include <sys/socket.h>
// #include <netinet/in.h>
// void pd_is_back(void);
// void pd_is_away(void);
// #cgo LDFLAGS: -ldl
import "C"

import (
	"encoding/binary"
	"syscall"
	"time"
	"unsafe"

	"github.com/mtcp-go/mtcp/internal/posix"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func isBack() { C.pd_is_back() }
func isAway() { C.pd_is_away() }

func octets(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

// isSecond reports that the caller is the program's second thread.
func isSecond() bool { return syscall.Gettid() != syscall.Getpid() }

// call runs one call and returns its result, or minus its error number.
func call(f func(h *posix.Host) *posix.Call) C.long {
	the.mu.Lock()
	defer the.mu.Unlock()
	return C.long(the.finish(f(the.open()), isSecond()))
}

//export pdInit
func pdInit(flags *C.char) { the.configure(C.GoString(flags)) }

//export pdFree
func pdFree() {
	the.mu.Lock()
	defer the.mu.Unlock()
	if the.host != nil {
		the.host.Close()
	}
}

// reserve takes a descriptor of the process, so that its number is free in the
// kernel too.
func reserve() int {
	fd, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0)
	if err != nil {
		return -1
	}
	return fd
}

//export pdSocket
func pdSocket(domain, kind, _ C.int) C.long {
	switch {
	case domain != syscall.AF_INET:
		return -C.long(syscall.EAFNOSUPPORT)
	case kind&0xf != syscall.SOCK_STREAM:
		return -C.long(syscall.EPROTONOSUPPORT)
	}
	return withDescriptor(func(h *posix.Host, fd int) *posix.Call { return h.Socket(fd) })
}

// withDescriptor runs a call that makes a descriptor.
func withDescriptor(f func(h *posix.Host, fd int) *posix.Call) C.long {
	fd := reserve()
	n := call(func(h *posix.Host) *posix.Call { return f(h, fd) })
	if n < 0 {
		syscall.Close(fd)
	}
	return n
}

// address reads a sockaddr_in.
func address(p unsafe.Pointer, n C.int) (a posix.Addr, ok bool) {
	if n < 16 || p == nil {
		return a, false
	}
	b := octets(p, 16)
	return posix.Addr{IP: wire.FromBytes(b[4:8]), Port: binary.BigEndian.Uint16(b[2:4])}, binary.NativeEndian.Uint16(b) == syscall.AF_INET
}

//export pdBind
func pdBind(fd C.int, p unsafe.Pointer, n C.int) C.long {
	a, ok := address(p, n)
	if !ok {
		return -C.long(syscall.EINVAL)
	}
	return call(func(h *posix.Host) *posix.Call { return h.Bind(int(fd), a) })
}

//export pdListen
func pdListen(fd, backlog C.int) C.long {
	return call(func(h *posix.Host) *posix.Call { return h.Listen(int(fd), int(backlog)) })
}

//export pdAccept
func pdAccept(fd C.int, p unsafe.Pointer, n *C.socklen_t) C.long {
	var from posix.Addr
	r := withDescriptor(func(h *posix.Host, as int) *posix.Call { return h.Accept(int(fd), as, &from) })
	if r >= 0 && p != nil && n != nil && *n >= 16 {
		b := octets(p, 16)
		clear(b)
		binary.NativeEndian.PutUint16(b, syscall.AF_INET)
		binary.BigEndian.PutUint16(b[2:], from.Port)
		from.IP.Put(b[4:8])
		*n = 16
	}
	return r
}

//export pdConnect
func pdConnect(fd C.int, p unsafe.Pointer, n C.int) C.long {
	a, ok := address(p, n)
	if !ok {
		return -C.long(syscall.EAFNOSUPPORT)
	}
	return call(func(h *posix.Host) *posix.Call { return h.Connect(int(fd), a) })
}

//export pdRead
func pdRead(fd C.int, p unsafe.Pointer, n C.size_t, flags C.int) C.long {
	return call(func(h *posix.Host) *posix.Call { return h.Read(int(fd), octets(p, int(n)), int(flags)) })
}

//export pdWrite
func pdWrite(fd C.int, p unsafe.Pointer, n C.size_t, flags C.int) C.long {
	return call(func(h *posix.Host) *posix.Call { return h.Write(int(fd), octets(p, int(n)), int(flags)) })
}

//export pdFcntl
func pdFcntl(fd, cmd, arg C.int) C.long {
	return call(func(h *posix.Host) *posix.Call { return h.Fcntl(int(fd), int(cmd), int(arg)) })
}

//export pdIoctl
func pdIoctl(fd, request C.int) C.long {
	return call(func(h *posix.Host) *posix.Call { return h.Ioctl(int(fd), int(request)) })
}

//export pdClose
func pdClose(fd C.int) C.long {
	n := call(func(h *posix.Host) *posix.Call { return h.CloseFD(int(fd)) })
	if n == 0 {
		syscall.Close(int(fd))
	}
	return n
}

//export pdShutdown
func pdShutdown(fd, how C.int) C.long {
	return call(func(h *posix.Host) *posix.Call { return h.Shutdown(int(fd), int(how)) })
}

//export pdGetsockopt
func pdGetsockopt(fd, level, name C.int, p unsafe.Pointer, n *C.socklen_t) C.long {
	var v []byte
	r := call(func(h *posix.Host) *posix.Call { return h.Option(int(fd), int(level), int(name), &v) })
	if r == 0 {
		*n = C.socklen_t(copy(octets(p, int(*n)), v))
	}
	return r
}

//export pdSetsockopt
func pdSetsockopt(fd, level, name C.int, p unsafe.Pointer, n C.int) C.long {
	v := append([]byte(nil), octets(p, int(n))...)
	return call(func(h *posix.Host) *posix.Call { return h.SetOption(int(fd), int(level), int(name), v) })
}

//export pdPoll
func pdPoll(p unsafe.Pointer, n C.ulong, timeout C.int) C.long {
	fds := unsafe.Slice((*C.struct_pollfd)(p), int(n))
	list := make([]posix.PollFD, len(fds))
	for i := range fds {
		list[i] = posix.PollFD{FD: int(fds[i].fd), Events: uint32(uint16(fds[i].events))}
	}
	r := call(func(h *posix.Host) *posix.Call { return h.Poll(list, millis(timeout)) })
	for i := range fds {
		fds[i].revents = C.short(list[i].Revents)
	}
	return r
}

// millis converts a time-out of poll; below 0 there is none.
func millis(n C.int) time.Duration { return time.Duration(n) * time.Millisecond }

//export pdEpollCreate
func pdEpollCreate() C.long {
	return withDescriptor(func(h *posix.Host, fd int) *posix.Call { return h.EpollCreate(fd) })
}

//export pdEpollCtl
func pdEpollCtl(ep, op, fd C.int, events C.uint32_t, data C.uint64_t) C.long {
	return call(func(h *posix.Host) *posix.Call {
		return h.EpollCtl(int(ep), int(op), int(fd), uint32(events), uint64(data))
	})
}

//export pdEpollWait
func pdEpollWait(ep, n, timeout C.int, events *C.uint32_t, data *C.uint64_t) C.long {
	var got []posix.EpollEvent
	r := call(func(h *posix.Host) *posix.Call { return h.EpollWait(int(ep), int(n), millis(timeout), &got) })
	for i, e := range got {
		unsafe.Slice(events, int(n))[i] = C.uint32_t(e.Events)
		unsafe.Slice(data, int(n))[i] = C.uint64_t(e.Data)
	}
	return r
}

//export pdSend
func pdSend(p unsafe.Pointer, n C.size_t) C.long {
	the.mu.Lock()
	defer the.mu.Unlock()
	the.await(the.open().Inject(octets(p, int(n))))
	return 0
}

//export pdReceive
func pdReceive(p unsafe.Pointer, n *C.size_t, at *C.longlong) C.long {
	the.mu.Lock()
	defer the.mu.Unlock()
	packet, ok := the.receive()
	if !ok {
		*n = 0
		return 0
	}
	*n = C.size_t(copy(octets(p, int(*n)), packet.Bytes))
	*at = C.longlong((time.Duration(packet.At) - posix.Start).Microseconds())
	return 0
}

//export pdSleep
func pdSleep(us C.uint) C.long {
	the.mu.Lock()
	defer the.mu.Unlock()
	the.advance(time.Duration(us) * time.Microsecond)
	return 0
}

//export pdClock
func pdClock(second C.int) C.longlong {
	the.mu.Lock()
	defer the.mu.Unlock()
	if the.returning && second != 0 {
		the.returning = false
		the.news.Broadcast()
	} else { // who looks at the clock in a loop must get somewhere
		the.advance(time.Microsecond)
	}
	if second != 0 {
		isBack()
	}
	return C.longlong(the.now().Microseconds())
}
