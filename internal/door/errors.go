package door

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/stack"
)

// errnos translates what the stack says into what package net would say.
var errnos = map[sock.Errno]error{
	sock.Reset:               syscall.ECONNRESET,
	sock.Refused:             syscall.ECONNREFUSED,
	sock.TimedOut:            syscall.ETIMEDOUT,
	sock.HostUnreachable:     syscall.EHOSTUNREACH,
	sock.NetUnreachable:      syscall.ENETUNREACH,
	sock.ProtocolUnreachable: syscall.ENOPROTOOPT,
	sock.MessageTooLong:      syscall.EMSGSIZE,
	sock.Aborted:             net.ErrClosed,
	sock.AddressInUse:        syscall.EADDRINUSE,
	sock.NotLocal:            syscall.EADDRNOTAVAIL,
	sock.Invalid:             syscall.EINVAL,
	sock.NoMemory:            syscall.ENOBUFS,
	sock.LinkGone:            ErrLinkGone,
	sock.NoPort:              syscall.EADDRNOTAVAIL,
	sock.HostDown:            syscall.EHOSTDOWN,
	sock.NoNetwork:           syscall.ENONET,
	sock.NoRouting:           syscall.EOPNOTSUPP,
}

// ErrLinkGone says that the network interface of the stack was removed. The stack
// has ended then, with its listeners and connections.
var ErrLinkGone = errors.New("the network interface was removed")

// Errno returns the error of a broken connection, as it would come from the
// system call that package net makes in this place.
func Errno(e sock.Errno, call string) error {
	err, ok := errnos[e]
	switch {
	case err == net.ErrClosed, err == ErrLinkGone:
		return err
	case !ok:
		err = syscall.EIO
	}
	return os.NewSyscallError(call, err)
}

// Translate turns an error of the layer below into one of package net's kind.
func Translate(err error, call string) error {
	var e stack.Error
	switch {
	case errors.As(err, &e):
		return Errno(e.Errno, call)
	case err == context.DeadlineExceeded:
		return &contextError{"i/o timeout", err}
	case err == context.Canceled:
		return &contextError{"operation was canceled", err}
	}
	return err
}

// A contextError is what package net's dialers say when their context ends:
// the context's error in other words, and a timeout if it was late.
type contextError struct {
	text string
	is   error
}

func (e *contextError) Error() string        { return e.text }
func (e *contextError) Timeout() bool        { return e.is == context.DeadlineExceeded }
func (e *contextError) Temporary() bool      { return e.Timeout() }
func (e *contextError) Is(target error) bool { return target == e.is }
