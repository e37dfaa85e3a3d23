package shard

// Whose a packet is: our own, another shard's, nobody's any more.

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestDial_ToTheOwnAddressNeedsNoLink(t *testing.T) {
	w, h := alone(t, limits{})
	w.run(time.Minute) // our address has been announced
	w.taken()
	w.answerARP = false
	v := newTown(w, h, h, 16)
	v.dial(16)
	v.transact()
	for _, e := range v.clients {
		e.close()
	}
	v.until(time.Second, "all closed", v.closed)
	w.run(2 * time.Minute)
	h.wantEmpty(t)
	if n := len(w.link.out); n != 0 {
		t.Errorf("%d frames left for packets to ourselves", n)
	}
	if st := h.stats(); st.Flow.TxLocal == 0 || st.Flow.TxLocal != st.Flow.RxLocal {
		t.Errorf("%d packets to ourselves, %d received", st.Flow.TxLocal, st.Flow.RxLocal)
	}
}

// The device chooses the queue of an answer: half of those to connections that
// we opened come to the wrong shard.
func TestHandover_AnswersFindTheShardThatDialled(t *testing.T) {
	const each = 32
	m, err := mem.New(mem.Config{Queues: 2, RingFrames: 1 << 12})
	must(t, err)
	w := &world{TB: t, now: mono.Time(time.Second)}
	for side, addr := range []wire.IPv4{ourIP, peerIP} {
		var both []*Shard
		for id := range 2 {
			h := newStation(t, m.Side(side).Queue(id), addr, limits{id: id, shards: 2}, w.now)
			w.stations, both = append(w.stations, h), append(both, h.Shard)
		}
		must(t, Connect(both))
	}
	servers, clients := w.stations[:2], w.stations[2:]
	var ends []*end
	accepted := 0
	w.apps = func() bool {
		busy := false
		for _, h := range servers {
			for app, ok := h.pop(); ok; app, ok = h.pop() {
				ends, accepted, busy = append(ends, h.end(app, true)), accepted+1, true
			}
		}
		for _, e := range ends {
			busy = e.poll() || busy
		}
		return busy
	}
	for _, h := range servers {
		h.listen(t, 128)
	}
	for range each {
		clients[0].dial(ourIP)
		clients[1].dial(ourIP)
	}
	w.until(time.Second, "all connected", func() bool {
		return len(clients[0].dialed)+len(clients[1].dialed) == 2*each && accepted == 2*each
	})
	v := &town{world: w}
	for id, h := range clients {
		for _, a := range h.dialed {
			if a.why != sock.OK || int(a.LocalPort)%2 != id {
				t.Fatalf("shard %d: port %d, %v", id, a.LocalPort, a.why)
			}
			e := h.end(h.App(a.Handle), false)
			e.ask()
			v.awake, ends = append(v.awake, e), append(ends, e)
		}
	}
	w.until(time.Second, "all answered", v.answered)
	for _, e := range v.awake {
		e.close()
	}
	v.awake = ends
	w.until(time.Second, "all closed", v.closed)
	w.run(2 * time.Minute)
	for i, h := range w.stations {
		h.wantEmpty(t)
		if st := h.stats(); st.TCP.Retransmits != 0 || st.TCP.ResetsOut != 0 || st.Drops[drop.FrameHandover] != 0 {
			t.Errorf("station %d: %d retransmissions, %d resets, %d hand-overs failed",
				i, st.TCP.Retransmits, st.TCP.ResetsOut, st.Drops[drop.FrameHandover])
		}
	}
	for i, h := range clients {
		if h.stats().HandedOver == 0 {
			t.Errorf("shard %d of the clients handed nothing over", i)
		}
	}
}

func TestStaleHandles_AreCountedAndHarmNobody(t *testing.T) {
	w, h := alone(t, limits{connections: 1})
	h.listen(t, 8)
	w.mustOpen(4000)
	old, _ := h.pop()
	old.Close(true)
	w.run(time.Millisecond)
	p := w.mustOpen(4001) // in the same slot
	for _, op := range []sock.Op{
		sock.OpSend, sock.OpWantTx, sock.OpWindow, sock.OpShutdown, sock.OpShutdownRead, sock.OpSet, sock.OpClose, sock.OpAbort,
	} {
		before := h.dropped(drop.StaleHandle)
		h.mail.Send(&sock.Command{Op: op, Handle: old.Handle})
		w.run(time.Millisecond)
		if n := h.dropped(drop.StaleHandle) - before; n != 1 {
			t.Errorf("command %d: %d counted as stale, want 1", op, n)
		}
	}
	app := exchange(w, h, p, 500)
	if app.Handle.Index() != old.Handle.Index() || app.Handle == old.Handle {
		t.Errorf("handles %#x and %#x, want one slot and two names", old.Handle, app.Handle)
	}
}

func TestTimeWait_TheOldestRecordGivesWay(t *testing.T) {
	const records, closed = 8, 20
	w, server, client := pair(t, limits{timeWaits: records})
	v := newTown(w, server, client, closed)
	v.dial(closed)
	for _, e := range v.clients {
		e.close()
	}
	v.until(time.Second, "all closed", v.closed)
	w.run(10 * time.Millisecond)
	st := client.stats()
	if st.TimeWaits != records || st.TimeWaitsEvicted != closed-records || st.Drops[drop.NoTimeWait] != closed-records {
		t.Errorf("%d records, %d evicted, %d counted, want %d, %d, %d",
			st.TimeWaits, st.TimeWaitsEvicted, st.Drops[drop.NoTimeWait], records, closed-records, closed-records)
	}
	if u := client.Usage(); u.Flows != records || u.Connections != 0 {
		t.Errorf("%d flows, %d connections, want %d and none", u.Flows, u.Connections, records)
	}
	w.run(2 * time.Minute)
	client.wantEmpty(t)
	server.wantEmpty(t)
}

// With the accept queue full neither a SYN nor the last ACK of a handshake is
// answered; both work once somebody has accepted.
func TestBacklog_FullIsCountedAndPasses(t *testing.T) {
	w, h := alone(t, limits{backlog: 1})
	h.listen(t, 1)
	half := func(from uint16) *peer { // a handshake but for its last ACK
		t.Helper()
		p := &peer{w: w, base: toUs(from, wire.SYN)}
		w.inject(p.base)
		w.run(time.Millisecond)
		for _, a := range w.taken() {
			if a.dstPort == from && a.flags == wire.SYN|wire.ACK {
				p.next, p.got = p.base.seq.Add(1), a.seq.Add(1)
				return p
			}
		}
		t.Fatalf("the SYN from port %d was not answered", from)
		return nil
	}
	first, second := half(4000), half(4001)
	first.send(wire.ACK, nil)
	second.send(wire.ACK, nil) // in the same batch
	w.inject(toUs(4002, wire.SYN))
	w.run(time.Millisecond)
	if n := h.waiting.Len(); n != 1 {
		t.Fatalf("%d wait to be accepted, want 1", n)
	}
	if n := h.dropped(drop.AcceptFull); n != 1 {
		t.Errorf("%d counted as accept_queue_full in the batch, want 1", n)
	}
	before := h.dropped(drop.AcceptFull)
	w.inject(toUs(4003, wire.SYN))
	w.run(time.Millisecond)
	if n := h.dropped(drop.AcceptFull) - before; n != 1 {
		t.Errorf("a SYN: %d counted as accept_queue_full, want 1", n)
	}
	if app, _ := h.pop(); app.Handle == 0 {
		t.Fatal("nothing to accept")
	}
	w.taken()
	w.run(3 * time.Second)
	again := false
	for _, a := range w.taken() {
		again = again || a.dstPort == 4001 && a.flags == wire.SYN|wire.ACK
	}
	if !again {
		t.Error("the SYN-ACK was not sent again")
	}
	second.send(wire.ACK, nil)
	w.run(time.Millisecond)
	exchange(w, h, second, 100)
	exchange(w, h, w.mustOpen(4003), 100)
}

// A flow that a device moves to another queue stays one: its segments are passed
// from shard to shard until one knows it, and what none knows is refused once.
func TestHandover_AFlowThatMovesToAnotherQueue(t *testing.T) {
	const shards = 3
	w := &world{TB: t, now: mono.Time(time.Second)}
	var links [shards]*script
	var all []*Shard
	for id := range shards {
		links[id] = newScript(1500)
		h := newStation(t, links[id], ourIP, limits{id: id, shards: shards}, w.now)
		h.listen(t, 128)
		w.stations, all = append(w.stations, h), append(all, h.Shard)
	}
	must(t, Connect(all))
	at := func(queue int, p packet) (out []packet) {
		links[queue].in = append(links[queue].in, p.frame())
		for range 2 * shards {
			w.round()
			for _, q := range links {
				q.answerARP()
			}
		}
		w.link = &script{} // collects what all have sent
		for _, q := range links {
			w.link.out, q.out = append(w.link.out, q.out...), nil
		}
		out, w.link = w.taken(), nil
		return out
	}
	p := toUs(5000, wire.SYN)
	got := at(1, p)
	if len(got) != 1 || got[0].flags != wire.SYN|wire.ACK {
		t.Fatalf("a SYN was answered with %v", got)
	}
	p.flags, p.seq, p.ack = wire.ACK, p.seq+1, got[0].seq+1
	at(1, p)
	p.text = []byte("moved")
	p.flags |= wire.PSH
	for _, queue := range []int{2, 0, 1} {
		got = at(queue, p)
		p.seq = p.seq.Add(5)
		if len(got) != 1 || got[0].flags.Has(wire.RST) || got[0].ack != p.seq {
			t.Fatalf("text at queue %d was answered with %v", queue, got)
		}
	}
	p.srcPort = 5001
	if got = at(2, p); len(got) != 1 || !got[0].flags.Has(wire.RST) {
		t.Errorf("a segment of nobody's was answered with %v", got)
	}
}
