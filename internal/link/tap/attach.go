package tap

// Getting hold of an interface: a descriptor of the driver's control file for
// every queue, tied to the interface by name.

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	control = "/dev/net/tun"
	maxName = unix.IFNAMSIZ - 1

	// baseFlags: Ethernet frames, each behind a virtio header and nothing else.
	baseFlags = unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR
)

// openControl opens the driver's control file, for the network namespace of the
// present thread.
func openControl(path, ifname string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, explain(stepOpen, ifname, err)
	}
	return fd, nil
}

// tie ties a descriptor to an interface and returns the interface's name, which
// may have been a pattern.
func tie(fd int, name string, flags uint16) (string, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return "", err
	}
	req.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return "", err
	}
	return req.Name(), nil
}

// attachFirst creates the interface, or attaches to the one that is there. The
// kernel decides which, so that two processes cannot both create it. It returns
// the flags that further queues need. One queue is asked for as one, not as the
// first of many: then nobody else can add a queue and take some of the flows.
func attachFirst(fd int, c *Config) (name string, flags uint16, err error) {
	flags = baseFlags
	if c.Queues > 1 {
		flags |= unix.IFF_MULTI_QUEUE
	}
	name, err = tie(fd, c.Interface, flags|unix.IFF_TUN_EXCL)
	if err == nil {
		return name, flags, nil
	}
	if err != unix.EBUSY {
		return "", 0, explain(stepCreate, c.Interface, err)
	}
	f, err := lookUp(c.Interface)
	if err != nil {
		return "", 0, fmt.Errorf("tap: %s: look at it: %w", c.Interface, err)
	}
	if err := f.check(c); err != nil {
		return "", 0, err
	}
	if f.multi {
		flags |= unix.IFF_MULTI_QUEUE
	}
	if name, err = tie(fd, c.Interface, flags); err != nil {
		return "", 0, explain(stepAttach, c.Interface, err)
	}
	return name, flags, nil
}

// setOptions fixes what the interface and we pass to each other besides frames.
// Bulk (TUN_F_TSO4 and its kin) would be asked for here, once frames are large
// enough to hold it.
func setOptions(fd int, ifname string) error {
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, headerSize); err != nil {
		return explain(stepOptions, ifname, err)
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM); err != nil {
		return explain(stepOptions, ifname, err)
	}
	return nil
}
