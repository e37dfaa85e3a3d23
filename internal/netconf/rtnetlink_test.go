package netconf

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// datagramOf is one message with attributes, as the kernel sends it.
func datagramOf(kind, flags uint16, header []byte, attrs ...[]byte) []byte {
	e := binary.NativeEndian
	b := make([]byte, unix.NLMSG_HDRLEN)
	e.PutUint16(b[4:], kind)
	e.PutUint16(b[6:], flags)
	b = append(b, header...)
	for _, a := range attrs {
		b = append(b, a...)
	}
	e.PutUint32(b, uint32(len(b)))
	return b
}

func attributeOf(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func word(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// linkHeader, addressHeader, routeHeader and neighbourHeader are about interface 7.
func linkHeader(family byte, flags uint32) []byte {
	return append(append([]byte{family, 0, 1, 0}, word(7)...), append(word(flags), 0, 0, 0, 0)...)
}

func addressHeader(bits byte) []byte { return append([]byte{unix.AF_INET, bits, 0, 0}, word(7)...) }

func routeHeader(bits byte) []byte {
	return []byte{unix.AF_INET, bits, 0, 0, unix.RT_TABLE_MAIN, 0, 0, unix.RTN_UNICAST, 0, 0, 0, 0}
}

func neighbourHeader(state byte, flags byte) []byte {
	return append(append([]byte{unix.AF_INET, 0, 0, 0}, word(7)...), state, 0, flags, 1)
}

// known is a view of interface 7 with an address, a route and a neighbour.
func known() view {
	v := makeView(7)
	v.link = linkState{isEnabled: true, isUp: true, mtu: 1500, mac: watchedMAC}
	v.addresses[watchedIP] = true
	v.routes[Route{Destination: farPrefix, Gateway: gatewayIP}] = true
	v.neighbours[gatewayIP] = peerMAC
	return v
}

func TestApply_WhatMessagesMean(t *testing.T) {
	ip := attributeOf(unix.NDA_DST, 10, 77, 0, 254)
	mac := attributeOf(unix.NDA_LLADDR, 2, 0, 0, 0, 0, 8)
	moved := Event{Kind: NeighbourResolved, Neighbour: Neighbour{gatewayIP, [6]byte{2, 0, 0, 0, 0, 8}}}
	gone := Event{Kind: NeighbourGone, Neighbour: Neighbour{IP: gatewayIP}}
	up := uint32(unix.IFF_UP | unix.IFF_RUNNING)
	peer := Event{Kind: AddressAdded, Address: netip.MustParsePrefix("10.8.0.1/32")}
	far := []byte{10, 99, 0, 0}
	for _, tt := range []struct {
		name   string
		b      []byte
		want   []Event
		doubts bool
	}{
		{"a bridge that lets go of the interface", datagramOf(unix.RTM_DELLINK, 0, linkHeader(unix.AF_BRIDGE, up)), nil, false},
		{"the interface removed", datagramOf(unix.RTM_DELLINK, 0, linkHeader(0, 0)), []Event{{Kind: Removed}}, false},
		{"nothing new about the link", datagramOf(unix.RTM_NEWLINK, 0, linkHeader(0, up)), nil, false},
		{"no carrier", datagramOf(unix.RTM_NEWLINK, 0, linkHeader(0, unix.IFF_UP)), []Event{{Kind: LinkDown}}, false},
		{"down", datagramOf(unix.RTM_NEWLINK, 0, linkHeader(0, 0)), []Event{{Kind: LinkDown}}, true},
		{"a hardware address of another length", datagramOf(unix.RTM_NEWLINK, 0, linkHeader(0, up), attributeOf(unix.IFLA_ADDRESS, 1, 2, 3, 4)), nil, false},
		{"an address with a peer", datagramOf(unix.RTM_NEWADDR, 0, addressHeader(32), attributeOf(unix.IFA_ADDRESS, 10, 8, 0, 2), attributeOf(unix.IFA_LOCAL, 10, 8, 0, 1)), []Event{peer}, true},
		{"an address of a bad length", datagramOf(unix.RTM_NEWADDR, 0, addressHeader(33), attributeOf(unix.IFA_LOCAL, 10, 8, 0, 1)), nil, false},
		{"an address that is none", datagramOf(unix.RTM_NEWADDR, 0, addressHeader(32)), nil, false},
		{"a route that replaces one unseen", datagramOf(unix.RTM_NEWROUTE, unix.NLM_F_REPLACE, routeHeader(16), attributeOf(unix.RTA_DST, far...), attributeOf(unix.RTA_OIF, word(8)...)), nil, true},
		{"a gateway of IPv6", datagramOf(unix.RTM_NEWROUTE, 0, routeHeader(16), attributeOf(unix.RTA_DST, far...), attributeOf(unix.RTA_OIF, word(7)...), attributeOf(unix.RTA_VIA, make([]byte, 18)...)), nil, false},
		{"a route of another table", datagramOf(unix.RTM_NEWROUTE, 0, routeHeader(16), attributeOf(unix.RTA_DST, far...), attributeOf(unix.RTA_OIF, word(7)...), attributeOf(unix.RTA_TABLE, word(1000)...)), nil, false},
		{"a stale neighbour elsewhere", datagramOf(unix.RTM_NEWNEIGH, 0, neighbourHeader(unix.NUD_STALE, 0), ip, mac), []Event{moved}, false},
		{"a neighbour that is asked", datagramOf(unix.RTM_NEWNEIGH, 0, neighbourHeader(unix.NUD_INCOMPLETE, 0), ip), []Event{gone}, false},
		{"a neighbour that failed", datagramOf(unix.RTM_NEWNEIGH, 0, neighbourHeader(unix.NUD_FAILED, 0), ip), []Event{gone}, false},
		{"a neighbour that is answered for", datagramOf(unix.RTM_NEWNEIGH, 0, neighbourHeader(unix.NUD_STALE, ntfProxy), ip, mac), nil, false},
		{"a group as a neighbour", datagramOf(unix.RTM_NEWNEIGH, 0, neighbourHeader(unix.NUD_NOARP, 0), ip, attributeOf(unix.NDA_LLADDR, 1, 0, 94, 0, 0, 1)), nil, false},
		{"a neighbour without a MAC", datagramOf(unix.RTM_NEWNEIGH, 0, neighbourHeader(unix.NUD_NOARP, 0), ip), nil, false},
		{"an unknown neighbour that goes", datagramOf(unix.RTM_DELNEIGH, 0, neighbourHeader(unix.NUD_STALE, 0), attributeOf(unix.NDA_DST, 10, 77, 0, 3)), nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := known()
			if !v.apply(tt.b) {
				t.Error("taken for a loss of messages")
			}
			if d := cmp.Diff(tt.want, v.events, equate); d != "" {
				t.Error(d)
			}
			if v.doubtsRoutes != tt.doubts {
				t.Errorf("doubts about routes: %v, want %v", v.doubtsRoutes, tt.doubts)
			}
		})
	}
}

func TestApply_NothingComesAfterTheEnd(t *testing.T) {
	v := known()
	b := datagramOf(unix.RTM_DELLINK, 0, linkHeader(0, 0))
	b = append(b, datagramOf(unix.RTM_NEWLINK, 0, linkHeader(0, 0))...)
	v.apply(append(b, datagramOf(unix.RTM_NEWADDR, 0, addressHeader(32), attributeOf(unix.IFA_LOCAL, 10, 8, 0, 1))...))
	if d := cmp.Diff([]Event{{Kind: Removed}}, v.events, equate); d != "" {
		t.Error(d)
	}
}

// Kernels before 6.8 take away routes with their source and say nothing.
func TestApply_AnAddressElsewhereMayHaveBeenASource(t *testing.T) {
	header := append([]byte{unix.AF_INET, 32, 0, 0}, word(8)...)
	b := datagramOf(unix.RTM_DELADDR, 0, header, attributeOf(unix.IFA_LOCAL, 10, 8, 0, 1))
	v := known()
	if v.apply(b); v.doubtsRoutes {
		t.Error("no route had that source")
	}
	v.routes[Route{Destination: farPrefix, Source: netip.MustParseAddr("10.8.0.1")}] = true
	if v.apply(b); !v.doubtsRoutes {
		t.Error("a route had that source")
	}
}

func TestApply_OverrunIsALoss(t *testing.T) {
	v := known()
	if v.apply(datagramOf(unix.NLMSG_OVERRUN, 0, nil)) {
		t.Error("an overrun was taken for nothing")
	}
}

func TestKind_HasAName(t *testing.T) {
	for k := LinkUp; k <= Removed; k++ {
		if k.String() == "" {
			t.Errorf("kind %d has no name", uint8(k))
		}
	}
	for _, k := range []Kind{0, Removed + 1} {
		if k.String() == "" {
			t.Error("an unknown kind is printed as nothing")
		}
	}
}

// FuzzApply: whatever bytes come, the view stays within its limits, and its
// events lead from what it was to what it is.
func FuzzApply(f *testing.F) {
	f.Add(datagramOf(unix.RTM_NEWADDR, 0, addressHeader(24), attributeOf(unix.IFA_LOCAL, 10, 8, 0, 1)))
	f.Add(datagramOf(unix.RTM_NEWLINK, 0, linkHeader(0, 1), attributeOf(unix.IFLA_MTU, word(9000)...)))
	f.Add(datagramOf(unix.RTM_DELLINK, 0, linkHeader(0, 1)))
	f.Add(datagramOf(unix.RTM_DELLINK, 0, linkHeader(0, 1), attributeOf(unix.IFLA_MTU, word(9000)...)))
	f.Add(datagramOf(unix.RTM_NEWNEIGH, 0, neighbourHeader(2, 0), attributeOf(unix.NDA_DST, 10, 77, 0, 9), attributeOf(unix.NDA_LLADDR, 2, 0, 0, 0, 0, 8)))
	f.Add(datagramOf(unix.RTM_DELNEIGH, 0, neighbourHeader(2, 0), attributeOf(unix.NDA_DST, 10, 77, 0, 254)))
	nexthop := append([]byte{16, 0, 0, 0}, word(7)...)
	nexthop = append(nexthop, attributeOf(unix.RTA_GATEWAY, 10, 77, 0, 254)...)
	f.Add(datagramOf(unix.RTM_NEWROUTE, 0, routeHeader(16), attributeOf(unix.RTA_DST, 10, 98, 0, 0), attributeOf(unix.RTA_MULTIPATH, append(nexthop, nexthop...)...)))
	f.Add(datagramOf(unix.RTM_DELROUTE, 0, routeHeader(16), attributeOf(unix.RTA_DST, 10, 99, 0, 0), attributeOf(unix.RTA_OIF, word(7)...), attributeOf(unix.RTA_GATEWAY, 10, 77, 0, 254)))
	f.Fuzz(func(t *testing.T, b []byte) {
		v := known()
		m := &mirror{known()}
		v.apply(b)
		for _, e := range v.events {
			m.follow(t, e)
		}
		got, want := m.snapshot(), v.snapshot()
		got.Up = want.Up
		if d := cmp.Diff(want, got, equate); d != "" {
			t.Error(d)
		}
		if v.apply(b); len(v.events) > 3*len(b) {
			t.Errorf("%d events of %d octets", len(v.events), len(b))
		}
	})
}
