package netconf

// The kernel resolves neighbours for a stack that shares its address: two that
// answer ARP for one address would only contradict each other.

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AskNeighbour makes the kernel resolve ip, or find out whether a MAC that it has
// not heard of for a while is still right. It does not wait: the answer comes to
// whoever watches the interface, as NeighbourResolved or NeighbourGone, and
// there is none when the kernel knows the neighbour and has heard of it lately.
// Needs CAP_NET_ADMIN. Any goroutine may call.
func (w *Watcher) AskNeighbour(ip netip.Addr) error {
	return neighbourError(w.name, ip, w.kernel.useNeighbour)
}

// ConfirmNeighbour tells the kernel that a neighbour which it knows is there
// (RFC 1122 §2.3.2.1: advice of the layer above), which saves it asking. An
// unknown neighbour is no error.
func (w *Watcher) ConfirmNeighbour(ip netip.Addr) error {
	return neighbourError(w.name, ip, w.kernel.confirmNeighbour)
}

// AskNeighbour is the method of that name for those who watch nothing.
func AskNeighbour(name string, ip netip.Addr) error {
	return once(name, ip, (*requester).useNeighbour)
}

// ConfirmNeighbour is the method of that name for those who watch nothing.
func ConfirmNeighbour(name string, ip netip.Addr) error {
	return once(name, ip, (*requester).confirmNeighbour)
}

func once(name string, ip netip.Addr, do func(*requester, netip.Addr) error) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return lookupError(name, err)
	}
	r, err := openRequester(l.Attrs().Index)
	if err != nil {
		return fmt.Errorf("netconf: %s: %w", name, err)
	}
	defer r.close()
	return neighbourError(name, ip, func(ip netip.Addr) error { return do(r, ip) })
}

func neighbourError(name string, ip netip.Addr, do func(netip.Addr) error) error {
	err := error(unix.EAFNOSUPPORT)
	if ip.Is4() {
		err = do(ip)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("netconf: %s: neighbour %v: %w", name, ip, rights(err))
}
