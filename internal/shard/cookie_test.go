package shard

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// cookies chooses when they are sent.
func cookies(m tcp.CookieMode) func(*tcp.Config) {
	return func(c *tcp.Config) { c.Cookies = m }
}

// flood fills the places for handshakes of a listener that has backlog, and more.
func (w *world) flood(backlog int) {
	w.Helper()
	for i := range synLimit(backlog) + 10 {
		w.inject(toUs(uint16(1000+i), wire.SYN))
	}
	w.run(time.Millisecond)
	w.taken()
}

// stamps are a timestamp option.
func stamps(val, ecr uint32) []byte {
	b := append([]byte{1, 1, 8, 10}, make([]byte, 8)...)
	binary.BigEndian.PutUint32(b[4:], val)
	binary.BigEndian.PutUint32(b[8:], ecr)
	return b
}

// synStamped offers everything: MSS 1400, SACK, timestamps, a scale of 9.
var synStamped = append([]byte{2, 4, 5, 120, 4, 2, 8, 10, 0, 0, 0, 77, 0, 0, 0, 0}, 1, 3, 3, 9)

// knock sends a SYN, and returns the answer and the ACK that completes.
func (w *world) knock(from uint16, options []byte) (answer, ack packet, o wire.Options) {
	w.Helper()
	syn := toUs(from, wire.SYN)
	syn.options = options
	w.inject(syn)
	w.run(time.Millisecond)
	for _, a := range w.taken() {
		if a.dstPort == from && a.flags == wire.SYN|wire.ACK {
			answer = a
		}
	}
	if answer.flags == 0 {
		w.Fatalf("the SYN from port %d was not answered", from)
	}
	wire.ParseOptions(answer.options, &o)
	ack = toUs(from, wire.ACK)
	ack.seq, ack.ack = syn.seq+1, answer.seq+1
	if o.Present.Has(wire.HasTimestamp) {
		ack.options = stamps(78, o.TSVal)
	}
	return answer, ack, o
}

// accepted pops the connection that must be there, and describes it.
func (w *world) accepted(h *station) (sock.App, tcp.Info) {
	w.Helper()
	app, ok := h.pop()
	if !ok {
		w.Fatal("nothing to accept")
	}
	info, ok := h.Inspect(app.Handle, w.now)
	if !ok {
		w.Fatal("the connection is gone")
	}
	return app, info
}

func TestCookie_FullBacklogStillServesWithAllOptions(t *testing.T) {
	const backlog = 4
	w, h := alone(t, limits{backlog: backlog})
	h.listen(t, backlog)
	w.flood(backlog)
	before := h.Usage()
	_, ack, o := w.knock(4000, synStamped)
	if o.Present != wire.HasMSS|wire.HasTimestamp|wire.HasSACKPermitted|wire.HasWScale || o.MSS != 1460 || o.TSEcr != 77 {
		t.Errorf("the SYN-ACK offers %+v", o)
	}
	if u := h.Usage(); u != before {
		t.Errorf("the SYN was not forgotten: %+v, before it %+v", u, before)
	}
	w.inject(ack)
	w.run(time.Millisecond)
	app, info := w.accepted(h)
	if !info.Timestamps || !info.SACK || info.SndScale != 9 || info.SRTT != 0 {
		t.Errorf("the connection has %+v", info)
	}
	st := h.stats()
	if st.TCP.CookiesAccepted != 1 || st.TCP.CookiesSent != 11 || st.Drops[drop.SYNEvicted] != 0 {
		t.Errorf("%d cookies sent, %d accepted, %d handshakes gave way, want 11, 1, 0",
			st.TCP.CookiesSent, st.TCP.CookiesAccepted, st.Drops[drop.SYNEvicted])
	}
	if u := h.Usage(); u.HalfOpen != synLimit(backlog) || u.Connections != synLimit(backlog)+1 {
		t.Errorf("%d half open, %d slots", u.HalfOpen, u.Connections)
	}
	app.Close(true)
	w.run(5 * time.Minute)
	if u := h.Usage(); u.HalfOpen != 0 || u.Connections != 0 || u.Replies != 0 {
		t.Errorf("later: %+v", u)
	}
}

func TestCookie_WithoutTimestampsTextAndFINMayCompleteIt(t *testing.T) {
	w, h := alone(t, limits{backlog: 4, tcp: cookies(tcp.CookiesAlways)})
	h.listen(t, 4)
	_, ack, o := w.knock(4000, []byte{2, 4, 5, 180, 4, 2, 1, 1, 1, 3, 3, 9})
	if o.Present != wire.HasMSS {
		t.Errorf("the SYN-ACK offers what cannot be remembered: %+v", o)
	}
	ack.flags, ack.text = wire.ACK|wire.PSH|wire.FIN, []byte("all that I say")
	w.inject(ack)
	w.run(time.Millisecond)
	app, info := w.accepted(h)
	var b [32]byte
	if n, _ := app.Read(b[:]); string(b[:n]) != "all that I say" || info.State != tcp.CloseWait || info.SACK || info.SndScale != 0 {
		t.Errorf("read %q in %v, SACK %v, scale %d", b[:n], info.State, info.SACK, info.SndScale)
	}
}

func TestCookie_OldOrWrongOnesAreRefusedAndCounted(t *testing.T) {
	w, h := alone(t, limits{backlog: 4, tcp: cookies(tcp.CookiesAlways)})
	h.listen(t, 4)
	_, old, _ := w.knock(4000, synStamped)
	w.run(tcp.CookieLife - time.Second)
	_, wrong, _ := w.knock(4001, synStamped) // keeps the door open
	w.run(2 * time.Second)
	wrong.ack, wrong.options = wrong.ack+8, nil
	for i, p := range []packet{old, wrong} {
		w.inject(p)
		w.run(time.Millisecond)
		if got := w.taken(); len(got) != 1 || got[0].flags != wire.RST || got[0].seq != p.ack {
			t.Errorf("answered with %+v, want a RST", got)
		}
		if n := h.dropped(drop.CookieRefused); n != uint64(i+1) {
			t.Errorf("%d refusals are counted, want %d", n, i+1)
		}
	}
	if u := h.Usage(); u.Connections != 0 || h.waiting.Len() != 0 {
		t.Errorf("%+v", u)
	}
}

func TestCookie_NoneIsTakenUnlessSomeWereSent(t *testing.T) {
	w, h := alone(t, limits{backlog: 4, tcp: cookies(tcp.CookiesAlways)})
	h.listen(t, 4)
	_, ack, _ := w.knock(4000, synStamped)
	h.Unlisten(0, port)
	h.listen(t, 4) // knows of none
	w.inject(ack)
	w.run(time.Millisecond)
	if got := w.taken(); len(got) != 1 || got[0].flags != wire.RST || h.dropped(drop.ListenACK) != 1 {
		t.Errorf("answered with %+v", got)
	}
}

// When the last cookie has lost its life an ACK is like any other to a listener.
func TestCookie_NoneIsTakenWhenTheLastHasExpired(t *testing.T) {
	w, h := alone(t, limits{backlog: 4, tcp: cookies(tcp.CookiesAlways)})
	h.listen(t, 4)
	_, ack, _ := w.knock(4000, synStamped)
	w.run(tcp.CookieLife)
	w.inject(ack)
	w.run(time.Millisecond)
	if got := w.taken(); len(got) != 1 || got[0].flags != wire.RST || h.dropped(drop.ListenACK) != 1 || h.dropped(drop.CookieRefused) != 0 {
		t.Errorf("answered with %+v, %d stray and %d refused", got, h.dropped(drop.ListenACK), h.dropped(drop.CookieRefused))
	}
}

// Where no handshake can give way a cookie would promise what is not there.
func TestCookie_AutoSendsNoneWhenConnectionsHaveAllSlots(t *testing.T) {
	w, h := alone(t, limits{connections: 2, backlog: 4})
	h.listen(t, 4)
	w.mustOpen(900)
	w.mustOpen(901)
	w.inject(toUs(902, wire.SYN))
	w.run(time.Millisecond)
	if n := h.stats().TCP.CookiesSent; n != 0 || h.dropped(drop.NoTCB) != 1 {
		t.Errorf("%d cookies, %d counted as without a slot", n, h.dropped(drop.NoTCB))
	}
}

// What is refused though its cookie is good may come again: no RST, no slot, but a
// reason, and a segment that was received.
func TestCookie_AGoodOneIsKeptOutWithAReason(t *testing.T) {
	for _, x := range []struct {
		why   drop.Reason
		apply func(*station)
	}{
		{drop.SYNBacklog, func(h *station) { h.Drain() }},
		{drop.NoRing, func(h *station) {
			for !h.pool.Low() {
				h.pool.Get(64 << 10)
			}
		}},
	} {
		w, h := alone(t, limits{backlog: 4, ringMemory: 4 << 20, tcp: cookies(tcp.CookiesAlways)})
		h.listen(t, 4)
		_, ack, _ := w.knock(4000, synStamped)
		x.apply(h)
		before := h.stats()
		w.inject(ack)
		w.run(time.Millisecond)
		after := h.stats()
		if out := w.taken(); len(out) != 0 || h.waiting.Len() != 0 || after.Connections != 0 {
			t.Errorf("%v: answered with %+v, %d connections", x.why, out, after.Connections)
		}
		if after.Drops[x.why] != before.Drops[x.why]+1 || after.TCP.SegmentsIn != before.TCP.SegmentsIn+1 {
			t.Errorf("%v: counted %d times, %d segments", x.why, after.Drops[x.why]-before.Drops[x.why], after.TCP.SegmentsIn-before.TCP.SegmentsIn)
		}
	}
}

func TestCookie_OffLetsTheOldestGiveWay(t *testing.T) {
	w, h := alone(t, limits{backlog: 4, tcp: cookies(tcp.CookiesOff)})
	h.listen(t, 4)
	w.flood(4)
	w.mustOpen(900)
	if st := h.stats(); st.TCP.CookiesSent != 0 || st.Drops[drop.SYNEvicted] != 11 {
		t.Errorf("%d cookies, %d gave way", st.TCP.CookiesSent, st.Drops[drop.SYNEvicted])
	}
}

func TestCookie_AutoSendsNoneWhileThereIsRoom(t *testing.T) {
	w, h := alone(t, limits{backlog: 4})
	h.listen(t, 4)
	exchange(w, h, w.mustOpen(900), 100)
	if n := h.stats().TCP.CookiesSent; n != 0 {
		t.Errorf("%d cookies", n)
	}
}

func TestCookie_FullAcceptQueueDropsTheACKAndTheNextOneGetsIn(t *testing.T) {
	w, h := alone(t, limits{backlog: 2, tcp: cookies(tcp.CookiesAlways)})
	h.listen(t, 2)
	var acks []packet
	for i := range 5 {
		_, ack, _ := w.knock(uint16(4000+i), synStamped)
		acks = append(acks, ack)
	}
	w.inject(acks...) // of one batch
	w.run(time.Millisecond)
	if n := h.dropped(drop.AcceptFull); n != 3 || h.waiting.Len() != 2 || h.Usage().Connections != 2 {
		t.Errorf("%d dropped, %d wait, %+v", n, h.waiting.Len(), h.Usage())
	}
	w.accepted(h)
	w.accepted(h)
	last := acks[4]
	last.flags, last.text = wire.ACK|wire.PSH, []byte("again")
	w.inject(last)
	w.run(time.Millisecond)
	if app, _ := w.accepted(h); app.Buffered() != 5 {
		t.Errorf("%d octets are there", app.Buffered())
	}
	if n := h.stats().TCP.ResetsOut; n != 0 {
		t.Errorf("%d resets", n)
	}
}

// A completed handshake has a slot before one that is only begun.
func TestCookie_NoSlotMakesAHandshakeGiveWay(t *testing.T) {
	w, h := alone(t, limits{connections: 8, backlog: 4})
	h.listen(t, 4)
	w.flood(4)
	if u := h.Usage(); u.HalfOpen != 8 || u.Connections != 8 {
		t.Fatalf("%+v", u)
	}
	_, ack, _ := w.knock(900, synStamped)
	w.inject(ack)
	w.run(time.Millisecond)
	w.accepted(h)
	if n := h.dropped(drop.SYNEvicted); n != 1 || h.dropped(drop.NoTCB) != 0 {
		t.Errorf("%d gave way, %d found no slot", n, h.dropped(drop.NoTCB))
	}
}

// byCookie is a connection that came of a cookie, and the packet that brought it.
func byCookie(t *testing.T, from uint16, options []byte) (w *world, h *station, app sock.App, ack packet) {
	w, h = alone(t, limits{backlog: 4, tcp: cookies(tcp.CookiesAlways)})
	h.listen(t, 4)
	_, ack, _ = w.knock(from, options)
	w.inject(ack)
	w.run(time.Millisecond)
	app, _ = w.accepted(h)
	return w, h, app, ack
}

// What connections have to send does not wait behind the answers to a flood.
func TestCookie_AFloodLeavesRoomInTheBatch(t *testing.T) {
	w, h, app, _ := byCookie(t, 900, nil)
	w.write(h, &app, pattern(1000))
	for i := range 4 * batch {
		w.inject(toUs(uint16(1000+i), wire.SYN))
	}
	at := -1
	for range 8 {
		w.round()
	}
	for i, p := range w.taken() {
		if p.dstPort == 900 && len(p.text) > 0 {
			at = i
			break
		}
	}
	if at < 0 || at > batch {
		t.Errorf("the text went out after %d answers to strangers", at)
	}
	st := h.stats()
	if n := st.Drops[drop.CookieLimit]; n+st.TCP.CookiesSent != 4*batch+1 {
		t.Errorf("%d cookies sent and %d refused, of %d", st.TCP.CookiesSent, n, 4*batch+1)
	}
}

// When round after round has found a whole batch waiting, the next answers less than
// it is asked, and so costs less than a round of answers; a burst is answered.
func TestCookie_CrowdedRoundsInARowAnswerAShare(t *testing.T) {
	w, h := alone(t, limits{backlog: 4, tcp: cookies(tcp.CookiesAlways)})
	h.listen(t, 4)
	w.knock(900, nil) // the neighbour is known
	for _, x := range []struct{ syns, answers int }{{cookieRow * batch, cookieRow * batch}, {(cookieRow + 1) * batch, cookieRow*batch + cookieShare}} {
		for i := range x.syns {
			w.inject(toUs(uint16(1000+i), wire.SYN))
		}
		w.run(time.Millisecond)
		if n := len(w.taken()); n != x.answers {
			t.Errorf("%d SYNs at once got %d answers, want %d", x.syns, n, x.answers)
		}
	}
	if n := h.dropped(drop.CookieLimit); n != batch-cookieShare {
		t.Errorf("%d are counted", n)
	}
}

// The peer's segments go on coming to the queue of its ACK: the connection must
// stand there, though all shards were asked first.
func TestCookie_OpensOnTheShardWhereItsSegmentsArrive(t *testing.T) {
	for home := range 4 {
		w, queues := several(t, 4)
		for _, h := range w.stations {
			h.cfg.TCP.Cookies = tcp.CookiesAlways
		}
		w.link = queues[home]
		p := w.mustOpen(4000)
		exchange(w, w.stations[home], p, 3000)
		for at, h := range w.stations {
			if st := h.stats(); st.TCP.ResetsOut != 0 || at == home && st.TCP.CookiesAccepted != 1 {
				t.Errorf("home %d, shard %d: %d resets, %d accepted", home, at, st.TCP.ResetsOut, st.TCP.CookiesAccepted)
			}
		}
		handed := uint64(0)
		for _, h := range w.stations {
			handed += h.stats().HandedOver
		}
		if handed != 4 { // to three others, and back
			t.Errorf("%d segments were handed over, want 4", handed)
		}
	}
}

func TestCookie_TakesOverFromTimeWaitWithinTheSequence(t *testing.T) {
	w, h, app, ack := byCookie(t, 4000, synStamped)
	app.Close(false)
	w.run(time.Millisecond)
	w.taken()
	ack.flags, ack.ack = wire.ACK|wire.FIN, ack.ack+1
	w.inject(ack)
	w.run(time.Millisecond)
	if n := h.Usage().TimeWaits; n != 1 {
		t.Fatalf("%d TIME-WAIT records", n)
	}
	syn := toUs(4000, wire.SYN)
	syn.seq, syn.options = 5000, []byte{8, 10, 0, 0, 1, 0, 0, 0, 0, 0}
	w.inject(syn)
	w.run(time.Millisecond)
	var answer packet
	for _, p := range w.taken() {
		if p.flags == wire.SYN|wire.ACK {
			answer = p
		}
	}
	if !answer.seq.Greater(ack.ack) || h.Usage().HalfOpen != 1 {
		t.Errorf("the new incarnation begins at %d, the old one ended at %d; %+v", answer.seq, ack.ack, h.Usage())
	}
}

func TestCookie_ARoundDoesNotAllocate(t *testing.T) {
	w, h := alone(t, limits{backlog: 4, tcp: cookies(tcp.CookiesAlways)})
	h.listen(t, 4)
	w.knock(900, nil)
	frames := make([][]byte, batch)
	for i := range frames {
		frames[i] = toUs(uint16(1000+i), wire.SYN).frame()
	}
	out := w.link.out[:0]
	if n := testing.AllocsPerRun(100, func() {
		w.now = w.now.Add(time.Duration(roundTime))
		w.link.in = frames
		h.Input(w.now)
	}); n != 0 {
		t.Errorf("%v allocations a round", n)
	}
	w.link.out = out
}
