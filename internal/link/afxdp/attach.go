package afxdp

// Fixing the program to the interface.

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cilium/ebpf"
	xdp "github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// attachment is a bpf_link: the kernel ends it with the process, if not before.
type attachment struct {
	link   xdp.Link
	native bool
	why    string // why not native
	mend   string // what would make it so
}

func (a *attachment) close() error {
	if a.link == nil {
		return nil
	}
	return a.link.Close()
}

// attachProgram tries the driver first. Somebody else's program and missing
// rights end the attempt; anything else is a reason for generic mode.
func attachProgram(p *ebpf.Program, f *facts, m Mode) (attachment, error) {
	why, mend := "asked for", ""
	if m != ModeGeneric {
		l, err := xdp.AttachXDP(xdp.XDPOptions{Program: p, Interface: f.index, Flags: xdp.XDPDriverMode})
		if err == nil {
			return attachment{link: l, native: true}, nil
		}
		if isFinal(err) {
			return attachment{}, explain(stepAttach, f.name, err)
		}
		why, mend = nativeReason(err, f)
		if m == ModeNative {
			return attachment{}, fmt.Errorf("afxdp: %s: native mode: %w: %s", f.name, ErrNotOffered, why)
		}
	}
	l, err := xdp.AttachXDP(xdp.XDPOptions{Program: p, Interface: f.index, Flags: xdp.XDPGenericMode})
	if err != nil {
		return attachment{}, explain(stepAttach, f.name, err)
	}
	if f.driver == "veth" {
		why += "; a local peer's large packets do not fit: ethtool -K PEER tso off gso off"
	}
	return attachment{link: l, why: "generic: " + why, mend: mend}, nil
}

// isFinal reports whether another mode would fail as well.
func isFinal(err error) bool {
	for _, errno := range [...]syscall.Errno{unix.EBUSY, unix.EEXIST, unix.EPERM, unix.ENODEV} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// nativeReason says why a driver refused, and what would change its mind. The
// kernel gives its reason in words over netlink only, so the commonest are known
// here.
func nativeReason(err error, f *facts) (why, mend string) {
	mend = "an interface whose driver has native XDP"
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error(), mend
	}
	switch {
	case errno == unix.EOPNOTSUPP:
		return "driver " + f.driver + " has no native XDP", mend
	case errno == unix.ERANGE && f.driver == "veth":
		return "the MTU of the veth's peer is too large for native XDP (at most about 3500)", "ip link set PEER mtu 3500"
	case errno == unix.ENOSPC && f.driver == "veth":
		return "the veth's peer transmits on more queues than this end receives on",
			fmt.Sprintf("ethtool -L PEER tx %d", f.rx)
	default:
		return "driver " + f.driver + ": " + errno.Error(), "what its driver wants: see the kernel's log; " + mend
	}
}
