package main

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link/tap"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/vishvananda/netlink"
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, s := range texts {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestTAP_KernelsAddressIsTheFirstFreeOne(t *testing.T) {
	for _, tt := range []struct{ addr, peer, has, want []netip.Prefix }{
		{addr: prefixes("10.88.0.2/24"), want: prefixes("10.88.0.1/24")},
		{addr: prefixes("10.88.0.1/24"), want: prefixes("10.88.0.2/24")},
		{addr: prefixes("10.88.0.5/30"), want: prefixes("10.88.0.6/30")},
		{addr: prefixes("10.88.0.1/31"), want: prefixes("10.88.0.0/31")},
		{addr: prefixes("10.88.0.1/24", "10.88.0.2/24"), want: prefixes("10.88.0.3/24")},
		{addr: prefixes("10.88.0.2/24", "10.99.0.2/24"), want: prefixes("10.88.0.1/24", "10.99.0.1/24")},
		{addr: prefixes("10.88.0.2/24"), peer: prefixes("10.88.0.9/24"), want: prefixes("10.88.0.9/24")},
		{addr: prefixes("10.88.0.2/24"), has: prefixes("10.88.0.77/24")},
		{addr: prefixes("10.88.0.2/24"), has: prefixes("10.99.0.77/24"), want: prefixes("10.88.0.1/24")},
		{addr: prefixes("255.255.255.254/31"), want: prefixes("255.255.255.255/31")},
		{addr: prefixes("10.88.0.1/30", "10.88.0.2/30")}, // full
		{addr: prefixes("10.88.0.2/32")},
	} {
		var f stackFlags
		for _, a := range tt.addr {
			f.Addr = append(f.Addr, cidr{a})
		}
		for _, p := range tt.peer {
			f.Peer = append(f.Peer, cidr{p})
		}
		got, err := f.peers(tt.has)
		if full := tt.want == nil && tt.has == nil; errors.As(err, new(usageError)) != full || !slices.Equal(got, tt.want) {
			t.Errorf("%v, peer %v, has %v: got %v, %v, want %v", tt.addr, tt.peer, tt.has, got, err, tt.want)
		}
	}
}

// newTestNamespace is one with nothing in it, gone after the test.
func newTestNamespace(t *testing.T) *netconf.Namespace {
	t.Helper()
	requireRoot(t)
	n, err := netconf.NewNamespace("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// checkInterfaces compares the interfaces of a namespace.
func checkInterfaces(t *testing.T, n *netconf.Namespace, want ...string) {
	t.Helper()
	if have := interfaces(t, n); !slices.Equal(have, want) {
		t.Errorf("interfaces: %v, want %v", have, want)
	}
}

func interfaces(t *testing.T, n *netconf.Namespace) (names []string) {
	t.Helper()
	if err := n.Do(func() (err error) { names, err = netconf.Names(); return err }); err != nil {
		t.Fatal(err)
	}
	return names
}

var smallTAP = []string{"--link", "tap", "--addr", "10.88.0.2/24", "--connections", "4096", "--ring-memory", "64"}

func TestServe_OnATAPThatIsMadeForIt(t *testing.T) {
	for _, queues := range []string{"1", "2"} {
		n := newTestNamespace(t)
		p := start(t, options{in: n}, append([]string{"serve", "--echo", "--queues", queues}, smallTAP...)...)
		p.await("reach")
		for _, fact := range []string{
			"link       mtcp0: tap; " + queues + " queue", "address    10.88.0.2/24",
			"reach      from this machine, which has 10.88.0.1/24 on mtcp0: nc 10.88.0.2 80\n",
		} {
			if !strings.Contains(p.out.String(), fact) {
				t.Errorf("does not say %q:\n%s", fact, p.out)
			}
		}
		r := echoLoad(t.Context(), kernelIn(n), load{connections: 8, requests: 200}, "10.88.0.2:80")
		if r.Requests != 200 || r.Errors != 0 {
			t.Errorf("load: %+v", r)
		}
		p.signal(syscall.SIGINT)
		if code := p.exit(); code != exitOK {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
		if !strings.Contains(p.out.String(), "opened     200 passive") {
			t.Errorf("the load came elsewhere:\n%s", p.out)
		}
		checkInterfaces(t, n, "lo")
	}
}

func TestServe_KilledLeavesNoTAP(t *testing.T) {
	n := newTestNamespace(t)
	p := start(t, options{in: n}, append([]string{"serve", "--echo"}, smallTAP...)...)
	p.await("reach")
	checkInterfaces(t, n, "lo", "mtcp0")
	p.signal(syscall.SIGKILL)
	p.exit()
	checkInterfaces(t, n, "lo")
}

func TestServe_OnATAPThatWasMadeBefore(t *testing.T) {
	n := newTestNamespace(t)
	if err := n.Do(func() error {
		d, err := tap.Open(tap.Config{Interface: "mine", Persist: true, Up: true, MTU: 1400,
			PeerAddresses: prefixes("10.88.0.77/24"), Settle: netconf.Settle})
		if err != nil {
			return err
		}
		return d.Close()
	}); err != nil {
		t.Fatal(err)
	}
	p := start(t, options{in: n}, append([]string{"serve", "--echo", "--iface", "mine"}, smallTAP...)...)
	p.await("which has 10.88.0.77/24 on mine: nc 10.88.0.2 80")
	if !strings.Contains(p.out.String(), "MTU 1400") {
		t.Errorf("changed it:\n%s", p.out)
	}
	c, err := kernelIn(n)(t.Context(), "tcp4", "10.88.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	checkInterfaces(t, n, "lo", "mine")
}

func TestGet_OverATAPFromTheKernel(t *testing.T) {
	n := newTestNamespace(t)
	s, err := newSite(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.remove()
	server := start(t, options{in: n}, "serve", "--link", "kernel", "--congestion", "reno", "--listen", ":80", "--root", s.dir)
	server.await("files of")
	file := filepath.Join(t.TempDir(), "copy")
	p := start(t, options{in: n}, append([]string{"get", "-o", file, "http://10.88.0.1/" + fileName}, smallTAP...)...)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	if want := fmt.Sprintf("%x  %s\n", s.sum, file); p.out.String() != want {
		t.Errorf("said %q, want %q", p.out, want)
	}
	checkInterfaces(t, n, "lo")
}

func TestBadInput_OfATAPNamesTheMendAndLeavesNothing(t *testing.T) {
	w := newTestWorld(t) // its server's end is a veth with 10.77.0.3/24
	n := w.server().Namespace
	serve := func(more ...string) []string {
		return append([]string{"serve", "--echo", "--link", "tap", "--connections", "4096", "--ring-memory", "64"}, more...)
	}
	fails := func(o options, args []string, names ...string) {
		t.Helper()
		checkFails(t, w, o, args, names...)
		checkInterfaces(t, n, "lo", "mtcp0")
	}
	fails(options{}, serve("--iface", "mtcp0", "--addr", "10.88.0.2/24"), "taken by another kind of interface", "veth", "another name")
	fails(options{}, serve("--iface", "lo", "--addr", "10.88.0.2/24"), "taken by another kind of interface")
	fails(options{}, serve("--iface", "much/too", "--addr", "10.88.0.2/24"), "much/too", "no name")
	fails(options{}, serve("--addr", kernelAddress+"/24"), "the kernel has the address "+kernelAddress+" on mtcp0", "ip addr del")
	fails(options{}, serve("--addr", "10.77.0.9/24"), "10.77.0.9/24", "by mtcp0 already")
	fails(options{env: []string{dropEnv + "=rights"}}, serve("--addr", "10.88.0.2/24"), "mtcp1", "not permitted", "CAP_NET_ADMIN", "ip tuntap add")

	if err := n.Do(func() error { return netlink.LinkAdd(oneQueue("plain")) }); err != nil {
		t.Fatal(err)
	}
	checkFails(t, w, options{}, serve("--iface", "plain", "--queues", "2", "--addr", "10.88.0.2/24"), "made for one", "multi_queue")

	first := start(t, options{in: n}, serve("--iface", "held", "--addr", "10.88.0.2/24")...)
	first.await("reach")
	checkFails(t, w, options{}, serve("--iface", "held", "--addr", "10.88.0.3/24"), "in use", "stop the process")
	first.signal(syscall.SIGINT)
	if code := first.exit(); code != exitOK {
		t.Errorf("the first server's exit code: %d\n%s", code, first.stderr)
	}
	checkInterfaces(t, n, "lo", "mtcp0", "plain")
}

// oneQueue is a TAP interface that stays, made as ip tuntap makes them.
func oneQueue(name string) netlink.Link {
	l := &netlink.Tuntap{LinkAttrs: netlink.NewLinkAttrs(), Mode: netlink.TUNTAP_MODE_TAP, Flags: netlink.TUNTAP_DEFAULTS}
	l.Name = name
	return l
}
