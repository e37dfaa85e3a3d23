package prf

import "math/bits"

// A Key is 128 bits of secret.
type Key struct{ K0, K1 uint64 }

// Sum is SipHash-2-4 of two 64-bit words under k (Aumasson and Bernstein,
// "SipHash: a fast short-input PRF", 2012), with the input taken as the 16
// octets of a and b in little-endian order. A 4-tuple of IPv4 fits in them.
func (k Key) Sum(a, b uint64) uint64 {
	v0 := k.K0 ^ 0x736f6d6570736575
	v1 := k.K1 ^ 0x646f72616e646f6d
	v2 := k.K0 ^ 0x6c7967656e657261
	v3 := k.K1 ^ 0x7465646279746573
	for _, m := range [3]uint64{a, b, 16 << 56} { // last word: the length in octets
		v3 ^= m
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
		v0 ^= m
	}
	v2 ^= 0xff
	for range 4 {
		v0, v1, v2, v3 = round(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

func round(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}

// A Rand is a small generator (xorshift64*) for jitter and choices that need
// no secrecy. Its zero value is not usable: make one with NewRand.
type Rand struct{ s uint64 }

// NewRand returns a generator that gives the same numbers for the same seed.
func NewRand(seed uint64) Rand { return Rand{s: seed | 1} }

// Uint64 returns the next number.
func (r *Rand) Uint64() uint64 {
	r.s ^= r.s >> 12
	r.s ^= r.s << 25
	r.s ^= r.s >> 27
	return r.s * 0x2545f4914f6cdd1d
}
