package wire

import (
	"bytes"
	"testing"
)

func TestEthernet_RoundTrip(t *testing.T) {
	want := Ethernet{Dst: MAC{1, 2, 3, 4, 5, 6}, Src: MAC{7, 8, 9, 10, 11, 12}, Type: EtherTypeARP}
	b := []byte("..............payload")
	PutEthernet(b, want)
	if !bytes.Equal(b[:14], []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 6}) {
		t.Fatalf("octets % x", b[:14])
	}
	got, rest, ok := ParseEthernet(b)
	if !ok || got != want || string(rest) != "payload" {
		t.Fatalf("read back %+v %q %v", got, rest, ok)
	}
	if _, _, ok := ParseEthernet(b[:13]); ok {
		t.Error("13 octets are no frame")
	}
}

func FuzzParseEthernet(f *testing.F) {
	f.Add(make([]byte, 13))
	f.Add(make([]byte, 60))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, rest, ok := ParseEthernet(b)
		if !ok {
			return
		}
		again := make([]byte, EthernetLen)
		PutEthernet(again, e)
		if !bytes.Equal(append(again, rest...), b) {
			t.Fatalf("% x came back as % x", b, again)
		}
	})
}
