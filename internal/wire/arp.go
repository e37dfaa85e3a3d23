// ARP packets for IPv4 over Ethernet (RFC 826).

package wire

import "encoding/binary"

// ARPLen is the length of an ARP packet for IPv4 over Ethernet.
const ARPLen = 28

// ARP operations.
const (
	ARPRequest uint16 = 1
	ARPReply   uint16 = 2
)

// arpFixed is the first six octets of every packet that we understand:
// hardware 1 (Ethernet), protocol 0x0800 (IPv4), address lengths 6 and 4.
const arpFixed = 0x0001_0800_0604

// ARP is an ARP packet for IPv4 over Ethernet.
type ARP struct {
	Op        uint16
	SenderMAC MAC
	SenderIP  IPv4
	TargetMAC MAC
	TargetIP  IPv4
}

// ParseARP reads a packet; false when it is short or for other hardware or
// protocols. Octets that follow are the frame's padding. The operation is
// returned as it is, whatever it is.
func ParseARP(b []byte) (ARP, bool) {
	if len(b) < ARPLen {
		return ARP{}, false
	}
	p := (*[ARPLen]byte)(b)
	head := binary.BigEndian.Uint64(p[0:8])
	if head>>16 != arpFixed {
		return ARP{}, false
	}
	return ARP{
		Op:        uint16(head), // the low sixteen bits
		SenderMAC: MAC(p[8:14]),
		SenderIP:  IPv4(binary.BigEndian.Uint32(p[14:18])),
		TargetMAC: MAC(p[18:24]),
		TargetIP:  IPv4(binary.BigEndian.Uint32(p[24:28])),
	}, true
}

// PutARP writes a packet into the first ARPLen octets of b.
func PutARP(b []byte, a *ARP) {
	p := (*[ARPLen]byte)(b)
	binary.BigEndian.PutUint64(p[0:8], arpFixed<<16|uint64(a.Op))
	*(*MAC)(p[8:14]) = a.SenderMAC
	binary.BigEndian.PutUint32(p[14:18], uint32(a.SenderIP))
	*(*MAC)(p[18:24]) = a.TargetMAC
	binary.BigEndian.PutUint32(p[24:28], uint32(a.TargetIP))
}
