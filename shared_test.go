package mtcp

// The stack and the kernel at one address of one interface.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/wire"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// here runs f in the namespace of the shared interface, there at the other end.
// shared is the link of most of these tests.
var shared = AFXDP{Shared: true}

func (w *kernelWorld) here(t testing.TB, f func(l netlink.Link) error)  { w.at(t, 0, f) }
func (w *kernelWorld) there(t testing.TB, f func(l netlink.Link) error) { w.at(t, 1, f) }

func (w *kernelWorld) at(t testing.TB, end int, f func(l netlink.Link) error) {
	t.Helper()
	err := w.pair.Ends[end].Do(func() error {
		l, err := netlink.LinkByName(w.pair.Ends[end].Interface)
		if err != nil {
			return err
		}
		return f(l)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// besideListen listens with the kernel at our end.
func (w *kernelWorld) besideListen(address string) (l net.Listener, err error) {
	broken := w.pair.Ends[0].Do(func() error {
		l, err = net.Listen("tcp4", address)
		return nil
	})
	if broken != nil {
		panic(broken)
	}
	return l, err
}

// besideDial dials with the kernel at our end.
func (w *kernelWorld) besideDial(from, to string) (c net.Conn, err error) {
	broken := w.pair.Ends[0].Do(func() error {
		d := net.Dialer{Timeout: patience}
		if from != "" {
			d.LocalAddr, _ = net.ResolveTCPAddr("tcp4", from)
		}
		c, err = d.Dial("tcp4", to)
		return nil
	})
	if broken != nil {
		panic(broken)
	}
	return c, err
}

// echoAll serves a listener until the test ends.
func echoAll(t testing.TB, l net.Listener) {
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served := make(chan struct{})
			all.Go(func() {
				defer close(served)
				io.Copy(c, c)
			})
			all.Go(func() {
				select {
				case <-served:
				case <-stop: // the other end may be out of reach
				}
				c.Close()
			})
		}
	})
	t.Cleanup(func() { l.Close(); close(stop); all.Wait() })
}

// A session is somebody who types and waits for the echo of each line.
type session struct {
	c     net.Conn
	lines int
}

func (s *session) line() error {
	s.lines++
	text := fmt.Sprintf("line %d\n", s.lines)
	got := make([]byte, len(text))
	s.c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(s.c, text); err != nil {
		return err
	}
	if _, err := io.ReadFull(s.c, got); err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("%q came back for %q", got, text)
	}
	return nil
}

func mustSession(t testing.TB, dial func() (net.Conn, error)) *session {
	t.Helper()
	c, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := &session{c: c}
	if err := s.line(); err != nil {
		t.Fatal(err)
	}
	return s
}

// While the stack serves and dials at the address, the kernel keeps a session each
// way and a bulk transfer each way through it.
func TestShared_KernelsConnectionsGoOn(t *testing.T) {
	t.Run("native", func(t *testing.T) { kernelGoesOn(t, newKernelWorld(t, kernelOptions{link: shared})) })
	t.Run("generic", func(t *testing.T) {
		kernelGoesOn(t, newKernelWorld(t, kernelOptions{link: AFXDP{Shared: true, Generic: true}, whole: true}))
	})
}

func kernelGoesOn(t *testing.T, w *kernelWorld) {
	beside, err := w.besideListen(oursIP + ":22")
	if err != nil {
		t.Fatal(err)
	}
	echoAll(t, beside)
	far, err := w.kernelListen(context.Background(), "tcp4", kernelIP+":22")
	if err != nil {
		t.Fatal(err)
	}
	echoAll(t, far)
	ours, err := w.ours.Listen(context.Background(), "tcp4", ":80")
	if err != nil {
		t.Fatal(err)
	}
	echoAll(t, ours)

	dialIn := func() (net.Conn, error) { return w.kernelDial(context.Background(), "tcp4", oursIP+":22") }
	sessions := []*session{
		mustSession(t, dialIn),
		mustSession(t, func() (net.Conn, error) { return w.besideDial("", kernelIP+":22") }),
	}
	stop := make(chan struct{})
	var typing, work sync.WaitGroup
	for _, s := range sessions {
		typing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.line(); err != nil {
					t.Errorf("the kernel's session, line %d: %v", s.lines, err)
					return
				}
			}
		})
	}
	bulk := func(c net.Conn, err error) {
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		sum, n := sha256.New(), large()/4
		work.Go(func() { c.Write(pattern(n)); c.(stream).CloseWrite() })
		if got, err := io.Copy(sum, c); err != nil || got != int64(n) || [32]byte(sum.Sum(nil)) != sha256.Sum256(pattern(n)) {
			t.Errorf("%d of %d octets came back, or they differ; %v", got, n, err)
		}
	}
	within(t, "all transfers", func() {
		work.Go(func() { bulk(dialIn()) })
		work.Go(func() { bulk(w.kernelDial(context.Background(), "tcp4", oursIP+":80")) })
		work.Go(func() { bulk(w.ours.Dial("tcp4", kernelIP+":22")) })
		for range 20 { // short ones come and go
			work.Go(func() {
				for _, dial := range []func() (net.Conn, error){
					func() (net.Conn, error) { return w.ours.Dial("tcp4", kernelIP+":22") },
					func() (net.Conn, error) { return w.kernelDial(context.Background(), "tcp4", oursIP+":80") },
					dialIn,
				} {
					c, err := dial()
					if err != nil {
						t.Error(err)
						return
					}
					if err := (&session{c: c}).line(); err != nil {
						t.Error(err)
					}
					c.Close()
				}
			})
		}
		work.Wait()
	})
	close(stop)
	typing.Wait()
	for i, s := range sessions {
		t.Logf("session %d: %d lines", i, s.lines)
	}
	if n := w.ours.Stats()[0].PassiveOpens; n < 21 {
		t.Errorf("the stack was opened %d connections: was it the kernel who served?", n)
	}
}

func TestShared_PortsAreHeldAgainstTheKernel(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared})
	l, err := w.ours.Listen(context.Background(), "tcp4", ":80")
	if err != nil {
		t.Fatal(err)
	}
	dialPort := w.ours.share.dialPorts()[7]
	for _, at := range []string{oursIP + ":80", ":80", fmt.Sprintf("%s:%d", oursIP, dialPort)} {
		if k, err := w.besideListen(at); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("the kernel listens on %s: %v, %v", at, k, err)
		}
	}
	if _, err := w.besideDial(fmt.Sprintf("%s:%d", oursIP, dialPort), kernelIP+":22"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the kernel dials from a port of the stack's: %v", err)
	}
	for range 50 { // ours come from those ports only
		c, err := w.ours.Dial("tcp4", kernelIP+":9")
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dialling: %v", err)
		}
	}
	l.Close()
	var k net.Listener
	eventually(t, "the kernel has the port back", func() bool {
		k, err = w.besideListen(oursIP + ":80")
		return err == nil
	})
	echoAll(t, k)
	mustSession(t, func() (net.Conn, error) { return w.kernelDial(context.Background(), "tcp4", oursIP+":80") })
}

func TestShared_KernelsPortsAreRefused(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared})
	k, err := w.besideListen(oursIP + ":81")
	if err != nil {
		t.Fatal(err)
	}
	echoAll(t, k)
	if _, err := w.ours.Listen(context.Background(), "tcp4", ":81"); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "kernel") {
		t.Errorf("listening on a port of the kernel's: %v", err)
	}
	from := netip.MustParseAddrPort(oursIP + ":5000")
	if _, err := w.ours.DialFrom(context.Background(), from, netip.MustParseAddrPort(kernelIP+":22")); !errors.Is(err, syscall.EADDRNOTAVAIL) || !strings.Contains(err.Error(), "5000") {
		t.Errorf("dialling from a port of the kernel's: %v", err)
	}
	mustSession(t, func() (net.Conn, error) { return w.kernelDial(context.Background(), "tcp4", oursIP+":81") })
}

func TestShared_PortsThatAreNotListedAreRefused(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared, change: func(c *Config) {
		x := c.Link.(AFXDP)
		x.Ports = []uint16{80, 443}
		c.Link = x
	}})
	if _, err := w.ours.Listen(context.Background(), "tcp4", ":81"); err == nil || !strings.Contains(err.Error(), "AFXDP.Ports") || !strings.Contains(err.Error(), "[80 443]") {
		t.Errorf("listening on a port that is not listed: %v", err)
	}
	for _, at := range []string{":443", ":80", ":0"} {
		l, err := w.ours.Listen(context.Background(), "tcp4", at)
		if err != nil {
			t.Fatal(err)
		}
		echoAll(t, l)
		address := fmt.Sprintf("%s:%d", oursIP, l.Addr().(*net.TCPAddr).Port)
		mustSession(t, func() (net.Conn, error) { return w.kernelDial(context.Background(), "tcp4", address) })
	}
}

// A listener that closes leaves its connections, and so the port stays.
func TestShared_ConnectionsOutliveTheirListener(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared})
	l, err := w.ours.Listen(context.Background(), "tcp4", ":80")
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.kernelDial(context.Background(), "tcp4", oursIP+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := mustAccept(t, l)
	defer s.Close()
	l.Close()
	w.ours.share.retire(w.ours.core) // as the follower does after a while
	if _, err := w.besideListen(oursIP + ":80"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the kernel has the port while a connection is left: %v", err)
	}
	exchange(t, c, s)
}

func TestShared_CloseGivesThePortsBack(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared})
	if _, err := w.ours.Listen(context.Background(), "tcp4", ":80"); err != nil {
		t.Fatal(err)
	}
	ports := []uint16{80, w.ours.share.dialPorts()[0]}
	if err := w.ours.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range ports {
		k, err := w.besideListen(fmt.Sprintf("%s:%d", oursIP, p))
		if err != nil {
			t.Errorf("after the stack has closed: %v", err)
			continue
		}
		k.Close()
	}
}

func TestShared_SaysWhatCannotBe(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: AFXDP{}}) // whose interface has no address
	device := w.pair.Ends[0].Interface
	prefixes := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	w.there(t, func(netlink.Link) error {
		device := w.pair.Ends[1].Interface
		for what, c := range map[string]Config{
			"10.77.0.5 is no address of " + device: {Link: AFXDP{Interface: device, Shared: true}, Addresses: prefixes("10.77.0.5/24")},
			"leave Gateway out":                    {Link: AFXDP{Interface: device, Shared: true}, Gateway: netip.MustParseAddr(oursIP)},
			"leave ProbeAddresses out":             {Link: AFXDP{Interface: device, Shared: true}, ProbeAddresses: true},
			"Ports and DialPorts are for Shared":   {Link: AFXDP{Interface: device, Ports: []uint16{80}}, Addresses: prefixes("10.77.0.5/24")},
			"1 to 16384 ports":                     {Link: AFXDP{Interface: device, Shared: true, DialPorts: 1 << 17}},
		} {
			if s, err := New(c); err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%v, want %q", err, what)
				if s != nil {
					s.Close()
				}
			}
		}
		return nil
	})
	w.here(t, func(netlink.Link) error {
		if _, err := New(Config{Link: AFXDP{Interface: device, Shared: true}}); err == nil || !strings.Contains(err.Error(), "ip addr add") {
			t.Errorf("an interface without an address: %v", err)
		}
		return nil
	})
}

// A router that has no route says so by ICMP, which quotes our SYN.
func TestShared_UnreachableReachesItsConnection(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared})
	if err := w.pair.Ends[1].Sysctl("net.ipv4.ip_forward", "1"); err != nil {
		t.Fatal(err)
	}
	w.here(t, func(l netlink.Link) error { return addRoute(l, "0.0.0.0/0", kernelIP, "") })
	within(t, "finding out", func() {
		eventually(t, "the route is known", func() bool {
			_, err := w.ours.Dial("tcp4", "192.0.2.1:80")
			return errors.Is(err, syscall.ENETUNREACH) && w.icmp() > 0
		})
		if _, err := w.ours.Dial("tcp4", "10.77.0.77:80"); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("dialling a neighbour that is not there: %v", err)
		}
	})
}

// icmp returns how many ICMP messages came to the stack.
func (w *kernelWorld) icmp() (n uint64) {
	for _, s := range w.ours.core.Stats() {
		n += s.Flow.ICMP
	}
	return n
}

func route(l netlink.Link, to, via, from string) *netlink.Route {
	_, dst, err := net.ParseCIDR(to)
	if err != nil {
		panic(err)
	}
	r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: dst, Gw: net.ParseIP(via)}
	if from != "" {
		r.Src = net.ParseIP(from)
	}
	return r
}

func addRoute(l netlink.Link, to, via, from string) error {
	return netlink.RouteReplace(route(l, to, via, from))
}

// A SYN in two pieces, the second without ports, opens a connection.
func TestShared_FragmentsArriveTogether(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared})
	l, err := w.ours.Listen(context.Background(), "tcp4", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	from, _ := wire.FromNetip(netip.MustParseAddr(kernelIP))
	to, _ := wire.FromNetip(netip.MustParseAddr(oursIP))
	var segment [40]byte
	segment[0], segment[1], segment[3], segment[12], segment[13], segment[14] = 0x9c, 0x40, 80, 10<<4, 2, 0x40
	for i := 20; i < 40; i++ {
		segment[i] = 1 // NOP
	}
	wire.PutTCPChecksum(from, to, segment[:])
	err = w.pair.Ends[1].Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for i, piece := range [][]byte{segment[:24], segment[24:]} {
			b := make([]byte, 20+len(piece))
			b[0], b[8], b[9], b[5] = 0x45, 64, 6, 77
			b[6] = []byte{0x20, 0}[i] // more follow; then none
			b[7] = []byte{0, 24 / 8}[i]
			from.Put(b[12:])
			to.Put(b[16:])
			copy(b[20:], piece)
			if err := unix.Sendto(fd, b, 0, &unix.SockaddrInet4{Addr: netip.MustParseAddr(oursIP).As4()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the SYN is put together", func() bool {
		s := w.ours.core.Stats()[0]
		return s.IP.Reassembled == 1 && s.TCP.PassiveOpens == 1
	})
}

// Where the kernel changes the way, connections take it with their next segment.
func TestShared_RoutesAreFollowed(t *testing.T) {
	const far, second, source = "10.99.0.1", "10.77.0.10", "10.77.0.2"
	w := newKernelWorld(t, kernelOptions{link: shared})
	addTo := func(address string) func(netlink.Link) error {
		return func(l netlink.Link) error {
			a, err := netlink.ParseAddr(address)
			if err != nil {
				return err
			}
			return netlink.AddrAdd(l, a)
		}
	}
	w.there(t, addTo(far+"/32"))
	w.there(t, addTo(second+"/24"))
	w.here(t, func(l netlink.Link) error { return addRoute(l, far+"/32", kernelIP, "") })
	k, err := w.kernelListen(context.Background(), "tcp4", far+":22")
	if err != nil {
		t.Fatal(err)
	}
	echoAll(t, k)
	var s *session
	eventually(t, "the route is known", func() bool {
		c, err := w.ours.Dial("tcp4", far+":22")
		if err == nil {
			s = &session{c: c}
		}
		return err == nil
	})
	defer s.c.Close()
	if err := s.line(); err != nil {
		t.Fatal(err)
	}
	// The old gateway becomes a dead end, which only who uses it notices.
	w.here(t, func(l netlink.Link) error {
		if err := addRoute(l, far+"/32", second, source); err == nil {
			t.Error("a source that is no address")
		}
		return errors.Join(
			addTo(source+"/24")(l),
			addRoute(l, far+"/32", second, source),
			netlink.NeighSet(&netlink.Neigh{
				LinkIndex: l.Attrs().Index, State: netlink.NUD_PERMANENT,
				IP: net.ParseIP(kernelIP), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 0xee},
			}))
	})
	eventually(t, "new connections have the source that the route prefers", func() bool {
		c, err := w.ours.Dial("tcp4", far+":22")
		if err != nil {
			return false
		}
		defer c.Close()
		return strings.HasPrefix(c.LocalAddr().String(), source+":")
	})
	if err := s.line(); err != nil {
		t.Errorf("the connection from before does not take the new way: %v", err)
	}
	if s := w.ours.Addresses(); len(s) != 2 {
		t.Errorf("the stack's addresses are %v", s)
	}
}

// A neighbour that comes back with another Ethernet address: the kernel hears of
// it, and the stack from the kernel.
func TestShared_NeighbourThatMoves(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared})
	k, err := w.kernelListen(context.Background(), "tcp4", kernelIP+":22")
	if err != nil {
		t.Fatal(err)
	}
	echoAll(t, k)
	s := mustSession(t, func() (net.Conn, error) { return w.ours.Dial("tcp4", kernelIP+":22") })
	moved := net.HardwareAddr{2, 0, 0, 0, 0, 0x99}
	w.there(t, func(l netlink.Link) error { return netlink.LinkSetHardwareAddr(l, moved) })
	// It announces itself as hosts do; the kernel takes a change no sooner than a
	// second after the last (net.ipv4.neigh.default.locktime).
	heard := func() bool {
		var is bool
		w.here(t, func(l netlink.Link) error {
			all, err := netlink.NeighList(l.Attrs().Index, netlink.FAMILY_V4)
			for _, n := range all {
				is = is || n.IP.String() == kernelIP && bytes.Equal(n.HardwareAddr, moved)
			}
			return err
		})
		return is
	}
	eventually(t, "the kernel has heard of it", func() bool {
		w.there(t, func(l netlink.Link) error { return announce(l, kernelIP) })
		return heard()
	})
	if err := s.line(); err != nil {
		t.Errorf("after the neighbour moved: %v", err)
	}
}

// announce sends a gratuitous ARP request.
func announce(l netlink.Link, ip string) error {
	a, _ := wire.FromNetip(netip.MustParseAddr(ip))
	mac := wire.MAC(l.Attrs().HardwareAddr)
	b := make([]byte, wire.EthernetLen+wire.ARPLen)
	wire.PutEthernet(b, wire.Ethernet{Dst: wire.Broadcast(), Src: mac, Type: wire.EtherTypeARP})
	wire.PutARP(b[wire.EthernetLen:], &wire.ARP{Op: wire.ARPRequest, SenderMAC: mac, SenderIP: a, TargetIP: a})
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, b, 0, &unix.SockaddrLinklayer{Ifindex: l.Attrs().Index})
}
