package wire

import (
	"bytes"
	"testing"
)

func TestARP_RoundTrip(t *testing.T) {
	want := ARP{
		Op:        ARPReply,
		SenderMAC: MAC{2, 0, 0, 0, 0, 1}, SenderIP: addr("192.0.2.1"),
		TargetMAC: MAC{2, 0, 0, 0, 0, 2}, TargetIP: addr("192.0.2.2"),
	}
	b := make([]byte, ARPLen)
	PutARP(b, &want)
	wire := []byte{0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2}
	if !bytes.Equal(b, wire) {
		t.Fatalf("octets\n% x, want\n% x", b, wire)
	}
	if got, ok := ParseARP(append(b, "padding"...)); !ok || got != want {
		t.Fatalf("read back %+v, %v", got, ok)
	}
}

func TestParseARP_RefusesOtherHardwareAndProtocols(t *testing.T) {
	good := make([]byte, ARPLen)
	PutARP(good, &ARP{Op: ARPRequest})
	if _, ok := ParseARP(good[:ARPLen-1]); ok {
		t.Error("27 octets are too short")
	}
	for i := range 6 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, ok := ParseARP(bad); ok {
			t.Errorf("octet %d of type and length changed: must be refused", i)
		}
	}
}

func FuzzParseARP(f *testing.F) {
	good := make([]byte, ARPLen)
	PutARP(good, &ARP{Op: ARPRequest})
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := ParseARP(b)
		if !ok {
			return
		}
		again := make([]byte, ARPLen)
		PutARP(again, &a)
		if !bytes.Equal(again, b[:ARPLen]) {
			t.Fatalf("% x came back as % x", b, again)
		}
	})
}
