// Next hops: the way of a packet to its neighbour, and connections that wait
// until ARP has found it.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// nextHop finds the MAC for a connection, from its cache if it can. While ARP
// asks, the connection waits off the ready lists; when there is no way now it
// learns that at once, since nobody would wake it later.
func (s *Shard) nextHop(t *tcp.TCB, dst wire.IPv4, now mono.Time) (wire.MAC, bool) {
	if id := t.Neighbour(); id != 0 {
		if mac, ok := s.arp.MAC(neighID(id)); ok {
			return mac, true
		}
	}
	if !s.host.IsLocal(wire.IPv4(t.Key().LocalIP)) { // no more: see SetNetwork
		s.engine.Unreachable(t, sock.NotLocal, now)
		return wire.MAC{}, false
	}
	mac, id, way := s.resolve(dst, now)
	switch way {
	case wayOpen:
		t.SetNeighbour(uint32(id))
		return mac, true
	case wayAsked:
		s.enlist(t, listBlocked)
	case wayFailed:
		s.engine.Unreachable(t, sock.HostUnreachable, now)
	case wayNone:
		s.engine.Unreachable(t, sock.NetUnreachable, now)
	}
	return mac, false
}

// way says whether a packet can go to a destination now.
type way uint8

const (
	wayOpen   way = iota
	wayAsked      // ARP will tell
	wayFailed     // the next hop does not answer
	wayNone       // no route
)

// resolve routes a packet and asks ARP for the next hop.
func (s *Shard) resolve(dst wire.IPv4, now mono.Time) (wire.MAC, neigh.ID, way) {
	if s.host.IsLocal(dst) {
		return s.mac(), 0, wayOpen
	}
	_, hop, _, ok := s.host.Route(dst)
	if !ok {
		s.drop(drop.IPNoRoute)
		return wire.MAC{}, 0, wayNone
	}
	id, state := s.arp.Lookup(hop, now)
	mac, ok := s.arp.MAC(id)
	switch {
	case ok:
		return mac, id, wayOpen
	case state == neigh.Incomplete:
		return mac, id, wayAsked
	}
	return mac, id, wayFailed
}

func neighID(v uint32) neigh.ID { return neigh.ID(v) }

// maxAsked bounds the replies that wait for ARP.
const maxAsked = 32

// asked are replies without a connection, a RST above all, whose next hop ARP
// is asking for: an ARP module should not lose the packet that made it ask (RFC
// 1122 §2.3.2.2). Each waits for news of its own neighbour: to try all of them
// with every news would ask again for those that had to make room, whose room
// others would then lose, without end.
type asked struct {
	replies [maxAsked]tcp.Reply
	n       int
	again   int // the first of them, to be tried now
}

// keepReply has a reply wait for ARP's news.
func (s *Shard) keepReply(r *tcp.Reply) {
	if s.asked.n == maxAsked {
		s.drop(drop.NeighbourUnresolved)
		return
	}
	s.asked.replies[s.asked.n] = *r
	s.asked.n++
}

// popAsked takes the oldest reply that is to be tried again.
func (s *Shard) popAsked(r *tcp.Reply) bool {
	a := &s.asked
	if a.again == 0 {
		return false
	}
	*r = a.replies[0]
	a.again--
	a.n--
	copy(a.replies[:a.n], a.replies[1:a.n+1])
	return true
}

// tellAsked lets replies go whose neighbour has been found, and drops those whose
// neighbour is not there.
func (s *Shard) tellAsked(events []neigh.Event) {
	a := &s.asked
	was := *a
	a.n, a.again = 0, 0
	for _, ready := range [2]bool{true, false} {
		for i := range was.replies[:was.n] {
			kind := s.newsFor(&was.replies[i], events)
			isReady := i < was.again || kind == neigh.Resolved || kind == neigh.Changed
			switch {
			case isReady != ready:
			case kind == neigh.Unreachable:
				s.drop(drop.NeighbourUnresolved)
			default:
				a.replies[a.n] = was.replies[i]
				a.n++
			}
		}
		if ready {
			a.again = a.n
		}
	}
}

// newsFor returns the latest news of a reply's next hop, 0 if there is none.
func (s *Shard) newsFor(r *tcp.Reply, events []neigh.Event) (kind neigh.EventKind) {
	_, hop, _, ok := s.host.Route(wire.IPv4(r.Key.RemoteIP))
	for _, ev := range events {
		if ok && ev.ID != 0 && ev.IP == hop {
			kind = ev.Kind
		}
	}
	return kind
}

// neighbourEvents takes ARP's news: who waited for a neighbour tries again, or
// learns that it is not there.
func (s *Shard) neighbourEvents(now mono.Time) {
	var events [16]neigh.Event
	for {
		n := s.arp.Events(events[:])
		moved := false
		for _, ev := range events[:n] {
			switch ev.Kind {
			case neigh.Resolved, neigh.Changed, neigh.Usable, neigh.Unreachable:
				moved = true
			case neigh.Conflict:
				s.counters.AddressConflicts++
			}
		}
		if moved {
			s.unblock(events[:n], now)
			if s.asked.n > 0 {
				s.tellAsked(events[:n])
			}
		}
		if n < len(events) {
			return
		}
	}
}

// unblock lets waiting connections try once more. Those behind a neighbour that
// is gone are told first that it cannot be reached.
func (s *Shard) unblock(events []neigh.Event, now mono.Time) {
	last := s.lists[listBlocked-1].tail
	for t := s.pop(listBlocked); t != nil; t = s.pop(listBlocked) {
		end := t.Slot() == last
		if _, hop, _, ok := s.host.Route(wire.IPv4(t.Key().RemoteIP)); ok && isGone(hop, events) {
			s.engine.Unreachable(t, sock.HostUnreachable, now)
		}
		s.touch(t)
		if end {
			return
		}
	}
}

// isGone reports that the latest news of a neighbour are bad.
func isGone(hop wire.IPv4, events []neigh.Event) bool {
	gone := false
	for _, ev := range events {
		if ev.ID != 0 && ev.IP == hop {
			gone = ev.Kind == neigh.Unreachable
		}
	}
	return gone
}
