package flow

// This file computes on which receive queue a NIC will place a flow: the
// Toeplitz hash of receive-side scaling and the indirection table behind it.
// The input is the packet's source and destination as it arrives, so the
// remote end comes first.

import "encoding/binary"

// toeplitzInput is the longest input, in octets: two addresses and two ports.
const toeplitzInput = 12

// minKey is what an input of that length needs of a key: 32 bits beyond it.
const minKey = toeplitzInput + 4

// MicrosoftKey is the key of the published verification suite, which many
// drivers use as it is.
func MicrosoftKey() []byte {
	return []byte{
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
		0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
		0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
		0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
		0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	}
}

// Toeplitz is the hash under one key, as tables: what each half-octet of the
// input contributes. The sum of contributions, without carry, is the hash.
type Toeplitz struct {
	part [2 * toeplitzInput][16]uint32
}

// NewToeplitz prepares the hash under a NIC's key. It reports false if the key
// is too short.
func NewToeplitz(key []byte) (*Toeplitz, bool) {
	if len(key) < minKey {
		return nil, false
	}
	t := new(Toeplitz)
	for i := range t.part {
		// Input bit n of the packet, if set, adds the key's bits n to n+31.
		octet, shift := i/2, uint(i%2*4)
		window := binary.BigEndian.Uint64(append(append([]byte{}, key[octet:octet+5]...), 0, 0, 0))
		for v := range t.part[i] {
			for bit := range uint(4) {
				if v&(8>>bit) != 0 {
					t.part[i][v] ^= uint32(window << (shift + bit) >> 32) // the upper half
				}
			}
		}
	}
	return t, true
}

// Hash2 is the hash of a packet's addresses.
func (t *Toeplitz) Hash2(src, dst uint32) uint32 {
	return t.word(0, src) ^ t.word(8, dst)
}

// Hash4 is the hash of a packet's addresses and ports.
func (t *Toeplitz) Hash4(src, dst uint32, srcPort, dstPort uint16) uint32 {
	return t.Hash2(src, dst) ^ t.word(16, uint32(srcPort)<<16|uint32(dstPort))
}

// HashIncoming is Hash4 for packets that the peer of k sends.
func (t *Toeplitz) HashIncoming(k Key4) uint32 {
	return t.Hash4(k.RemoteIP, k.LocalIP, k.RemotePort, k.LocalPort)
}

// word sums what 32 bits of input contribute, from half-octet i on.
func (t *Toeplitz) word(i int, v uint32) uint32 {
	p := (*[8][16]uint32)(t.part[i : i+8])
	return p[0][v>>28] ^ p[1][v>>24&15] ^ p[2][v>>20&15] ^ p[3][v>>16&15] ^
		p[4][v>>12&15] ^ p[5][v>>8&15] ^ p[6][v>>4&15] ^ p[7][v&15]
}

// An Indirection is a NIC's table from the low bits of the hash to queues.
type Indirection struct {
	queues []uint16
}

// NewIndirection takes a NIC's table as it was read. Its length must be a
// power of two, as RSS has it; otherwise NewIndirection reports false.
func NewIndirection(queues []uint16) (Indirection, bool) {
	n := len(queues)
	if n == 0 || n&(n-1) != 0 {
		return Indirection{}, false
	}
	return Indirection{queues: append([]uint16{}, queues...)}, true
}

// EvenIndirection is the usual default: 128 entries that name the queues in
// turn.
func EvenIndirection(queues int) Indirection {
	t := make([]uint16, 128)
	for i := range t {
		t[i] = uint16(i % max(queues, 1)) // below 128
	}
	return Indirection{queues: t}
}

// Queue returns the queue for a hash.
func (n Indirection) Queue(hash uint32) int {
	return int(n.queues[hash&uint32(len(n.queues)-1)])
}
