package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
)

// ipv4Packet builds a packet with the options and payload given, its lengths
// and checksum right; change is applied before the checksum is computed.
func ipv4Packet(options, payload []byte, change func(b []byte)) []byte {
	b := make([]byte, IPv4HeaderLen, 128)
	PutIPv4(b, &IPv4Header{TotalLen: 20, TTL: 64, Proto: ProtoTCP, Src: addr("192.0.2.1"), Dst: addr("192.0.2.2")})
	b = append(append(b, options...), payload...)
	b[0] = 4<<4 | byte((IPv4HeaderLen+len(options))/4)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if change != nil {
		change(b)
	}
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], Checksum(b[:min(len(b), int(b[0]&15)*4)]))
	return b
}

func TestIPv4_RoundTrip(t *testing.T) {
	headers := []IPv4Header{
		{TotalLen: 27, ID: 0xabcd, DF: true, TTL: 64, Proto: ProtoTCP, Src: addr("192.0.2.1"), Dst: addr("198.51.100.2"), HeaderLen: 20},
		{TotalLen: 27, MF: true, FragOffset: 1480, TTL: 1, Proto: ProtoICMP, TOS: 0xff, Src: 1, Dst: 0xffffffff, HeaderLen: 20},
		{TotalLen: 27, FragOffset: 65528, HeaderLen: 20},
	}
	for _, want := range headers {
		b := append(make([]byte, IPv4HeaderLen), "payload"...)
		PutIPv4(b, &want)
		got, payload, why := ParseIPv4(append(b, "ethernet padding"...))
		if why != drop.None || got != want || string(payload) != "payload" {
			t.Errorf("read back %+v %q %v,\nwant %+v", got, payload, why, want)
		}
		if fragment := want.MF || want.FragOffset > 0; got.IsFragment() != fragment {
			t.Errorf("IsFragment() = %v, want %v", !fragment, fragment)
		}
	}
	if h := (IPv4Header{TOS: 0xfd}); h.ECN() != 1 {
		t.Errorf("ECN of TOS 0xfd = %d, want its low two bits", h.ECN())
	}
}

func TestPutIPv4Whole_IsPutIPv4(t *testing.T) {
	for _, h := range []IPv4Header{
		{TOS: 2, TotalLen: 0x1234, ID: 0x5678, DF: true, TTL: 64, Proto: 6, Src: 0x0a000001, Dst: 0x0a000002},
		{TOS: 0xff, TotalLen: 0xffff, ID: 0xffff, DF: true, TTL: 0xff, Proto: 0xff, Src: 0xffffffff, Dst: 0xffffffff},
	} {
		var got, want [IPv4HeaderLen]byte
		PutIPv4(want[:], &h)
		PutIPv4Whole(&got, h.TOS, h.TTL, h.Proto, h.TotalLen, h.ID, h.Src, h.Dst)
		if got != want {
			t.Errorf("% x, want % x", got, want)
		}
	}
}

func TestPutIPv4_WritesTheOctetsOfRFC791(t *testing.T) {
	b := make([]byte, IPv4HeaderLen)
	PutIPv4(b, &IPv4Header{TOS: 2, TotalLen: 0x1234, ID: 0x5678, DF: true, TTL: 64, Proto: 6, Src: 0x0a000001, Dst: 0x0a000002})
	want := []byte{0x45, 2, 0x12, 0x34, 0x56, 0x78, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	binary.BigEndian.PutUint16(want[10:], ^naiveSum(want, 0))
	if !bytes.Equal(b, want) {
		t.Fatalf("octets\n% x, want\n% x", b, want)
	}
}

func TestParseIPv4_EachMalformedClassHasItsReason(t *testing.T) {
	payload := []byte("12345678")
	set := func(i int, v byte) func([]byte) { return func(b []byte) { b[i] = v } }
	tests := []struct {
		name string
		b    []byte
		want drop.Reason
	}{
		{"empty", nil, drop.IPHeaderLen},
		{"19 octets", ipv4Packet(nil, nil, nil)[:19], drop.IPHeaderLen},
		{"version 6", ipv4Packet(nil, payload, set(0, 0x65)), drop.IPVersion},
		{"IHL 4", ipv4Packet(nil, payload, set(0, 0x44)), drop.IPHeaderLen},
		{"IHL past the end", ipv4Packet(nil, payload, set(0, 0x4f)), drop.IPHeaderLen},
		{"total length below the header", ipv4Packet(nil, payload, set(3, 19)), drop.IPTotalLen},
		{"total length past the end", ipv4Packet(nil, payload, set(3, 29)), drop.IPTotalLen},
		{"good", ipv4Packet(nil, payload, nil), drop.None},
		{"option of length 0", ipv4Packet([]byte{148, 0, 0, 0}, payload, nil), drop.IPOptions},
		{"option of length 1", ipv4Packet([]byte{148, 1, 0, 0}, payload, nil), drop.IPOptions},
		{"option past the end", ipv4Packet([]byte{148, 5, 0, 0}, payload, nil), drop.IPOptions},
		{"option without a length", ipv4Packet([]byte{1, 1, 1, 148}, payload, nil), drop.IPOptions},
		{"loose source route", ipv4Packet([]byte{131, 3, 4, 0}, payload, nil), drop.IPOptions},
		{"strict source route", ipv4Packet([]byte{1, 137, 3, 4}, payload, nil), drop.IPOptions},
		{"router alert is ignored", ipv4Packet([]byte{148, 4, 0, 0}, payload, nil), drop.None},
		{"option without a value", ipv4Packet([]byte{0x5e, 2, 0x5e, 2}, payload, nil), drop.None},
		{"unknown option is ignored", ipv4Packet([]byte{1, 0x5e, 3, 9}, payload, nil), drop.None},
		{"what follows End is not looked at", ipv4Packet([]byte{0, 131, 3, 4}, payload, nil), drop.None},
	}
	if _, got, why := ParseIPv4(ipv4Packet(nil, nil, nil)); why != drop.None || len(got) != 0 {
		t.Errorf("a header that is the whole packet: %v", why)
	}
	broken := ipv4Packet(nil, payload, nil)
	broken[8]--
	tests = append(tests, struct {
		name string
		b    []byte
		want drop.Reason
	}{"checksum", broken, drop.IPChecksum})
	for _, tt := range tests {
		h, got, why := ParseIPv4(tt.b)
		if why != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, why, tt.want)
		}
		if why == drop.None && (!bytes.Equal(got, payload) || int(h.HeaderLen) != len(tt.b)-len(payload)) {
			t.Errorf("%s: payload %q, header %d", tt.name, got, h.HeaderLen)
		}
	}
}

func FuzzParseIPv4(f *testing.F) {
	f.Add(ipv4Packet(nil, []byte("data"), nil))
	f.Add(ipv4Packet([]byte{148, 4, 0, 0}, nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, why := ParseIPv4(b)
		if why != drop.None {
			return
		}
		if int(h.HeaderLen)+len(payload) != int(h.TotalLen) || int(h.TotalLen) > len(b) {
			t.Fatalf("header %d + payload %d, total %d of %d", h.HeaderLen, len(payload), h.TotalLen, len(b))
		}
		again := make([]byte, IPv4HeaderLen)
		PutIPv4(again, &h)
		h2, _, why := ParseIPv4(append(again, make([]byte, int(h.TotalLen))...))
		h.HeaderLen = IPv4HeaderLen
		if why != drop.None || h2 != h {
			t.Fatalf("%+v came back as %+v (%v)", h, h2, why)
		}
	})
}
