// Many connections over time: hosts that dial, listeners that accept when they
// get to it, and cancels here and there.

package sim

import (
	"slices"
	"time"
)

// Traffic makes pairs.
type Traffic struct {
	Excuses Excuses
	Pairs   []*Pair
	Opened  int // of them, those whose dial succeeded

	Size       int           // octets that a typical connection moves
	Pause      time.Duration // the longest pause of an application
	CancelIn   int           // one dial in so many is cancelled; 0: none
	AcceptIn   int           // a listener accepts in one round of so many; 0: at once
	AtOnce     int           // most pairs under way
	Plans      func(p *[2]Plan)
	world      *World
	listeners  []*Listener
	unaccepted map[[2]Addr]*Pair // by client's and server's address
	open       map[[2]Addr]*Pair // the last of each, either way round
	live       []*Pair
}

// Traffic begins without any.
func (w *World) Traffic() *Traffic {
	t := &Traffic{
		Size: 10_000, Pause: 50 * time.Millisecond, AtOnce: 8,
		world: w, unaccepted: make(map[[2]Addr]*Pair), open: make(map[[2]Addr]*Pair),
	}
	w.EachRound(t.accept)
	return t
}

// Listen opens a port whose connections belong to the traffic.
func (t *Traffic) Listen(h *Host, port uint16, backlog int) *Listener {
	l := h.Listen(Addr{Port: port}, backlog)
	t.listeners = append(t.listeners, l)
	return l
}

// Dial starts one more pair, from a shard of a host to a listener.
func (t *Traffic) Dial(from *Host, shard int, l *Listener) *Pair {
	r := t.world.Rand
	p := &Pair{
		ID: len(t.Pairs), traffic: t, listener: l, early: l.opened < len(l.host.lanes),
		plans:    randomPlans(r, t.Size, t.Pause),
		patterns: [2]pattern{{r.Uint64N(period)}, {r.Uint64N(period)}},
	}
	if t.Plans != nil {
		t.Plans(&p.plans)
	}
	t.Pairs = append(t.Pairs, p)
	t.live = append(t.live, p)
	p.Dial = from.Dial(shard, Addr{}, Addr{l.host.Address, l.port})
	p.Dial.then = func(d *Dial) {
		p.dialed(d)
		if d.Conn != nil {
			t.Opened++
			t.unaccepted[[2]Addr{d.Conn.Local, d.Conn.Remote}] = p
			t.open[[2]Addr{d.Conn.Local, d.Conn.Remote}] = p
			t.open[[2]Addr{d.Conn.Remote, d.Conn.Local}] = p
		}
	}
	if t.CancelIn > 0 && r.IntN(t.CancelIn) == 0 {
		t.world.After(time.Duration(r.Int64N(int64(t.Pause)+1)), func() {
			if !p.Dial.Done {
				p.canceled = true
				from.Cancel(p.Dial)
			}
		})
	}
	return p
}

// accept is a step of all who accept.
func (t *Traffic) accept() {
	for _, l := range t.listeners {
		if !l.pushed || !l.Open || t.AcceptIn > 0 && t.world.Rand.IntN(t.AcceptIn) > 0 {
			continue
		}
		c := l.Accept()
		if c == nil {
			l.pushed = false
			continue
		}
		key := [2]Addr{c.Remote, c.Local}
		p := t.unaccepted[key]
		if p == nil {
			t.world.Problem("%s accepted a connection from %v:%d that nobody opened", l.host.name, c.Remote.IP, c.Remote.Port)
			c.Close(true)
			continue
		}
		delete(t.unaccepted, key)
		t.live = append(t.live, p)
		p.start(1, c)
	}
}

// Find returns the pair whose end at local talks to remote; nil if none is
// known, as before a client has its answer.
func (t *Traffic) Find(local, remote Addr) *Pair { return t.open[[2]Addr{local, remote}] }

// Active returns how many pairs are under way, those included that a listener
// has not yet accepted.
func (t *Traffic) Active() int {
	t.live = slices.DeleteFunc(t.live, (*Pair).isOver)
	n := len(t.live)
	for _, l := range t.listeners {
		n += l.Waiting()
	}
	return n
}

// isOver reports that nobody has anything left to do with a pair.
func (p *Pair) isOver() bool {
	if !p.Dial.Done {
		return false
	}
	for _, e := range p.Ends {
		if e != nil && !e.isGone() {
			return false
		}
	}
	return true
}

// Complete returns how many pairs have moved everything both ways and ended in
// order.
func (t *Traffic) Complete() int {
	n := 0
	for _, p := range t.Pairs {
		if p.isComplete() {
			n++
		}
	}
	return n
}

// Unfinished lists, as problems, pairs that should have come to an end.
func (t *Traffic) Unfinished() {
	for _, p := range t.Pairs {
		if p.isOver() {
			continue
		}
		if !p.Dial.Done {
			t.world.Problem("pair %d: the dial was never answered", p.ID)
		}
		for _, e := range p.Ends {
			if e != nil && !e.isGone() {
				t.world.Problem("%v: unfinished: wrote %d of %d, read %d, end of stream %v, parked %v %v, ready %#x, buffered %d, unsent %d",
					e, e.Wrote, e.Plan.Send, e.Read, e.EOF, e.parkedRead, e.parkedWr,
					uint32(e.Conn.App.Block.Flags()), e.Conn.App.Buffered(), e.Conn.App.Unsent())
			}
		}
	}
}

// Settle lets everything end: first the pairs, then TIME-WAIT and all other
// timers, until nothing will ever happen again.
func (t *Traffic) Settle(pairs, rest time.Duration) {
	w := t.world
	looks := 0
	w.RunUntil(pairs, func() bool {
		looks++
		return looks%16 == 0 && t.Active() == 0 // counting takes time
	})
	t.Unfinished()
	for _, l := range t.listeners {
		if l.Open {
			l.Close()
		}
	}
	t.listeners = nil
	if !w.Rest(rest) && !w.isBroken() {
		w.Problem("no rest after %v: something is still due at %v", rest, time.Duration(w.next()-start))
	}
}
