package sim

// Beginnings and ends: the transitions that ordinary traffic seldom takes.

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var closeScenarios = []scenario{
	{"simultaneous-open", simultaneousOpen},
	{"simultaneous-open-reset", simultaneousOpenReset},
	{"simultaneous-close", simultaneousClose},
	{"close-after-write", closeAfterWrite},
	{"reset-in-every-state", resetInEveryState},
	{"text-for-nobody", textForNobody},
	{"dial-nobody", dialNobody},
	{"dial-own-address", dialOwnAddress},
	{"flows-that-move", flowsThatMove},
}

// simultaneousOpen: two hosts dial each other from the ports that the other
// dials (MUST-10).
func simultaneousOpen(t *testing.T, w *World) {
	a, b := two(w, HostConfig{}, 10*time.Millisecond)
	warm(w, a, b)
	da := a.Dial(0, Addr{a.Address, 1111}, Addr{b.Address, 2222})
	db := b.Dial(0, Addr{b.Address, 2222}, Addr{a.Address, 1111})
	if !w.RunUntil(5*time.Second, func() bool { return da.Done && db.Done }) || da.Why != sock.OK || db.Why != sock.OK {
		t.Fatalf("%v %v, %v %v", da.Done, da.Why, db.Done, db.Why)
	}
	exchange(t, w, da.Conn, db.Conn)
	for _, h := range []*Host{a, b} {
		if n := h.Stats(0).TCP.Transitions[tcp.SynSent][tcp.SynReceived]; n != 1 {
			t.Errorf("%s: %d transitions from SYN-SENT to SYN-RECEIVED", h.name, n)
		}
	}
}

// warm lets two hosts find each other.
func warm(w *World, a, b *Host) {
	d := a.Dial(0, Addr{}, Addr{b.Address, 9})
	w.RunUntil(5*time.Second, func() bool { return d.Done })
}

// exchange moves text both ways and closes in order.
func exchange(t *testing.T, w *World, a, b *Conn) {
	t.Helper()
	for _, dir := range [][2]*Conn{{a, b}, {b, a}} {
		want := bytes.Repeat([]byte("0123456789"), 500)
		write(t, dir[0], want)
		var got []byte
		w.RunUntil(time.Minute, func() bool {
			got = append(got, read(dir[1])...)
			return len(got) >= len(want)
		})
		if !bytes.Equal(got, want) {
			t.Errorf("%d octets came, or wrong ones, want %d", len(got), len(want))
		}
	}
	a.Close(false)
	w.Run(time.Second)
	if _, st := b.App.Read(nil); st != sock.Ended {
		t.Errorf("after the close: %v", st)
	}
	b.Close(false)
}

// simultaneousOpenReset: a RST ends it in SYN-RECEIVED.
func simultaneousOpenReset(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	d := h.Dial(0, Addr{h.Address, 1111}, Addr{s.IP, 2222})
	p := newPeer(t, s, h, 2222, 1111)
	p.take(time.Millisecond)
	p.send(wire.SYN, nil)
	if got := p.one(time.Millisecond); !got.Flags.Has(wire.SYN | wire.ACK) {
		t.Fatalf("a SYN that crossed ours was answered with %+v", got)
	}
	p.transmit(p.seq, wire.RST, nil)
	w.Run(time.Millisecond)
	if !d.Done || d.Why != sock.Refused {
		t.Errorf("the dial: %v, %v", d.Done, d.Why)
	}
}

// simultaneousClose: FINs cross, and both ends remember the connection in
// TIME-WAIT.
func simultaneousClose(t *testing.T, w *World) {
	a, b := two(w, HostConfig{}, 10*time.Millisecond)
	l := b.Listen(Addr{Port: 80}, 4)
	ca, cb := join(t, w, a, l)
	ca.Close(false)
	cb.Close(false)
	w.Run(time.Second)
	for _, h := range []*Host{a, b} {
		st := h.Stats(0)
		if st.TCP.Transitions[tcp.Closing][tcp.TimeWait] != 1 || st.TimeWaits != 1 {
			t.Errorf("%s: %d from CLOSING to TIME-WAIT, %d records", h.name, st.TCP.Transitions[tcp.Closing][tcp.TimeWait], st.TimeWaits)
		}
	}
	w.Run(2 * time.Minute)
	if n := a.Stats(0).TimeWaits + b.Stats(0).TimeWaits; n != 0 {
		t.Errorf("%d TIME-WAIT records after two minutes", n)
	}
}

// join dials a listener and accepts.
func join(t *testing.T, w *World, from *Host, l *Listener) (client, server *Conn) {
	t.Helper()
	w.Run(time.Millisecond)
	d := from.Dial(0, Addr{}, Addr{l.host.Address, l.port})
	w.RunUntil(10*time.Second, func() bool {
		if server == nil {
			server = l.Accept()
		}
		return d.Done && server != nil
	})
	if d.Conn == nil || server == nil {
		t.Fatalf("dial: %v %v", d.Done, d.Why)
	}
	return d.Conn, server
}

// closeAfterWrite: a close right after a write sends the text before the FIN,
// without a pause.
func closeAfterWrite(t *testing.T, w *World) {
	for _, n := range []int{1, 100, 1460, 4000} {
		h, s := alone(w, HostConfig{})
		p, c := accept(t, s, h, plain)
		write(t, c, make([]byte, n))
		c.Close(false)
		got := 0
		from := w.Now()
		for {
			segments := p.take(time.Millisecond)
			for _, x := range segments {
				got += len(x.Text)
			}
			if len(segments) > 0 && segments[len(segments)-1].Flags.Has(wire.FIN) {
				break
			}
			if w.Now().Sub(from) > 100*time.Millisecond {
				t.Fatalf("no FIN 100 ms after the close; %d of %d octets came", got, n)
			}
		}
		if got != n {
			t.Errorf("the FIN came after %d of %d octets", got, n)
		}
	}
}

// resetInEveryState sends an exact RST in each state that a passive connection
// passes, and expects silence and no leak.
func resetInEveryState(t *testing.T, w *World) {
	steps := []struct {
		name string
		to   func(p *peer, c *Conn)
	}{
		{"ESTABLISHED", func(*peer, *Conn) {}},
		{"CLOSE-WAIT", func(p *peer, _ *Conn) { p.send(wire.ACK|wire.FIN, nil) }},
		{"FIN-WAIT-1", func(_ *peer, c *Conn) { c.App.Shutdown() }},
		{"FIN-WAIT-2", func(p *peer, c *Conn) { c.App.Shutdown(); p.take(time.Millisecond); p.send(wire.ACK, nil) }},
		{"CLOSING", func(p *peer, c *Conn) {
			c.App.Shutdown()
			p.world.Run(time.Millisecond)
			p.send(wire.ACK|wire.FIN, nil) // acknowledges no FIN
		}},
		{"LAST-ACK", func(p *peer, c *Conn) {
			p.send(wire.ACK|wire.FIN, nil)
			p.world.Run(time.Millisecond)
			c.App.Shutdown()
		}},
	}
	h, s := alone(w, HostConfig{})
	l := h.Listen(Addr{Port: 80}, 16)
	w.Run(time.Millisecond)
	for i, step := range steps {
		p := newPeer(t, s, h, uint16(5000+i), 80)
		p.connect(plain)
		c := l.Accept()
		step.to(p, c)
		w.Run(time.Millisecond)
		s.Frames = nil
		p.transmit(p.seq, wire.RST, nil)
		w.Run(time.Minute)
		if got := s.Segments(); len(got) > 0 {
			t.Errorf("%s: a RST was answered with %+v", step.name, got)
		}
		if _, st := c.App.Read(nil); st == sock.WouldBlock {
			t.Errorf("%s: the application was not told", step.name)
		}
		c.Close(false)
		w.Run(time.Millisecond)
		if n := h.Shard(0).Usage().Connections; n != 0 {
			t.Errorf("%s: %d connections are left", step.name, n)
		}
	}
}

// textForNobody: text for an application that has closed is answered with a
// RST (RFC 9293 §3.6.1).
func textForNobody(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	c.Close(false)
	p.take(time.Millisecond)
	only(t, "text after close", dropped(w, h, func() { p.send(wire.ACK, []byte("hello?")) }), drop.DataAfterClose)
	if got := p.take(time.Millisecond); len(got) == 0 || !got[len(got)-1].Flags.Has(wire.RST) {
		t.Errorf("answered with %+v, want a RST", got)
	}
}

// dialNobody: every way in which a dial comes to nothing.
func dialNobody(t *testing.T, w *World) {
	c := tcp.DefaultConfig()
	h, s := alone(w, HostConfig{TCP: c, PortFirst: 40000, PortLast: 40001})
	why := func(d *Dial, within time.Duration) sock.Errno {
		t.Helper()
		if !w.RunUntil(within, func() bool { return d.Done }) {
			t.Errorf("no answer within %v", within)
		}
		return d.Why
	}
	is := func(what string, got, want sock.Errno) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	to := Addr{s.IP, 80}
	is("another network", why(h.Dial(0, Addr{}, Addr{8<<24 | 1, 80}), time.Millisecond), sock.NetUnreachable)
	is("multicast", why(h.Dial(0, Addr{}, Addr{224<<24 | 1, 80}), time.Millisecond), sock.Invalid)
	is("port 0", why(h.Dial(0, Addr{}, Addr{s.IP, 0}), time.Millisecond), sock.Invalid)
	is("from another's address", why(h.Dial(0, Addr{s.IP + 3, 0}, to), time.Millisecond), sock.NotLocal)
	is("no such neighbour", why(h.Dial(0, Addr{}, Addr{s.IP + 9, 80}), 4*time.Second), sock.HostUnreachable)
	is("no such neighbour, again", why(h.Dial(0, Addr{}, Addr{s.IP + 9, 80}), time.Millisecond), sock.HostUnreachable)

	d := h.Dial(0, Addr{h.Address, 1234}, to)
	p := newPeer(t, s, h, 80, 1234)
	syn := p.one(time.Millisecond)
	is("the same tuple", why(h.Dial(0, Addr{h.Address, 1234}, to), time.Millisecond), sock.AddressInUse)
	p.ack = syn.End()
	p.transmit(0, wire.RST|wire.ACK, nil)
	is("refused", why(d, time.Millisecond), sock.Refused)

	d = h.Dial(0, Addr{h.Address, 1235}, to)
	p = newPeer(t, s, h, 80, 1235)
	syn = p.one(time.Millisecond)
	p.ack = syn.End() + 5
	p.transmit(0, wire.RST|wire.ACK, nil) // for something else
	w.Run(time.Millisecond)
	if d.Done {
		t.Error("a RST with a wrong ACK ended the dial")
	}
	x := h.View(Addr{h.Address, 1235}, to)
	h.Inject(0, h.icmpAbout(x, wire.ICMPv4{Type: wire.ICMPUnreachable, Code: wire.ICMPPortUnreachable}, x.First))
	is("ICMP port unreachable", why(d, time.Millisecond), sock.Refused)

	d1, d2 := h.Dial(0, Addr{}, to), h.Dial(0, Addr{}, to)
	is("no port left", why(h.Dial(0, Addr{}, to), time.Millisecond), sock.NoPort)
	if n := h.Stats(0).Drops[drop.PortsUsed]; n != 1 {
		t.Errorf("%d times without a port, want 1", n)
	}
	h.Cancel(d1)
	is("cancelled", why(d1, time.Millisecond), sock.Aborted)
	from := w.Now()
	is("nobody answers", why(d2, 5*time.Minute), sock.TimedOut)
	if took := w.Now().Sub(from); took < 3*time.Minute {
		t.Errorf("gave up after %v, want three minutes at least (MUST-23)", took)
	}
	if u := h.Shard(0).Usage(); u.Connections != 0 || u.Dials != 0 {
		t.Errorf("left: %+v", u)
	}
}

// dialOwnAddress: a connection to the host itself never reaches the wire.
func dialOwnAddress(t *testing.T, w *World) {
	for _, queues := range []int{1, 2} {
		m := w.Wire(lossy(0, time.Millisecond))
		if queues == 2 {
			x := lossy(0, time.Millisecond)
			x.Queues = 2
			m = w.Wire(x)
		}
		h := w.Host(HostConfig{Wire: m, Queues: queues})
		w.Station(m, 1, h.Address+1)
		w.Run(time.Minute)
		l := h.Listen(Addr{Port: 80}, 4)
		before := h.Stats(0).TxFrames
		ca, cb := join(t, w, h, l)
		exchange(t, w, ca, cb)
		w.Run(time.Second)
		if n := h.Stats(0).TxFrames - before; n != 0 {
			t.Errorf("%d frames of a connection to ourselves on the wire", n)
		}
	}
}

// flowsThatMove: each segment comes to a queue by lot, and SYNs get lost, so that
// one that is sent again finds a shard that knows nothing of the first. Whatever
// halves of a connection that makes, each dial comes to one, and none is reset.
func flowsThatMove(t *testing.T, w *World) {
	bad := mem.Impairment{Delay: time.Millisecond, Stray: 1, Loss: 0.15}
	m := w.Wire(mem.Config{Queues: 3, Impair: [2]mem.Impairment{bad, bad}})
	c := tcp.DefaultConfig()
	c.TimeWait = time.Second
	c.KeepAlive, c.KeepIdle, c.KeepInterval = true, 10*time.Second, 5*time.Second // RSTs get lost, too
	a := w.Host(HostConfig{Wire: m, Queues: 3, TCP: c})
	b := w.Host(HostConfig{Wire: m, Queues: 3, TCP: c, Side: 1})
	warm(w, a, b)
	traffic := w.Traffic()
	traffic.Size, traffic.Pause, traffic.Excuses.Unreachable = 300, time.Second, true
	l := traffic.Listen(b, 80, 64)
	for i := range 400 {
		traffic.Dial(a, i%3, l)
		w.Run(20 * time.Millisecond)
	}
	traffic.Settle(time.Hour, time.Hour)
	twice := uint64(0)
	for i := range 3 {
		twice += b.Stats(i).Drops[drop.SYNElsewhere]
	}
	if twice == 0 {
		t.Error("no SYN opened two halves of a connection: this shows nothing")
	}
}
