package netconf

// Settling an interface: what the kernel's side of a device is given once the
// device has made it.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Settle gives the interface called name an MTU (0: as it is), addresses for
// the kernel, and takes it up if that is asked for. What it has already is no
// error. A device that makes interfaces is handed this function.
func Settle(name string, mtu int, addresses []netip.Prefix, up bool) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return lookupError(name, err)
	}
	if mtu != 0 && mtu != l.Attrs().MTU {
		if err := netlink.LinkSetMTU(l, mtu); err != nil {
			return fmt.Errorf("netconf: %s: MTU %d: %w", name, mtu, rights(err))
		}
	}
	for _, a := range addresses {
		if err := addAddress(l, a); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("netconf: %s: %w", name, rights(err))
		}
	}
	if up && l.Attrs().RawFlags&unix.IFF_UP == 0 {
		if err := netlink.LinkSetUp(l); err != nil {
			return fmt.Errorf("netconf: %s: up: %w", name, rights(err))
		}
	}
	return nil
}

func addAddress(l netlink.Link, p netip.Prefix) error {
	if !p.IsValid() {
		return fmt.Errorf("address %v: %w", p, unix.EINVAL)
	}
	a := &netlink.Addr{IPNet: &net.IPNet{
		IP:   p.Addr().AsSlice(),
		Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
	}}
	if err := netlink.AddrAdd(l, a); err != nil {
		return fmt.Errorf("address %v: %w", p, err)
	}
	return nil
}

// rights says how to mend a refusal.
func rights(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w (needs CAP_NET_ADMIN)", err)
	}
	return err
}
