package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

func TestChoose_TheLinkThatWorks(t *testing.T) {
	tests := []struct {
		name                string
		spoil               func(f *Facts)
		link, mode, command string
		why                 string
	}{
		{"zero-copy", func(f *Facts) {}, "afxdp", "native, zero-copy", "mtcp serve --iface eth0 --addr 192.0.2.X/24 --gateway 192.0.2.1 --root DIR", "Ready"},
		{"copy", func(f *Facts) { f.Offer.ZeroCopy = false }, "afxdp", "native, copy", "mtcp serve --iface eth0 --addr 192.0.2.X/24 --gateway 192.0.2.1 --root DIR", "Ready"},
		{"generic", func(f *Facts) { f.Offer = afxdp.Offer{Known: true} }, "afxdp", "generic, copy", "mtcp serve --iface eth0 --addr 192.0.2.X/24 --gateway 192.0.2.1 --generic --root DIR", "Ready"},
		{"not told", func(f *Facts) { f.Offer = afxdp.Offer{} }, "afxdp", "", "mtcp serve --iface eth0 --addr 192.0.2.X/24 --gateway 192.0.2.1 --root DIR", "Ready"},
		{"small network", func(f *Facts) {
			f.Device.Addresses, f.Device.Gateway = []netip.Prefix{netip.MustParsePrefix("192.0.2.2/28")}, netip.Addr{}
		}, "afxdp", "native, zero-copy", "mtcp serve --iface eth0 --addr ADDRESS/28 --root DIR", "Ready"},
		{"no address", func(f *Facts) { f.Device.Addresses, f.Device.Gateway = nil, netip.Addr{} }, "afxdp", "native, zero-copy", "mtcp serve --iface eth0 --addr ADDRESS/24 --root DIR", "Ready"},
		{"failures", func(f *Facts) { f.Device.MTU = 9000 }, "afxdp", "native, zero-copy", "mtcp serve --iface eth0 --addr 192.0.2.X/24 --gateway 192.0.2.1 --root DIR", "When what failed above is mended"},
		{"no rights", user, "afxdp", "native, zero-copy", "mtcp serve --iface eth0 --addr 192.0.2.X/24 --gateway 192.0.2.1 --root DIR", "When what failed above is mended"},
		{"no rights in a user namespace", func(f *Facts) { user(f); f.Machine.IsUserNamespace = true }, "tap", "", "sudo mtcp serve --link tap --addr 10.77.0.2/24 --root DIR", "user namespace"},
		{"loopback", func(f *Facts) { f.Device.IsEthernet = false }, "tap", "", "mtcp serve --link tap --addr 10.77.0.2/24 --root DIR", "no Ethernet"},
		{"loopback, for a user", func(f *Facts) { user(f); f.Device.IsEthernet = false }, "tap", "", "sudo mtcp serve --link tap --addr 10.77.0.2/24 --root DIR", "no Ethernet"},
		{"TAP interface", func(f *Facts) { f.Device.Kind = "tuntap" }, "tap", "", "mtcp serve --link tap --iface eth0 --addr 192.0.2.X/24 --root DIR", "address"},
		{"old kernel", func(f *Facts) { f.Machine.Kernel = "4.19.0" }, "tap", "", "mtcp serve --link tap --addr 10.77.0.2/24 --root DIR", "too old"},
		{"refused", func(f *Facts) { f.Refusal = "no" }, "tap", "", "mtcp serve --link tap --addr 10.77.0.2/24 --root DIR", "refuses"},
		{"user namespace", func(f *Facts) { f.Machine.IsUserNamespace = true }, "tap", "", "mtcp serve --link tap --addr 10.77.0.2/24 --root DIR", "user namespace"},
		{"nothing", func(f *Facts) { f.Refusal, f.Machine.HasTAP = "no", false }, "none", "", "mtcp demo --link mem", "no /dev/net/tun"},
		{"no interface", func(f *Facts) { f.Device = nil }, "none", "", "mtcp demo", "No interface"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := good()
			tt.spoil(f)
			u := Judge(f).Use
			if u.Link != tt.link || u.Mode != tt.mode || u.Command != tt.command || !strings.Contains(u.Why, tt.why) {
				t.Errorf("got %+v", u)
			}
		})
	}
}

func TestRecommend_TheInterfaceThatClientsComeInBy(t *testing.T) {
	named := func(name string, spoil func(f *Facts)) Candidate {
		f := good()
		f.Device.Name = name
		spoil(f)
		return Consider(f)
	}
	all := []Candidate{
		named("lo", func(f *Facts) { f.Device.IsEthernet = false }),
		named("eth2", func(f *Facts) { f.Device.Gateway = netip.Addr{} }),
		named("docker0", func(f *Facts) { f.Device.Kind, f.Device.Gateway = "bridge", netip.Addr{} }),
		named("eth1", func(f *Facts) { f.Device.Up = false }),
		named("eth0", func(f *Facts) { f.Offer = afxdp.Offer{Known: true} }),
	}
	if got := Recommend(all); got != "eth0" {
		t.Errorf("recommends %q", got)
	}
	var order []string
	for _, c := range all {
		order = append(order, c.Name)
	}
	if got := strings.Join(order, " "); got != "eth0 eth2 docker0 eth1 lo" {
		t.Errorf("order %s", got)
	}
	pair := []Candidate{
		named("eth0", func(f *Facts) { f.Device.Addresses, f.Device.Gateway = nil, netip.Addr{} }),
		named("eth1", func(f *Facts) { f.Device.Gateway = netip.Addr{} }),
	}
	if got := Recommend(pair); got != "eth1" {
		t.Errorf("recommends %q, which the kernel does not use", got)
	}
	if got := Recommend(all[3:]); got != "" {
		t.Errorf("recommends %q, which is down", got)
	}
	if Recommend(nil) != "" || Look("").Command != "mtcp demo" || Look("eth0").Command != "mtcp doctor --iface eth0" {
		t.Error("no interface, or one")
	}
}

func TestConsider_CountsOnlyWhatIsTheInterfacesOwn(t *testing.T) {
	f := good()
	user(f)
	f.Machine.BPFJIT, f.Machine.Firewall.Tables = 0, []string{"inet filter"}
	f.Device.Addresses = append(f.Device.Addresses, netip.MustParsePrefix("198.51.100.1/24"))
	f.Device.MTU, f.Device.Offloads[netconf.LRO] = 9000, netconf.Offload{On: true}
	c := Consider(f)
	if c.Failures != 1 || c.Warnings != 1 || c.State != "up" || c.Address != "192.0.2.2/24" || c.Queues != 4 || c.Mode != "native, zero-copy" {
		t.Errorf("%+v", c)
	}
	f.Device.Kind = "tuntap"
	if c := Consider(f); c.Mode != "" {
		t.Errorf("a mode for a TAP interface: %+v", c)
	}
	f.Device.HasCarrier = false
	if c := Consider(f); c.State != "no carrier" {
		t.Errorf("%+v", c)
	}
}
