// Small rings: eight of 512 octets in a piece of 4 KiB.
//
// Most requests and answers need no more, and eight connections then share a
// page, which the processor's table of addresses has room for. A piece is cut
// when no other has a free eighth, and goes back to its span when all eighths
// have come back: so small rings never take more of the memory than as many
// of 4 KiB would.

package ring

import "math/bits"

// smallList is the pages that have free small pieces: page+1 of the first and
// the last, or 0.
type smallList struct{ first, last uint32 }

// getSmall takes a small ring; 0 if there is none and no piece to be cut.
func (p *Pool) getSmall() Ref {
	at := p.small.first
	if at == 0 {
		r := p.get(pageClass)
		if r == 0 {
			return 0
		}
		at = r.page() + 1
		pg := &p.pages[at-1]
		pg.small, pg.free = true, 1<<unitsPerPage-1
		p.listPage(at)
	}
	pg := &p.pages[at-1]
	k := bits.TrailingZeros8(pg.free)
	pg.free &= pg.free - 1
	if pg.free == 0 || p.fifo {
		p.unlistPage(at)
	}
	if pg.free != 0 && p.fifo {
		p.listPage(at)
	}
	return refOf((at-1)*unitsPerPage+uint32(k), 0)
}

// putSmall gives a small ring back, and with the last one of a page the page.
func (p *Pool) putSmall(r Ref, pg *Page) {
	at, bit := r.page()+1, uint8(1)<<(r.unit()%unitsPerPage)
	if pg.free&bit != 0 {
		panic(backTwice)
	}
	if pg.free != 0 {
		p.unlistPage(at)
	}
	pg.free |= bit
	if pg.free == 1<<unitsPerPage-1 {
		pg.small, pg.free = false, 0
		p.put(refOf((at-1)*unitsPerPage, pageClass), pg)
		return
	}
	p.listPage(at)
}

// listPage puts a page first in the list, or last with Pool.fifo.
func (p *Pool) listPage(at uint32) {
	pg, l := &p.pages[at-1], &p.small
	if p.fifo {
		pg.next, pg.prev = 0, l.last
	} else {
		pg.next, pg.prev = l.first, 0
	}
	p.join(pg.prev, at)
	p.join(at, pg.next)
}

// unlistPage takes a page out of the list.
func (p *Pool) unlistPage(at uint32) {
	pg := &p.pages[at-1]
	p.join(pg.prev, pg.next)
}

// join makes b follow a; 0 stands for either end of the list.
func (p *Pool) join(a, b uint32) {
	if a == 0 {
		p.small.first = b
	} else {
		p.pages[a-1].next = b
	}
	if b == 0 {
		p.small.last = a
	} else {
		p.pages[b-1].prev = a
	}
}
