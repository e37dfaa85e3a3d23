// IPv4 headers (RFC 791).

package wire

import (
	"encoding/binary"
	"math/bits"

	"github.com/mtcp-go/mtcp/internal/drop"
)

// Lengths of IPv4 headers and packets.
const (
	IPv4HeaderLen    = 20 // without options: the only form that we write
	IPv4MaxHeaderLen = 60
	IPv4MaxLen       = 65535
)

// Protocol numbers.
const (
	ProtoICMP uint8 = 1
	ProtoTCP  uint8 = 6
	ProtoUDP  uint8 = 17
)

// Octets of the fragment word (flags and offset).
const (
	ipDF         = 1 << 14
	ipMF         = 1 << 13
	ipOffsetMask = 1<<13 - 1
)

// The codepoints of explicit congestion notification (RFC 3168 §5).
const (
	NotECT  uint8 = iota // the transport does not know of it
	ECT1                 // it does
	ECT0                 // the same, and what we send
	CE                   // a router was congested
	ECNMask = CE
)

// IPv4Header is an IPv4 header without its options.
type IPv4Header struct {
	Src, Dst   IPv4
	TotalLen   uint16
	ID         uint16
	FragOffset uint16 // in octets: a multiple of eight
	TOS        uint8
	TTL        uint8
	Proto      uint8
	HeaderLen  uint8 // in octets, options included; PutIPv4 writes 20 always
	DF, MF     bool
}

// IsFragment reports whether the packet is a part of a larger datagram.
func (h *IPv4Header) IsFragment() bool { return h.MF || h.FragOffset != 0 }

// ECN returns the two bits of explicit congestion notification (RFC 3168).
func (h *IPv4Header) ECN() uint8 { return h.TOS & ECNMask }

// ParseIPv4 checks a packet and splits it into header and payload. Octets
// behind the total length, such as Ethernet padding, are left out. Options are
// checked for form and then ignored (RFC 1122 §3.2.1.8, MUST-50), except that
// source routes are refused.
func ParseIPv4(b []byte) (h IPv4Header, payload []byte, why drop.Reason) {
	payload, why = h.Parse(b)
	return h, payload, why
}

// Parse is ParseIPv4 into a header that exists: the form for the packet path,
// for the reason given at TCP.Parse.
func (h *IPv4Header) Parse(b []byte) (payload []byte, why drop.Reason) {
	if len(b) < IPv4HeaderLen {
		return nil, drop.IPHeaderLen
	}
	p := (*[IPv4HeaderLen]byte)(b)
	if p[0]>>4 != 4 {
		return nil, drop.IPVersion
	}
	headerLen := int(p[0]&15) * 4
	totalLen := int(binary.BigEndian.Uint16(p[2:4]))
	if headerLen < IPv4HeaderLen || headerLen > len(b) {
		return nil, drop.IPHeaderLen
	}
	if totalLen < headerLen || totalLen > len(b) {
		return nil, drop.IPTotalLen
	}
	if Fold(Sum(b[:headerLen], 0)) != 0xffff {
		return nil, drop.IPChecksum
	}
	if headerLen > IPv4HeaderLen && !ipv4OptionsOK(b[IPv4HeaderLen:headerLen]) {
		return nil, drop.IPOptions
	}
	h.read(p)
	return b[headerLen:totalLen], drop.None
}

// read takes the fields from a header whose form has been checked.
func (h *IPv4Header) read(p *[IPv4HeaderLen]byte) {
	frag := binary.BigEndian.Uint16(p[6:8])
	h.Src = IPv4(binary.BigEndian.Uint32(p[12:16]))
	h.Dst = IPv4(binary.BigEndian.Uint32(p[16:20]))
	h.TotalLen = binary.BigEndian.Uint16(p[2:4])
	h.ID = binary.BigEndian.Uint16(p[4:6])
	h.FragOffset = frag & ipOffsetMask * 8
	h.TOS, h.TTL, h.Proto = p[1], p[8], p[9]
	h.HeaderLen = p[0] & 15 * 4
	h.DF, h.MF = frag&ipDF != 0, frag&ipMF != 0
}

// Kinds of IPv4 options that matter here.
const (
	ipOptEnd  = 0
	ipOptNop  = 1
	ipOptLSRR = 131
	ipOptSSRR = 137
)

// ipv4OptionsOK walks an option list: every option but End and Nop has a
// length octet that counts kind and length too.
func ipv4OptionsOK(b []byte) bool {
	for len(b) > 0 {
		switch b[0] {
		case ipOptEnd:
			return true
		case ipOptNop:
			b = b[1:]
			continue
		case ipOptLSRR, ipOptSSRR:
			return false
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return false
		}
		b = b[b[1]:]
	}
	return true
}

// PutIPv4 writes a header without options, and its checksum, into the first
// IPv4HeaderLen octets of b.
func PutIPv4(b []byte, h *IPv4Header) {
	frag := h.FragOffset / 8 & ipOffsetMask
	if h.DF {
		frag |= ipDF
	}
	if h.MF {
		frag |= ipMF
	}
	putIPv4((*[IPv4HeaderLen]byte)(b), h.TOS, h.TTL, h.Proto, h.TotalLen, uint32(h.ID)<<16|uint32(frag), h.Src, h.Dst)
}

// PutIPv4Whole is PutIPv4 for a packet that is no fragment and must not become
// one, from arguments that are in registers: two fields that were just stored side
// by side would be loaded as one, for which the processor waits.
func PutIPv4Whole(p *[IPv4HeaderLen]byte, tos, ttl, proto uint8, length, id uint16, src, dst IPv4) {
	putIPv4(p, tos, ttl, proto, length, uint32(id)<<16|ipDF, src, dst)
}

// putIPv4 writes wide words, summed before they are stored: see PutTCP. fragment
// is the header's second word, identification, flags and offset.
func putIPv4(p *[IPv4HeaderLen]byte, tos, ttl, proto uint8, length uint16, fragment uint32, src, dst IPv4) {
	w0 := bits.ReverseBytes64((4<<4|IPv4HeaderLen/4)<<56 | uint64(tos)<<48 | uint64(length)<<32 | uint64(fragment))
	w1 := bits.ReverseBytes64(uint64(ttl)<<56 | uint64(proto)<<48 | uint64(uint32(src)))
	w2 := bits.ReverseBytes32(uint32(dst))
	sum, carry := bits.Add64(w0, w1, 0)
	check := bits.ReverseBytes16(^Fold(add(sum, carry, uint64(w2))))
	binary.LittleEndian.PutUint64(p[0:8], w0)
	binary.LittleEndian.PutUint64(p[8:16], w1|uint64(check)<<16)
	binary.LittleEndian.PutUint32(p[16:20], w2)
}
