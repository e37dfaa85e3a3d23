package posix

import (
	"syscall"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// errnos are Linux's numbers for what a shard says.
var errnos = map[sock.Errno]syscall.Errno{
	sock.Reset:               syscall.ECONNRESET,
	sock.Refused:             syscall.ECONNREFUSED,
	sock.TimedOut:            syscall.ETIMEDOUT,
	sock.HostUnreachable:     syscall.EHOSTUNREACH,
	sock.NetUnreachable:      syscall.ENETUNREACH,
	sock.ProtocolUnreachable: syscall.ENOPROTOOPT,
	sock.MessageTooLong:      syscall.EMSGSIZE,
	sock.Aborted:             syscall.ECONNABORTED,
	sock.AddressInUse:        syscall.EADDRINUSE,
	sock.NotLocal:            syscall.EADDRNOTAVAIL,
	sock.Invalid:             syscall.EINVAL,
	sock.NoMemory:            syscall.ENOBUFS,
	sock.HostDown:            syscall.EHOSTDOWN,
	sock.NoNetwork:           syscall.ENONET,
	sock.NoRouting:           syscall.EOPNOTSUPP,
}

func errnoOf(e sock.Errno) syscall.Errno {
	if n, ok := errnos[e]; ok {
		return n
	}
	return syscall.EIO
}
