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
	if len(b) < EthernetLen {
		return Ethernet{}, nil, false
	}
	p := (*[EthernetLen]byte)(b)
	return Ethernet{
		Dst:  MAC(p[0:6]),
		Src:  MAC(p[6:12]),
		Type: binary.BigEndian.Uint16(p[12:14]),
	}, b[EthernetLen:], true
}

// PutEthernet writes a header into the first EthernetLen octets of b.
func PutEthernet(b []byte, e Ethernet) {
	p := (*[EthernetLen]byte)(b)
	*(*MAC)(p[0:6]) = e.Dst
	*(*MAC)(p[6:12]) = e.Src
	binary.BigEndian.PutUint16(p[12:14], e.Type)
}
