package sim

// Limits: what is refused when there is no more of something, and that it comes
// back.

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var limitScenarios = []scenario{
	{"no-slot", noSlot},
	{"no-ring-memory", noRingMemory},
	{"no-time-wait-record", noTimeWaitRecord},
	{"accept-queue-full", acceptQueueFull},
	{"stale-handles", staleHandles},
	{"no-route-back", noRouteBack},
	{"handover-full", handoverFull},
	{"draining", draining},
}

// noSlot: SYNs are dropped and dials refused when all slots are taken; one that
// is given back serves the next.
func noSlot(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{Connections: 2})
	l := h.Listen(Addr{Port: 80}, 16)
	w.Run(time.Millisecond)
	for i := range 2 {
		newPeer(t, s, h, uint16(5000+i), 80).connect(plain)
	}
	p := newPeer(t, s, h, 6000, 80)
	only(t, "a third SYN", dropped(w, h, func() { p.send(wire.SYN, nil) }), drop.NoTCB)
	d := h.Dial(0, Addr{}, Addr{s.IP, 80})
	w.Run(time.Millisecond)
	if !d.Done || d.Why != sock.NoMemory {
		t.Errorf("a dial without a slot: %v %v", d.Done, d.Why)
	}
	l.Accept().Close(true)
	w.Run(time.Millisecond)
	p.seq = 1000
	p.connect(plain)
}

// noRingMemory: when ring memory runs out, SYNs are dropped, text is left to be
// sent again, writers wait; nothing that was accepted fails.
func noRingMemory(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{Connections: 2048, RingMemory: 4 << 20})
	question, answer := bytes.Repeat([]byte("ask"), 200), bytes.Repeat([]byte("answer"), 100) // more than small rings
	l := h.Listen(Addr{Port: 80}, 2048)
	w.Run(time.Millisecond)
	var peers []*peer
	var conns []*Conn
	for i := range 1100 { // a ring each would be more than there is
		p := newPeer(t, s, h, uint16(2000+i), 80)
		p.seq = 1000
		p.send(wire.SYN, nil)
		got := p.take(50 * time.Microsecond)
		if len(got) == 0 {
			break
		}
		p.ack = got[0].End()
		p.send(wire.ACK, nil)
		p.send(wire.ACK, question)
		p.take(50 * time.Microsecond)
		peers = append(peers, p)
		conns = append(conns, l.Accept())
	}
	st := h.Stats(0)
	if st.Drops[drop.NoRing] == 0 || len(peers) > 1024 || len(peers) < 800 {
		t.Fatalf("%d connections, drops %v", len(peers), st.Drops[drop.NoRing])
	}
	waiting := 0
	for _, c := range conns { // writers take what is left
		if _, st := c.App.Write(answer); st == sock.WouldBlock && c.App.ParkWrite(len(answer)) {
			waiting++
		}
		w.Run(20 * time.Microsecond)
	}
	for i, p := range peers {
		p.send(wire.ACK, bytes.Repeat([]byte("more"), 1000)) // does not fit beside the first
		if i%16 == 0 {
			w.Run(20 * time.Microsecond)
		}
	}
	w.Run(20 * time.Millisecond)
	st = h.Stats(0)
	if waiting == 0 || st.TCP.RingWaits == 0 {
		t.Errorf("%d writers wait, %d times", waiting, st.TCP.RingWaits)
	}
	s.Frames = nil
	s.Each = s.acknowledge
	for i, c := range conns {
		if got := read(c); !bytes.HasPrefix(got, question) {
			t.Fatalf("connection %d read %d octets", i, len(got))
		}
		if c.App.Block.Errno() != sock.OK {
			t.Fatalf("connection %d: %v", i, c.App.Block.Errno())
		}
	}
	wrote := make([]bool, len(conns)) // rings that were read empty go to the writers
	left := len(conns)
	for tries := 0; left > 0 && tries < 500; tries++ {
		for i, c := range conns {
			if wrote[i] {
				continue
			}
			if n, _ := c.App.Write(answer); n == len(answer) {
				wrote[i] = true
				left--
			} else {
				c.App.ParkWrite(len(answer))
			}
		}
		w.Run(10 * time.Millisecond)
	}
	if left > 0 {
		t.Errorf("%d of %d writers still wait, 5 s after memory came back", left, len(conns))
	}
}

// noTimeWaitRecord: the oldest record makes room for the newest.
func noTimeWaitRecord(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{TimeWaits: 2})
	l := h.Listen(Addr{Port: 80}, 4)
	w.Run(time.Millisecond)
	for i := range 5 {
		p := newPeer(t, s, h, uint16(5000+i), 80)
		p.connect(plain)
		l.Accept().Close(false)
		p.take(time.Millisecond)
		p.send(wire.ACK|wire.FIN, nil)
		w.Run(time.Millisecond)
	}
	st := h.Stats(0)
	if st.TimeWaits != 2 || st.TimeWaitsEvicted != 3 || st.Drops[drop.NoTimeWait] != 3 {
		t.Errorf("%d records, %d evicted, %d drops, want 2, 3, 3", st.TimeWaits, st.TimeWaitsEvicted, st.Drops[drop.NoTimeWait])
	}
	w.Run(2 * time.Minute)
	if n := h.Stats(0).TimeWaits; n != 0 {
		t.Errorf("%d records after two minutes", n)
	}
}

// acceptQueueFull: clients beyond the backlog are kept waiting, never reset,
// and get their turn.
func acceptQueueFull(t *testing.T, w *World) {
	a, b := two(w, HostConfig{}, time.Millisecond)
	l := b.Listen(Addr{Port: 80}, 3)
	w.Run(time.Millisecond)
	var dials []*Dial
	for range 12 {
		dials = append(dials, a.Dial(0, Addr{}, Addr{b.Address, 80}))
	}
	w.Run(500 * time.Millisecond)
	if n := l.Waiting(); n != 3 {
		t.Errorf("%d connections wait in a queue of 3", n)
	}
	if b.Stats(0).Drops[drop.AcceptFull] == 0 {
		t.Error("nothing was kept out")
	}
	got := 0
	w.RunUntil(2*time.Minute, func() bool {
		if c := l.Accept(); c != nil {
			got++
		}
		return got == len(dials)
	})
	if got != len(dials) {
		t.Errorf("%d of %d clients got their turn", got, len(dials))
	}
	for i, d := range dials {
		if d.Conn == nil {
			t.Errorf("dial %d: %v %v", i, d.Done, d.Why)
		} else if _, st := d.Conn.App.Read(nil); st != sock.WouldBlock {
			t.Errorf("client %d: %v, %v", i, st, d.Conn.App.Block.Errno())
		}
	}
}

// staleHandles: commands for connections that are gone, or never were, are
// counted and do nothing.
func staleHandles(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	old := c.App
	c.Close(true)
	p.take(time.Millisecond)
	ops := []sock.Op{sock.OpSend, sock.OpWantTx, sock.OpWindow, sock.OpShutdown, sock.OpShutdownRead, sock.OpSet, sock.OpClose, sock.OpAbort, sock.OpNone, 99}
	handles := []slab.Handle{old.Handle, 0, 1, 77, 1 << 40, ^slab.Handle(0)}
	grown := dropped(w, h, func() {
		for _, op := range ops {
			for _, x := range handles {
				h.Command(0, sock.Command{Op: op, Handle: x, Token: 1, Option: 200})
			}
		}
	})
	if want := uint64(len(ops) * len(handles)); grown[drop.StaleHandle] != want || len(grown) != 1 {
		t.Errorf("dropped %v, want %d stale handles", grown, want)
	}
	// The slot serves another connection; the old handle does not reach it.
	p = newPeer(t, s, h, 5001, 80)
	p.connect(plain)
	h.Command(0, sock.Command{Op: sock.OpAbort, Handle: old.Handle})
	if got := p.take(time.Millisecond); len(got) != 0 {
		t.Errorf("an old handle made the new connection send %+v", got)
	}
}

// noRouteBack: SYNs from a network to which there is no way hold no slot.
func noRouteBack(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	h.Listen(Addr{Port: 80}, 4)
	w.Run(time.Millisecond)
	for i := range 200 {
		p := s.To(h, uint16(1000+i), 80)
		p.Src.IP, p.Flags = 192<<24|wire.IPv4(i), wire.SYN
		s.Send(p.Frame())
	}
	w.Run(time.Millisecond)
	if u := h.Shard(0).Usage(); u.Connections != 0 || u.HalfOpen != 0 || u.Waiting != 0 {
		t.Errorf("held for peers without a way back: %+v", u)
	}
	if h.Stats(0).Drops[drop.IPNoRoute] == 0 {
		t.Error("no packet without a route is counted")
	}
	p := s.To(h, 1000, 99) // a RST cannot go there either
	p.Src.IP, p.Flags = 192<<24|5, wire.ACK
	grown := dropped(w, h, func() { s.Send(p.Frame()) })
	if grown[drop.NeighbourUnresolved] != 1 {
		t.Errorf("dropped %v, want one %v", grown, drop.NeighbourUnresolved)
	}
}

// handoverFull: a shard that does not run loses what others pass on to it,
// counted, and no more than that.
func handoverFull(t *testing.T, w *World) {
	a, b := two(w, HostConfig{Queues: 2}, time.Millisecond)
	l := a.Listen(Addr{Port: 80}, 4)
	a.Stall(1, w.Now().Add(time.Second))
	for i := range 400 {
		a.Inject(0, ARPFrame(wire.Broadcast(), wire.ARP{
			Op: wire.ARPRequest, SenderMAC: b.MAC, SenderIP: b.Address, TargetIP: a.Address + wire.IPv4(50+i%100),
		}))
	}
	w.Run(2 * time.Second)
	st := a.Stats(0)
	if st.Drops[drop.FrameHandover] == 0 || st.Flow.Shared-st.Drops[drop.FrameHandover] < 256 {
		t.Errorf("%d copies made, %d lost", st.Flow.Shared, st.Drops[drop.FrameHandover])
	}
	client, server := join(t, w, b, l)
	exchange(t, w, client, server)
}

// draining: a stack that shuts down takes no new connections and lets the
// present ones finish.
func draining(t *testing.T, w *World) {
	a, b := two(w, HostConfig{}, time.Millisecond)
	l := b.Listen(Addr{Port: 80}, 4)
	client, server := join(t, w, a, l)
	b.Shard(0).Drain()
	d := a.Dial(0, Addr{}, Addr{b.Address, 80})
	w.Run(100 * time.Millisecond)
	if d.Done || b.Stats(0).Drops[drop.SYNBacklog] == 0 {
		t.Errorf("a SYN while draining: %v %v", d.Done, d.Why)
	}
	a.Cancel(d)
	exchange(t, w, client, server)
}
