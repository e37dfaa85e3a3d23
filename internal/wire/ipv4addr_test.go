package wire

import (
	"net/netip"
	"testing"
)

// addr reads a dotted address in tests.
func addr(s string) IPv4 {
	a, ok := FromNetip(netip.MustParseAddr(s))
	if !ok {
		panic("not IPv4: " + s)
	}
	return a
}

func TestIPv4_ClassesFollowTheRegistry(t *testing.T) {
	type class struct{ unspecified, thisNet, loop, link, multi, reserved, broad bool }
	tests := map[string]class{
		"0.0.0.0":         {unspecified: true, thisNet: true},
		"0.1.2.3":         {thisNet: true},
		"10.0.0.1":        {},
		"126.255.255.255": {},
		"127.0.0.1":       {loop: true},
		"127.255.0.9":     {loop: true},
		"128.0.0.1":       {},
		"169.253.0.1":     {},
		"169.254.7.7":     {link: true},
		"223.255.255.255": {},
		"224.0.0.1":       {multi: true},
		"239.255.255.255": {multi: true},
		"240.0.0.1":       {reserved: true},
		"255.255.255.255": {reserved: true, broad: true},
	}
	for s, want := range tests {
		a := addr(s)
		got := class{a.IsUnspecified(), a.IsThisNetwork(), a.IsLoopback(), a.IsLinkLocal(), a.IsMulticast(), a.IsReserved(), a.IsBroadcast()}
		if got != want {
			t.Errorf("%s: %+v, want %+v", s, got, want)
		}
	}
}

func TestIPv4_ConversionsRoundTrip(t *testing.T) {
	a := addr("192.0.2.33")
	if a != 0xc0000221 {
		t.Fatalf("192.0.2.33 = %#x, want a<<24|b<<16|c<<8|d", uint32(a))
	}
	var b [4]byte
	a.Put(b[:])
	if b != [4]byte{192, 0, 2, 33} || FromBytes(b[:]) != a || a.String() != "192.0.2.33" || a.Netip().As4() != b {
		t.Errorf("octets %v, string %v", b, a)
	}
	if m, ok := FromNetip(netip.MustParseAddr("::ffff:192.0.2.33")); !ok || m != a {
		t.Error("an IPv4-mapped address is an IPv4 address")
	}
	if _, ok := FromNetip(netip.MustParseAddr("2001:db8::1")); ok {
		t.Error("an IPv6 address has no IPv4 form")
	}
	if _, ok := FromNetip(netip.Addr{}); ok {
		t.Error("the zero netip.Addr has no IPv4 form")
	}
}

func TestIPv4Prefix_KnowsItsNetworkAndBroadcast(t *testing.T) {
	tests := []struct {
		prefix, network, broadcast string
		in, out                    string
	}{
		{"10.1.2.3/8", "10.0.0.0/8", "10.255.255.255", "10.9.9.9", "11.0.0.0"},
		{"192.0.2.77/26", "192.0.2.64/26", "192.0.2.127", "192.0.2.65", "192.0.2.128"},
		{"192.0.2.77/30", "192.0.2.76/30", "192.0.2.79", "192.0.2.78", "192.0.2.80"},
		{"192.0.2.77/31", "192.0.2.76/31", "", "192.0.2.76", "192.0.2.78"},
		{"192.0.2.77/32", "192.0.2.77/32", "", "192.0.2.77", "192.0.2.76"},
		{"0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", "1.2.3.4", ""},
	}
	for _, tt := range tests {
		p, ok := PrefixFromNetip(netip.MustParsePrefix(tt.prefix))
		if !ok || p.String() != tt.prefix {
			t.Errorf("%s: read as %v, %v", tt.prefix, p, ok)
		}
		if got := p.Network().String(); got != tt.network {
			t.Errorf("%s: network %s, want %s", tt.prefix, got, tt.network)
		}
		if b, ok := p.Broadcast(); ok != (tt.broadcast != "") || ok && b.String() != tt.broadcast {
			t.Errorf("%s: broadcast %v %v, want %q", tt.prefix, b, ok, tt.broadcast)
		}
		if !p.Contains(addr(tt.in)) || tt.out != "" && p.Contains(addr(tt.out)) {
			t.Errorf("%s must contain %s and not %s", tt.prefix, tt.in, tt.out)
		}
		if n, ok := PrefixOfMask(p.Mask()); !ok || n != p.Bits {
			t.Errorf("%s: mask %v read back as %d, %v", tt.prefix, p.Mask(), n, ok)
		}
	}
	if _, ok := PrefixOfMask(addr("255.0.255.0")); ok {
		t.Error("a mask with holes has no length")
	}
	if _, ok := PrefixFromNetip(netip.MustParsePrefix("2001:db8::/32")); ok {
		t.Error("an IPv6 prefix has no IPv4 form")
	}
	if (IPv4Prefix{Bits: 33}).IsValid() || !(IPv4Prefix{Bits: 32}).IsValid() {
		t.Error("prefix lengths end at 32")
	}
}
