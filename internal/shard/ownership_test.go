package shard

// Whose a packet is: our own, another shard's, nobody's any more.

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
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

// What finds no room on the way to ourselves goes with the next rounds, and not
// only when a timer comes.
func TestDial_ToTheOwnAddressMoreThanThereIsRoomFor(t *testing.T) {
	const n = 2 * frameSlots
	w, h := alone(t, limits{backlog: 2 * n, connections: 4 * n})
	h.listen(t, 2*n)
	for range n {
		h.dial(ourIP)
	}
	w.until(50*time.Millisecond, "all connected", func() bool { return len(h.dialed) == n && h.waiting.Len() == n })
	if st := h.stats(); st.TCP.Retransmits != 0 {
		t.Errorf("%d segments sent again", st.TCP.Retransmits)
	}
}

// A silent device does not say to which queue a connection's packets come.
type silent struct{ link.Queue }

func (q silent) Info() link.Info {
	i := q.Queue.Info()
	i.Incoming = nil
	return i
}

// The device chooses the queue of an answer: half of those to connections that
// we opened come to the wrong shard.
func TestHandover_AnswersFindTheShardThatDialled(t *testing.T) {
	clients := dialFromTwoShards(t, func(q link.Queue) link.Queue { return silent{q} })
	for i, h := range clients {
		if h.stats().HandedOver == 0 {
			t.Errorf("shard %d of the clients handed nothing over", i)
		}
	}
}

// Where it is known which queue that will be, a port is chosen for it.
func TestDial_AnswersComeToTheShardThatDialled(t *testing.T) {
	clients := dialFromTwoShards(t, func(q link.Queue) link.Queue { return q })
	for i, h := range clients {
		if n := h.stats().HandedOver; n != 0 {
			t.Errorf("shard %d of the clients handed %d packets over", i, n)
		}
	}
}

// dialFromTwoShards has two shards open connections, and talk; it returns them.
func dialFromTwoShards(t *testing.T, device func(link.Queue) link.Queue) []*station {
	t.Helper()
	const each = 32
	m, err := mem.New(mem.Config{Queues: 2, RingFrames: 1 << 12})
	must(t, err)
	w := &world{TB: t, now: mono.Time(time.Second)}
	for side, addr := range []wire.IPv4{ourIP, peerIP} {
		var both []*Shard
		for id := range 2 {
			h := newStation(t, device(m.Side(side).Queue(id)), addr, limits{id: id, shards: 2}, w.now)
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
	return clients
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

func TestTimeWait_EndsWithARSTOnlyIfSaid(t *testing.T) {
	for _, said := range []bool{false, true} {
		w, h := alone(t, limits{tcp: func(c *tcp.Config) { c.TimeWaitRST = said }})
		h.listen(t, 8)
		p := w.mustOpen(4000)
		app, _ := h.pop()
		app.Close(false)
		w.run(time.Millisecond)
		p.take()
		p.send(wire.FIN|wire.ACK, nil)
		w.run(time.Millisecond)
		if n := h.stats().TimeWaits; n != 1 {
			t.Fatalf("%d records", n)
		}
		p.send(wire.RST, nil)
		w.run(time.Millisecond)
		u := h.Usage()
		if ended := u.TimeWaits == 0 && u.Flows == 0; ended != said {
			t.Errorf("said %v: %d records, %d flows", said, u.TimeWaits, u.Flows)
		}
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

// several is a world of stations with one address, each at its own queue. The
// test chooses by w.link which queue a packet comes to.
func several(t testing.TB, n int) (*world, []*script) {
	t.Helper()
	w := &world{TB: t, now: mono.Time(time.Second), answerARP: true}
	var queues []*script
	var all []*Shard
	for id := range n {
		q := newScript(1500)
		h := newStation(t, q, ourIP, limits{id: id, shards: n}, w.now)
		h.listen(t, 8)
		w.stations, queues, all = append(w.stations, h), append(queues, q), append(all, h.Shard)
	}
	must(t, Connect(all))
	return w, queues
}

// A device may choose another queue for a flow than before.
func TestHandover_AcceptedConnectionsAreFoundWhereverTheyArrive(t *testing.T) {
	for _, listening := range []bool{true, false} {
		for home := range 4 {
			w, queues := several(t, 4)
			w.link = queues[home]
			p := w.mustOpen(4000)
			app, ok := w.stations[home].pop()
			if !ok {
				t.Fatalf("shard %d accepted nothing", home)
			}
			if !listening {
				for _, h := range w.stations {
					h.Unlisten(0, port)
				}
			}
			want := ""
			for at := range queues {
				w.link = queues[at]
				p.send(wire.ACK|wire.PSH, []byte("text"))
				w.run(time.Millisecond)
				w.link = queues[home]
				p.take()
				want += "text"
			}
			got := make([]byte, 100)
			if n, _ := app.Read(got); string(got[:n]) != want {
				t.Errorf("shard %d read %q, want %q", home, got[:n], want)
			}
			for at, h := range w.stations {
				if st := h.stats(); st.TCP.ResetsOut != 0 || st.Drops[drop.FrameHandover] != 0 {
					t.Errorf("home %d, shard %d: %d resets, drops %v", home, at, st.TCP.ResetsOut, st.Drops)
				}
			}
		}
	}
}

func TestHandover_SegmentsOfNobodyAreRefusedOnceAndSearchedForWithinLimits(t *testing.T) {
	w, queues := several(t, 4)
	w.link = queues[2]
	stray := toUs(4000, wire.ACK)
	w.inject(stray)
	w.run(time.Millisecond)
	resets := func() (n, dropped uint64) {
		for _, h := range w.stations {
			n, dropped = n+h.stats().TCP.ResetsOut, dropped+h.dropped(drop.FrameHandover)
		}
		return n, dropped
	}
	if n, dropped := resets(); n != 1 || dropped != 0 {
		t.Errorf("%d resets for one segment of nobody, %d dropped", n, dropped)
	}
	handed := w.stations[2].stats().HandedOver
	const flood = 64 // in one round, and from one queue
	for i := range flood {
		stray.srcPort = uint16(5000 + i)
		queues[3].in = append(queues[3].in, stray.frame())
	}
	w.round()
	if n := w.stations[2].stats().HandedOver - handed; n > flood {
		t.Errorf("shard 2 passed on %d", n)
	}
	w.run(time.Millisecond)
	n, dropped := resets()
	if n-1+dropped != flood || dropped == 0 {
		t.Errorf("%d resets and %d dropped, want %d together and some of both", n-1, dropped, flood)
	}
}

func TestTrail_EveryShardSeesASegmentOnce(t *testing.T) {
	for n := 1; n <= 9; n++ {
		for origin := range n {
			for port := range uint16(n) {
				s := &Shard{cfg: Config{ID: origin, Shards: n}}
				tr := s.fresh()
				seen := map[int]bool{origin: true}
				for first := true; ; first = false {
					to, after, ok := s.next(tr, port)
					if !ok {
						break
					}
					if seen[to] || first && to != int(port) && origin != int(port) {
						t.Fatalf("%d shards, from %d, port %d: to %d, after %v", n, origin, port, to, seen)
					}
					back, flags := trailOf(after.asMeta(link.ChecksumNone))
					if back != after || flags != link.ChecksumNone || back.fresh() {
						t.Fatalf("%+v became %+v, %v", after, back, flags)
					}
					seen[to], tr, s.cfg.ID = true, after, to
				}
				if len(seen) != n {
					t.Errorf("%d shards, from %d, port %d: only %v", n, origin, port, seen)
				}
				if _, _, ok := s.next(s.ended(), port); ok {
					t.Errorf("%d shards: an ended trail goes on", n)
				}
			}
		}
	}
}
