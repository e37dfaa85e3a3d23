// The index from address to slot: open addressing with linear probing, and
// deletion by moving back what follows, so that it needs no tombstones and never
// grows.

package neigh

import (
	"math/bits"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// index is at most half full. The seed keeps a peer from choosing addresses
// that share a bucket.
type index struct {
	buckets []bucket
	seed    uint64
	shift   uint8
}

type bucket struct {
	ip   wire.IPv4
	slot slot // noSlot: empty
}

func makeIndex(entries int, seed uint64) index {
	n := bits.Len(uint(2*entries - 1)) // the power of two that holds 2 × entries
	x := index{buckets: make([]bucket, 1<<n), seed: seed, shift: uint8(64 - n)}
	for i := range x.buckets {
		x.buckets[i].slot = noSlot
	}
	return x
}

// home is the bucket where a search for ip begins.
func (x *index) home(ip wire.IPv4) int {
	h := (uint64(ip) ^ x.seed) * 0x9e37_79b9_7f4a_7c15
	h ^= h >> 29
	return int(h * 0xbf58_476d_1ce4_e5b9 >> x.shift)
}

func (x *index) after(b int) int { return (b + 1) & (len(x.buckets) - 1) }

func (x *index) find(ip wire.IPv4) (slot, bool) {
	for b := x.home(ip); x.buckets[b].slot != noSlot; b = x.after(b) {
		if x.buckets[b].ip == ip {
			return x.buckets[b].slot, true
		}
	}
	return noSlot, false
}

// insert adds an address that is not there.
func (x *index) insert(ip wire.IPv4, i slot) {
	b := x.home(ip)
	for x.buckets[b].slot != noSlot {
		b = x.after(b)
	}
	x.buckets[b] = bucket{ip, i}
}

// remove deletes an address, if it is there, and moves back the ones behind it
// that the gap would cut off from their home.
func (x *index) remove(ip wire.IPv4) {
	gap := x.home(ip)
	for x.buckets[gap].ip != ip || x.buckets[gap].slot == noSlot {
		if x.buckets[gap].slot == noSlot {
			return
		}
		gap = x.after(gap)
	}
	mask := len(x.buckets) - 1
	for b := x.after(gap); x.buckets[b].slot != noSlot; b = x.after(b) {
		fromHome := (b - x.home(x.buckets[b].ip)) & mask
		if fromHome >= (b-gap)&mask {
			x.buckets[gap] = x.buckets[b]
			gap = b
		}
	}
	x.buckets[gap].slot = noSlot
}
