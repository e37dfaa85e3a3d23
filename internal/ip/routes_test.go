package ip

import (
	"math/rand/v2"
	"testing"

	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestRoute_LongestPrefixThenMetric(t *testing.T) {
	h := newHost(t, Config{})
	h.AddAddress(prefix("10.0.0.1/8"))
	gw := func(n byte) wire.IPv4 { return addr("192.0.2.0") + wire.IPv4(n) }
	routes := []Route{
		{Prefix: prefix("198.51.0.0/16"), Gateway: gw(11), Metric: 5},
		{Prefix: prefix("198.51.0.0/16"), Gateway: gw(12), Metric: 1},
		{Prefix: prefix("198.51.0.0/16"), Gateway: gw(13), Metric: 1},
		{Prefix: prefix("198.51.100.0/24"), Gateway: gw(14), MTU: 1400, Metric: 9},
		{Prefix: prefix("198.51.100.9/32"), Gateway: addr("10.0.0.9"), MTU: 9000},
		{Prefix: prefix("203.0.113.0/24"), Source: addr("10.0.0.1")}, // on the link
	}
	for _, r := range routes {
		if !h.AddRoute(r) {
			t.Fatalf("%+v refused", r)
		}
	}
	tests := []struct {
		dst, src, via string
		mtu           int
	}{
		{"192.0.2.77", "192.0.2.1", "192.0.2.77", 1500},
		{"10.200.0.1", "10.0.0.1", "10.200.0.1", 1500},
		{"198.51.1.1", "192.0.2.1", "192.0.2.12", 1500},
		{"198.51.100.8", "192.0.2.1", "192.0.2.14", 1400},
		{"198.51.100.9", "10.0.0.1", "10.0.0.9", 1500},
		{"203.0.113.5", "10.0.0.1", "203.0.113.5", 1500},
		{"8.8.8.8", "192.0.2.1", "192.0.2.254", 1500},
		{"192.0.2.1", "192.0.2.1", "192.0.2.1", 1500},
	}
	for _, tt := range tests {
		src, via, mtu, ok := h.Route(addr(tt.dst))
		if !ok || src != addr(tt.src) || via != addr(tt.via) || mtu != tt.mtu {
			t.Errorf("%s: from %v via %v, %d, %v; want %s via %s, %d", tt.dst, src, via, mtu, ok, tt.src, tt.via, tt.mtu)
		}
	}
	h.AddAddress(prefix("192.0.2.9/24"))
	h.AddRoute(Route{Prefix: prefix("203.0.113.128/25"), Gateway: gw(1 + 100), Source: addr("192.0.2.9"), MTU: minMTU})
	if src, _, mtu, _ := h.Route(addr("203.0.113.200")); src != addr("192.0.2.9") || mtu != minMTU {
		t.Errorf("from %v, want the source that the route names; MTU %d", src, mtu)
	}
	if !h.RemoveRoute(prefix("198.51.0.0/16"), gw(12)) || h.RemoveRoute(prefix("198.51.0.0/16"), gw(12)) {
		t.Error("a route goes once")
	}
	if _, via, _, _ := h.Route(addr("198.51.1.1")); via != gw(13) {
		t.Errorf("then via %v, want the next best", via)
	}
}

func TestRoute_OnlyToOneStation(t *testing.T) {
	h := newHost(t, Config{})
	for _, s := range []string{"0.0.0.0", "0.0.0.5", "127.0.0.1", "224.0.0.9", "255.255.255.255", "192.0.2.255"} {
		if _, _, _, ok := h.Route(addr(s)); ok {
			t.Errorf("%s has a route", s)
		}
	}
	empty := New(Config{})
	if _, _, _, ok := empty.Route(farIP); ok {
		t.Error("a host without addresses has a route")
	}
	if empty.AddRoute(Route{Prefix: prefix("198.51.100.0/24")}); empty.RemoveAddress(ourIP) {
		t.Error("an address that never was is removed")
	}
	if _, _, _, ok := empty.Route(farIP); ok {
		t.Error("a host without addresses has a source")
	}
}

func TestAddRoute_RefusesWhatCannotWork(t *testing.T) {
	h := newHost(t, Config{})
	bad := map[string]Route{
		"gateway off the link":     {Prefix: prefix("10.0.0.0/8"), Gateway: farIP},
		"gateway is ourselves":     {Prefix: prefix("10.0.0.0/8"), Gateway: ourIP},
		"gateway is everybody":     {Prefix: prefix("10.0.0.0/8"), Gateway: addr("192.0.2.255")},
		"source is not ours":       {Prefix: prefix("10.0.0.0/8"), Source: peerIP},
		"prefix of 40 bits":        {Prefix: wire.IPv4Prefix{Bits: 40}},
		"MTU below the RFC's":      {Prefix: prefix("10.0.0.0/8"), MTU: 67},
		"negative MTU":             {Prefix: prefix("10.0.0.0/8"), MTU: -1},
		"gateway behind a gateway": {Prefix: prefix("10.0.0.0/8"), Gateway: addr("8.8.8.8")},
	}
	for name, r := range bad {
		if h.AddRoute(r) {
			t.Errorf("%s: accepted", name)
		}
	}
	for k := 1; k < maxRoutes; k++ { // one is there
		if !h.AddRoute(Route{Prefix: wire.IPv4Prefix{Addr: wire.IPv4(10<<24 + k<<8), Bits: 24}}) {
			t.Fatalf("route %d refused", k)
		}
	}
	if h.AddRoute(Route{Prefix: prefix("172.16.0.0/12")}) {
		t.Error("one too many accepted")
	}
}

func TestRoute_GatewayOfAnAddressAlone(t *testing.T) {
	// What clouds hand out: 10.0.0.7/32, gateway 10.0.0.1.
	h := New(Config{})
	h.AddAddress(prefix("10.0.0.7/32"))
	if h.AddRoute(Route{Prefix: prefix("0.0.0.0/0"), Gateway: addr("10.0.0.1")}) {
		t.Error("nobody has said that the gateway is on the link")
	}
	if !h.AddRoute(Route{Prefix: prefix("10.0.0.1/32")}) || !h.AddRoute(Route{Prefix: prefix("0.0.0.0/0"), Gateway: addr("10.0.0.1")}) {
		t.Fatal("refused")
	}
	if src, via, _, ok := h.Route(farIP); !ok || src != addr("10.0.0.7") || via != addr("10.0.0.1") {
		t.Errorf("from %v via %v, %v", src, via, ok)
	}
}

func TestRoutes_AgreeWithASearchOfAll(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 5))
		table := makeRouteTable()
		var all []Route // in the order of insertion
		for range 60 {
			r := Route{
				Prefix: wire.IPv4Prefix{Addr: wire.IPv4(rng.Uint32N(8)) << 28, Bits: uint8(rng.Uint32N(6))}.Network(),
				Metric: int(rng.Uint32N(3)), MTU: 1000 + len(all),
			}
			if len(all) > 0 && rng.Uint32N(4) == 0 {
				k := rng.IntN(len(all))
				for i := range table.rows {
					if table.rows[i].Route == all[k] {
						table.removeAt(i)
						break
					}
				}
				all = append(all[:k], all[k+1:]...)
			}
			table.insert(r, false)
			all = append(all, r)
			dst := wire.IPv4(rng.Uint32())
			var want *Route
			for i := range all {
				if r := &all[i]; r.Prefix.Contains(dst) && (want == nil || r.compare(want) < 0) {
					want = r
				}
			}
			got := table.find(dst)
			if (got == nil) != (want == nil) || got != nil && got.Route != *want {
				t.Fatalf("seed %d: %v: %+v, want %+v", seed, dst, got, want)
			}
		}
	}
}
