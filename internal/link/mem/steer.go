package mem

// This file chooses the receiving queue of a frame, as a NIC with symmetric
// receive-side scaling does: both directions of a TCP connection hash alike, so
// that a connection has the same queue number on both sides. Everything else,
// and every fragment, goes to queue 0.

import (
	"encoding/binary"
	"math/bits"

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

// A steering says which queue frames go to. Of the hash it works out only the bits
// that decide, and without a table as far as it can: the frame's own lines are all
// that a packet needs.
type steering struct {
	bits   int        // of the hash that decide: the low ones
	queues [128]uint8 // by the low seven bits, in turns
	plain  bool       // the bits are the number of the queue
}

// newSteering spreads over n queues.
func newSteering(n int) *steering {
	s := &steering{bits: 7, plain: n&(n-1) == 0}
	if s.plain {
		s.bits = bits.TrailingZeros(uint(n))
	}
	for i := range s.queues {
		s.queues[i] = uint8(i % n)
	}
	return s
}

// of returns the queue of a connection.
func (s *steering) of(k flow.Key4) int {
	return s.queue(k.LocalIP^k.RemoteIP, k.LocalPort^k.RemotePort)
}

// steer returns the queue of a frame. What is no unfragmented TCP packet in IPv4 goes
// to queue 0.
func (s *steering) steer(frame []byte) int {
	const ports = wire.EthernetLen + wire.IPv4HeaderLen
	if s.bits == 0 || len(frame) < ports || binary.BigEndian.Uint16(frame[12:]) != wire.EtherTypeIPv4 {
		return 0
	}
	p := frame[wire.EthernetLen:]
	fragment := binary.BigEndian.Uint16(p[6:]) & 0x3fff // more to come, or not the first
	if fragment != 0 || p[9] != wire.ProtoTCP {
		return 0
	}
	addresses := binary.BigEndian.Uint32(p[12:]) ^ binary.BigEndian.Uint32(p[16:])
	if p[0] == 4<<4|wire.IPv4HeaderLen/4 && len(frame) >= ports+4 {
		return s.queue(addresses, binary.BigEndian.Uint16(frame[ports:])^binary.BigEndian.Uint16(frame[ports+2:]))
	}
	header := int(p[0]&15) * 4
	if p[0]>>4 != 4 || header < wire.IPv4HeaderLen || len(p) < header+4 {
		return 0
	}
	return s.queue(addresses, binary.BigEndian.Uint16(p[header:])^binary.BigEndian.Uint16(p[header+2:]))
}

// queue returns the queue for the Toeplitz hash under RSSKey. A key that repeats
// every 16 bits makes each 16-bit word of the input count alike: the hash depends
// only on the words' sum without carry, and a bit of it on how many of some of the
// sum's bits are set.
func (s *steering) queue(addresses uint32, ports uint16) int {
	sum := uint16(addresses>>16) ^ uint16(addresses) ^ ports
	hash := 0
	for i := range min(s.bits, len(deciding)) {
		hash |= bits.OnesCount16(sum&deciding[i]) & 1 << i
	}
	if s.plain {
		return hash
	}
	return int(s.queues[hash&127])
}

// deciding are the bits of a word that decide each of the low bits of the hash: the
// key is turned by one for each bit of the word, from the highest on.
var deciding = func() (masks [7]uint16) {
	for bit := range masks {
		for i := range 16 {
			if uint32(0x6d5a6d5a)<<i>>bit&1 != 0 || uint32(0x6d5a)>>(16-i)>>bit&1 != 0 {
				masks[bit] |= 0x8000 >> i
			}
		}
	}
	return masks
}()
