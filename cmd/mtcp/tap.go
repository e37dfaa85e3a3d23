// A TAP interface for the stack: the kernel is the neighbour at its other end,
// and is given a name and an address unless the flags say which.

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

const tapPrefix = "mtcp"

// checkPeers refuses addresses of the kernel at which stack and kernel would
// not find each other.
func (f *stackFlags) checkPeers() error {
	for _, p := range f.Peer {
		if f.hasAddress(p.Addr()) {
			return usageError(fmt.Sprintf("--peer: %v is the stack's: the kernel needs one of its own", p.Addr()))
		}
		if !slices.ContainsFunc(f.Addr, func(a cidr) bool { return neighbours(a.Prefix, p.Prefix) }) {
			return usageError(fmt.Sprintf("--peer: %v is not on a network with --addr %v", p.Prefix, f.Addr[0].Prefix))
		}
	}
	return nil
}

func (f *stackFlags) hasAddress(a netip.Addr) bool {
	return slices.ContainsFunc(f.Addr, func(c cidr) bool { return c.Addr() == a })
}

// neighbours reports whether hosts with these addresses find each other
// without a router.
func neighbours(a, b netip.Prefix) bool { return a.Contains(b.Addr()) && b.Contains(a.Addr()) }

// settleTAP says what the flags and the file leave open: the name of the
// interface, and the kernel's addresses on it.
func (f *stackFlags) settleTAP(t *mtcp.TAP) error {
	if t.Interface == "" {
		t.Interface = freeName()
	}
	info, err := netconf.Interface(t.Interface)
	if err != nil && !errors.Is(err, netconf.ErrNoInterface) && !errors.Is(err, netconf.ErrDown) {
		return err
	}
	if t.Peer, err = f.peers(info.Addresses); err != nil {
		return err
	}
	return f.checkKernel(t)
}

// freeName is the first that no interface has.
func freeName() string {
	for i := 0; ; i++ {
		name := fmt.Sprint(tapPrefix, i)
		if _, err := net.InterfaceByName(name); err != nil {
			return name
		}
	}
}

// peers are the addresses that the kernel is given: those of --peer, or one on
// each network of the stack's where it has none yet.
func (f *stackFlags) peers(has []netip.Prefix) (peers []netip.Prefix, err error) {
	for _, p := range f.Peer {
		peers = append(peers, p.Prefix)
	}
	if len(peers) > 0 {
		return peers, nil
	}
	for _, a := range f.Addr {
		finds := func(p netip.Prefix) bool { return neighbours(a.Prefix, p) }
		if slices.ContainsFunc(has, finds) || slices.ContainsFunc(peers, finds) {
			continue
		}
		p, ok := f.firstFree(a.Prefix)
		if !ok {
			return nil, usageError(fmt.Sprintf("--addr: %v leaves no address for the kernel: use a shorter prefix, or name one with --peer", a.Prefix))
		}
		peers = append(peers, p)
	}
	return peers, nil
}

// firstFree is the first host address of a network that the stack does not
// have. A network of two addresses has no broadcast address (RFC 3021).
func (f *stackFlags) firstFree(network netip.Prefix) (netip.Prefix, bool) {
	a := network.Masked().Addr()
	if network.Bits() < 31 {
		a = a.Next()
	}
	for ; network.Contains(a); a = a.Next() {
		last := !network.Contains(a.Next())
		if last && network.Bits() < 31 {
			break
		}
		if !f.hasAddress(a) {
			return netip.PrefixFrom(a, network.Bits()), true
		}
	}
	return netip.Prefix{}, false
}

// checkKernel refuses addresses that the kernel would not send to the
// interface: its own, and those of a network that it has elsewhere.
func (f *stackFlags) checkKernel(t *mtcp.TAP) error {
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil { // it has gone
			continue
		}
		for _, a := range addresses {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || !p.Addr().Is4() {
				continue
			}
			if err := f.checkKernelAddress(t, i.Name, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *stackFlags) checkKernelAddress(t *mtcp.TAP, iface string, p netip.Prefix) error {
	for _, a := range f.Addr {
		switch {
		case a.Addr() == p.Addr():
			return fmt.Errorf("the kernel has the address %v on %s: give the stack another, or take it from the kernel with ip addr del %v dev %s",
				p.Addr(), iface, p, iface)
		case iface != t.Interface && p.Contains(a.Addr()) &&
			slices.ContainsFunc(t.Peer, func(peer netip.Prefix) bool { return neighbours(a.Prefix, peer) && peer.Bits() <= p.Bits() }):
			return fmt.Errorf("the kernel reaches the network of %v by %s already: give the stack an address of a network of its own", a.Prefix, iface)
		}
	}
	return nil
}

// kernelEnd says how this machine's kernel reaches the stack: "10.88.0.1/24 on
// mtcp0".
func kernelEnd(iface string, stack []cidr) string {
	info, err := netconf.Interface(iface)
	if err != nil {
		return ""
	}
	var on []string
	for _, p := range info.Addresses {
		if slices.ContainsFunc(stack, func(a cidr) bool { return neighbours(a.Prefix, p) }) {
			on = append(on, p.String())
		}
	}
	if len(on) == 0 {
		return ""
	}
	return strings.Join(on, ", ") + " on " + iface
}
