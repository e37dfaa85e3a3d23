package mem

// This file chooses the receiving queue of a frame, as a NIC with symmetric
// receive-side scaling does: both directions of a TCP connection hash alike, so
// that a connection has the same queue number on both sides. Everything else,
// and every fragment, goes to queue 0.

import (
	"encoding/binary"

	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// RSSKey returns the hash key with which frames are spread over queues, by
// flow.Toeplitz and flow.EvenIndirection, so that who opens a connection can
// choose a port whose packets come back to its own queue. It repeats 16 bits:
// then exchanging source and destination does not change the hash.
func RSSKey() []byte {
	key := make([]byte, 40)
	for i := range key {
		key[i] = [2]byte{0x6d, 0x5a}[i%2]
	}
	return key
}

// steer returns the queue of a frame among n.
func steer(frame []byte, n int) int {
	if n == 1 {
		return 0
	}
	k, ok := tuple(frame)
	if !ok {
		return 0
	}
	return queueOf(k, n)
}

// queueOf returns the queue of a connection among n.
func queueOf(k flow.Key4, n int) int { return int(symmetric(k)%128) % n }

// symmetric is the Toeplitz hash under RSSKey. A key that repeats every 16
// bits makes each 16-bit word of the input count alike: the hash depends only
// on the words' sum without carry.
func symmetric(k flow.Key4) uint32 {
	words := k.LocalIP ^ k.RemoteIP
	sum := uint16(words>>16) ^ uint16(words) ^ k.LocalPort ^ k.RemotePort
	return hashes[0][sum>>8] ^ hashes[1][sum&0xff]
}

// hashes are those of the upper and the lower octet of a word.
var hashes = func() (h [2][256]uint32) {
	for i := range 16 {
		for v := range 256 {
			if v&(0x80>>(i%8)) != 0 {
				h[i/8][v] ^= 0x6d5a6d5a<<i | 0x6d5a>>(16-i)
			}
		}
	}
	return h
}()

// tuple finds the addresses and ports of an unfragmented TCP packet in IPv4.
func tuple(frame []byte) (flow.Key4, bool) {
	if len(frame) < wire.EthernetLen+wire.IPv4HeaderLen || binary.BigEndian.Uint16(frame[12:]) != wire.EtherTypeIPv4 {
		return flow.Key4{}, false
	}
	p := frame[wire.EthernetLen:]
	header := int(p[0]&15) * 4
	fragment := binary.BigEndian.Uint16(p[6:]) & 0x3fff // more to come, or not the first
	if p[0]>>4 != 4 || header < wire.IPv4HeaderLen || fragment != 0 || p[9] != wire.ProtoTCP || len(p) < header+4 {
		return flow.Key4{}, false
	}
	return flow.Key4{
		LocalIP:    binary.BigEndian.Uint32(p[16:]),
		RemoteIP:   binary.BigEndian.Uint32(p[12:]),
		LocalPort:  binary.BigEndian.Uint16(p[header+2:]),
		RemotePort: binary.BigEndian.Uint16(p[header:]),
	}, true
}
