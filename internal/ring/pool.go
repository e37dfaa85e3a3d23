// Ring memory in power-of-two size classes.
//
// The memory is cut into spans of 4 MiB. A span serves one class at a time:
//
//	span 1: 4 KiB class   [piece|piece|piece| ... never touched ... ]
//	span 2: 64 KiB class  [   piece   |   piece   | ... ]
//	span 3: free
//
// A class hands out the piece that came back last; failing that, the next
// piece of the span that it is carving; failing that, it takes a free span. A
// span of which all pieces have come back is free at once, for any class: that
// is one list operation, and it keeps the touched memory small. When all this
// fails, a piece of a larger class is given, so that no request is refused
// while a piece that could serve it lies idle.
//
// Rings of 512 octets share pieces of 4 KiB: small.go.
//
// Every operation is a constant number of list steps (at most one per class).
// The account stands beside the memory: free ring memory is never touched.

package ring

import (
	"fmt"
	"github.com/mtcp-go/mtcp/internal/cacheline"
	"math/bits"
)

// The sizes of rings: MinSize, and the powers of two from PageSize to MaxSize.
const (
	MinSize  = 512
	PageSize = 4 << 10
	MaxSize  = 4 << 20

	classes      = 14 // 512 << 0 to 512 << 13
	pageClass    = 3  // of PageSize; between it and 0 there is none
	classBits    = 4
	spanSize     = MaxSize
	pagesPerSpan = spanSize / PageSize
	unitsPerPage = PageSize / MinSize
)

// MaxMemory is the most that one Pool can name.
const MaxMemory = MinSize << (32 - classBits)

// Ref names one ring in the memory of a Pool: in the low 4 bits its class plus
// one, above them its offset in units of MinSize. Zero is no ring. It needs no
// table to be resolved, so any goroutine with the Memory can do so.
type Ref uint32

// refOf names the piece of a class at a unit.
func refOf(unit uint32, class int) Ref { return Ref(unit<<classBits | uint32(class+1)) }

// class returns the size class of r, which is not zero.
func (r Ref) class() int { return int(r&(1<<classBits-1)) - 1 }

// unit returns the offset of r in units of MinSize.
func (r Ref) unit() uint32 { return uint32(r >> classBits) }

// page returns the page that r is in, or begins with.
func (r Ref) page() uint32 { return r.unit() / unitsPerPage }

// Size returns the octets of the ring, a power of two; 0 for no ring.
func (r Ref) Size() int {
	if r == 0 {
		return 0
	}
	return MinSize / 2 << (r & (1<<classBits - 1))
}

// colour is where in the ring a stream that was empty begins: a cache line that
// differs from that of rings which stand at the same place of other pages. They
// would all compete for the same few lines of the cache.
func (r Ref) colour() int {
	nth := int(r.page()) >> max(r.class()-pageClass, 0)
	return nth * cacheLine & (min(r.Size(), PageSize) - 1)
}

// Memory resolves Refs. It never changes.
type Memory struct {
	mem  []byte
	own  bool // of streams that have both ends on the shard
	twin *Memory
}

// Own returns the same memory for streams of which both ends belong to the shard.
func (m *Memory) Own() *Memory { return m.twin }

// Bytes returns the octets of r; nil for no ring.
func (m *Memory) Bytes(r Ref) []byte {
	if r == 0 {
		return nil
	}
	first := int(r.unit()) * MinSize
	end := first + r.Size()
	return m.mem[first:end:end]
}

// none ends a list of spans, which are numbered from 1.
const none = 0

// A Page is the Pool's account of 4 KiB.
type Page struct {
	link       uint32 // given, or page+1 of the next piece that came back
	next, prev uint32 // page+1: in the list of pages with free small pieces
	free       uint8  // small pieces that are not given out, a bit each
	small      bool   // cut into small pieces
}

// given is the link of the first page of a piece that is in use.
const given = ^uint32(0)

// span is what the Pool knows of 4 MiB.
type span struct {
	class      uint8  // the class it serves; meaningful while inUse > 0
	inUse      uint16 // pieces given out
	carved     uint16 // pieces ever given out since the class took the span
	free       uint32 // page+1 of the piece that came back last, or first: it goes out next; 0 if none
	last       uint32 // with Pool.fifo: page+1 of the piece that came back last
	next, prev uint32 // in its class's list of spans with returned pieces
}

// A Pool is the ring memory of one shard. Only that shard may call it; what
// others do with the memory that it names is ordered by the Streams.
type Pool struct {
	memory  Memory
	spans   []span // by number from 1
	pages   []Page
	small   smallList
	partial [classes]uint32
	carving [classes]uint32
	idle    uint32 // spans that were used and are free, by span.next
	high    uint32 // highest span ever used
	inUse   int
	fifo    bool
}

// NewPool returns a Pool over mem, which must hold at least one span of 4 MiB
// and not more than MaxMemory. What does not fill a span is left unused.
func NewPool(mem []byte) (*Pool, error) { return PoolOver(mem, make([]Page, Pages(len(mem)))) }

// PoolOver is NewPool with zeroed memory for the account.
func PoolOver(mem []byte, pages []Page) (*Pool, error) {
	n := len(mem) / spanSize
	if n == 0 || uint64(len(mem)) > MaxMemory {
		return nil, fmt.Errorf("ring: pool of %d octets: want %d to %d", len(mem), spanSize, uint64(MaxMemory))
	}
	mem = mem[: n*spanSize : n*spanSize]
	p := cacheline.New[Pool]()
	*p = Pool{
		memory: Memory{mem: mem, twin: &Memory{mem: mem, own: true}},
		spans:  make([]span, n+1),
		pages:  pages[:n*pagesPerSpan],
	}
	return p, nil
}

// Pages returns how many pages a Pool over n octets has.
func Pages(n int) int { return n / spanSize * pagesPerSpan }

// FIFO has a class go round in the pieces of its span: what benchmarks compare with.
func (p *Pool) FIFO() { p.fifo = true }

// Memory returns what resolves the Pool's Refs.
func (p *Pool) Memory() *Memory { return &p.memory }

// Bytes returns the octets of r.
func (p *Pool) Bytes(r Ref) []byte { return p.memory.Bytes(r) }

// InUse returns how many octets are given out, whole pages of small rings.
func (p *Pool) InUse() int { return p.inUse }

// Cap returns how many octets there are.
func (p *Pool) Cap() int { return len(p.memory.mem) }

// Low reports that less than an eighth of the memory is left. How much of it
// a class can have depends on which spans the others hold.
func (p *Pool) Low() bool { return p.Cap()-p.inUse < p.Cap()/8 }

// classOf returns the smallest class that holds size octets.
func classOf(size int) int {
	if size <= MinSize {
		return 0
	}
	return pageClass + bits.Len(uint(size-1)/PageSize)
}

// Get takes a ring of at least size octets: of the smallest class that holds
// them or, when that has none and no span is free, of a larger one. It returns
// 0 if there is none, or size is more than MaxSize. The octets are not zeroed.
func (p *Pool) Get(size int) Ref {
	class := classOf(size)
	if class >= classes {
		return 0
	}
	if class == 0 {
		if r := p.getSmall(); r != 0 {
			return r
		}
		class = pageClass
	} else if r := p.get(class); r != 0 {
		return r
	}
	for class++; class < classes; class++ {
		if r := p.take(class); r != 0 {
			return r
		}
	}
	return 0
}

// get takes a piece of the class, for which it may take a span.
func (p *Pool) get(class int) Ref {
	if r := p.take(class); r != 0 {
		return r
	}
	if s := p.takeSpan(class); s != none {
		return p.carve(s)
	}
	return 0
}

// take gets a piece out of the spans that the class has.
func (p *Pool) take(class int) Ref {
	if s := p.partial[class]; s != none && !(p.fifo && p.carving[class] != none) {
		return p.reuse(s)
	}
	if s := p.carving[class]; s != none {
		return p.carve(s)
	}
	return 0
}

// takeSpan gives the class a free span to carve: one that was used before, so
// that no fresh memory is touched, or the next fresh one.
func (p *Pool) takeSpan(class int) uint32 {
	s := p.idle
	if s != none {
		p.idle = p.spans[s].next
	} else if int(p.high)+1 < len(p.spans) {
		p.high++
		s = p.high
	} else {
		return none
	}
	p.spans[s] = span{class: uint8(class)} // < classes
	p.carving[class] = s
	return s
}

// carve gets the next piece of a span that is being carved.
func (p *Pool) carve(s uint32) Ref {
	sp := &p.spans[s]
	class := int(sp.class)
	page := (s-1)*pagesPerSpan + uint32(sp.carved)<<(class-pageClass)
	sp.carved++
	if sp.carved == pagesPerSpan>>(class-pageClass) {
		p.carving[class] = none
	}
	return p.give(sp, page)
}

// reuse gets the piece that came back to a span last.
func (p *Pool) reuse(s uint32) Ref {
	sp := &p.spans[s]
	page := sp.free - 1
	sp.free = p.pages[page].link
	if sp.free == 0 {
		p.unlist(s)
	}
	return p.give(sp, page)
}

// give marks the piece at a page as given out.
func (p *Pool) give(sp *span, page uint32) Ref {
	sp.inUse++
	p.pages[page].link = given
	p.inUse += MinSize << sp.class
	return refOf(page*unitsPerPage, int(sp.class))
}

// backTwice says that a ring is not given out: two streams would share it.
const backTwice = "ring: a ring was given back twice"

// Put gives a ring back. It panics if the ring is not given out: two streams
// would then share it. Putting no ring does nothing.
func (p *Pool) Put(r Ref) {
	if r == 0 {
		return
	}
	pg := &p.pages[r.page()]
	if pg.link != given || pg.small != (r.class() == 0) {
		panic(backTwice)
	}
	if pg.small {
		p.putSmall(r, pg)
		return
	}
	p.put(r, pg)
}

// put gives a piece of a span back.
func (p *Pool) put(r Ref, pg *Page) {
	page := r.page()
	s := page/pagesPerSpan + 1
	sp := &p.spans[s]
	if int(sp.class) != r.class() {
		panic(backTwice)
	}
	p.inUse -= r.Size()
	sp.inUse--
	if sp.inUse == 0 {
		pg.link = 0
		p.retire(s)
		return
	}
	if p.fifo && sp.free != 0 {
		pg.link, p.pages[sp.last-1].link, sp.last = 0, page+1, page+1
		return
	}
	if sp.free != 0 {
		p.unlist(s)
	}
	pg.link = sp.free
	sp.free, sp.last = page+1, page+1
	p.list(s)
}

// retire makes a span free of which every piece has come back.
func (p *Pool) retire(s uint32) {
	sp := &p.spans[s]
	if sp.free != 0 {
		p.unlist(s)
		sp.free = 0
	}
	if p.carving[sp.class] == s {
		p.carving[sp.class] = none
	}
	sp.next = p.idle
	p.idle = s
}

// list puts a span first in its class's list.
func (p *Pool) list(s uint32) {
	sp := &p.spans[s]
	first := p.partial[sp.class]
	sp.next, sp.prev = first, none
	p.spans[first].prev = s // number 0 is nobody's
	p.partial[sp.class] = s
}

// unlist takes a span out of its class's list.
func (p *Pool) unlist(s uint32) {
	sp := &p.spans[s]
	if sp.prev == none {
		p.partial[sp.class] = sp.next
	} else {
		p.spans[sp.prev].next = sp.next
	}
	p.spans[sp.next].prev = sp.prev // number 0 is nobody's
}
