package netconf

// What the kernel knows about one interface, and the errors a user can mend.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Errors that a user can mend; the wrapped text says how.
var (
	ErrNoInterface = errors.New("no such interface")
	ErrDown        = errors.New("interface is down")
)

// Info describes an interface of the present network namespace.
type Info struct {
	Name      string
	Index     int
	MAC       [6]byte
	MTU       int
	Up        bool
	Driver    string // "veth", "ice", ...; "" when it has none
	RxQueues  int
	TxQueues  int
	Addresses []netip.Prefix // the kernel's own, not the stack's
}

// Interface describes the interface called name. When it is down the error is
// ErrDown and Info is filled in all the same.
func Interface(name string) (Info, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return Info{}, lookupError(name, err)
	}
	info, err := describe(l)
	if err != nil {
		return Info{}, fmt.Errorf("netconf: %s: %w", name, err)
	}
	if !info.Up {
		return info, fmt.Errorf("netconf: %s: %w (mend: ip link set %s up)", name, ErrDown, name)
	}
	return info, nil
}

// Names lists the interfaces of the present network namespace.
func Names() ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("netconf: list interfaces: %w", err)
	}
	names := make([]string, 0, len(links))
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	slices.Sort(names)
	return names, nil
}

// lookupError turns "not found" into a list of what there is: the commonest
// cause is a misspelt name.
func lookupError(name string, err error) error {
	var missing netlink.LinkNotFoundError
	if !errors.As(err, &missing) {
		return fmt.Errorf("netconf: %s: %w", name, err)
	}
	names, listErr := Names()
	if listErr != nil {
		return fmt.Errorf("netconf: %q: %w", name, ErrNoInterface)
	}
	return fmt.Errorf("netconf: %q: %w (there are: %s)", name, ErrNoInterface, strings.Join(names, ", "))
}

func describe(l netlink.Link) (Info, error) {
	a := l.Attrs()
	info := Info{
		Name:   a.Name,
		Index:  a.Index,
		MTU:    a.MTU,
		Up:     a.RawFlags&unix.IFF_UP != 0,
		Driver: driver(a.Name),
	}
	copy(info.MAC[:], a.HardwareAddr)
	info.RxQueues, info.TxQueues = queues(a)
	addresses, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		return Info{}, fmt.Errorf("list addresses: %w", err)
	}
	for _, address := range addresses {
		if p, ok := prefix(address); ok {
			info.Addresses = append(info.Addresses, p)
		}
	}
	return info, nil
}

func prefix(a netlink.Addr) (netip.Prefix, bool) {
	ip, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, _ := a.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), ones), true
}
