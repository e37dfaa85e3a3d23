package wire

import (
	"bytes"
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
)

func TestTCP_RoundTrip(t *testing.T) {
	want := TCP{
		SrcPort: 443, DstPort: 51000, Seq: 0xdeadbeef, Ack: 0xfeedf00d, HeaderLen: 24,
		Flags: SYN | ACK | ECE, AE: true, Window: 65535, Checksum: 0x1234, Urgent: 7,
	}
	b := append(make([]byte, TCPHeaderLen), "OPTSpayload"...)
	PutTCP(b, &want)
	octets := []byte{0x01, 0xbb, 0xc7, 0x38, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed, 0xf0, 0x0d, 0x61, 0x52, 0xff, 0xff, 0x12, 0x34, 0, 7}
	if !bytes.Equal(b[:20], octets) {
		t.Fatalf("octets\n% x, want\n% x", b[:20], octets)
	}
	got, opts, payload, why := ParseTCP(b)
	if why != drop.None || got != want || string(opts) != "OPTS" || string(payload) != "payload" {
		t.Fatalf("read back %+v %q %q %v", got, opts, payload, why)
	}
}

func TestParseTCP_ChecksHeaderLength(t *testing.T) {
	b := make([]byte, 30)
	for words := range 16 {
		b[12] = byte(words<<4) | 0x0e // the reserved bits must be ignored
		_, opts, payload, why := ParseTCP(b)
		good := words*4 >= 20 && words*4 <= len(b)
		if (why == drop.None) != good || !good && why != drop.TCPHeaderLen {
			t.Errorf("header of %d octets in 30: %v", words*4, why)
		}
		if good && (len(opts) != words*4-20 || len(payload) != 30-words*4) {
			t.Errorf("header of %d octets: %d of options, %d of payload", words*4, len(opts), len(payload))
		}
	}
	b[12] = 15 << 4
	if _, opts, payload, why := ParseTCP(append(b, make([]byte, 30)...)); why != drop.None || len(opts) != 40 || len(payload) != 0 {
		t.Errorf("a header that is the whole segment: %v", why)
	}
	if _, _, _, why := ParseTCP(make([]byte, 19)); why != drop.TCPHeaderLen {
		t.Errorf("19 octets: %v", why)
	}
}

func TestTCPChecksum_CoversPseudoHeaderHeaderAndPayload(t *testing.T) {
	src, dst := addr("192.0.2.1"), addr("198.51.100.9")
	for n := TCPHeaderLen; n < TCPHeaderLen+20; n++ {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i * 7)
		}
		PutTCPChecksum(src, dst, b)
		if !TCPChecksumOK(src, dst, b) {
			t.Fatalf("length %d: our own checksum is refused", n)
		}
		pseudo := append([]byte{192, 0, 2, 1, 198, 51, 100, 9, 0, 6, 0, byte(n)}, b...)
		if naiveSum(pseudo, 0) != 0xffff {
			t.Fatalf("length %d: the naive sum disagrees", n)
		}
		for i := range b {
			b[i] ^= 0x40
			if TCPChecksumOK(src, dst, b) {
				t.Fatalf("length %d: octet %d changed and nobody noticed", n, i)
			}
			b[i] ^= 0x40
		}
		if TCPChecksumOK(src, dst+1, b) || TCPChecksumOK(src+1, dst, b) {
			t.Fatalf("length %d: addresses are covered", n)
		}
	}
}

// extremeHeaders are ones whose words carry in different places.
var extremeHeaders = []TCP{
	{SrcPort: 1, DstPort: 2, Seq: 3, Ack: 4, HeaderLen: 32, Flags: ACK, Window: 5},
	{SrcPort: 0xffff, DstPort: 0xffff, Seq: 0xffffffff, Ack: 0xffffffff, HeaderLen: 60, Flags: 0xff, AE: true, Window: 0xffff, Urgent: 0xffff},
	{SrcPort: 0x8000, DstPort: 0x1234, Seq: 0x80000001, Ack: 0xfffffffe, HeaderLen: 20, Flags: SYN | ACK, Window: 0x8001, Urgent: 0x8000},
}

func TestPutTCP_SumsWhatItWrites(t *testing.T) {
	var b [TCPHeaderLen]byte
	for _, h := range extremeHeaders {
		h.Checksum = 0xabcd
		if got, want := Fold(PutTCP(b[:], &h)), Fold(Sum(b[:], 0)); got != want {
			t.Errorf("%+v: sum %#x, want %#x", h, got, want)
		}
	}
}

func TestPutTCPStamped_IsPutTCPAndPutOptions(t *testing.T) {
	src, dst := addr("192.0.2.1"), addr("192.0.2.2")
	for _, h := range extremeHeaders {
		for _, v := range []uint32{0, 1, 0x80000000, 0xffffffff} {
			h.HeaderLen, h.AE, h.Urgent = TCPHeaderLen+TimestampLen, false, 0
			var want [TCPMaxHeaderLen]byte
			PutTCP(want[:], &h)
			PutOptions(want[TCPHeaderLen:], &Options{Present: HasTimestamp, TSVal: v, TSEcr: ^v}, false)
			got := make([]byte, TCPHeaderLen+TimestampLen)
			sum := PutTCPStamped((*[StampedLen]byte)(got), h.SrcPort, h.DstPort, h.Seq, h.Ack, h.Flags, h.Window, v, ^v)
			if !bytes.Equal(got, want[:len(got)]) || Fold(sum) != Fold(Sum(got, 0)) {
				t.Fatalf("% x with sum %#x, want % x", got, Fold(sum), want[:len(got)])
			}
			PutTCPSum(src, dst, got, sum)
			if !TCPChecksumOK(src, dst, got) {
				t.Errorf("% x: wrong checksum", got)
			}
		}
	}
}

func TestSumFlags_AddsWhatIsSetLater(t *testing.T) {
	var b [TCPHeaderLen]byte
	for _, h := range extremeHeaders {
		h.Flags &^= PSH
		sum := SumFlags(PutTCP(b[:], &h), PSH)
		b[13] |= byte(PSH)
		if got, want := Fold(sum), Fold(Sum(b[:], 0)); got != want {
			t.Errorf("%+v: sum %#x, want %#x", h, got, want)
		}
	}
}

func TestFlags_NamesAndQuestions(t *testing.T) {
	f := SYN | ACK
	if !f.Has(SYN) || !f.Has(SYN|ACK) || f.Has(SYN|FIN) || !f.HasAny(SYN|FIN) || f.HasAny(FIN|RST) {
		t.Error("Has asks for all bits, HasAny for one")
	}
	if f.String() != "SYN|ACK" || Flags(0).String() != "none" || Flags(0xff).String() != "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR" {
		t.Errorf("%v %v %v", f, Flags(0), Flags(0xff))
	}
}

func FuzzParseTCP(f *testing.F) {
	seed := make([]byte, 40)
	PutTCP(seed, &TCP{HeaderLen: 32, Flags: ACK})
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, opts, payload, why := ParseTCP(b)
		if why != drop.None {
			return
		}
		again := make([]byte, TCPHeaderLen)
		PutTCP(again, &h)
		again[12] |= b[12] & 0x0e // reserved bits are not kept
		again = append(append(again, opts...), payload...)
		if !bytes.Equal(again, b) {
			t.Fatalf("% x came back as % x", b, again)
		}
	})
}
