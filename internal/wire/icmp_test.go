package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
)

func TestICMPv4_RoundTrip(t *testing.T) {
	for _, body := range []string{"", "x", "ping body"} {
		want := ICMPv4{Type: ICMPEchoRequest, Code: 3, Rest: 0x1234_0007}
		b := append(make([]byte, ICMPv4Len), body...)
		PutICMPv4(b, want)
		got, rest, why := ParseICMPv4(b)
		if why != drop.None || got != want || string(rest) != body {
			t.Errorf("read back %+v %q %v", got, rest, why)
		}
		if b[0] != 8 || b[1] != 3 || binary.BigEndian.Uint32(b[4:]) != want.Rest {
			t.Errorf("octets % x", b)
		}
		b[len(b)-1] ^= 1
		if _, _, why := ParseICMPv4(b); why != drop.ICMPChecksum {
			t.Errorf("a changed octet: %v", why)
		}
	}
	if _, _, why := ParseICMPv4(make([]byte, 7)); why != drop.ICMPShort {
		t.Errorf("7 octets: %v", why)
	}
}

func TestICMPv4_SecondWordByType(t *testing.T) {
	if m := (ICMPv4{Rest: 0xffff_05dc}); m.MTU() != 1500 {
		t.Errorf("MTU %d, want the low sixteen bits", m.MTU())
	}
	if m := (ICMPv4{Rest: 0x1400_0000}); m.Pointer() != 20 {
		t.Errorf("pointer %d, want the first octet", m.Pointer())
	}
	errors := map[uint8]bool{3: true, 4: true, 5: true, 11: true, 12: true}
	for typ := range 256 {
		if got := (ICMPv4{Type: uint8(typ)}).IsError(); got != errors[uint8(typ)] {
			t.Errorf("type %d: IsError %v", typ, got)
		}
	}
}

func TestParseIPv4Quote_ReadsPortsAndSequenceNumber(t *testing.T) {
	transport := []byte{0x1f, 0x90, 0xc0, 0x01, 0xde, 0xad, 0xbe, 0xef}
	for _, options := range [][]byte{nil, {1, 1, 1, 0}} {
		b := ipv4Packet(options, transport, nil)
		b[8] = 1              // a router counted the TTL down
		b[2], b[3] = 0x05, 99 // the whole packet was longer than the quote
		q, ok := ParseIPv4Quote(b)
		if !ok || q.SrcPort != 8080 || q.DstPort != 0xc001 || q.Seq != 0xdeadbeef ||
			q.Header.Src != addr("192.0.2.1") || q.Header.Dst != addr("192.0.2.2") || q.Header.Proto != ProtoTCP {
			t.Errorf("options % x: %+v %v", options, q, ok)
		}
		if _, ok := ParseIPv4Quote(b[:len(b)-1]); ok {
			t.Error("seven octets of transport are too few")
		}
	}
	bad := map[string]func(b []byte){
		"version":        func(b []byte) { b[0] = 0x55 },
		"header length":  func(b []byte) { b[0] = 0x44 },
		"header too big": func(b []byte) { b[0] = 0x46 },
		"later fragment": func(b []byte) { b[7] = 1 },
	}
	for name, change := range bad {
		if _, ok := ParseIPv4Quote(ipv4Packet(nil, transport, change)); ok {
			t.Errorf("%s: must be refused", name)
		}
	}
}

func FuzzParseICMPv4(f *testing.F) {
	quote := ipv4Packet(nil, make([]byte, 8), nil)
	b := append(make([]byte, ICMPv4Len), quote...)
	PutICMPv4(b, ICMPv4{Type: ICMPUnreachable, Code: ICMPFragNeeded, Rest: 1400})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		ParseIPv4Quote(b)
		m, body, why := ParseICMPv4(b)
		if why != drop.None {
			return
		}
		again := append(make([]byte, ICMPv4Len), body...)
		PutICMPv4(again, m)
		again[2], again[3] = b[2], b[3] // 0x0000 and 0xffff are the same checksum
		if !bytes.Equal(again, b) {
			t.Fatalf("% x came back as % x", b, again)
		}
	})
}
