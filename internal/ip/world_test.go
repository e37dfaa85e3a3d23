package ip

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// addr reads a dotted address.
func addr(s string) wire.IPv4 {
	a, ok := wire.FromNetip(netip.MustParseAddr(s))
	if !ok {
		panic("not IPv4: " + s)
	}
	return a
}

// prefix reads an address with the length of its network.
func prefix(s string) wire.IPv4Prefix {
	p, ok := wire.PrefixFromNetip(netip.MustParsePrefix(s))
	if !ok {
		panic("not IPv4: " + s)
	}
	return p
}

var (
	ourIP  = addr("192.0.2.1")
	peerIP = addr("192.0.2.2")
	farIP  = addr("198.51.100.9")
	start  = mono.Time(time.Second)
)

// newHost makes 192.0.2.1/24 with a default gateway, 192.0.2.254.
func newHost(t testing.TB, c Config) *Host {
	h := New(c)
	if !h.AddAddress(prefix("192.0.2.1/24")) || !h.AddRoute(Route{Prefix: prefix("0.0.0.0/0"), Gateway: addr("192.0.2.254")}) {
		t.Fatal("set-up refused")
	}
	return h
}

// packet builds an IP packet; change may alter the header before it is written.
func packet(payload []byte, change func(h *wire.IPv4Header)) []byte {
	h := wire.IPv4Header{Src: peerIP, Dst: ourIP, TTL: 60, Proto: wire.ProtoTCP, ID: 77}
	if change != nil {
		change(&h)
	}
	h.TotalLen = uint16(wire.IPv4HeaderLen + len(payload))
	b := make([]byte, wire.IPv4HeaderLen, int(h.TotalLen)+20)
	wire.PutIPv4(b, &h)
	return append(b, payload...)
}

// input expects a packet to be taken.
func input(t *testing.T, h *Host, b []byte, now mono.Time) Datagram {
	t.Helper()
	var d Datagram
	if why := h.Input(b, now, &d); why != drop.None {
		t.Fatalf("refused: %v", why)
	}
	return d
}

// pattern is n octets that differ.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}
