package mtcp

import (
	"errors"
	"net"
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

// errorOf returns the error of a broken connection.
func errorOf(e sock.Errno) error {
	if err, ok := errnos[e]; ok {
		return err
	}
	return syscall.EIO
}

// translate turns an error of the layer below into one of package net's kind.
func translate(err error) error {
	var e stack.Error
	if errors.As(err, &e) {
		return errorOf(e.Errno)
	}
	return err
}
