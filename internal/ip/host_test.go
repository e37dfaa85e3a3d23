package ip

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestAddAddress_RefusesWhatNoStationHas(t *testing.T) {
	h := newHost(t, Config{})
	for _, s := range []string{"0.0.0.0/8", "0.1.2.3/8", "127.0.0.1/8", "224.0.0.1/4", "255.255.255.255/32", "10.0.0.255/24", "10.0.0.0/24", "192.0.2.1/25"} {
		if h.AddAddress(prefix(s)) {
			t.Errorf("%s accepted", s)
		}
	}
	if h.AddAddress(wire.IPv4Prefix{Addr: addr("10.0.0.1"), Bits: 33}) {
		t.Error("a prefix of 33 bits accepted")
	}
	lone := New(Config{})
	lone.AddAddress(prefix("10.0.1.0/32"))
	if !lone.isBroadcast(wire.IPv4Broadcast) || lone.isBroadcast(0) || lone.isBroadcast(addr("10.0.1.0")) {
		t.Error("a network of one has no broadcast address")
	}
	for _, s := range []string{"10.0.0.0/31", "10.0.0.1/31", "10.0.1.0/32", "10.0.2.9/24"} {
		if !h.AddAddress(prefix(s)) {
			t.Errorf("%s refused", s)
		}
	}
}

func TestAddAddress_IsBounded(t *testing.T) {
	h := New(Config{})
	first := addr("10.0.0.1")
	for k := range maxAddresses {
		if !h.AddAddress(wire.IPv4Prefix{Addr: first + wire.IPv4(k), Bits: 24}) {
			t.Fatalf("address %d refused", k)
		}
	}
	if h.AddAddress(prefix("10.0.1.1/24")) {
		t.Error("one too many accepted")
	}
	if !h.IsLocal(first) || !h.IsLocal(first+maxAddresses-1) || h.IsLocal(first+maxAddresses) {
		t.Error("IsLocal knows the addresses and no others")
	}
}

func TestRemoveAddress_TakesItsNetworkAlong(t *testing.T) {
	h := newHost(t, Config{})
	h.AddAddress(prefix("10.0.0.1/24"))
	if _, _, _, ok := h.Route(addr("10.0.0.2")); !ok {
		t.Fatal("no route to the network of an address")
	}
	if !h.RemoveAddress(addr("10.0.0.1")) || h.RemoveAddress(addr("10.0.0.1")) || h.IsLocal(addr("10.0.0.1")) {
		t.Error("an address goes once")
	}
	if _, via, _, ok := h.Route(addr("10.0.0.2")); !ok || via != addr("192.0.2.254") {
		t.Errorf("then the default route counts, not %v %v", via, ok)
	}
	if !h.IsLocal(ourIP) {
		t.Error("the others stay")
	}
	h.AddAddress(prefix("10.0.0.1/24"))
	h.RemoveAddress(ourIP)
	if _, _, _, ok := h.Route(farIP); ok {
		t.Error("a gateway whose network was removed cannot be reached")
	}
}

// TestAddAddress_KnowsWhatEachAddressMeans compares with a look at all of them,
// after every change.
func TestAddAddress_KnowsWhatEachAddressMeans(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := New(Config{})
	var all []wire.IPv4Prefix
	some := func() wire.IPv4Prefix { // few enough to meet again, and to be each other's broadcast addresses
		return wire.IPv4Prefix{Addr: addr("10.0.0.0") + wire.IPv4(r.IntN(4)<<16|r.IntN(2)*0xff00|r.IntN(16)*17), Bits: []uint8{8, 16, 24, 28, 31, 32}[r.IntN(6)]}
	}
	for range 2000 {
		switch p := some(); {
		case r.IntN(200) == 0:
			h.Replace(all[:len(all)/2], nil)
			all = all[:len(all)/2]
		case r.IntN(5) < 3:
			if h.AddAddress(p) {
				all = append(all, p)
			}
		case h.RemoveAddress(p.Addr):
			all = slices.DeleteFunc(all, func(q wire.IPv4Prefix) bool { return q.Addr == p.Addr })
		}
		for range 20 {
			a := some().Addr
			us, them := false, false
			for _, p := range all {
				b, ok := p.Broadcast()
				us, them = us || p.Addr == a, them || ok && a == b
			}
			if h.IsLocal(a) != us || h.isBroadcast(a) != them || h.isSourceValid(a) != (!us && !them) {
				t.Fatalf("%v of %v: ours %v, broadcast %v, valid source %v, want %v, %v, %v", a, all, h.IsLocal(a), h.isBroadcast(a), h.isSourceValid(a), us, them, !us && !them)
			}
		}
	}
	if len(all) < maxAddresses/2 {
		t.Errorf("%d addresses at the end are too few for a test", len(all))
	}
}

func TestNext_IsNeverWithoutFragments(t *testing.T) {
	h := newHost(t, Config{})
	if h.Next() != mono.Never {
		t.Errorf("Next() = %v", h.Next())
	}
	h.Advance(start)
}
