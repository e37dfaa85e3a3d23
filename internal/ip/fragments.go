// The records of datagrams in reassembly, and the memory that they share.

package ip

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// partialKey tells datagrams apart (RFC 791 §3.2).
type partialKey struct {
	src, dst wire.IPv4
	ident    uint16
	proto    uint8
}

// span is the octets from first up to, not including, end.
type span struct{ first, end uint16 }

// blockID names a block of the pool; the zero value is none.
type blockID uint16

const noBlock blockID = 0

// partial is a datagram of which some fragments have come.
type partial struct {
	until mono.Time
	key   partialKey

	spans    [maxFragments]span // sorted, apart
	nSpans   int
	received int    // octets
	total    uint16 // length of the datagram, zero until its last fragment came
	blocks   [blocksPerPacket]blockID

	quote       [wire.IPv4MaxHeaderLen + wire.ICMPQuoteLen]byte // how the first fragment began
	quoteLen    uint8
	tos, ttl    uint8 // of the first fragment
	ecnSeen     uint8 // a bit for each codepoint
	isBroadcast bool
	inUse       bool
	isDead      bool // its fragments are refused until it ends
}

// verdict is what place says of a fragment.
type verdict uint8

const (
	isNew verdict = iota
	isDuplicate
	isWrong // it contradicts those that came before
	isTooMany
)

// place records the octets of a fragment among those that have come.
func (p *partial) place(first, end uint16, isLast bool) verdict {
	at := 0
	for at < p.nSpans && p.spans[at].first < first {
		at++
	}
	if at < p.nSpans && p.spans[at] == (span{first, end}) {
		return isDuplicate
	}
	if at > 0 && p.spans[at-1].end > first || at < p.nSpans && p.spans[at].first < end {
		return isWrong
	}
	// Only the last fragment ends where the datagram does; nothing lies behind it.
	if isLast && (p.total != 0 || at < p.nSpans) || p.total != 0 && end > p.total {
		return isWrong
	}
	if p.nSpans == maxFragments {
		return isTooMany
	}
	if isLast {
		p.total = end
	}
	copy(p.spans[at+1:p.nSpans+1], p.spans[at:p.nSpans])
	p.spans[at] = span{first, end}
	p.nSpans++
	p.received += int(end - first)
	return isNew
}

// isComplete: spans are apart, so they fill the datagram when they are as long.
func (p *partial) isComplete() bool { return p.total != 0 && p.received == int(p.total) }

// ecn is the congestion mark of the datagram (RFC 3168 §5.3): that of the first
// fragment, except that congestion met by any fragment shows; false when a
// fragment was marked although another one says that it could not be.
func (p *partial) ecn() (uint8, bool) {
	const notECT, ce = 0, 3
	if p.ecnSeen&(1<<ce) == 0 {
		return p.tos & 3, true
	}
	return ce, p.ecnSeen&(1<<notECT) == 0
}

// reassembly is all partial datagrams and their memory.
type reassembly struct {
	partials []partial
	next     mono.Time // nothing is due before
	memory   []byte    // block b is at (b-1) × fragmentBlock
	free     []blockID // the first nFree
	nFree    int
	whole    []byte // the last complete datagram
}

func makeReassembly(datagrams, octets int) reassembly {
	n := max(octets/fragmentBlock, blocksPerPacket) // room for one at least
	f := reassembly{
		partials: make([]partial, datagrams),
		next:     mono.Never,
		memory:   make([]byte, n*fragmentBlock),
		free:     make([]blockID, n),
		nFree:    n,
		whole:    make([]byte, maxReassembled),
	}
	for i := range f.free {
		f.free[i] = blockID(n - i) // 1..n; setDefaults keeps n below 2¹⁶
	}
	return f
}

func (f *reassembly) find(k partialKey) *partial {
	for i := range f.partials {
		if p := &f.partials[i]; p.inUse && p.key == k {
			return p
		}
	}
	return nil
}

func (f *reassembly) unused() *partial {
	for i := range f.partials {
		if p := &f.partials[i]; !p.inUse {
			return p
		}
	}
	return nil
}

// oldest finds the datagram, other than keep, that has waited the longest; nil
// when there is none. Dead ones have no memory to give.
func (f *reassembly) oldest(keep *partial, withMemory bool) *partial {
	var found *partial
	for i := range f.partials {
		p := &f.partials[i]
		if !p.inUse || p == keep || withMemory && p.isDead {
			continue
		}
		if found == nil || p.until.Before(found.until) {
			found = p
		}
	}
	return found
}

// kill gives back a datagram's memory but remembers to refuse its fragments.
func (f *reassembly) kill(p *partial) {
	f.releaseBlocks(p)
	p.isDead = true
}

// release forgets a datagram.
func (f *reassembly) release(p *partial) {
	f.releaseBlocks(p)
	p.inUse = false
}

func (f *reassembly) releaseBlocks(p *partial) {
	for k, b := range p.blocks {
		if b != noBlock {
			f.free[f.nFree] = b
			f.nFree++
			p.blocks[k] = noBlock
		}
	}
}

func (f *reassembly) block(b blockID) []byte {
	at := (int(b) - 1) * fragmentBlock
	return f.memory[at : at+fragmentBlock]
}

// store copies octets to their place in the datagram's blocks.
func (f *reassembly) store(p *partial, at int, b []byte) {
	for len(b) > 0 {
		n := copy(f.block(p.blocks[at/fragmentBlock])[at%fragmentBlock:], b)
		at, b = at+n, b[n:]
	}
}

// gather copies a complete datagram into one piece.
func (f *reassembly) gather(p *partial) []byte {
	out := f.whole[:p.total]
	for at := 0; at < len(out); {
		at += copy(out[at:], f.block(p.blocks[at/fragmentBlock]))
	}
	return out
}
