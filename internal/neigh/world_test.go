package neigh

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// addr reads a dotted address.
func addr(s string) wire.IPv4 {
	a, ok := wire.FromNetip(netip.MustParseAddr(s))
	if !ok {
		panic("not IPv4: " + s)
	}
	return a
}

var (
	ourMAC  = wire.MAC{2, 0, 0, 0, 0, 1}
	peerMAC = wire.MAC{2, 0, 0, 0, 0, 2}
	newMAC  = wire.MAC{2, 0, 0, 0, 0, 3}
	ourIP   = addr("10.0.0.1")
	peerIP  = addr("10.0.0.2")
)

// world is a table on 10.0.0.0/8 with a clock that the test turns.
type world struct {
	*Table
	t   *testing.T
	now mono.Time
}

// newWorld makes a table whose address is in use and announced.
func newWorld(t *testing.T, c Config) *world {
	w := emptyWorld(t, c)
	if !w.AddAddress(ourIP, w.now) {
		t.Fatal("our address is refused")
	}
	w.run(10 * time.Second) // both announcements
	w.frames()
	w.events()
	return w
}

func emptyWorld(t *testing.T, c Config) *world {
	c.MAC = ourMAC
	c.OnLink = []wire.IPv4Prefix{{Addr: addr("10.0.0.0"), Bits: 8}}
	w := &world{Table: New(c), t: t, now: mono.Time(time.Second)}
	t.Cleanup(w.checkInvariants)
	return w
}

// run turns the clock on by d, stopping wherever the table wants to be called.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for steps := 0; !end.Before(w.Next()); steps++ {
		if steps > 1_000_000 {
			w.t.Fatal("Next does not move on")
		}
		w.now = max(w.now, w.Next())
		w.Advance(w.now)
	}
	w.now = end
	w.Advance(w.now)
}

// frame is one that the table wrote.
type frame struct {
	to  wire.MAC
	arp wire.ARP
}

// frames takes all frames that are wanted now.
func (w *world) frames() []frame {
	w.t.Helper()
	var out []frame
	var b [64]byte
	for {
		had := w.HasOutput()
		n := w.Output(b[:], w.now)
		if n == 0 {
			return out
		}
		if !had || n != FrameLen {
			w.t.Fatalf("HasOutput %v before a frame of %d octets", had, n)
		}
		e, body, _ := wire.ParseEthernet(b[:n])
		a, ok := wire.ParseARP(body)
		if !ok || e.Src != ourMAC || e.Type != wire.EtherTypeARP || a.SenderMAC != ourMAC {
			w.t.Fatalf("not a frame of ours: %+v %+v", e, a)
		}
		out = append(out, frame{e.Dst, a})
	}
}

// events takes all news.
func (w *world) events() []Event {
	var out []Event
	var buf [3]Event
	for {
		n := w.Events(buf[:])
		out = append(out, buf[:n]...)
		if n < len(buf) {
			return out
		}
	}
}

// kinds takes all news and keeps the kinds.
func (w *world) kinds() []EventKind {
	var out []EventKind
	for _, e := range w.events() {
		out = append(out, e.Kind)
	}
	return out
}

func (w *world) input(a wire.ARP) drop.Reason { return w.Input(&a, a.SenderMAC, w.now) }

// replyFrom is the answer of a neighbour to our question.
func (w *world) replyFrom(ip wire.IPv4, mac wire.MAC) drop.Reason {
	return w.input(wire.ARP{Op: wire.ARPReply, SenderMAC: mac, SenderIP: ip, TargetMAC: ourMAC, TargetIP: ourIP})
}

// requestFrom is a neighbour's question for target.
func (w *world) requestFrom(ip wire.IPv4, mac wire.MAC, target wire.IPv4) drop.Reason {
	return w.input(wire.ARP{Op: wire.ARPRequest, SenderMAC: mac, SenderIP: ip, TargetIP: target})
}

// state is what the table thinks of a neighbour, without using it.
func (w *world) state(ip wire.IPv4) State {
	i, ok := w.find(ip)
	if !ok {
		return Free
	}
	return w.entries[i].state
}

// resolved makes a neighbour that has just answered.
func (w *world) resolvedPeer() ID {
	w.t.Helper()
	id, s := w.Lookup(peerIP, w.now)
	if s != Incomplete {
		w.t.Fatalf("a new neighbour is %v", s)
	}
	w.frames()
	if why := w.replyFrom(peerIP, peerMAC); why != drop.None {
		w.t.Fatalf("the answer is refused: %v", why)
	}
	if k := w.kinds(); len(k) != 1 || k[0] != Resolved {
		w.t.Fatalf("events %v", k)
	}
	return id
}

// checkInvariants recounts everything that the table keeps count of.
func (w *world) checkInvariants() {
	w.t.Helper()
	var perState [Static + 1]int
	for i := range w.entries {
		e := &w.entries[i]
		perState[e.state]++
		at, ok := w.find(e.ip)
		if isIn := e.state != Free; isIn && (!ok || at != slot(i)) {
			w.t.Fatalf("slot %d (%v, %v) is indexed at %d, %v", i, e.ip, e.state, at, ok)
		}
		if w.free.links[i].in != (e.state == Free) ||
			w.incomplete.links[i].in != (e.state == Incomplete) ||
			w.failed.links[i].in != (e.state == Failed) {
			w.t.Fatalf("slot %d (%v) is in the wrong list", i, e.state)
		}
		if w.wants.links[i].in && e.state != Incomplete && e.state != Probe && !(w.cfg.Outside && e.state.IsUsable()) {
			w.t.Fatalf("slot %d (%v) wants a request", i, e.state)
		}
		if timed := e.state != Free && e.state != Static; timed != (w.due[i] != mono.Never) {
			w.t.Fatalf("slot %d (%v) is due at %v", i, e.state, w.due[i])
		}
		if w.due[i].Before(w.timers.next) && w.timers.next != w.timers.notUntil {
			w.t.Fatalf("slot %d is due at %v, before the next scan at %v", i, w.due[i], w.timers.next)
		}
		if e.hasEvent && w.Table.events.at(e.eventAt).IP != e.ip {
			w.t.Fatalf("slot %d has another's event", i)
		}
	}
	usable := perState[Reachable] + perState[Stale] + perState[Delay] + perState[Probe] + perState[Static]
	if usable != w.Table.resolved || perState[Free] != w.free.n || perState[Incomplete] != w.incomplete.n || perState[Failed] != w.failed.n {
		w.t.Fatalf("counts: %v, resolved %d free %d incomplete %d failed %d", perState, w.Table.resolved, w.free.n, w.incomplete.n, w.failed.n)
	}
	indexed := 0
	for _, b := range w.index.buckets {
		if b.slot != noSlot {
			indexed++
		}
	}
	if indexed != w.Len() || w.Table.resolved > w.resolvedLimit() {
		w.t.Fatalf("%d indexed of %d, %d resolved", indexed, w.Len(), w.Table.resolved)
	}
	if w.Table.events.len() > len(w.Table.events.ring) {
		w.t.Fatalf("%d events in a ring of %d", w.Table.events.len(), len(w.Table.events.ring))
	}
}
