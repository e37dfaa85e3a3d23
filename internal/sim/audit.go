// At the end: nothing leaks, and the counters add up. What a host received is
// what the wire delivered; every frame received is accounted for by a reason or
// by what it became; every frame sent was somebody's.

package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/shard"
)

// EndAll aborts what applications still hold and closes all ports, and lets the
// world come to rest.
func (w *World) EndAll() {
	for _, h := range w.hosts {
		for _, token := range slices.Sorted(maps.Keys(h.dials)) {
			h.Cancel(h.dials[token])
		}
		for _, c := range h.conns {
			if !c.closed {
				c.Close(true)
			}
		}
		for _, l := range h.listeners {
			if l.Open && l.Why == 0 {
				l.Close()
			}
		}
	}
	if !w.Rest(10_000*time.Hour) && !w.isBroken() {
		w.Problem("no rest: something is still due at %v", time.Duration(w.next()-start))
	}
}

// Audit checks a world that is at rest, in which every application has given
// everything back.
func (w *World) Audit() {
	for _, h := range w.hosts {
		for _, l := range h.lanes {
			l.auditHoldings()
			l.auditCounters()
		}
		h.auditHandovers()
		if n := len(h.dials); n > 0 {
			w.Problem("%s: %d dials were never answered", h.name, n)
		}
		if n := len(h.calls); n > 0 {
			w.Problem("%s: %d calls were never made", h.name, n)
		}
	}
	for _, m := range w.wires {
		w.auditWire(m)
	}
}

// auditHoldings looks for what was never given back.
func (l *lane) auditHoldings() {
	w := l.host.world
	u := l.shard.Usage()
	u.Listeners = 0 // a test may leave some open
	if u != (shard.Usage{}) {
		w.Problem("%s/%d still holds %+v", l.host.name, l.id, u)
		for i, s := range l.shard.Connections() {
			if i == 5 {
				break
			}
			w.Problem("%s/%d: %s", l.host.name, l.id, s)
		}
	}
	if l.tap.lent != 0 || l.tap.reserved != 0 {
		w.Problem("%s/%d keeps %d received and %d reserved frames", l.host.name, l.id, l.tap.lent, l.tap.reserved)
	}
	if !l.mail.Arm() {
		w.Problem("%s/%d: commands wait", l.host.name, l.id)
	}
	l.mail.Disarm()
}

// auditCounters compares the counts of the layers of one shard.
func (l *lane) auditCounters() {
	st := l.stats()
	equal := func(what string, a, b uint64) {
		if a != b {
			l.host.world.Problem("%s/%d: %s: %d and %d", l.host.name, l.id, what, a, b)
		}
	}
	f := &st.Flow
	equal("frames that the device gave and that the shard counted",
		l.tap.counts.received+l.tap.counts.injected+f.RxHanded, st.RxFrames)
	equal("frames received and what they were",
		st.RxFrames+f.RxLocal, f.ARP+f.ICMP+f.Fragments+f.Segments+refusedBelowTCP(&st))
	equal("segments and who took them", f.Segments, st.TCP.SegmentsIn+st.HandedOver+f.Claimed)
	equal("frames that the shard and the device sent", st.TxFrames, st.Link.TxFrames+st.Link.TxDropped)
	equal("frames sent and what they were", st.TxFrames+f.TxLocal+st.Drops[drop.LinkDown],
		st.TCP.SegmentsOut+f.TxICMP+st.ARP.Requests+st.ARP.Replies+st.ARP.Probes+st.ARP.Announces)
}

func (l *lane) stats() (st shard.Stats) {
	l.shard.Snapshot(&st)
	return st
}

// refusedBelowTCP sums the reasons for which a frame does not reach TCP.
func refusedBelowTCP(st *shard.Stats) uint64 {
	sum := uint64(0)
	add := func(first, last drop.Reason) {
		for r := first; r <= last; r++ {
			sum += st.Drops[r]
		}
	}
	add(drop.FrameShort, drop.FrameEtherType)
	add(drop.IPVersion, drop.IPProtocol)
	add(drop.IPFragOverlap, drop.IPFragLimit)
	add(drop.TCPHeaderLen, drop.TCPBroadcast)
	return sum
}

// auditHandovers: what shards passed to each other has arrived.
func (h *Host) auditHandovers() {
	var out, in uint64
	for _, l := range h.lanes {
		st := l.stats()
		out += st.HandedOver + st.Flow.Shared - st.Drops[drop.FrameHandover]
		in += st.Flow.RxHanded
	}
	if out != in {
		h.world.Problem("%s: %d frames were handed over and %d taken", h.name, out, in)
	}
}

// auditWire: frames sent are those received, but for what the wire says that
// it has done to them.
func (w *World) auditWire(m *mem.Wire) {
	for side := range 2 {
		var tx, dropped, rx uint64
		from, to := m.Side(side), m.Side(1-side)
		for i := range from.Queue(0).Info().Queues {
			c := from.Queue(i).Counters()
			tx, dropped = tx+c.TxFrames, dropped+c.TxDropped
			rx += to.Queue(i).Counters().RxFrames
		}
		f := m.Fate(side)
		want := tx - f.Filtered - f.Lost
		if strings.Contains(from.Queue(0).Info().Mode, "impaired") {
			want += dropped + f.Duplicated - f.RateFull - f.BoxFull // which count each copy
		}
		if want != rx {
			w.Problem("wire, side %d: %d sent, %d not, %+v, and %d received", side, tx, dropped, f, rx)
		}
	}
}
