package afxdp

// What can go wrong when opening, and which of the kernel's numbers mean it.

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Errors that a user can mend. The text around them says how.
var (
	ErrConfig      = errors.New("bad configuration")
	ErrNoInterface = errors.New("no such interface")
	ErrDown        = errors.New("interface is down")
	ErrMTU         = errors.New("MTU is larger than a frame")
	ErrQueues      = errors.New("queues do not fit")
	ErrAttached    = errors.New("another XDP program is attached")
	ErrBusy        = errors.New("queue is in use by another AF_XDP socket")
	ErrRights      = errors.New("not permitted")
	ErrMemlock     = errors.New("limit of locked memory is too low")
	ErrKernel      = errors.New("kernel is too old")
	ErrNotOffered  = errors.New("the device does not offer it")
	ErrClosed      = errors.New("device is closed")
)

// step is what was being done when the kernel said no: the same number means
// different things in different places.
type step uint8

const (
	stepLoad   step = iota // maps and program
	stepAttach             // program to interface
	stepSocket             // AF_XDP socket
	stepMemory             // UMEM and rings
	stepBind               // socket to queue
)

var stepNames = [...]string{
	stepLoad:   "load program",
	stepAttach: "attach program",
	stepSocket: "open socket",
	stepMemory: "register memory",
	stepBind:   "bind",
}

// A meaning is what a number of the kernel says at one step.
type meaning struct {
	at    step
	errno syscall.Errno
	err   error
	mend  string // "%s" stands for the interface; of ErrRights see rights.go
}

var meanings = []meaning{
	{stepLoad, unix.EPERM, ErrRights, ""},
	{stepLoad, unix.ENOSYS, ErrKernel, "needs Linux 5.9 with CONFIG_BPF_SYSCALL"},
	{stepLoad, unix.EINVAL, ErrKernel, "needs Linux 5.9 with CONFIG_XDP_SOCKETS"},
	{stepAttach, unix.EPERM, ErrRights, ""},
	{stepAttach, unix.EBUSY, ErrAttached, "mend: ip link set dev %s xdp off, or stop the program that holds it"},
	{stepAttach, unix.EEXIST, ErrAttached, "mend: ip link set dev %s xdp off, or stop the program that holds it"},
	{stepAttach, unix.EINVAL, ErrKernel, "bpf_link for XDP needs Linux 5.9"},
	{stepAttach, unix.ENODEV, ErrNoInterface, "it went away"},
	{stepSocket, unix.EPERM, ErrRights, ""},
	{stepSocket, unix.EAFNOSUPPORT, ErrKernel, "needs CONFIG_XDP_SOCKETS"},
	{stepMemory, unix.ENOBUFS, ErrMemlock, "mend: ulimit -l unlimited, or LimitMEMLOCK=infinity in a unit, or CAP_IPC_LOCK, or fewer frames"},
	{stepMemory, unix.EPERM, ErrMemlock, "mend: ulimit -l unlimited, or LimitMEMLOCK=infinity in a unit, or CAP_IPC_LOCK, or fewer frames"},
	{stepMemory, unix.ENOPROTOOPT, ErrKernel, "needs Linux 5.4"},
	{stepBind, unix.EBUSY, ErrBusy, "mend: stop the process that holds it"},
	{stepBind, unix.EPERM, ErrRights, ""},
	{stepBind, unix.ENETDOWN, ErrDown, "mend: ip link set %s up"},
	{stepBind, unix.ENODEV, ErrNoInterface, "it went away"},
}

// explain wraps an error of the kernel with what it means and how to mend it.
func explain(at step, ifname string, err error) error {
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("afxdp: %s: %s: %w: %w", ifname, stepNames[at], ErrKernel, err)
	}
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) && len(verifier.Log) > 0 {
		return fmt.Errorf("afxdp: %s: %s: %w: its verifier refuses: %w", ifname, stepNames[at], ErrKernel, err)
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("afxdp: %s: %s: %w", ifname, stepNames[at], err)
	}
	for _, m := range meanings {
		if m.at == at && m.errno == errno {
			if m.err == ErrRights {
				m.mend = rightsAt(at)
			}
			return fmt.Errorf("afxdp: %s: %s: %w (%s): %w", ifname, stepNames[at], m.err, strings.ReplaceAll(m.mend, "%s", ifname), errno)
		}
	}
	return fmt.Errorf("afxdp: %s: %s: %w", ifname, stepNames[at], err)
}
