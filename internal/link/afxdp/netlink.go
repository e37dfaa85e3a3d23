package afxdp

// One question and one answer over netlink: the little that a device must ask
// the kernel without the control package above it.

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	maxReply          = 32 << 10
	attributeTypeMask = 0x3fff // NLA_TYPE_MASK: without the nested and byte order bits
)

var errReply = errors.New("netlink: reply not understood")

// ask sends one request of the given netlink family and type and returns the
// body of the one message that answers it. The socket belongs to the network
// namespace of the present thread.
func ask(family int, kind uint16, body []byte) ([]byte, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	defer unix.Close(fd)
	msg := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(body))
	e := binary.NativeEndian
	e.PutUint32(msg, uint32(unix.NLMSG_HDRLEN+len(body)))
	e.PutUint16(msg[4:], kind)
	e.PutUint16(msg[6:], unix.NLM_F_REQUEST)
	msg = append(msg, body...)
	if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("netlink send: %w", err)
	}
	reply := make([]byte, maxReply)
	n, _, err := unix.Recvfrom(fd, reply, 0)
	if err != nil {
		return nil, fmt.Errorf("netlink receive: %w", err)
	}
	return answer(reply[:n])
}

// answer takes the body out of a reply, or the error that it carries.
func answer(b []byte) ([]byte, error) {
	if len(b) < unix.NLMSG_HDRLEN {
		return nil, errReply
	}
	e := binary.NativeEndian
	size := int(e.Uint32(b))
	if size < unix.NLMSG_HDRLEN || size > len(b) {
		return nil, errReply
	}
	body := b[unix.NLMSG_HDRLEN:size]
	if e.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return body, nil
	}
	if len(body) < 4 {
		return nil, errReply
	}
	if code := int32(e.Uint32(body)); code < 0 {
		return nil, unix.Errno(-code)
	}
	return nil, errReply
}

// appendAttribute adds a netlink attribute, padded to four octets.
func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	e := binary.NativeEndian
	b = e.AppendUint16(b, uint16(unix.NLA_HDRLEN+len(value)))
	b = e.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// attribute finds the first attribute of a kind, nil if there is none.
func attribute(b []byte, kind uint16) []byte {
	e := binary.NativeEndian
	for len(b) >= unix.NLA_HDRLEN {
		size := int(e.Uint16(b))
		if size < unix.NLA_HDRLEN || size > len(b) {
			return nil
		}
		if e.Uint16(b[2:])&attributeTypeMask == kind {
			return b[unix.NLA_HDRLEN:size]
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return nil
}
