package shard

import (
	"fmt"

	"github.com/mtcp-go/mtcp/internal/slab"
)

// Usage is what a shard holds at the moment. When every connection has ended
// and every timer has run out all of it is zero, but for listeners and what
// ARP still remembers: what remains has leaked.
type Usage struct {
	Connections int // slots
	TimeWaits   int
	Flows       int // entries of the connection table
	Dials       int // active opens without an answer
	Listeners   int
	HalfOpen    int // connections that listeners count as such
	RingMemory  int // octets
	RangeSets   int // of reassembly and of SACK scoreboards, and send logs
	Timers      int
	Waiting     int // connections that stand in a list, or wait to be published
	Replies     int // segments without a connection that wait to be sent
	Neighbours  int
}

// Usage counts what the shard holds. Shard's goroutine only.
func (s *Shard) Usage() Usage {
	u := Usage{
		Connections: s.tcbs.Len(),
		TimeWaits:   s.tw.slab.Len(),
		Flows:       s.flows.Len(),
		Dials:       len(s.dials),
		Listeners:   s.listeners.Len(),
		RingMemory:  s.pool.InUse(),
		RangeSets:   s.engine.RangeSets() + s.engine.SendLogs(),
		Timers:      s.wheel.Len(),
		Waiting:     len(s.touched),
		Replies:     s.engine.Replies() + s.asked.n,
		Neighbours:  s.arp.Len(),
	}
	for i := range s.listening {
		if s.listening[i].open {
			u.HalfOpen += s.listening[i].halfOpen
		}
	}
	for i := range s.lists {
		for at := s.lists[i].head; at != 0; at = s.tcbs.At(at).ListNext() {
			u.Waiting++
		}
	}
	return u
}

// Connections describes the connections that hold a slot, a line each, for
// people who look for one that does not end. Shard's goroutine only.
func (s *Shard) Connections() []string {
	var out []string
	for i := slab.Index(1); i <= s.tcbs.High(); i++ {
		if !s.tcbs.InUse(i) {
			continue
		}
		t := s.tcbs.At(i)
		k := t.Key()
		next, timed := s.wheel.At(uint32(i))
		out = append(out, fmt.Sprintf("slot %d, %v, local port %d, remote port %d, wants %#x, list %#x, orphan %v, error %v, ready %#x, timer %v %v",
			i, t.State(), k.LocalPort, k.RemotePort, t.Wants(), t.Listed(), t.IsOrphan(), t.Errno(),
			uint32(s.blocks[i].Flags()), next, timed))
	}
	return out
}
