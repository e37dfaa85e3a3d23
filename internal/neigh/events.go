// News for the shard: neighbours found or lost, our addresses usable or claimed.
//
// An entry has at most one event in the queue; a newer one takes its place. The
// queue has a place for every entry, and as many again for entries that were
// released with news to leave behind, which happens only while there is room: so
// no event is ever lost.

package neigh

import "github.com/mtcp-go/mtcp/internal/wire"

// EventKind says what happened.
type EventKind uint8

// The kinds of events. Those of neighbours carry an ID, those of our own
// addresses do not.
const (
	Resolved    EventKind = iota + 1 // MAC answers now: send what waits
	Unreachable                      // no answer: tell those who wait
	Changed                          // the neighbour has another MAC
	Usable                           // our address has no conflict and may be used
	Conflict                         // somebody else claims our address
)

// String names the kind.
func (k EventKind) String() string {
	switch k {
	case Resolved:
		return "resolved"
	case Unreachable:
		return "unreachable"
	case Changed:
		return "changed"
	case Usable:
		return "usable"
	case Conflict:
		return "conflict"
	}
	return "unknown"
}

// Event is one piece of news.
type Event struct {
	ID   ID // zero for our own addresses
	IP   wire.IPv4
	Kind EventKind
}

// eventQueue is a ring of 2 × entries.
type eventQueue struct {
	ring       []Event
	head, tail uint32 // counts of events taken and put; the index is modulo len(ring)
}

func makeEventQueue(entries int) eventQueue { return eventQueue{ring: make([]Event, 2*entries)} }

func (q *eventQueue) len() int { return int(q.tail - q.head) }

// hasRoomForReleased keeps one place for each entry of the table: while fewer
// events wait than there are entries, fewer of them than that are of released ones.
func (q *eventQueue) hasRoomForReleased() bool { return q.len() < len(q.ring)/2 }

func (q *eventQueue) at(place uint32) *Event { return &q.ring[place%uint32(len(q.ring))] }

// tell queues the news of an entry, or replaces what it had to say.
func (t *Table) tell(i slot, k EventKind) {
	e := &t.entries[i]
	if e.hasEvent {
		ev := t.events.at(e.eventAt)
		if ev.Kind == Resolved && k == Changed {
			return // those who wait have not heard that there is an address at all
		}
		ev.Kind = k
		return
	}
	e.hasEvent, e.eventAt = true, t.events.tail
	*t.events.at(t.events.tail) = Event{ID: t.id(i), IP: e.ip, Kind: k}
	t.events.tail++
}

// HasEvents reports whether Events may have any.
func (t *Table) HasEvents() bool { return t.events.len() > 0 || t.newsDue }

// Events moves the oldest news to buf and returns how many; call it until it
// gives fewer than buf holds.
func (t *Table) Events(buf []Event) int {
	n := 0
	for ; n < len(buf) && t.events.len() > 0; n++ {
		buf[n] = *t.events.at(t.events.head)
		e := &t.entries[buf[n].ID.slot()]
		if e.hasEvent && e.eventAt == t.events.head {
			e.hasEvent = false
		}
		t.events.head++
	}
	if !t.newsDue {
		return n
	}
	for i := range t.addresses[:t.nAddresses] {
		n += t.addresses[i].takeEvents(buf[n:])
	}
	t.newsDue = n == len(buf)
	return n
}
