// Ethernet II frames, without tags and without a frame check sequence.

package wire

import "encoding/binary"

// EthernetLen is the length of an Ethernet header.
const EthernetLen = 14

// Ethernet types.
const (
	EtherTypeIPv4 uint16 = 0x0800
	EtherTypeARP  uint16 = 0x0806
	EtherTypeIPv6 uint16 = 0x86dd
)

// Ethernet is the header of a frame.
type Ethernet struct {
	Dst, Src MAC
	Type     uint16
}

// ParseEthernet splits a frame into its header and the rest; false when it is too short.
func ParseEthernet(b []byte) (Ethernet, []byte, bool) {
	var e Ethernet
	rest, ok := e.Parse(b)
	return e, rest, ok
}

// Parse is ParseEthernet into a header that exists: the form for the packet
// path, for the reason given at TCP.Parse.
func (e *Ethernet) Parse(b []byte) ([]byte, bool) {
	if len(b) < EthernetLen {
		return nil, false
	}
	p := (*[EthernetLen]byte)(b)
	e.Dst, e.Src = MAC(p[0:6]), MAC(p[6:12])
	e.Type = binary.BigEndian.Uint16(p[12:14])
	return b[EthernetLen:], true
}

// PutEthernet writes a header into the first EthernetLen octets of b.
func PutEthernet(b []byte, e Ethernet) {
	p := (*[EthernetLen]byte)(b)
	*(*MAC)(p[0:6]) = e.Dst
	*(*MAC)(p[6:12]) = e.Src
	binary.BigEndian.PutUint16(p[12:14], e.Type)
}
