package netconf

// Ports kept from the kernel, so that it gives them to no socket while another
// TCP uses them at the same address.
//
// A port is held by a socket that is bound and does nothing else. That keeps
// away everybody: bind and listen fail, and the kernel chooses another port for
// its own connections. The alternative for many ports, the kernel's list
// net.ipv4.ip_local_reserved_ports, was measured and refused: it keeps the kernel
// from choosing a port but lets anybody bind it (0.1 ms in all, against 10 to
// 15 µs and 3.2 KiB for each bound port), and a process that is killed leaves
// its list behind. Sockets go with their process, SIGKILL included, at the same
// time as its XDP program; then the kernel answers for the ports, with resets.
//
// Programs on this machine never reach a held port: their packets to an
// address of the machine stay inside the kernel, which refuses them.

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Limits of ReservePorts.
const (
	MaxReservedPorts = 16384 // 52 MiB of the kernel's memory

	lowestReserved = 10000 // below are the ports that services are known by
	highestPort    = 65535
)

// nodePorts are those that Kubernetes takes without a socket.
var nodePorts = PortRange{30000, 32767}

// ErrPorts means that there are fewer free ports than were asked for.
var ErrPorts = errors.New("too few free ports")

// A PortRange is the ports from First to Last.
type PortRange struct{ First, Last uint16 }

// Len returns how many ports the range has.
func (r PortRange) Len() int { return int(r.Last) - int(r.First) + 1 }

// Contains reports whether p is in the range.
func (r PortRange) Contains(p uint16) bool { return r.First <= p && p <= r.Last }

// A Hold keeps ports from the kernel until it is closed.
type Hold struct {
	fds  []int
	once sync.Once
	err  error // of Close
}

// HoldPort keeps one TCP port of an IPv4 address, 0.0.0.0 meaning all of them,
// in the present network namespace. It fails with EADDRINUSE while the kernel
// has a listener or connection there, even one in TIME-WAIT, which the stack
// would cut off.
func HoldPort(ip netip.Addr, port uint16) (*Hold, error) {
	if !ip.Is4() || port == 0 {
		return nil, fmt.Errorf("netconf: hold %v port %d: need an IPv4 address and a port", ip, port)
	}
	fd, err := bindPort(ip, port)
	if err != nil {
		return nil, holdError(ip, port, err)
	}
	return &Hold{fds: []int{fd}}, nil
}

// ReservePorts keeps n TCP ports of an IPv4 address for connections to others.
// It takes them from outside the range from which the kernel chooses, as far as
// there are any, and none that net.ipv4.ip_local_reserved_ports keeps for
// somebody else. The ranges are in ascending order.
func ReservePorts(ip netip.Addr, n int) ([]PortRange, *Hold, error) {
	if !ip.Is4() || n <= 0 || n > MaxReservedPorts {
		return nil, nil, fmt.Errorf("netconf: reserve %d ports of %v: need an IPv4 address and 1 to %d ports", n, ip, MaxReservedPorts)
	}
	kernel, reserved, err := kernelPorts()
	if err != nil {
		return nil, nil, fmt.Errorf("netconf: reserve ports: %w", err)
	}
	h := &Hold{fds: make([]int, 0, n)}
	got := make([]uint16, 0, n)
	for _, p := range candidates(kernel) {
		if len(got) == n {
			break
		}
		if isIn(reserved, p) {
			continue
		}
		fd, err := bindPort(ip, p)
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, nil, errors.Join(holdError(ip, p, err), h.Close())
		}
		h.fds = append(h.fds, fd)
		got = append(got, p)
	}
	if len(got) < n {
		err := fmt.Errorf("netconf: reserve ports: %w: %d of %d (mend: ask for fewer; ss -tan shows who has them)", ErrPorts, len(got), n)
		return nil, nil, errors.Join(err, h.Close())
	}
	return joinPorts(got), h, nil
}

// Close gives the ports back to the kernel. A second call does nothing.
func (h *Hold) Close() error {
	h.once.Do(func() {
		for _, fd := range h.fds {
			h.err = errors.Join(h.err, unix.Close(fd))
		}
		h.fds = nil
	})
	return h.err
}

// bindPort leaves out SO_REUSEADDR and SO_REUSEPORT: a port is shared only by
// sockets that all agree.
func bindPort(ip netip.Addr, port uint16) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: ip.As4(), Port: int(port)}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// holdError says what the kernel's number means and how to mend it.
func holdError(ip netip.Addr, port uint16, err error) error {
	why := ""
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("netconf: port %d is in use by the kernel (who: ss -ltnp 'sport = :%d'; connections in TIME-WAIT end after a minute): %w", port, port, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		why = fmt.Sprintf(" (%v is no address of this machine: ip addr)", ip)
	case errors.Is(err, unix.EACCES):
		why = " (needs CAP_NET_BIND_SERVICE)"
	case errors.Is(err, unix.EMFILE):
		why = " (mend: ulimit -n, or fewer ports)"
	}
	return fmt.Errorf("netconf: hold port %d: %w%s", port, err, why)
}

// candidates lists ports in the order of preference: above the kernel's range,
// below it, and in it from the top, half of it at most.
func candidates(kernel PortRange) []uint16 {
	var all []uint16
	add := func(p int) {
		if p >= lowestReserved && !nodePorts.Contains(uint16(p)) {
			all = append(all, uint16(p))
		}
	}
	for p := int(kernel.Last) + 1; p <= highestPort; p++ {
		add(p)
	}
	for p := int(kernel.First) - 1; p >= lowestReserved; p-- {
		add(p)
	}
	for i := range kernel.Len() / 2 {
		add(int(kernel.Last) - i)
	}
	return all
}

// kernelPorts returns the range from which the kernel chooses ports, and what
// the administrator has reserved.
func kernelPorts() (PortRange, []PortRange, error) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return PortRange{}, nil, err
	}
	f := strings.Fields(string(b))
	if len(f) != 2 {
		return PortRange{}, nil, fmt.Errorf("ip_local_port_range is %q", b)
	}
	kernel, err := parsePorts(f[0] + "-" + f[1])
	if err != nil {
		return PortRange{}, nil, err
	}
	if b, err = os.ReadFile("/proc/sys/net/ipv4/ip_local_reserved_ports"); err != nil {
		return PortRange{}, nil, err
	}
	var reserved []PortRange
	for _, s := range strings.FieldsFunc(string(b), func(r rune) bool { return r == ',' || r == '\n' }) {
		r, err := parsePorts(s)
		if err != nil {
			return PortRange{}, nil, err
		}
		reserved = append(reserved, r)
	}
	return kernel, reserved, nil
}

// parsePorts reads "80" or "80-90".
func parsePorts(s string) (PortRange, error) {
	first, last, found := strings.Cut(s, "-")
	if !found {
		last = first
	}
	a, errFirst := strconv.ParseUint(first, 10, 16)
	b, errLast := strconv.ParseUint(last, 10, 16)
	if err := errors.Join(errFirst, errLast); err != nil || b < a {
		return PortRange{}, fmt.Errorf("ports %q not understood", s)
	}
	return PortRange{uint16(a), uint16(b)}, nil
}

func isIn(ranges []PortRange, p uint16) bool {
	return slices.ContainsFunc(ranges, func(r PortRange) bool { return r.Contains(p) })
}

// joinPorts makes ranges of ports in any order.
func joinPorts(ports []uint16) []PortRange {
	slices.Sort(ports)
	var all []PortRange
	for _, p := range ports {
		if n := len(all); n > 0 && int(all[n-1].Last)+1 == int(p) {
			all[n-1].Last = p
		} else {
			all = append(all, PortRange{p, p})
		}
	}
	return all
}
