package flow

// This file holds the name of an IPv4 connection and its keyed hash.

import "math/bits"

// A Key4 names an IPv4 connection from our side. Addresses are a.b.c.d =
// a<<24|b<<16|c<<8|d.
type Key4 struct {
	LocalIP, RemoteIP     uint32
	LocalPort, RemotePort uint16
}

// hash4 mixes a key with the table's secret seed: two rounds of a 64×64→128
// bit product folded to 64 bits. The peer chooses the key but does not know
// the factors, so it cannot choose keys that collide; it never sees a hash.
func hash4(seed *[2]uint64, k Key4) uint64 {
	addresses := uint64(k.LocalIP)<<32 | uint64(k.RemoteIP)
	ports := uint64(k.LocalPort)<<16 | uint64(k.RemotePort)
	h := fold(addresses^seed[0], ports^seed[1])
	return fold(h^seed[1], 0x9e3779b97f4a7c15) // 2⁶⁴ over the golden ratio, odd
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
