package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var farMAC = wire.MAC{2, 0, 0, 0, 0, 9}

const (
	otherIP wire.IPv4 = 10<<24 | 7 // another address of ours
	viaIP   wire.IPv4 = 10<<24 | 9 // another gateway
	farIP   wire.IPv4 = 198<<24 | 51<<16 | 100<<8 | 7
)

// outside is a station whose neighbours and routes are told: the network on the
// link, and everything else by the peer.
func outside(t testing.TB) (*world, *station) {
	t.Helper()
	w, h := alone(t, limits{outside: true})
	h.network(w, peerIP, ourIP)
	return w, h
}

// network tells the addresses and routes.
func (h *station) network(w *world, gateway wire.IPv4, addresses ...wire.IPv4) {
	w.Helper()
	var all []wire.IPv4Prefix
	for _, a := range addresses {
		all = append(all, wire.IPv4Prefix{Addr: a, Bits: 16})
	}
	routes := []ip.Route{{Prefix: wire.IPv4Prefix{Addr: 10 << 24, Bits: 16}}, {Gateway: gateway}}
	if len(all) == 0 {
		routes = nil
	}
	if n := h.SetNetwork(all, routes, w.now); n != 0 {
		w.Fatalf("%d addresses or routes are refused", n)
	}
}

// asks takes the questions since the last call.
func (h *station) asks() (out []question) {
	out, h.questions = h.questions, nil
	return out
}

// established is a connection of the station's to farIP, whose SYN went to the
// peer's MAC.
func (h *station) established(w *world) packet {
	w.Helper()
	token := h.dial(farIP)
	w.run(time.Millisecond)
	if q := h.asks(); len(q) != 1 || q[0] != (question{peerIP, false}) {
		w.Fatalf("asks %v, want whether the gateway is there", q)
	}
	h.TellNeighbour(peerIP, peerMAC, w.now)
	w.run(time.Millisecond)
	out := w.taken()
	if len(out) != 1 || out[0].flags != wire.SYN || out[0].to != peerMAC {
		w.Fatalf("sent %+v, want a SYN to the gateway", out)
	}
	answer := packet{
		to: ourMAC, src: farIP, dst: ourIP, srcPort: port, dstPort: out[0].srcPort,
		seq: 7000, ack: out[0].seq + 1, flags: wire.SYN | wire.ACK, window: 65535,
	}
	w.inject(answer)
	w.run(time.Millisecond)
	if a := h.dialed[token]; a.why != sock.OK || len(w.taken()) != 1 {
		w.Fatalf("the dial came to %v", a.why)
	}
	return answer
}

// say has the connection send a text; the answer is the frames that left.
func (h *station) say(w *world) []packet {
	w.Helper()
	app := h.App(h.dialed[h.token].Handle)
	w.write(h, &app, []byte("hello"))
	w.run(time.Millisecond)
	return w.taken()
}

func TestOutside_SpeaksNoARP(t *testing.T) {
	w, h := outside(t)
	w.link.in = append(w.link.in, arpFrame(wire.Broadcast(), wire.ARP{
		Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: peerIP, TargetIP: ourIP,
	}))
	h.dial(peerIP)
	w.answerARP = false
	w.run(10 * time.Second)
	if len(w.link.out) != 0 {
		t.Errorf("%d frames were sent, where others speak ARP", len(w.link.out))
	}
	if n := h.dropped(drop.ARPNotOurs); n != 1 {
		t.Errorf("%d ARP packets are counted as not ours", n)
	}
	if a := h.dialed[h.token]; a.why != sock.HostUnreachable {
		t.Errorf("dialling somebody of whom nobody tells: %v", a.why)
	}
	if q := h.asks(); len(q) != 3 {
		t.Errorf("asked %v, want three times", q)
	}
}

// A new route counts for the next segment, not only when the old way has failed
// for a while.
func TestOutside_ConnectionsTakeTheNewRouteAtOnce(t *testing.T) {
	w, h := outside(t)
	h.established(w)
	h.network(w, viaIP, ourIP)
	if out := h.say(w); len(out) != 0 {
		t.Errorf("sent %+v, before the new gateway is known", out)
	}
	if q := h.asks(); len(q) != 1 || q[0].about != viaIP {
		t.Fatalf("asks %v, want for the new gateway", q)
	}
	h.TellNeighbour(viaIP, farMAC, w.now)
	w.run(time.Millisecond)
	if out := w.taken(); len(out) != 1 || out[0].to != farMAC || string(out[0].text) != "hello" {
		t.Errorf("sent %+v, want the text by the new gateway", out)
	}
}

func TestOutside_AWayThatIsGoneIsASoftError(t *testing.T) {
	w, h := outside(t)
	h.established(w)
	if n := h.SetNetwork([]wire.IPv4Prefix{{Addr: ourIP, Bits: 16}}, nil, w.now); n != 0 {
		t.Fatal(n)
	}
	if out := h.say(w); len(out) != 0 {
		t.Errorf("sent %+v without a route", out)
	}
	h.network(w, peerIP, ourIP)
	w.run(time.Second)
	if out := w.taken(); len(out) == 0 || string(out[0].text) != "hello" {
		t.Errorf("sent %+v when the route is back", out)
	}
}

// As in Linux a connection keeps an address that is no more; it sends nothing from
// it, and when it gives up it says why.
func TestOutside_ConnectionsKeepAnAddressThatIsGone(t *testing.T) {
	w, h := outside(t)
	syn := h.established(w)
	h.network(w, peerIP, otherIP)
	if out := h.say(w); len(out) != 0 {
		t.Errorf("sent %+v from an address that is gone", out)
	}
	w.inject(packet{to: ourMAC, src: farIP, dst: ourIP, srcPort: port, dstPort: syn.dstPort, seq: 7001, ack: syn.ack, flags: wire.ACK | wire.PSH, window: 65535, text: []byte("x")})
	w.run(time.Second)
	if n := h.dropped(drop.IPNotOurs); n != 1 {
		t.Errorf("%d packets are counted as not ours", n)
	}
	app := h.App(h.dialed[h.token].Handle)
	if app.Block.Errno() != sock.OK {
		t.Errorf("broke at once: %v", app.Block.Errno())
	}
	w.run(30 * time.Minute)
	if why := app.Block.Errno(); why != sock.NotLocal {
		t.Errorf("gave up with %v, want what was wrong", why)
	}
}

func TestOutside_AddressThatComesBackIsUsed(t *testing.T) {
	w, h := outside(t)
	h.established(w)
	h.network(w, peerIP)
	h.say(w)
	h.network(w, peerIP, ourIP)
	w.run(time.Second)
	if out := w.taken(); len(out) == 0 || string(out[0].text) != "hello" || out[0].src != ourIP {
		t.Errorf("sent %+v when the address is back", out)
	}
}

func TestOutside_ProofGoesToWhoLooksAfterNeighbours(t *testing.T) {
	w, h := outside(t)
	answer := h.established(w)
	proofs, reminders := 0, 0
	next := answer.seq + 1
	for range 120 {
		h.say(w)
		w.inject(packet{
			to: ourMAC, src: farIP, dst: ourIP, srcPort: port, dstPort: answer.dstPort,
			seq: next, ack: h.acked(), flags: wire.ACK, window: 65535,
		})
		w.run(time.Second)
		for _, q := range h.asks() {
			if q.isProven {
				proofs++
			} else {
				reminders++
			}
		}
	}
	if proofs < 2 || proofs > 8 || reminders > 1 {
		t.Errorf("in two minutes of conversation %d proofs and %d reminders", proofs, reminders)
	}
}

// acked is the acknowledgment of everything that the dialled connection has sent.
func (h *station) acked() (v seq.Value) {
	i, _ := h.tcbs.Lookup(h.dialed[h.token].Handle)
	app := h.App(h.tcbs.Handle(i))
	return app.Block.Tx(h.memory).WritePos()
}

func TestSetMTU_RefusesWhatFramesDoNotHold(t *testing.T) {
	w, h := outside(t)
	for _, tt := range []struct {
		mtu, want int
		fits      bool
	}{{1200, 1200, true}, {1501, 1500, false}, {1500, 1500, true}, {65535, 1500, false}} {
		if fits := h.SetMTU(tt.mtu, w.now); fits != tt.fits || h.host.MTU() != tt.want {
			t.Errorf("%d: %v and %d, want %+v", tt.mtu, fits, h.host.MTU(), tt)
		}
	}
}

func TestInUse_SeesConnectionsAndWhatRemains(t *testing.T) {
	w, h := outside(t)
	syn := h.established(w)
	is := func(k flow.Key4) bool { return k.LocalPort == syn.dstPort }
	if !h.Has(is) || h.Has(func(k flow.Key4) bool { return k.LocalPort != syn.dstPort }) {
		t.Error("the connection is not seen, or another is")
	}
	app := h.App(h.dialed[h.token].Handle)
	app.Close(false)
	w.run(time.Millisecond)
	fin := w.taken()
	w.inject(packet{to: ourMAC, src: farIP, dst: ourIP, srcPort: port, dstPort: syn.dstPort, seq: syn.seq + 1, ack: fin[0].seq + 1, flags: wire.ACK | wire.FIN, window: 65535})
	w.run(time.Millisecond)
	if h.stats().TimeWaits != 1 || !h.Has(is) {
		t.Error("TIME-WAIT is not seen")
	}
	w.run(2 * time.Minute)
	if h.Has(is) {
		t.Error("something is seen that has ended")
	}
}
