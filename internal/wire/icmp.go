// ICMP for IPv4 (RFC 792, RFC 1191), and the packet that an error quotes.

package wire

import (
	"encoding/binary"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/seq"
)

// ICMPv4Len is the length of an ICMP header.
const ICMPv4Len = 8

// ICMP types.
const (
	ICMPEchoReply        uint8 = 0
	ICMPUnreachable      uint8 = 3
	ICMPSourceQuench     uint8 = 4
	ICMPRedirect         uint8 = 5
	ICMPEchoRequest      uint8 = 8
	ICMPTimeExceeded     uint8 = 11
	ICMPParameterProblem uint8 = 12
)

// Codes of ICMPUnreachable.
const (
	ICMPNetUnreachable      uint8 = 0
	ICMPHostUnreachable     uint8 = 1
	ICMPProtoUnreachable    uint8 = 2
	ICMPPortUnreachable     uint8 = 3
	ICMPFragNeeded          uint8 = 4
	ICMPSourceRouteFailed   uint8 = 5
	ICMPNetUnknown          uint8 = 6
	ICMPHostUnknown         uint8 = 7
	ICMPHostIsolated        uint8 = 8
	ICMPNetProhibited       uint8 = 9
	ICMPHostProhibited      uint8 = 10
	ICMPNetUnreachableTOS   uint8 = 11
	ICMPHostUnreachableTOS  uint8 = 12
	ICMPAdminProhibited     uint8 = 13
	ICMPPrecedenceViolation uint8 = 14
	ICMPPrecedenceCutoff    uint8 = 15
)

// ICMPv4 is the header of an ICMP message. Rest is its second word, whose
// meaning depends on the type: see the methods.
type ICMPv4 struct {
	Type, Code uint8
	Rest       uint32
}

// MTU is the next hop's limit in ICMPUnreachable/ICMPFragNeeded; 0 from routers older than RFC 1191.
func (m ICMPv4) MTU() int { return int(uint16(m.Rest)) }

// Pointer is the octet at which an ICMPParameterProblem was found.
func (m ICMPv4) Pointer() uint8 { return uint8(m.Rest >> 24) }

// IsError reports whether the type tells of trouble with another packet. About
// such messages, and unknown ones, no ICMP error is ever sent (RFC 1122 §3.2.2).
func (m ICMPv4) IsError() bool {
	switch m.Type {
	case ICMPUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParameterProblem:
		return true
	}
	return false
}

// ParseICMPv4 checks a message and splits it into header and body.
func ParseICMPv4(b []byte) (ICMPv4, []byte, drop.Reason) {
	if len(b) < ICMPv4Len {
		return ICMPv4{}, nil, drop.ICMPShort
	}
	if Fold(Sum(b, 0)) != 0xffff {
		return ICMPv4{}, nil, drop.ICMPChecksum
	}
	p := (*[ICMPv4Len]byte)(b)
	return ICMPv4{p[0], p[1], binary.BigEndian.Uint32(p[4:8])}, b[ICMPv4Len:], drop.None
}

// PutICMPv4 writes the header of the message b, whose body stands at
// b[ICMPv4Len:] already, and the checksum over all of b.
func PutICMPv4(b []byte, m ICMPv4) {
	p := (*[ICMPv4Len]byte)(b)
	p[0], p[1], p[2], p[3] = m.Type, m.Code, 0, 0
	binary.BigEndian.PutUint32(p[4:8], m.Rest)
	binary.BigEndian.PutUint16(p[2:4], Checksum(b))
}

// ICMPQuoteLen is how much of a transport header an ICMP error must quote.
const ICMPQuoteLen = 8

// IPv4Quote is the packet of ours that an ICMP error is about.
type IPv4Quote struct {
	Header           IPv4Header
	SrcPort, DstPort uint16
	Seq              seq.Value // of TCP; without meaning for other protocols
}

// ParseIPv4Quote reads the packet quoted in the body of an ICMP error. The
// quote is cut off after a few octets, and routers may have changed its header
// on the way, so neither its total length nor its checksum is held against it.
// It is false for later fragments, which do not begin with a transport header.
func ParseIPv4Quote(b []byte) (q IPv4Quote, ok bool) {
	if len(b) < IPv4HeaderLen+ICMPQuoteLen {
		return q, false
	}
	p := (*[IPv4HeaderLen]byte)(b)
	headerLen := int(p[0]&15) * 4
	if p[0]>>4 != 4 || headerLen < IPv4HeaderLen || headerLen+ICMPQuoteLen > len(b) {
		return q, false
	}
	q.Header.read(p)
	t := (*[ICMPQuoteLen]byte)(b[headerLen:])
	q.SrcPort = binary.BigEndian.Uint16(t[0:2])
	q.DstPort = binary.BigEndian.Uint16(t[2:4])
	q.Seq = seq.Value(binary.BigEndian.Uint32(t[4:8]))
	return q, q.Header.FragOffset == 0
}
