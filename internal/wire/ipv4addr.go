// IPv4 addresses and prefixes, as numbers.

package wire

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// IPv4 is the address a.b.c.d as the number a<<24 | b<<16 | c<<8 | d.
type IPv4 uint32

// IPv4Broadcast is the limited broadcast address, 255.255.255.255.
const IPv4Broadcast IPv4 = 0xffff_ffff

// FromBytes reads an address from the first four octets of b.
func FromBytes(b []byte) IPv4 { return IPv4(binary.BigEndian.Uint32(b)) }

// FromNetip converts an IPv4 (or IPv4-mapped) address; false for any other.
func FromNetip(a netip.Addr) (IPv4, bool) {
	a = a.Unmap()
	if !a.Is4() {
		return 0, false
	}
	b := a.As4()
	return FromBytes(b[:]), true
}

// Put writes the address into the first four octets of b.
func (a IPv4) Put(b []byte) { binary.BigEndian.PutUint32(b, uint32(a)) }

// Netip converts the address for the public edges.
func (a IPv4) Netip() netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// String is the dotted form. It allocates: not for the packet path.
func (a IPv4) String() string { return a.Netip().String() }

// IsUnspecified reports whether a is 0.0.0.0.
func (a IPv4) IsUnspecified() bool { return a == 0 }

// IsThisNetwork reports whether a is in 0.0.0.0/8, which is never a destination.
func (a IPv4) IsThisNetwork() bool { return a>>24 == 0 }

// IsLoopback reports whether a is in 127.0.0.0/8.
func (a IPv4) IsLoopback() bool { return a>>24 == 127 }

// IsLinkLocal reports whether a is in 169.254.0.0/16.
func (a IPv4) IsLinkLocal() bool { return a>>16 == 169<<8|254 }

// IsMulticast reports whether a is in 224.0.0.0/4.
func (a IPv4) IsMulticast() bool { return a>>28 == 0xe }

// IsReserved reports whether a is in 240.0.0.0/4, the limited broadcast included.
func (a IPv4) IsReserved() bool { return a>>28 == 0xf }

// IsBroadcast reports whether a is 255.255.255.255. The broadcast address of a
// subnet is a matter of IPv4Prefix.
func (a IPv4) IsBroadcast() bool { return a == IPv4Broadcast }

// IPv4Prefix is an address with the length of its network part. The host part
// need not be zero: 10.0.0.7/24 is how an interface address is written.
type IPv4Prefix struct {
	Addr IPv4
	Bits uint8 // 0..32
}

// PrefixFromNetip converts an IPv4 prefix; false for any other.
func PrefixFromNetip(p netip.Prefix) (IPv4Prefix, bool) {
	if !p.IsValid() || !p.Addr().Is4() {
		return IPv4Prefix{}, false
	}
	a, ok := FromNetip(p.Addr())
	return IPv4Prefix{Addr: a, Bits: uint8(p.Bits())}, ok
}

// Netip converts the prefix for the public edges.
func (p IPv4Prefix) Netip() netip.Prefix { return netip.PrefixFrom(p.Addr.Netip(), int(p.Bits)) }

// String is the form a.b.c.d/n. It allocates: not for the packet path.
func (p IPv4Prefix) String() string { return p.Netip().String() }

// IsValid reports whether the length is possible.
func (p IPv4Prefix) IsValid() bool { return p.Bits <= 32 }

// Mask returns the network mask.
func (p IPv4Prefix) Mask() IPv4 { return ^IPv4(uint32(uint64(0xffff_ffff) >> p.Bits)) }

// Network returns the prefix with its host part cleared.
func (p IPv4Prefix) Network() IPv4Prefix { return IPv4Prefix{p.Addr & p.Mask(), p.Bits} }

// Contains reports whether a is in the network of p.
func (p IPv4Prefix) Contains(a IPv4) bool { return (a^p.Addr)&p.Mask() == 0 }

// Broadcast returns the subnet's broadcast address; false where there is none,
// as on point-to-point networks of /31 and /32 (RFC 3021).
func (p IPv4Prefix) Broadcast() (IPv4, bool) { return p.Addr | ^p.Mask(), p.Bits < 31 }

// PrefixOfMask returns the length of a contiguous mask; false for any other.
func PrefixOfMask(mask IPv4) (uint8, bool) {
	n := bits.LeadingZeros32(^uint32(mask))
	return uint8(n), IPv4Prefix{Bits: uint8(n)}.Mask() == mask
}
