package ip

import (
	"bytes"
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestInput_GivesTheDatagram(t *testing.T) {
	h := newHost(t, Config{})
	b := packet([]byte("payload"), func(h *wire.IPv4Header) { h.TOS = 0x2a })
	d := input(t, h, append(bytes.Clone(b), "padding"...), start)
	if d.Src != peerIP || d.Dst != ourIP || d.Proto != wire.ProtoTCP || d.TOS != 0x2a || d.TTL != 60 || d.Broadcast || d.Held {
		t.Errorf("%+v", d)
	}
	if string(d.Payload) != "payload" || !bytes.Equal(d.Packet, b) {
		t.Errorf("payload %q, packet of %d octets, want %d", d.Payload, len(d.Packet), len(b))
	}
}

func TestInput_EachClassOfBadPacketHasItsReason(t *testing.T) {
	from := func(s string) func(*wire.IPv4Header) { return func(h *wire.IPv4Header) { h.Src = addr(s) } }
	to := func(s string) func(*wire.IPv4Header) { return func(h *wire.IPv4Header) { h.Dst = addr(s) } }
	tests := []struct {
		name   string
		change func(h *wire.IPv4Header)
		want   drop.Reason
	}{
		{"good", nil, drop.None},
		{"from zero", from("0.0.0.0"), drop.IPSource},
		{"from network zero", from("0.1.2.3"), drop.IPSource},
		{"from loopback", from("127.0.0.1"), drop.IPSource},
		{"from a group", from("224.0.0.1"), drop.IPSource},
		{"from everybody", from("255.255.255.255"), drop.IPSource},
		{"from the reserved addresses", from("240.0.0.1"), drop.IPSource},
		{"from everybody on our subnet", from("192.0.2.255"), drop.IPSource},
		{"from ourselves", from("192.0.2.1"), drop.IPSource},
		{"from another subnet's last address", from("198.51.100.255"), drop.None},
		{"to another", to("192.0.2.3"), drop.IPNotOurs},
		{"to a group", to("224.0.0.1"), drop.IPNotOurs},
		{"to loopback", to("127.0.0.1"), drop.IPNotOurs},
		{"to another subnet's broadcast", to("198.51.100.255"), drop.IPNotOurs},
		{"to everybody", to("255.255.255.255"), drop.None},
		{"to everybody on our subnet", to("192.0.2.255"), drop.None},
		{"TTL of zero does not matter to a host", func(h *wire.IPv4Header) { h.TTL = 0 }, drop.None},
	}
	for _, tt := range tests {
		h := newHost(t, Config{})
		d := Datagram{Broadcast: true, Held: true}
		b := packet(nil, tt.change)
		if why := h.Input(b, start, &d); why != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, why, tt.want)
		} else if isAll := d.Dst != ourIP; why == drop.None && (d.Broadcast != isAll || d.Held) {
			t.Errorf("%s: broadcast %v, held %v", tt.name, d.Broadcast, d.Held)
		}
	}
	h := newHost(t, Config{})
	var d Datagram
	if why := h.Input([]byte{0x45}, start, &d); why != drop.IPHeaderLen {
		t.Errorf("one octet: %v", why)
	}
}

func FuzzInput(f *testing.F) {
	f.Add(packet([]byte("data"), nil), packet(pattern(16), func(h *wire.IPv4Header) { h.MF = true }))
	f.Add(packet(pattern(8), func(h *wire.IPv4Header) { h.FragOffset = 16 }), icmpPacket(wire.ICMPv4{Type: wire.ICMPEchoRequest}, nil))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		h := newHost(t, Config{Datagrams: 2, ReassemblyBytes: 1 << 17})
		var d Datagram
		now := start
		for range 2 {
			for _, b := range [][]byte{first, second} {
				// Right checksums let the fuzzer past the first check.
				if len(b) >= wire.IPv4HeaderLen {
					b = bytes.Clone(b)
					n := min(len(b), max(int(b[0]&15)*4, wire.IPv4HeaderLen))
					b[10], b[11] = 0, 0
					sum := wire.Checksum(b[:n])
					b[10], b[11] = byte(sum>>8), byte(sum)
				}
				if h.Input(b, now, &d) == drop.None && !d.Held {
					h.InputICMP(&d, now)
					h.Unreachable(&d, wire.ICMPProtoUnreachable, now)
				}
			}
			now = now.Add(h.cfg.ReassemblyTimeout)
			h.Advance(now)
		}
		var out [2000]byte
		for {
			n, _ := h.OutputICMP(out[:])
			if n == 0 {
				break
			}
			if _, _, why := wire.ParseIPv4(out[:n]); why != drop.None {
				t.Fatalf("we sent a packet that we would refuse: %v", why)
			}
		}
		h.checkMemory(t)
	})
}
