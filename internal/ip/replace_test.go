package ip

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestReplace_ForgetsWhatWasThere(t *testing.T) {
	h := newHost(t, Config{})
	if n := h.Replace([]wire.IPv4Prefix{prefix("10.0.0.1/24")}, nil); n != 0 {
		t.Errorf("%d left out", n)
	}
	if h.IsLocal(ourIP) || !h.IsLocal(addr("10.0.0.1")) {
		t.Error("the addresses are not those that were given")
	}
	for _, dst := range []string{"192.0.2.2", "198.51.100.9", "10.0.0.2"} { // an address brings no route
		if _, _, _, ok := h.Route(addr(dst)); ok {
			t.Errorf("%s has a route", dst)
		}
	}
	h.Replace(nil, []Route{{Prefix: prefix("0.0.0.0/0")}})
	if _, _, _, ok := h.Route(addr("10.0.0.2")); ok {
		t.Error("a host without an address has a route")
	}
}

func TestReplace_RoutesAsTheKernelHasThem(t *testing.T) {
	h := newHost(t, Config{})
	ignored := h.Replace(
		[]wire.IPv4Prefix{prefix("10.0.0.1/24"), prefix("10.0.1.1/24"), prefix("10.0.0.1/24"), prefix("127.0.0.1/8")},
		[]Route{
			{Prefix: prefix("0.0.0.0/0"), Gateway: addr("10.0.1.254"), Metric: 100},
			{Prefix: prefix("0.0.0.0/0"), Gateway: addr("169.254.1.1"), Metric: 50}, // on the link, though no address says so
			{Prefix: prefix("10.0.0.0/24"), Source: addr("10.0.0.1")},
			{Prefix: prefix("10.0.1.0/24"), Source: addr("10.0.1.1")},
			{Prefix: prefix("198.51.100.7/24"), Gateway: addr("10.0.1.9"), MTU: 1400},
			{Prefix: prefix("203.0.113.0/24"), Gateway: addr("10.0.1.9"), Source: addr("172.16.0.1")}, // of another interface
			{Prefix: prefix("203.0.114.0/24"), Gateway: addr("10.0.0.1")},                             // ourselves
			{Prefix: prefix("203.0.115.0/24"), Gateway: addr("224.0.0.1")},
		})
	if ignored != 4 {
		t.Errorf("%d left out, want an address twice, one of loopback, and two gateways", ignored)
	}
	for _, tt := range []struct {
		dst, src, via string
		mtu           int
	}{
		{"10.0.0.2", "10.0.0.1", "10.0.0.2", 1500},
		{"10.0.1.2", "10.0.1.1", "10.0.1.2", 1500},
		{"8.8.8.8", "10.0.0.1", "169.254.1.1", 1500},
		{"198.51.100.9", "10.0.1.1", "10.0.1.9", 1400},
		{"203.0.113.9", "10.0.1.1", "10.0.1.9", 1500},
	} {
		src, via, mtu, ok := h.Route(addr(tt.dst))
		if !ok || src != addr(tt.src) || via != addr(tt.via) || mtu != tt.mtu {
			t.Errorf("%s: from %v via %v, %d, %v; want %+v", tt.dst, src, via, mtu, ok, tt)
		}
	}
	if !h.HasRouteMTU() {
		t.Error("no route is smaller than the link")
	}
}

func TestReplace_KeepsTheFirstOfTooMany(t *testing.T) {
	h := newHost(t, Config{})
	routes := make([]Route, maxOutside+3)
	for i := range routes {
		routes[i] = Route{Prefix: wire.IPv4Prefix{Addr: 172<<24 | wire.IPv4(i)<<8, Bits: 24}}
	}
	routes[0] = Route{Gateway: addr("192.0.2.254")}
	if n := h.Replace([]wire.IPv4Prefix{prefix("192.0.2.1/24")}, routes); n != 3 {
		t.Errorf("%d left out", n)
	}
	if _, via, _, ok := h.Route(addr("8.8.8.8")); !ok || via != addr("192.0.2.254") {
		t.Errorf("the default route: %v, %v", via, ok)
	}
}

func TestSetMTU_StaysWithinWhatAHostCanHave(t *testing.T) {
	h := newHost(t, Config{MTU: 1500})
	for _, tt := range [][2]int{{1280, 1280}, {1, minMTU}, {1 << 20, wire.IPv4MaxLen}} {
		h.SetMTU(tt[0])
		if h.MTU() != tt[1] || h.PathMTU(farIP, start) != tt[1] {
			t.Errorf("%d becomes %d, a path of %d; want %d", tt[0], h.MTU(), h.PathMTU(farIP, start), tt[1])
		}
	}
}
