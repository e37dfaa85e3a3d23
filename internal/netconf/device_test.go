package netconf

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// examine looks at an interface of a namespace.
func examine(t *testing.T, n *Namespace, name string) Device {
	t.Helper()
	var d Device
	if err := n.Do(func() (err error) { d, err = Examine(name); return err }); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestExamine_VethWithItsPeer(t *testing.T) {
	n := namespace(t)
	p, err := NewPair(
		End{Namespace: n, Interface: "left", Queues: 2, MTU: 1400, Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24")}},
		End{Namespace: n, Interface: "right", Queues: 3, MTU: 1450, ChecksumsFilled: true},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := n.Do(func() error {
		other := &net.IPNet{IP: net.IPv4(10, 1, 0, 0), Mask: net.CIDRMask(16, 32)}
		if err := netlink.RouteAdd(&netlink.Route{Dst: other, Gw: []byte{10, 9, 0, 253}}); err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{Gw: []byte{10, 9, 0, 254}})
	}); err != nil {
		t.Fatal(err)
	}
	d := examine(t, n, "left")
	if d.Kind != "veth" || d.Driver != "veth" || !d.IsEthernet || d.IsLoopback || !d.HasCarrier || d.MTU != 1400 || d.RxQueues != 2 {
		t.Errorf("%+v", d)
	}
	if d.Peer == nil || d.Peer.Name != "right" || d.Peer.MTU != 1450 || d.Peer.TxQueues != 3 {
		t.Fatalf("peer: %+v", d.Peer)
	}
	if d.Peer.Offloads[TxChecksum].On || !d.Offloads[TxChecksum].On || !d.Offloads[GSO].On {
		t.Errorf("offloads of the ends: %+v, %+v", d.Offloads[TxChecksum], d.Peer.Offloads[TxChecksum])
	}
	if d.Gateway != netip.MustParseAddr("10.9.0.254") || d.Channels.MaxRx < 2 || len(d.Qdiscs) == 0 || d.XDP.Attached {
		t.Errorf("gateway %v, channels %+v, qdiscs %v, program %+v", d.Gateway, d.Channels, d.Qdiscs, d.XDP)
	}
}

func TestExamine_PeerInAnotherNamespaceIsNotKnown(t *testing.T) {
	requireRoot(t)
	p, err := NewPair(End{Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24")}}, End{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Ends[0].Do(func() error {
		other := &net.IPNet{IP: net.IPv4(10, 1, 0, 0), Mask: net.CIDRMask(16, 32)}
		return netlink.RouteAdd(&netlink.Route{Dst: other, Gw: []byte{10, 9, 0, 253}})
	}); err != nil {
		t.Fatal(err)
	}
	if d := examine(t, p.Ends[0].Namespace, p.Ends[0].Interface); d.Peer != nil || d.Gateway.IsValid() {
		t.Errorf("peer %+v, gateway %v, and there is no default route", d.Peer, d.Gateway)
	}
}

func TestExamine_LoopbackTapAndBridge(t *testing.T) {
	n := namespace(t)
	make := func(l netlink.Link) {
		t.Helper()
		if err := n.Do(func() error { return netlink.LinkAdd(l) }); err != nil {
			t.Skipf("cannot make a %s here: %v", l.Type(), err)
		}
	}
	if d := examine(t, n, "lo"); !d.IsLoopback || d.IsEthernet || d.Kind != "" {
		t.Errorf("lo: %+v", d)
	}
	make(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tap0"}, Mode: netlink.TUNTAP_MODE_TAP, Flags: netlink.TUNTAP_DEFAULTS})
	tap := examine(t, n, "tap0")
	if tap.Kind != "tuntap" || !tap.IsEthernet || tap.Up || tap.Driver != "tun" {
		t.Errorf("tap: %+v", tap)
	}
	make(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}})
	if d := examine(t, n, "br0"); d.Kind != "bridge" || !d.IsEthernet || d.Peer != nil {
		t.Errorf("bridge: %+v", d)
	}
	if err := n.Do(func() error {
		br, err := netlink.LinkByName("br0")
		if err != nil {
			return err
		}
		l, err := netlink.LinkByName("tap0")
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(l, br)
	}); err != nil {
		t.Fatal(err)
	}
	if d := examine(t, n, "tap0"); d.Master != "br0" {
		t.Errorf("a port of %q", d.Master)
	}
}

func TestExamine_Dummy(t *testing.T) {
	n := namespace(t)
	l := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "dummy0", MTU: 1280}}
	if err := n.Do(func() error { return netlink.LinkAdd(l) }); err != nil {
		t.Skipf("this kernel makes no dummy interfaces: %v", err)
	}
	if d := examine(t, n, "dummy0"); d.Kind != "dummy" || d.Up || d.MTU != 1280 || len(d.Qdiscs) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestExamine_MissingNameListsWhatThereIs(t *testing.T) {
	n := namespace(t)
	err := n.Do(func() error { _, err := Examine("nosuch0"); return err })
	if !errors.Is(err, ErrNoInterface) {
		t.Errorf("%v", err)
	}
}

func TestAttachedXDP(t *testing.T) {
	for _, tt := range []struct {
		in   *netlink.LinkXdp
		want XDP
	}{
		{nil, XDP{}},
		{&netlink.LinkXdp{}, XDP{}},
		{&netlink.LinkXdp{Attached: true, AttachMode: 1, ProgId: 7}, XDP{Attached: true, ID: 7, Mode: "native"}},
		{&netlink.LinkXdp{Attached: true, AttachMode: 2}, XDP{Attached: true, Mode: "generic"}},
		{&netlink.LinkXdp{Attached: true, AttachMode: 9}, XDP{Attached: true, Mode: "unknown"}},
	} {
		if got := attachedXDP(tt.in); got != tt.want {
			t.Errorf("%+v, want %+v", got, tt.want)
		}
	}
}

func TestReadSysfs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("napi_defer_hard_irqs", "2")
	write("gro_flush_timeout", "200000")
	write("threaded", "1")
	write("queues/rx-0/rps_cpus", "00000000,00000000")
	var d Device
	d.readSysfs(dir)
	if d.NAPI != (NAPI{2, 200 * time.Microsecond, true}) || d.HasRPS {
		t.Errorf("%+v", d)
	}
	write("queues/rx-1/rps_cpus", "00000000,00000003")
	d.readSysfs(dir)
	if !d.HasRPS {
		t.Error("RPS of the second queue is not seen")
	}
	d.readSysfs(dir + "/nowhere")
	if d.NAPI.DeferHardIRQs != Unknown || d.NAPI.FlushTimeout != 0 {
		t.Errorf("without a directory: %+v", d.NAPI)
	}
}

func TestIRQs_OnlyThoseWithAProcessor(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"no number", "99999999"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := irqs(entries); len(got) != 0 {
		t.Errorf("%v", got)
	}
	all, err := os.ReadDir("/proc/irq")
	if err != nil {
		t.Skip("no /proc/irq here")
	}
	got := irqs(all)
	if !slices.IsSortedFunc(got, func(a, b IRQ) int { return a.Number - b.Number }) || len(got) == 0 || got[0].CPUs == "" {
		t.Errorf("%v", got)
	}
}
