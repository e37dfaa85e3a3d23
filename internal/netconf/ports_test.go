package netconf

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	heldIP  = netip.MustParseAddr("10.66.0.1")
	otherIP = netip.MustParseAddr("10.66.0.2")
	anyIP   = netip.IPv4Unspecified()
)

// portNamespace has two addresses.
func portNamespace(t testing.TB) *Namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	n, err := NewNamespace("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	inside(t, n, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		for _, ip := range []netip.Addr{heldIP, otherIP} {
			a := &netlink.Addr{IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(32, 32)}}
			if err := netlink.AddrAdd(lo, a); err != nil {
				return err
			}
		}
		return nil
	})
	return n
}

// inside runs f in a namespace; an error ends the test.
func inside(t testing.TB, n *Namespace, f func() error) {
	t.Helper()
	if err := n.Do(f); err != nil {
		t.Fatal(err)
	}
}

func hold(t testing.TB, n *Namespace, ip netip.Addr, port uint16) *Hold {
	t.Helper()
	var h *Hold
	inside(t, n, func() (err error) { h, err = HoldPort(ip, port); return err })
	t.Cleanup(func() { h.Close() })
	return h
}

// tryBind binds and listens with some socket options, and lets go again.
func tryBind(n *Namespace, ip netip.Addr, port uint16, options ...int) error {
	return n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, o := range options {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 1); err != nil {
				return err
			}
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: ip.As4(), Port: int(port)}); err != nil {
			return err
		}
		return unix.Listen(fd, 1)
	})
}

func TestHoldPort_NobodyElseGetsIt(t *testing.T) {
	n := portNamespace(t)
	h := hold(t, n, heldIP, 80)
	for _, ip := range []netip.Addr{heldIP, anyIP} {
		for _, options := range [][]int{nil, {unix.SO_REUSEADDR}, {unix.SO_REUSEPORT}, {unix.SO_REUSEADDR, unix.SO_REUSEPORT}} {
			if err := tryBind(n, ip, 80, options...); err != unix.EADDRINUSE {
				t.Errorf("bind %v:80 with options %v: %v, want EADDRINUSE", ip, options, err)
			}
		}
	}
	if err := tryBind(n, otherIP, 80); err != nil {
		t.Errorf("another address is held, too: %v", err)
	}
	if err := tryBind(n, heldIP, 81); err != nil {
		t.Errorf("another port is held, too: %v", err)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if err := tryBind(n, heldIP, 80); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

func TestHoldPort_OfAllAddresses(t *testing.T) {
	n := portNamespace(t)
	hold(t, n, anyIP, 80)
	for _, ip := range []netip.Addr{heldIP, otherIP} {
		if err := tryBind(n, ip, 80, unix.SO_REUSEADDR); err != unix.EADDRINUSE {
			t.Errorf("bind %v:80: %v, want EADDRINUSE", ip, err)
		}
	}
}

func TestHoldPort_KernelChoosesAnother(t *testing.T) {
	n := portNamespace(t)
	if err := n.Sysctl("net.ipv4.ip_local_port_range", "40000 40003"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []uint16{40000, 40001, 40003} {
		hold(t, n, heldIP, p)
	}
	inside(t, n, func() error {
		l, err := net.Listen("tcp4", "10.66.0.2:80")
		if err != nil {
			return err
		}
		defer l.Close()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: heldIP.AsSlice()}}
		c, err := d.Dial("tcp4", l.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		if got := c.LocalAddr().(*net.TCPAddr).Port; got != 40002 {
			t.Errorf("the kernel dials from port %d, want the only free one", got)
		}
		if c, err := d.Dial("tcp4", l.Addr().String()); err == nil {
			t.Errorf("the kernel found one more: %v", c.LocalAddr())
			c.Close()
		}
		return nil
	})
}

func TestHoldPort_InUseSaysSo(t *testing.T) {
	n := portNamespace(t)
	inside(t, n, func() error {
		l, err := net.Listen("tcp4", "0.0.0.0:80")
		if err != nil {
			return err
		}
		defer l.Close()
		_, err = HoldPort(heldIP, 80)
		if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "port 80 is in use by the kernel (who: ss -ltnp") {
			t.Errorf("got %v, want EADDRINUSE and who", err)
		}
		return nil
	})
}

func TestHoldPort_RefusesWhatCannotBe(t *testing.T) {
	n := portNamespace(t)
	inside(t, n, func() error {
		for _, tt := range []struct {
			ip   netip.Addr
			port uint16
			text string
		}{
			{netip.Addr{}, 80, "IPv4"},
			{netip.IPv6Unspecified(), 80, "IPv4"},
			{heldIP, 0, "a port"},
			{netip.MustParseAddr("10.66.9.9"), 80, "10.66.9.9 is no address of this machine"},
		} {
			if h, err := HoldPort(tt.ip, tt.port); err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v port %d: %v, %v, want %q", tt.ip, tt.port, h, err, tt.text)
			}
		}
		return nil
	})
	for errno, text := range map[error]string{unix.EACCES: "CAP_NET_BIND_SERVICE", unix.EMFILE: "ulimit -n"} {
		if err := holdError(heldIP, 80, errno); !errors.Is(err, errno) || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, want %q", errno, err, text)
		}
	}
}

// TestHoldPort_EndsWithItsProcess kills a process that holds a port.
func TestHoldPort_EndsWithItsProcess(t *testing.T) {
	const asked = "NETCONF_HOLD_AND_WAIT"
	if os.Getenv(asked) != "" { // this is that process
		if _, err := HoldPort(heldIP, 80); err != nil {
			t.Fatal(err)
		}
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		return
	}
	n := portNamespace(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), asked+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := StartIn(n, cmd); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the process says %q, %v", line, err)
	}
	if err := tryBind(n, heldIP, 80); err != unix.EADDRINUSE {
		t.Errorf("while it lives: %v, want EADDRINUSE", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if err := tryBind(n, heldIP, 80); err != nil {
		t.Errorf("after it was killed: %v", err)
	}
}

// reserve takes ports until the end of the test.
func reserve(t testing.TB, n *Namespace, count int) ([]PortRange, *Hold) {
	t.Helper()
	var ranges []PortRange
	var h *Hold
	inside(t, n, func() (err error) { ranges, h, err = ReservePorts(heldIP, count); return err })
	t.Cleanup(func() { h.Close() })
	return ranges, h
}

func TestReservePorts_OutsideTheKernelsRange(t *testing.T) {
	n := portNamespace(t)
	for key, value := range map[string]string{
		"net.ipv4.ip_local_port_range":     "32768 60999",
		"net.ipv4.ip_local_reserved_ports": "61002,61010-61012",
	} {
		if err := n.Sysctl(key, value); err != nil {
			t.Fatal(err)
		}
	}
	hold(t, n, heldIP, 61005)
	got, h := reserve(t, n, 4600)
	// 4536 ports above the range, less five, and the rest from 29999 down.
	want := []PortRange{{29931, 29999}, {61000, 61001}, {61003, 61004}, {61006, 61009}, {61013, 65535}}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	for _, r := range got {
		for _, p := range []uint16{r.First, r.Last} {
			if err := tryBind(n, heldIP, p, unix.SO_REUSEADDR); err != unix.EADDRINUSE {
				t.Errorf("port %d: %v, want EADDRINUSE", p, err)
			}
		}
	}
	for _, p := range []uint16{29930, 30000, 60999, 61002} {
		if err := tryBind(n, heldIP, p); err != nil {
			t.Errorf("port %d, which is not in the ranges: %v", p, err)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tryBind(n, heldIP, 61000); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

func TestReservePorts_InTheKernelsRangeLeavesItHalf(t *testing.T) {
	n := portNamespace(t)
	if err := n.Sysctl("net.ipv4.ip_local_port_range", "10000 65535"); err != nil {
		t.Fatal(err)
	}
	got, _ := reserve(t, n, 100)
	if d := cmp.Diff([]PortRange{{65436, 65535}}, got); d != "" {
		t.Error(d)
	}
	if c := candidates(PortRange{10000, 65535}); len(c) != (65536-10000)/2 {
		t.Errorf("%d candidates, want half of the kernel's ports", len(c))
	}
}

func TestReservePorts_TooManyLeavesNothingBehind(t *testing.T) {
	n := portNamespace(t)
	if err := n.Sysctl("net.ipv4.ip_local_reserved_ports", "10000-65534"); err != nil {
		t.Fatal(err)
	}
	inside(t, n, func() error {
		before := descriptors(t)
		_, _, err := ReservePorts(heldIP, 2)
		if !errors.Is(err, ErrPorts) || !strings.Contains(err.Error(), "1 of 2") {
			t.Errorf("got %v, want ErrPorts", err)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors, %d before", after, before)
		}
		for _, count := range []int{0, -1, MaxReservedPorts + 1} {
			if _, _, err := ReservePorts(heldIP, count); err == nil {
				t.Errorf("%d ports were reserved", count)
			}
		}
		if _, _, err := ReservePorts(netip.MustParseAddr("10.66.9.9"), 1); !errors.Is(err, unix.EADDRNOTAVAIL) {
			t.Errorf("address of nobody: %v", err)
		}
		return nil
	})
	if err := tryBind(n, heldIP, 65535); err != nil {
		t.Errorf("a port stayed held: %v", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestCandidates_NeverTwiceAndNeverLow(t *testing.T) {
	for _, kernel := range []PortRange{{32768, 60999}, {1024, 65535}, {1, 2}, {65535, 65535}, {15000, 20000}, {20000, 20000}} {
		all := candidates(kernel)
		if slices.Min(all) < lowestReserved {
			t.Errorf("%v: port %d", kernel, slices.Min(all))
		}
		slices.Sort(all)
		if n := len(all); len(slices.Compact(all)) != n {
			t.Errorf("%v: a port stands there twice", kernel)
		}
	}
}

func TestParsePorts(t *testing.T) {
	for s, want := range map[string]PortRange{"80": {80, 80}, "80-90": {80, 90}, "0-65535": {0, 65535}} {
		if got, err := parsePorts(s); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-", "80-", "-80", "90-80", "65536", "a", "80-90-100"} {
		if got, err := parsePorts(s); err == nil {
			t.Errorf("%q was read as %v", s, got)
		}
	}
}

// BenchmarkReservePorts takes and gives back; the figure is for one port.
func BenchmarkReservePorts(b *testing.B) {
	n := portNamespace(b)
	const count = 4096
	inside(b, n, func() error {
		for b.Loop() {
			_, h, err := ReservePorts(heldIP, count)
			if err != nil {
				return err
			}
			if err := h.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/port")
}
