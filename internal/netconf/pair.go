package netconf

// Two namespaces joined by a veth: the network of demonstrations and tests.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
)

// An End says how one end of a Pair shall be.
type End struct {
	Namespace       *Namespace     // nil: a new anonymous one, which the pair owns
	Interface       string         // "": a unique name
	MAC             [6]byte        // zero: the kernel chooses
	MTU             int            // 0: 1500
	Queues          int            // receive and transmit queues; 0: 1
	Addresses       []netip.Prefix // for the kernel
	Neighbours      []Neighbour    // static ARP entries
	ChecksumsFilled bool           // the kernel fills in TCP checksums instead of leaving them to its peer
}

// A Neighbour is a static ARP entry.
type Neighbour struct {
	IP  netip.Addr
	MAC [6]byte
}

// A Place is one end of a Pair as it came to be.
type Place struct {
	*Namespace
	Interface string
	Info      Info
}

// A Pair is two interfaces joined by a wire, each in its namespace.
type Pair struct {
	Ends [2]Place

	once sync.Once
	undo []func() error // what Close does, last first
	err  error          // of Close
}

// NewPair makes the namespaces and interfaces that a and b describe, both up.
// On an error nothing is left behind.
func NewPair(a, b End) (*Pair, error) {
	p := &Pair{}
	if err := p.build([2]End{a, b}); err != nil {
		return nil, errors.Join(fmt.Errorf("netconf: veth pair: %w", err), p.Close())
	}
	return p, nil
}

// Close removes the interfaces and the namespaces that the pair made. A second
// call does nothing.
func (p *Pair) Close() error {
	p.once.Do(func() {
		for i := len(p.undo) - 1; i >= 0; i-- {
			p.err = errors.Join(p.err, p.undo[i]())
		}
	})
	return p.err
}

func (p *Pair) build(ends [2]End) error {
	for i := range ends {
		if err := p.place(i, &ends[i]); err != nil {
			return err
		}
	}
	if err := p.join(&ends); err != nil {
		return err
	}
	for i := range ends {
		if err := p.settle(i, &ends[i]); err != nil {
			return fmt.Errorf("%s: %w", p.Ends[i].Interface, err)
		}
	}
	return p.inform()
}

// place fills in what the caller left open about end i.
func (p *Pair) place(i int, e *End) error {
	if e.Interface == "" {
		e.Interface = UniqueName("mt")
	}
	if e.MTU == 0 {
		e.MTU = 1500
	}
	if e.Queues == 0 {
		e.Queues = 1
	}
	if e.Namespace == nil {
		n, err := NewNamespace("")
		if err != nil {
			return err
		}
		p.undo = append(p.undo, n.Close)
		e.Namespace = n
	}
	p.Ends[i] = Place{Namespace: e.Namespace, Interface: e.Interface}
	return nil
}

// join creates the two interfaces, each in its namespace from the start.
func (p *Pair) join(ends *[2]End) error {
	a, b := &ends[0], &ends[1]
	veth := netlink.NewVeth(netlink.NewLinkAttrs())
	veth.Name, veth.MTU, veth.HardwareAddr = a.Interface, a.MTU, hardware(a.MAC)
	veth.NumRxQueues, veth.NumTxQueues = a.Queues, a.Queues
	veth.PeerName, veth.PeerMTU, veth.PeerHardwareAddr = b.Interface, uint32(b.MTU), hardware(b.MAC)
	veth.PeerNumRxQueues, veth.PeerNumTxQueues = uint32(b.Queues), uint32(b.Queues)
	veth.PeerNamespace = netlink.NsFd(b.Namespace.fd())
	if err := a.Namespace.Do(func() error { return netlink.LinkAdd(veth) }); err != nil {
		return fmt.Errorf("create %s and %s: %w", a.Interface, b.Interface, err)
	}
	// One end takes the other with it, at once; the end of a namespace would
	// do so some time later.
	p.undo = append(p.undo, func() error {
		return a.Namespace.Do(func() error { return removeLink(a.Interface) })
	})
	return nil
}

// settle configures end i.
func (p *Pair) settle(i int, e *End) error {
	return e.Namespace.Do(func() error {
		if err := disableIPv6(e.Interface); err != nil {
			return err
		}
		if e.ChecksumsFilled {
			if err := SetFeature(e.Interface, TxChecksum, false); err != nil {
				return err
			}
		}
		l, err := netlink.LinkByName(e.Interface)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(l); err != nil {
			return fmt.Errorf("up: %w", err)
		}
		return populate(l, e)
	})
}

// populate adds what an interface must be up to keep.
func populate(l netlink.Link, e *End) error {
	for _, address := range e.Addresses {
		if err := addAddress(l, address); err != nil {
			return err
		}
	}
	for _, neighbour := range e.Neighbours {
		n := &netlink.Neigh{
			LinkIndex:    l.Attrs().Index,
			State:        netlink.NUD_PERMANENT,
			IP:           neighbour.IP.AsSlice(),
			HardwareAddr: hardware(neighbour.MAC),
		}
		if err := netlink.NeighSet(n); err != nil {
			return fmt.Errorf("neighbour %v: %w", neighbour.IP, err)
		}
	}
	return nil
}

// inform reads back what was made, once both ends are up.
func (p *Pair) inform() error {
	for i := range p.Ends {
		end := &p.Ends[i]
		err := end.Do(func() (err error) {
			end.Info, err = Interface(end.Interface)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// removeLink is content when the interface has gone already.
func removeLink(name string) error {
	l, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	return netlink.LinkDel(l)
}

func hardware(mac [6]byte) net.HardwareAddr {
	if mac == ([6]byte{}) {
		return nil
	}
	return net.HardwareAddr(mac[:])
}
