// The Internet checksum (RFC 1071): eight octets at a time, or thirty-two where
// the processor has AVX2 (checksum_amd64.s).
//
// A partial sum is a ones' complement number of 64 bits whose octets stand in
// little-endian order, because that is how the machines that matter load them.
// Sixteen-bit ones' complement addition does not care about the order of octets
// as long as it is the same throughout (RFC 1071 §2(B)), so only Fold swaps.
// Hence the rules: parts may be chained when all but the last have an even
// length; a partial sum must never be written to a packet except through Fold;
// and a number is put into a partial sum through PseudoSum or as octets only.

package wire

import (
	"encoding/binary"
	"math/bits"
)

// What is shorter is not worth a call into assembly: see BenchmarkSum and
// BenchmarkSumCopy.
const (
	leastWideSum  = 80
	leastWideCopy = 64
)

// Sum adds the octets of b to a partial sum.
func Sum(b []byte, initial uint64) uint64 {
	if hasAVX2 && len(b) >= leastWideSum {
		return sumWide(b, initial)
	}
	return sumPortable(b, initial)
}

// SumCopy copies src to the beginning of dst and adds its octets to a partial
// sum. dst must be at least as long as src, and they must not overlap.
func SumCopy(dst, src []byte, initial uint64) uint64 {
	if hasAVX2 && len(src) >= leastWideCopy {
		return sumCopyWide(dst, src, initial)
	}
	return sumCopyPortable(dst, src, initial)
}

// sumWide and sumCopyWide leave what is no whole block of 32 octets to Go.
func sumWide(b []byte, initial uint64) uint64 {
	n := len(b) &^ 31
	return sumPortable(b[n:], sumAVX2(b[:n], initial))
}

func sumCopyWide(dst, src []byte, initial uint64) uint64 {
	n := len(src) &^ 31
	return sumCopyPortable(dst[n:], src[n:], sumCopyAVX2(dst[:n], src[:n], initial))
}

// Odd turns a partial sum for a part that begins at an odd place, and turns it
// back after that part (RFC 1071 §2(B)).
func Odd(sum uint64) uint64 { return bits.RotateLeft64(sum, 8) }

func sumPortable(b []byte, initial uint64) uint64 {
	s, c := initial, uint64(0)
	for len(b) >= 64 {
		p := (*[64]byte)(b)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[0:8]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[8:16]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[16:24]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[24:32]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[32:40]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[40:48]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[48:56]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[56:64]), c)
		b = b[64:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
		b = b[8:]
	}
	s, c = bits.Add64(s, tail(b), c)
	return s + c // no second carry: a tail is below 2⁵⁶, so that s is not all ones now
}

// sumCopyPortable makes a wide copy and then a sum: faster than one loop that
// does both with eight octets at a time, since a segment fits in the
// first-level cache.
func sumCopyPortable(dst, src []byte, initial uint64) uint64 {
	copy(dst[:len(src)], src)
	return sumPortable(src, initial)
}

// tail is the last 0..7 octets as a number, as if zeros followed them.
func tail(b []byte) uint64 {
	v, shift := uint64(0), 0
	if len(b) >= 4 {
		v, shift = uint64(binary.LittleEndian.Uint32(b)), 32
		b = b[4:]
	}
	if len(b) >= 2 {
		v |= uint64(binary.LittleEndian.Uint16(b)) << shift
		shift += 16
		b = b[2:]
	}
	if len(b) >= 1 {
		v |= uint64(b[0]) << shift
	}
	return v
}

// add adds v and a carry to a partial sum; what is carried out comes back in.
func add(sum, carry, v uint64) uint64 {
	sum, carry = bits.Add64(sum, v, carry)
	return sum + carry // if that overflows, 0 is the same number as all ones
}

// PseudoSum is the partial sum of the TCP (or UDP) pseudo-header over IPv4.
func PseudoSum(src, dst IPv4, proto uint8, length int) uint64 {
	return uint64(bits.ReverseBytes32(uint32(src))) +
		uint64(bits.ReverseBytes32(uint32(dst))) +
		uint64(bits.ReverseBytes32(uint32(proto)<<16|uint32(uint16(length))))
}

// Fold reduces a partial sum to the sixteen-bit sum in host order. A packet
// carries its complement: ^Fold(...). A received packet, its checksum field
// included, is sound when Fold gives 0xffff.
func Fold(sum uint64) uint16 {
	v := uint64(uint32(sum)) + sum>>32           // at most 0x1_ffff_fffe
	v = uint64(uint16(v)) + v>>16&0xffff + v>>32 // at most 0x1_fffe
	v = uint64(uint16(v)) + v>>16                // at most 0xffff
	return bits.ReverseBytes16(uint16(v))
}

// Checksum returns what a checksum field over b holds when the field itself is zero.
func Checksum(b []byte) uint16 { return ^Fold(Sum(b, 0)) }
