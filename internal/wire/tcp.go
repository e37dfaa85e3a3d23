// TCP headers (RFC 9293 §3.1).

package wire

import (
	"encoding/binary"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/seq"
)

// Lengths of TCP headers.
const (
	TCPHeaderLen     = 20 // without options
	TCPMaxHeaderLen  = 60
	TCPMaxOptionsLen = TCPMaxHeaderLen - TCPHeaderLen
)

// Flags are the control bits of octet 13.
type Flags uint8

// The control bits.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Has reports whether all bits of f are set in g.
func (g Flags) Has(f Flags) bool { return g&f == f }

// HasAny reports whether some bit of f is set in g.
func (g Flags) HasAny(f Flags) bool { return g&f != 0 }

// String names the bits, as in "SYN|ACK". It allocates: not for the packet path.
func (g Flags) String() string {
	names := [8]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}
	s := ""
	for i, name := range names {
		if g&(1<<i) == 0 {
			continue
		}
		if s != "" {
			s += "|"
		}
		s += name
	}
	if s == "" {
		return "none"
	}
	return s
}

// TCP is a TCP header without its options.
type TCP struct {
	SrcPort, DstPort uint16
	Seq, Ack         seq.Value
	HeaderLen        uint8 // in octets, options included
	Flags            Flags
	AE               bool // the accurate-ECN bit, formerly NS (RFC 9768)
	Window           uint16
	Checksum         uint16
	Urgent           uint16
}

// ParseTCP splits a segment into header, options and payload. It checks the
// lengths only; the checksum is TCPChecksumOK's, since some links have verified
// it already. The reserved bits are ignored.
func ParseTCP(b []byte) (t TCP, opts, payload []byte, why drop.Reason) {
	opts, payload, why = t.Parse(b)
	return t, opts, payload, why
}

// Parse is ParseTCP into a header that exists. It is the form for the packet
// path: a header returned by value is copied with wide loads right after narrow
// stores, and the processor waits for those.
func (t *TCP) Parse(b []byte) (opts, payload []byte, why drop.Reason) {
	if len(b) < TCPHeaderLen {
		return nil, nil, drop.TCPHeaderLen
	}
	p := (*[TCPHeaderLen]byte)(b)
	headerLen := int(p[12] >> 4 * 4)
	if headerLen < TCPHeaderLen || headerLen > len(b) {
		return nil, nil, drop.TCPHeaderLen
	}
	t.SrcPort = binary.BigEndian.Uint16(p[0:2])
	t.DstPort = binary.BigEndian.Uint16(p[2:4])
	t.Seq = seq.Value(binary.BigEndian.Uint32(p[4:8]))
	t.Ack = seq.Value(binary.BigEndian.Uint32(p[8:12]))
	t.HeaderLen = uint8(headerLen) // at most 60
	t.AE = p[12]&1 != 0
	t.Flags = Flags(p[13])
	t.Window = binary.BigEndian.Uint16(p[14:16])
	t.Checksum = binary.BigEndian.Uint16(p[16:18])
	t.Urgent = binary.BigEndian.Uint16(p[18:20])
	return b[TCPHeaderLen:headerLen], b[headerLen:], drop.None
}

// PutTCP writes a header into the first TCPHeaderLen octets of b. HeaderLen
// must count the options that the caller writes; Checksum is written as given.
func PutTCP(b []byte, t *TCP) {
	p := (*[TCPHeaderLen]byte)(b)
	binary.BigEndian.PutUint16(p[0:2], t.SrcPort)
	binary.BigEndian.PutUint16(p[2:4], t.DstPort)
	binary.BigEndian.PutUint32(p[4:8], uint32(t.Seq))
	binary.BigEndian.PutUint32(p[8:12], uint32(t.Ack))
	p[12] = t.HeaderLen / 4 << 4
	if t.AE {
		p[12] |= 1
	}
	p[13] = uint8(t.Flags)
	binary.BigEndian.PutUint16(p[14:16], t.Window)
	binary.BigEndian.PutUint16(p[16:18], t.Checksum)
	binary.BigEndian.PutUint16(p[18:20], t.Urgent)
}

// TCPChecksumOK verifies the checksum of a whole segment, header and payload.
func TCPChecksumOK(src, dst IPv4, segment []byte) bool {
	return Fold(Sum(segment, PseudoSum(src, dst, ProtoTCP, len(segment)))) == 0xffff
}

// PutTCPChecksum computes the checksum of a whole segment and writes it into
// the header, whatever the field held before.
func PutTCPChecksum(src, dst IPv4, segment []byte) {
	p := (*[TCPHeaderLen]byte)(segment)
	p[16], p[17] = 0, 0
	binary.BigEndian.PutUint16(p[16:18], ^Fold(Sum(segment, PseudoSum(src, dst, ProtoTCP, len(segment)))))
}

// PutTCPTextSum writes the partial sum of a segment's text into its checksum field,
// for PutTCPChecksumOver. It is for callers that sum the text while they copy it.
func PutTCPTextSum(segment []byte, sum uint64) {
	p := (*[TCPHeaderLen]byte)(segment)
	binary.BigEndian.PutUint16(p[16:18], Fold(sum))
}

// PutTCPChecksumOver is PutTCPChecksum for a segment whose checksum field holds
// the sum of its text, 0 if there is none: the field stands at an even place, so
// that the header's own sum counts it.
func PutTCPChecksumOver(src, dst IPv4, segment []byte) {
	p := (*[TCPHeaderLen]byte)(segment)
	header := segment[:p[12]>>4*4]
	sum := Sum(header, PseudoSum(src, dst, ProtoTCP, len(segment)))
	binary.BigEndian.PutUint16(p[16:18], ^Fold(sum))
}
