// A first-in first-out list of slots, linked inside: any slot can leave it.

package neigh

// slot is the place of an entry in the table.
type slot uint16

// noSlot ends a list.
const noSlot slot = 0xffff

// list holds each slot at most once. Its links are preallocated.
type list struct {
	links       []links
	first, last slot
	n           int
}

type links struct {
	prev, next slot
	in         bool
}

func makeList(n int) list { return list{links: make([]links, n), first: noSlot, last: noSlot} }

// pushBack adds a slot at the end, unless it is in the list already.
func (l *list) pushBack(i slot) {
	if l.links[i].in {
		return
	}
	l.links[i] = links{prev: l.last, next: noSlot, in: true}
	if l.last == noSlot {
		l.first = i
	} else {
		l.links[l.last].next = i
	}
	l.last = i
	l.n++
}

// remove takes a slot out, if it is in the list.
func (l *list) remove(i slot) {
	at := l.links[i]
	if !at.in {
		return
	}
	if at.prev == noSlot {
		l.first = at.next
	} else {
		l.links[at.prev].next = at.next
	}
	if at.next == noSlot {
		l.last = at.prev
	} else {
		l.links[at.next].prev = at.prev
	}
	l.links[i] = links{}
	l.n--
}

// pushFront adds a slot at the beginning, unless it is in the list already.
func (l *list) pushFront(i slot) {
	if l.links[i].in {
		return
	}
	l.links[i] = links{prev: noSlot, next: l.first, in: true}
	if l.first == noSlot {
		l.last = i
	} else {
		l.links[l.first].prev = i
	}
	l.first = i
	l.n++
}
