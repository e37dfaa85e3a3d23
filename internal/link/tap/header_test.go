package tap

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

func TestReadHeader(t *testing.T) {
	both := needsSum(34, 6)
	both[0] |= unix.VIRTIO_NET_HDR_F_DATA_VALID
	tests := []struct {
		name          string
		h             header
		flags         link.Flags
		start, offset uint16
		ok            bool
	}{
		{"nothing known", header{}, 0, 0, 0, true},
		{"checked", header{unix.VIRTIO_NET_HDR_F_DATA_VALID}, link.ChecksumGood, 0, 0, true},
		{"left to us", needsSum(34, 6), link.ChecksumNone, 34, 6, true},
		{"left to us is the stronger word", both, link.ChecksumNone, 34, 6, true},
		{"in the last octets", needsSum(34, 24), link.ChecksumNone, 34, 24, true},
		{"beyond them", needsSum(34, 25), link.ChecksumNone, 34, 25, false},
		{"an unknown flag", header{0x80}, 0, 0, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := link.Frame{Bytes: make([]byte, 60)}
			ok := readHeader(&tt.h, &f)
			if ok != tt.ok || f.Flags != tt.flags || f.ChecksumStart != tt.start || f.ChecksumOffset != tt.offset {
				t.Errorf("%v, flags %b, start %d, offset %d", ok, f.Flags, f.ChecksumStart, f.ChecksumOffset)
			}
		})
	}
}

func TestIsBulk_AnyTypeIs(t *testing.T) {
	for _, kind := range []byte{unix.VIRTIO_NET_HDR_GSO_TCPV4, unix.VIRTIO_NET_HDR_GSO_UDP_L4, unix.VIRTIO_NET_HDR_GSO_ECN, 0xff} {
		if !isBulk(&header{1: kind}) {
			t.Errorf("type %#x is none", kind)
		}
	}
	if isBulk(&header{}) {
		t.Error("a plain frame is bulk")
	}
}

// FuzzAccept gives reads of all kinds: what is lent lies within what was read,
// and a checksum to be filled in lies within what is lent.
func FuzzAccept(f *testing.F) {
	plain, sum := header{}, needsSum(34, 16)
	f.Add(append(plain[:], make([]byte, 60)...))
	f.Add(append(sum[:], make([]byte, 60)...))
	f.Add([]byte{1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, read []byte) {
		q := &Queue{}
		b := make([]byte, 600)
		size := copy(b, read)
		var got link.Frame
		lent := q.accept(&got, b, size)
		s := q.drops.stats()
		if drops := s.RxBulk + s.RxTooLarge + s.RxMalformed; lent && drops != 0 || !lent && drops != 1 {
			t.Fatalf("lent %v, counted %+v", lent, s)
		}
		if !lent {
			return
		}
		if len(got.Bytes) != size-headerSize || len(got.Bytes) < etherHeader || size == len(b) {
			t.Fatalf("%d octets lent of %d read", len(got.Bytes), size)
		}
		if got.Flags&link.ChecksumNone != 0 {
			_ = got.Bytes[int(got.ChecksumStart)+int(got.ChecksumOffset)+1]
		}
	})
}
