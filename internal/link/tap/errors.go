package tap

// What can go wrong when opening, and which of the kernel's numbers mean it.

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Errors that a user can mend. The text around them says how.
var (
	ErrConfig = errors.New("bad configuration")
	ErrNoTun  = errors.New("no TUN/TAP driver")
	ErrRights = errors.New("not permitted")
	ErrKind   = errors.New("the name is taken by another kind of interface")
	ErrQueues = errors.New("queues do not fit")
	ErrBusy   = errors.New("interface is in use")
	ErrKernel = errors.New("kernel is too old")

	// ErrGone is what Device.Err says once the interface was removed.
	ErrGone = errors.New("interface was removed")
)

// step is what was being done when the kernel said no: the same number means
// different things in different places.
type step uint8

const (
	stepOpen    step = iota // the driver's control file
	stepCreate              // a new interface
	stepAttach              // to one that exists
	stepQueue               // one more queue of ours
	stepOptions             // header and offloads
)

var stepNames = [...]string{
	stepOpen:    "open " + control,
	stepCreate:  "create",
	stepAttach:  "attach",
	stepQueue:   "add queue",
	stepOptions: "set options",
}

// A meaning is what a number of the kernel says at one step.
type meaning struct {
	at    step
	errno syscall.Errno
	err   error
	mend  string // "%s" stands for the interface
}

var meanings = []meaning{
	{stepOpen, unix.ENOENT, ErrNoTun, "mend: modprobe tun; in a container: --device " + control + ", or mkdir -p /dev/net && mknod " + control + " c 10 200"},
	{stepOpen, unix.ENXIO, ErrNoTun, "mend: modprobe tun"},
	{stepOpen, unix.ENODEV, ErrNoTun, "mend: modprobe tun"},
	{stepOpen, unix.EACCES, ErrRights, "mend: chmod 666 " + control},
	{stepOpen, unix.EPERM, ErrRights, "mend: let the container have it: --device " + control},
	{stepCreate, unix.EPERM, ErrRights, "needs CAP_NET_ADMIN; or have it made: ip tuntap add dev %s mode tap multi_queue user NAME"},
	{stepCreate, unix.EINVAL, ErrConfig, "no name of an interface, or no TAP driver in this kernel"},
	{stepAttach, unix.EPERM, ErrRights, "needs CAP_NET_ADMIN; or an interface of this user: ip tuntap add dev %s mode tap user NAME"},
	{stepAttach, unix.EINVAL, ErrKind, "mend: another name"},
	{stepAttach, unix.EBUSY, ErrBusy, "mend: stop the process that holds it"},
	{stepAttach, unix.E2BIG, ErrBusy, "mend: stop the processes that hold its queues"},
	{stepQueue, unix.E2BIG, ErrQueues, "mend: fewer queues"},
	{stepQueue, unix.EPERM, ErrRights, "needs CAP_NET_ADMIN"},
	{stepOptions, unix.EINVAL, ErrKernel, "needs Linux 3.8"},
}

// explain wraps an error of the kernel with what it means and how to mend it.
func explain(at step, ifname string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		for _, m := range meanings {
			if m.at == at && m.errno == errno {
				mend := strings.ReplaceAll(m.mend, "%s", ifname)
				return fmt.Errorf("tap: %s: %s: %w (%s): %w", ifname, stepNames[at], m.err, mend, errno)
			}
		}
	}
	return fmt.Errorf("tap: %s: %s: %w", ifname, stepNames[at], err)
}
