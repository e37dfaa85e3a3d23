package script

import (
	"encoding/binary"
	"fmt"

	"github.com/mtcp-go/mtcp/internal/posix"
)

// arguments are those of one call; the first thing wrong with them is kept.
type arguments struct {
	run  *run
	call *call
	err  error
}

func (a *arguments) note(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *arguments) at(i int) *expr {
	if i >= len(a.call.arguments) {
		a.note(fmt.Errorf("argument %d is missing", i+1))
		return &expr{}
	}
	return &a.call.arguments[i]
}

func (a *arguments) int(i int) int {
	n, err := a.at(i).int()
	a.note(err)
	return int(n)
}

// maxText bounds what one call reads or writes.
const maxText = 64 << 20

// size is a number of octets.
func (a *arguments) size(i int) int {
	n := a.int(i)
	if n < 0 || n > maxText {
		a.note(fmt.Errorf("%d octets", n))
		return 0
	}
	return n
}

// file translates the script's descriptor.
func (a *arguments) file(i int) int {
	n, err := a.at(i).int()
	a.note(err)
	if fd, ok := a.run.files[n]; ok {
		return fd
	}
	return -1
}

// vector is the length of all that an iovec names.
func (a *arguments) vector(i int) int {
	n, err := a.at(i).octets()
	a.note(err)
	return int(min(n, maxText))
}

// message is the same of a msghdr.
func (a *arguments) message(i int) int {
	v, ok := a.at(i).field("msg_iov")
	if !ok {
		a.note(fmt.Errorf("a message without msg_iov"))
	}
	n, err := v.octets()
	a.note(err)
	return int(min(n, maxText))
}

func (a *arguments) read(n, flags int) (*posix.Call, func() error) {
	return a.run.host.Read(a.file(0), make([]byte, n), flags), nil
}

func (a *arguments) write(n, flags int) (*posix.Call, func() error) {
	return a.run.host.Write(a.file(0), make([]byte, n), flags), nil
}

// value is the octets of an option: [n], "text" or {onoff=1, linger=2}.
func (a *arguments) value(i int) []byte {
	e := a.at(i)
	if e.kind == exprList && len(e.parts) == 1 {
		e = &e.parts[0]
	}
	switch e.kind {
	case exprString:
		return append([]byte(e.text), 0)
	case exprFields:
		var b []byte
		for _, p := range e.parts {
			n, err := p.int()
			a.note(err)
			b = binary.NativeEndian.AppendUint32(b, uint32(n))
		}
		return b
	}
	n, err := e.int()
	a.note(err)
	return binary.NativeEndian.AppendUint32(nil, uint32(n))
}

// epollEvent reads {events=EPOLLIN, fd=4}.
func (a *arguments) epollEvent(i int) (events uint32, data uint64) {
	e := a.at(i)
	for j, name := range e.names {
		n, err := e.parts[j].int()
		a.note(err)
		switch name {
		case "events":
			events = uint32(n)
		default:
			data = uint64(n)
		}
	}
	return events, data
}
