package flow

import (
	"math/rand/v2"
	"testing"
)

// The verification suite that Microsoft publishes for RSS, IPv4 part.
func TestToeplitz_GivesThePublishedVectors(t *testing.T) {
	ip := func(a, b, c, d uint32) uint32 { return a<<24 | b<<16 | c<<8 | d }
	tests := []struct {
		dst     uint32
		dstPort uint16
		src     uint32
		srcPort uint16
		two     uint32
		four    uint32
	}{
		{ip(161, 142, 100, 80), 1766, ip(66, 9, 149, 187), 2794, 0x323e8fc2, 0x51ccc178},
		{ip(65, 69, 140, 83), 4739, ip(199, 92, 111, 2), 14230, 0xd718262a, 0xc626b0ea},
		{ip(12, 22, 207, 184), 38024, ip(24, 19, 198, 95), 12898, 0xd2d0a5de, 0x5c2b394a},
		{ip(209, 142, 163, 6), 2217, ip(38, 27, 205, 30), 48228, 0x82989176, 0xafc7327f},
		{ip(202, 188, 127, 2), 1303, ip(153, 39, 163, 191), 44251, 0x5d1809c5, 0x10e828a2},
	}
	h, ok := NewToeplitz(MicrosoftKey())
	if !ok {
		t.Fatal("the default key was refused")
	}
	for _, tt := range tests {
		if got := h.Hash2(tt.src, tt.dst); got != tt.two {
			t.Errorf("Hash2 = %#x, want %#x", got, tt.two)
		}
		if got := h.Hash4(tt.src, tt.dst, tt.srcPort, tt.dstPort); got != tt.four {
			t.Errorf("Hash4 = %#x, want %#x", got, tt.four)
		}
		k := Key4{LocalIP: tt.dst, RemoteIP: tt.src, LocalPort: tt.dstPort, RemotePort: tt.srcPort}
		if got := h.HashIncoming(k); got != tt.four {
			t.Errorf("HashIncoming = %#x, want %#x", got, tt.four)
		}
	}
}

// TestToeplitz_AgreesWithTheDefinition slides a 32-bit window over the key.
func TestToeplitz_AgreesWithTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	key := make([]byte, minKey)
	for range 50 {
		for i := range key {
			key[i] = byte(r.Uint32())
		}
		src, dst, ports := r.Uint32(), r.Uint32(), r.Uint32()
		h, _ := NewToeplitz(key)
		var want uint32
		for i := range 96 {
			if in := [3]uint32{src, dst, ports}[i/32]; in<<(i%32)>>31 == 1 {
				for b := range 32 {
					bit := key[(i+b)/8] >> (7 - (i+b)%8) & 1
					want ^= uint32(bit) << (31 - b)
				}
			}
		}
		if got := h.Hash4(src, dst, uint16(ports>>16), uint16(ports)); got != want {
			t.Fatalf("Hash4 = %#x, want %#x", got, want)
		}
	}
}

func TestToeplitz_RefusesAShortKey(t *testing.T) {
	if _, ok := NewToeplitz(make([]byte, minKey-1)); ok {
		t.Error("a key that does not cover the input was taken")
	}
}

func TestIndirection_TakesTheLowBits(t *testing.T) {
	n, ok := NewIndirection([]uint16{3, 1, 4, 1})
	if !ok {
		t.Fatal("a table of four was refused")
	}
	for hash, want := range map[uint32]int{0: 3, 1: 1, 2: 4, 0xfffffffe: 4, 0x80000000: 3} {
		if got := n.Queue(hash); got != want {
			t.Errorf("Queue(%#x) = %d, want %d", hash, got, want)
		}
	}
	for _, size := range []int{0, 3, 100} {
		if _, ok := NewIndirection(make([]uint16, size)); ok {
			t.Errorf("a table of %d was taken", size)
		}
	}
	if e := EvenIndirection(3); e.Queue(127) != 1 || e.Queue(2) != 2 || e.Queue(128) != 0 {
		t.Error("the default names the queues in turn over 128 entries")
	}
	if e := EvenIndirection(0); e.Queue(5) != 0 {
		t.Error("no queues means one")
	}
}
