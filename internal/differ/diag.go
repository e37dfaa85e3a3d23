// The kernel's word for the state of a connection, whether or not a process has a
// descriptor of it: the socket monitoring interface (sock_diag(7)).

package differ

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Of linux/inet_diag.h and linux/sock_diag.h.
const (
	sockDiagByFamily = 20
	diagRequestLen   = 56
	diagHeaderLen    = 16
)

// linuxStates are Linux's numbers of states.
var linuxStates = [...]string{
	1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "CLOSED",
	8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "CLOSED", 11: "CLOSING", 12: "SYN-RECEIVED", 13: "CLOSED",
}

// state asks for one connection. A listener does not count: it is another socket.
func (k *Kernel) state(e *ends) (string, error) {
	var b [diagHeaderLen + diagRequestLen]byte
	ne, be := binary.NativeEndian, binary.BigEndian
	ne.PutUint32(b[0:], uint32(len(b)))
	ne.PutUint16(b[4:], sockDiagByFamily)
	ne.PutUint16(b[6:], unix.NLM_F_REQUEST)
	r := b[diagHeaderLen:]
	r[0], r[1] = unix.AF_INET, unix.IPPROTO_TCP
	ne.PutUint32(r[4:], ^uint32(0)) // all states
	be.PutUint16(r[8:], e.sidePort)
	be.PutUint16(r[10:], e.peerPort)
	e.side.Put(r[12:])
	e.peer.Put(r[28:])
	ne.PutUint32(r[48:], ^uint32(0)) // no cookie
	ne.PutUint32(r[52:], ^uint32(0))
	if err := unix.Sendto(k.diag, b[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return "", fmt.Errorf("differ: ask for a state: %w", err)
	}
	n, _, err := unix.Recvfrom(k.diag, k.room, 0)
	if err != nil {
		return "", fmt.Errorf("differ: ask for a state: %w", err)
	}
	a := k.room[:n]
	if n < diagHeaderLen+4 {
		return "", fmt.Errorf("differ: a state in %d octets", n)
	}
	if ne.Uint16(a[4:]) == unix.NLMSG_ERROR {
		if e := unix.Errno(-int32(ne.Uint32(a[16:]))); e != unix.ENOENT {
			return "", fmt.Errorf("differ: ask for a state: %w", e)
		}
		return "CLOSED", nil
	}
	if s := int(a[diagHeaderLen+1]); s < len(linuxStates) {
		return linuxStates[s], nil
	}
	return "", fmt.Errorf("differ: unknown state %d", a[diagHeaderLen+1])
}
