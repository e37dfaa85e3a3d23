package tap

// The header in front of each frame, struct virtio_net_hdr in the machine's own
// byte order:
//
//	 0       1       2       4       6       8       10
//	+-------+-------+-------+-------+-------+-------+
//	| flags |  gso  | header|  gso  | csum  | csum  |
//	|       |  type | length|  size | start | offset|
//	+-------+-------+-------+-------+-------+-------+
//
// With ten octets of it, and fourteen of Ethernet, the IP header is aligned.

import (
	"encoding/binary"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

const headerSize = 10

type header = [headerSize]byte

// putHeader writes the header of a frame to be sent.
func putHeader(h *header, f *link.Frame) {
	*h = header{}
	if f.Flags&link.WantChecksum == 0 {
		return
	}
	h[0] = unix.VIRTIO_NET_HDR_F_NEEDS_CSUM
	binary.NativeEndian.PutUint16(h[6:], f.ChecksumStart)
	binary.NativeEndian.PutUint16(h[8:], f.ChecksumOffset)
}

// isBulk reports whether a header announces a packet that is to be cut into
// segments, which was not asked for.
func isBulk(h *header) bool { return h[1] != unix.VIRTIO_NET_HDR_GSO_NONE }

// readHeader says of a received frame what its header says. It reports false if
// that cannot be.
func readHeader(h *header, f *link.Frame) bool {
	switch {
	case h[0]&unix.VIRTIO_NET_HDR_F_NEEDS_CSUM != 0:
		f.ChecksumStart = binary.NativeEndian.Uint16(h[6:])
		f.ChecksumOffset = binary.NativeEndian.Uint16(h[8:])
		f.Flags = link.ChecksumNone
		return checksumWithin(f)
	case h[0]&unix.VIRTIO_NET_HDR_F_DATA_VALID != 0:
		f.Flags = link.ChecksumGood
	}
	return true
}

// checksumWithin reports whether the field to be filled in lies in the frame.
func checksumWithin(f *link.Frame) bool {
	return int(f.ChecksumStart)+int(f.ChecksumOffset)+2 <= len(f.Bytes)
}
