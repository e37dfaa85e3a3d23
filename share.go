package mtcp

// An address that the stack shares with the kernel: which of its ports are ours.
//
//  1. A range of ports for connections to others is taken when the stack opens.
//  2. A port is taken for a listener: first held against the kernel, so that no
//     socket of it is there or can come, then opened by the stack, and only then
//     do its packets come here.
//  3. When the listener has closed, the port stays until the last connection
//     that came through it has ended, TIME-WAIT included: the kernel would reset
//     them. The follower looks now and then.
//  4. So does an address that the kernel loses: were its packets the kernel's
//     while it comes back, connections that could go on would be reset.
//
// The XDP program knows addresses and ports, not pairs of them: a port is taken
// at all of the shared addresses.

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/mtcp-go/mtcp/internal/stack"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var _ stack.Keeper = (*share)(nil)

// defaultDialPorts is how many ports are taken for connections to others: 3.2 KiB
// of the kernel's memory and a descriptor each.
const defaultDialPorts = 1024

// share is what the stack has of the kernel's addresses. It keeps the stack's ports.
type share struct {
	place   *netconf.Namespace // of the interface
	device  *afxdp.Device
	allowed []uint16 // that may be listened on; nil: any
	wanted  []netip.Prefix
	dial    []netconf.PortRange // for connections to others
	hold    *netconf.Hold       // of dial

	mu        sync.Mutex // guards what follows
	addresses []netip.Addr
	leaving   map[netip.Addr]bool // of them, those that the kernel has no more
	claims    map[uint16]*claim
	closed    bool
}

// A claim is a port that is held for listeners.
type claim struct {
	listeners int    // 0: connections may be left
	claimed   uint64 // how often
	holds     map[netip.Addr]*netconf.Hold
}

// openShare takes the ports for connections to others.
func openShare(d *afxdp.Device, x *AFXDP, wanted []netip.Prefix, have []netip.Addr) (*share, error) {
	s := &share{
		device: d, allowed: x.Ports, wanted: wanted, addresses: have,
		claims: make(map[uint16]*claim), leaving: make(map[netip.Addr]bool),
	}
	n := x.DialPorts
	if n == 0 {
		n = defaultDialPorts
	}
	var err error
	if s.place, err = netconf.Present(); err != nil {
		return nil, err
	}
	if s.dial, s.hold, err = netconf.ReservePorts(netip.IPv4Unspecified(), n); err != nil {
		return nil, errors.Join(err, s.close())
	}
	for _, r := range s.dial {
		if err := d.AddPortRange(r.First, r.Last); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

// dialPorts lists the ports for connections to others.
func (s *share) dialPorts() []uint16 {
	var all []uint16
	for _, r := range s.dial {
		for p := int(r.First); p <= int(r.Last); p++ {
			all = append(all, uint16(p))
		}
	}
	return all
}

func (s *share) isDialPort(p uint16) bool {
	return slices.ContainsFunc(s.dial, func(r netconf.PortRange) bool { return r.Contains(p) })
}

// Claim holds a port for a listener; port 0 will be one of those for connections
// to others.
func (s *share) Claim(port uint16) error {
	if port == 0 || s.isDialPort(port) {
		return nil
	}
	if s.allowed != nil && !slices.Contains(s.allowed, port) {
		return fmt.Errorf("port %d is the kernel's: the stack may take %v (AFXDP.Ports, --ports)", port, s.allowed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil // the stack says so itself
	}
	c := s.claims[port]
	if c == nil {
		c = &claim{holds: make(map[netip.Addr]*netconf.Hold)}
		for _, a := range s.addresses {
			if s.leaving[a] {
				continue // where nothing can be held; add will
			}
			if err := s.holdAt(c, a, port); err != nil {
				return errors.Join(err, c.close())
			}
		}
		s.claims[port] = c
	}
	c.listeners++
	c.claimed++
	return nil
}

// Begin brings the packets of a claimed port here.
func (s *share) Begin(port uint16) error {
	if s.isDialPort(port) {
		return nil
	}
	return s.device.AddPort(port)
}

// Release is for a listener that has closed; what is left of its connections keeps
// the port.
func (s *share) Release(port uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.claims[port]; c != nil {
		c.listeners--
	}
}

func (s *share) holdAt(c *claim, a netip.Addr, port uint16) error {
	return s.place.Within(func() (err error) {
		h, err := netconf.HoldPort(a, port)
		if err == nil {
			c.holds[a] = h
		}
		return err
	})
}

func (c *claim) close() (err error) {
	for _, h := range c.holds {
		err = errors.Join(err, h.Close())
	}
	return err
}

// MayDialFrom refuses local ports whose packets would go to the kernel.
func (s *share) MayDialFrom(port uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.claims[port]; port == 0 || s.isDialPort(port) || c != nil && c.listeners > 0 {
		return nil
	}
	return fmt.Errorf("local port %d is the kernel's: leave the choice to the stack, or listen on it first: %w", port, syscall.EADDRNOTAVAIL)
}

// retiring reports whether ports or addresses wait for their last connection.
func (s *share) retiring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.claims {
		if c.listeners == 0 {
			return true
		}
	}
	return len(s.leaving) > 0
}

// users says what connections are left; it asks the shards.
type users interface {
	PortInUse(port uint16) bool
	AddressInUse(a wire.IPv4) bool
}

// retire gives ports and addresses back to the kernel on which nothing is left.
// Shards are asked without the lock, for which one of them may wait, in a handler
// that dials.
func (s *share) retire(u users) (err error) {
	ports, addresses := s.idle()
	for port, claimed := range ports {
		if !u.PortInUse(port) {
			err = errors.Join(err, s.retirePort(port, claimed))
		}
	}
	for _, a := range addresses {
		if w, ok := wire.FromNetip(a); ok && !u.AddressInUse(w) {
			err = errors.Join(err, s.retireAddress(a))
		}
	}
	return err
}

// idle lists the ports without listeners, and how often they had been claimed,
// and the addresses that leave.
func (s *share) idle() (ports map[uint16]uint64, addresses []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ports = make(map[uint16]uint64)
	for port, c := range s.claims {
		if c.listeners == 0 {
			ports[port] = c.claimed
		}
	}
	return ports, slices.Collect(maps.Keys(s.leaving))
}

// retirePort gives a port back that nobody has claimed since it was looked at.
func (s *share) retirePort(port uint16, claimed uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.claims[port]
	if s.closed || c == nil || c.claimed != claimed {
		return nil
	}
	delete(s.claims, port)
	return errors.Join(s.device.RemovePort(port), c.close())
}

// retireAddress gives up an address. Who calls retire has addresses come and
// leave, too.
func (s *share) retireAddress(a netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.leaving[a] {
		return nil
	}
	delete(s.leaving, a)
	s.addresses = slices.DeleteFunc(s.addresses, func(b netip.Addr) bool { return a == b })
	return errors.Join(s.device.RemoveAddress(a), s.letGo(a))
}

// isWanted reports whether the stack is to have an address of the interface.
func (s *share) isWanted(a netip.Addr) bool {
	return len(s.wanted) == 0 || slices.ContainsFunc(s.wanted, func(p netip.Prefix) bool { return p.Addr() == a })
}

// add takes the ports at an address that the kernel has now, or none of them.
func (s *share) add(a netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := slices.Contains(s.addresses, a)
	if s.closed || have && !s.leaving[a] {
		return nil
	}
	for port, c := range s.claims {
		if c.holds[a] != nil {
			continue // since before it left
		}
		if err := s.holdAt(c, a, port); err != nil {
			return errors.Join(err, s.giveUp(a))
		}
	}
	if err := s.device.AddAddress(a); err != nil {
		return errors.Join(err, s.giveUp(a))
	}
	delete(s.leaving, a)
	if !have {
		s.addresses = append(s.addresses, a)
	}
	return nil
}

// remove is for an address that the kernel has no more: it goes with its last
// connection.
func (s *share) remove(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving[a] = true
}

// giveUp ends the use of an address that cannot be taken.
func (s *share) giveUp(a netip.Addr) (err error) {
	if slices.Contains(s.addresses, a) {
		err = s.device.RemoveAddress(a)
	}
	delete(s.leaving, a)
	s.addresses = slices.DeleteFunc(s.addresses, func(b netip.Addr) bool { return a == b })
	return errors.Join(err, s.letGo(a))
}

func (s *share) letGo(a netip.Addr) (err error) {
	for _, c := range s.claims {
		if h := c.holds[a]; h != nil {
			err = errors.Join(err, h.Close())
			delete(c.holds, a)
		}
	}
	return err
}

// all lists the addresses that the stack has, but for those that leave.
func (s *share) all() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.addresses), func(a netip.Addr) bool { return s.leaving[a] })
}

// close gives all ports back to the kernel. The device goes first: until then
// packets to them come to the stack.
func (s *share) close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for _, c := range s.claims {
		err = errors.Join(err, c.close())
	}
	if s.hold != nil {
		err = errors.Join(err, s.hold.Close())
	}
	if s.place != nil {
		err = errors.Join(err, s.place.Close())
	}
	return err
}
