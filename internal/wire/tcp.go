// TCP headers (RFC 9293 §3.1).

package wire

import (
	"encoding/binary"
	"math/bits"

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

// PutTCP writes a header into the first TCPHeaderLen octets of b, and returns its
// partial sum. HeaderLen must count the options that the caller writes; Checksum
// is written as given.
//
// It writes words as wide as those that whoever sums or copies the header will
// load, and sums them before they are stored: a processor that loads eight octets
// right after they were stored in smaller pieces waits until they are in the
// cache.
func PutTCP(b []byte, t *TCP) (sum uint64) {
	p := (*[TCPHeaderLen]byte)(b)
	w0, w1 := t.words()
	last := bits.ReverseBytes32(uint32(t.Checksum)<<16 | uint32(t.Urgent))
	binary.LittleEndian.PutUint64(p[0:8], w0)
	binary.LittleEndian.PutUint64(p[8:16], w1)
	binary.LittleEndian.PutUint32(p[16:20], last)
	sum, carry := bits.Add64(w0, w1, 0)
	return add(sum, carry, uint64(last))
}

// StampedLen is the length of the header that nearly all segments have: with a
// timestamp and no other option.
const StampedLen = TCPHeaderLen + TimestampLen

// PutTCPStamped writes such a header and returns its partial sum, from arguments
// that are in registers, for the reason given at PutIPv4Whole. The urgent pointer
// and the checksum field are 0.
func PutTCPStamped(p *[StampedLen]byte, src, dst uint16, at, ack seq.Value, f Flags, window uint16, val, echo uint32) (sum uint64) {
	w0 := bits.ReverseBytes64(uint64(src)<<48 | uint64(dst)<<32 | uint64(uint32(at)))
	w1 := bits.ReverseBytes64(uint64(uint32(ack))<<32 | StampedLen/4<<28 | uint64(f)<<16 | uint64(window))
	w2 := bits.ReverseBytes64(optTimestampWord)
	w3 := bits.ReverseBytes64(uint64(val)<<32 | uint64(echo))
	binary.LittleEndian.PutUint64(p[0:8], w0)
	binary.LittleEndian.PutUint64(p[8:16], w1)
	binary.LittleEndian.PutUint64(p[16:24], w2)
	binary.LittleEndian.PutUint64(p[24:32], w3)
	sum, carry := bits.Add64(w0, w1, 0)
	sum, carry = bits.Add64(sum, w2, carry)
	return add(sum, carry, w3)
}

// words are the first sixteen octets as they lie in memory.
func (t *TCP) words() (w0, w1 uint64) {
	offset := uint64(t.HeaderLen / 4 << 4)
	if t.AE {
		offset |= 1
	}
	w0 = uint64(t.SrcPort)<<48 | uint64(t.DstPort)<<32 | uint64(uint32(t.Seq))
	w1 = uint64(uint32(t.Ack))<<32 | offset<<24 | uint64(t.Flags)<<16 | uint64(t.Window)
	return bits.ReverseBytes64(w0), bits.ReverseBytes64(w1)
}

// SumFlags adds bits that are set in a header after it was summed.
func SumFlags(sum uint64, f Flags) uint64 {
	return add(sum, 0, uint64(f)<<40) // octet 13, an odd one like octet 5
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
	PutTCPSum(src, dst, segment, Sum(segment, 0))
}

// PutTCPSum is PutTCPChecksum from the partial sum of the segment, in which the
// checksum field counts as 0.
func PutTCPSum(src, dst IPv4, segment []byte, sum uint64) {
	p := (*[TCPHeaderLen]byte)(segment)
	sum = add(sum, 0, PseudoSum(src, dst, ProtoTCP, len(segment)))
	binary.BigEndian.PutUint16(p[16:18], ^Fold(sum))
}
