package mtcp

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
}

// errorOf returns the error of a broken connection, as it would come from the
// system call that package net makes in this place.
func errorOf(e sock.Errno, call string) error {
	err, ok := errnos[e]
	switch {
	case err == net.ErrClosed:
		return err
	case !ok:
		err = syscall.EIO
	}
	return os.NewSyscallError(call, err)
}

// translate turns an error of the layer below into one of package net's kind.
func translate(err error, call string) error {
	var e stack.Error
	switch {
	case errors.As(err, &e):
		return errorOf(e.Errno, call)
	case err == context.DeadlineExceeded:
		return errLate
	}
	return err
}

// errLate is what package net's dialers say when their context's deadline has
// passed: both a timeout and the context's error.
var errLate error = lateError{}

type lateError struct{}

func (lateError) Error() string        { return "i/o timeout" }
func (lateError) Timeout() bool        { return true }
func (lateError) Temporary() bool      { return true }
func (lateError) Is(target error) bool { return target == context.DeadlineExceeded }
