package memif

// The UNIX socket: one message a packet, perhaps with a descriptor.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errAgain says that nothing has come yet.
var errAgain = errors.New("nothing to read")

// maxRights is how many descriptors of a message are taken, to be told from the
// one that is allowed; the kernel closes more of them.
const maxRights = 4

func newSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	return fd, nil
}

// dial connects to a master.
func dial(path string) (int, error) {
	fd, err := newSocket()
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect to %s: %w", path, err)
	}
	return fd, nil
}

// listen makes a master's socket. A file that a dead process left behind is
// replaced.
func listen(path string) (int, error) {
	fd, err := newSocket()
	if err != nil {
		return -1, err
	}
	at := &unix.SockaddrUnix{Name: path}
	err = unix.Bind(fd, at)
	if errors.Is(err, unix.EADDRINUSE) && isDead(path) {
		if err = unix.Unlink(path); err == nil {
			err = unix.Bind(fd, at)
		}
	}
	if errors.Is(err, unix.EADDRINUSE) {
		err = fmt.Errorf("%w: %w (mend: stop that process, or another path)", ErrBusy, err)
	}
	if err == nil {
		err = unix.Listen(fd, maxPending)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("listen on %s: %w", path, err)
	}
	return fd, nil
}

// isDead reports whether path is a socket on which nobody listens.
func isDead(path string) bool {
	if strings.HasPrefix(path, "@") {
		return false
	}
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return false
	}
	fd, err := dial(path)
	if err == nil {
		_ = unix.Close(fd)
	}
	return errors.Is(err, unix.ECONNREFUSED)
}

// send writes one message; a negative descriptor is none. It does not block:
// a peer that does not read its few messages is given up.
func send(fd int, m *message, descriptor int) error {
	var rights []byte
	if descriptor >= 0 {
		rights = unix.UnixRights(descriptor)
	}
	if err := unix.Sendmsg(fd, m[:], rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("send %v: %w", m.kind(), err)
	}
	return nil
}

// receive reads one message. The descriptors are the caller's to close, also
// when there is an error.
func receive(fd int, m *message) ([]int, error) {
	var b [messageSize + 1]byte // one octet more tells what is too long
	var oob [64]byte            // CMSG_SPACE of maxRights descriptors, and more
	n, oobn, flags, _, err := unix.Recvmsg(fd, b[:], oob[:unix.CmsgSpace(4*maxRights)], unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil, errAgain
	case err != nil:
		return nil, err
	}
	fds := descriptors(oob[:oobn])
	switch {
	case n == 0 && oobn == 0:
		return fds, io.EOF
	case n != messageSize:
		return fds, protocolError(fmt.Sprintf("a message of %d octets, not %d", n, messageSize))
	case flags&unix.MSG_CTRUNC != 0:
		return fds, protocolError("too many descriptors in a message")
	}
	*m = message(b[:messageSize])
	return fds, nil
}

func descriptors(oob []byte) []int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	var all []int
	for i := range messages {
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil {
			all = append(all, fds...)
		}
	}
	return all
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// isEvent reports whether a descriptor of a peer is an eventfd. To write to, or to
// poll, another kind could wait for whoever is behind it.
func isEvent(fd int) bool {
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	return err == nil && name == "anon_inode:[eventfd]"
}

// newEvent makes what rings for a ring.
func newEvent() (int, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("eventfd: %w", err)
	}
	return fd, nil
}
