package netconf

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestPair_CarriesTraffic(t *testing.T) {
	requireRoot(t)
	macB := [6]byte{2, 0, 0, 0, 0, 9}
	p, err := NewPair(
		End{
			Addresses:  []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24")},
			Neighbours: []Neighbour{{netip.MustParseAddr("10.9.0.2"), macB}},
			Queues:     2, MTU: 1400, ChecksumsFilled: true,
		},
		End{Interface: "wire1", MAC: macB, Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.2/24")}},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()

	a, b := p.Ends[0].Info, p.Ends[1].Info
	if a.Driver != "veth" || a.RxQueues != 2 || a.TxQueues != 2 || a.MTU != 1400 {
		t.Errorf("first end: %+v", a)
	}
	if b.Name != "wire1" || b.MAC != macB || b.RxQueues != 1 || b.MTU != 1500 || !b.Up {
		t.Errorf("second end: %+v", b)
	}
	if !slices.Equal(b.Addresses, []netip.Prefix{netip.MustParsePrefix("10.9.0.2/24")}) {
		t.Errorf("addresses of the second end: %v (IPv6 must be off)", b.Addresses)
	}
	datagram(t, p, "10.9.0.2:7")
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// datagram sends one from the first end to the second.
func datagram(t *testing.T, p *Pair, address string) {
	t.Helper()
	var server net.PacketConn
	var client net.Conn
	err := p.Ends[1].Do(func() (err error) { server, err = net.ListenPacket("udp", address); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	err = p.Ends[0].Do(func() (err error) { client, err = net.Dial("udp", address); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("over the wire")); err != nil {
		t.Fatal(err)
	}
	var b [64]byte
	n, _, err := server.ReadFrom(b[:])
	if err != nil || string(b[:n]) != "over the wire" {
		t.Errorf("received %q, %v", b[:n], err)
	}
}

func TestPair_CloseLeavesNothingInGivenNamespaces(t *testing.T) {
	n := namespace(t)
	p, err := NewPair(End{Namespace: n, Interface: "left"}, End{Namespace: n, Interface: "right"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	expectOnlyLoopback(t, n)
}

func TestPair_CloseIsContentWhenTheInterfaceHasGone(t *testing.T) {
	n := namespace(t)
	p, err := NewPair(End{Namespace: n, Interface: "left"}, End{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Do(func() error { return removeLink("left") }); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestNewPair_FailureLeavesNothing(t *testing.T) {
	bad := []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24"), netip.MustParsePrefix("10.9.0.1/24")}
	tests := []struct {
		name string
		a, b End
	}{
		{"name too long", End{Interface: "a-name-of-more-than-fifteen"}, End{}},
		{"second end cannot be settled", End{Interface: "left"}, End{Addresses: bad}},
		{"first end cannot be settled", End{Interface: "left", Addresses: bad}, End{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := namespace(t)
			before := openNamespaces(t)
			tt.a.Namespace = n
			if p, err := NewPair(tt.a, tt.b); err == nil {
				p.Close()
				t.Fatal("no error")
			}
			expectOnlyLoopback(t, n)
			if after := openNamespaces(t); after != before {
				t.Errorf("%d namespace descriptors open, were %d", after, before)
			}
		})
	}
}

func expectOnlyLoopback(t *testing.T, n *Namespace) {
	t.Helper()
	var names []string
	if err := n.Do(func() (err error) { names, err = Names(); return err }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(names, []string{"lo"}) {
		t.Errorf("left behind: %v", names)
	}
}

// openNamespaces counts this process's descriptors of network namespaces.
func openNamespaces(t *testing.T) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, link := range links {
		target, err := os.Readlink(link)
		if err == nil && len(target) > 4 && target[:4] == "net:" {
			n++
		}
	}
	return n
}

func TestSetFeature_RefusesWhatDoesNotExist(t *testing.T) {
	n := namespace(t)
	err := n.Do(func() error { return SetFeature("lo", "no-such-feature", false) })
	if err == nil {
		t.Error("an unknown feature was accepted")
	}
	err = n.Do(func() error { return SetFeature("nosuch0", TxChecksum, false) })
	if err == nil {
		t.Error("a missing interface was accepted")
	}
}

func TestPair_ChecksumsFilledSwitchesTheFeatureOff(t *testing.T) {
	requireRoot(t)
	p, err := NewPair(End{ChecksumsFilled: true}, End{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i, want := range []bool{false, true} {
		end := p.Ends[i]
		if err := end.Do(func() error {
			on, err := hasFeature(end.Interface)
			if err == nil && on != want {
				t.Errorf("end %d: transmit checksum offload is %v, want %v", i, on, want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := netlink.LinkByName(p.Ends[0].Interface); !errors.As(err, new(netlink.LinkNotFoundError)) {
		t.Errorf("the interface shows up outside its namespace: %v", err)
	}
}

// hasFeature asks ethtool(8), so that SetFeature is not judged by its own code.
func hasFeature(name string) (bool, error) {
	out, err := exec.Command("ethtool", "-k", name).Output()
	if err != nil {
		return false, err
	}
	return bytes.Contains(out, []byte(TxChecksum+": on")), nil
}
