// With many connections, what one needs is not in the cache when its turn comes: it
// is asked for while those before it have theirs.
//
//	input     the TCB and the block, then the rings that the block names
//	publish   what the handler knows of it, then what the application has stored
//	transmit  the TCB and the block of the next in the list

package shard

import (
	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/slab"
)

// manyConnections is how many connections are too many for the cache to have them all: from
// about there on asking is worth what it costs (docs/PERFORMANCE.md, "Tried").
const manyConnections = 5 << 9

func (s *Shard) hasMany() bool { return s.tcbs.Len() >= manyConnections }

// How many turns ahead something is asked for, and what it names.
const (
	inputAhead, ringsAhead  = 8, 4
	handlerAhead, userAhead = 4, 2
)

// bring asks for what the segments behind the i-th of the batch need.
func (s *Shard) bring(i int) {
	if i == 0 {
		for j := range min(inputAhead, s.nParsed) {
			s.bringConnection(slab.Index(s.parsed[j].owner))
		}
		for j := range min(ringsAhead, s.nParsed) {
			s.bringRings(slab.Index(s.parsed[j].owner))
		}
	}
	if i+inputAhead < s.nParsed {
		s.bringConnection(slab.Index(s.parsed[i+inputAhead].owner))
	}
	if i+ringsAhead < s.nParsed {
		s.bringRings(slab.Index(s.parsed[i+ringsAhead].owner))
	}
}

func (s *Shard) bringConnection(i slab.Index) {
	if i&twBit == 0 {
		cacheline.Prefetch(s.tcbs.At(i))
		cacheline.Prefetch(&s.blocks[i])
	}
}

func (s *Shard) bringRings(i slab.Index) {
	if i&twBit == 0 {
		s.blocks[i].PrefetchRings(s.memory)
	}
}

// bringHandled asks for what the handler needs of those that are published soon.
func (s *Shard) bringHandled() {
	if n := len(s.touched); n >= handlerAhead {
		s.handler.Prefetch(s.touched[n-handlerAhead])
	}
	if n := len(s.touched); n >= userAhead {
		s.handler.PrefetchUser(s.touched[n-userAhead])
	}
}
