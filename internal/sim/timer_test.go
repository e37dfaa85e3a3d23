package sim

// Timers, each at its time: in virtual time they can be held to it.

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wheel"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var timerScenarios = []scenario{
	{"rto-backs-off", rtoBacksOff},
	{"delayed-ack", delayedAck},
	{"persist", persist},
	{"keep-alive", keepAlive},
	{"linger", linger},
	{"user-timeout", userTimeout},
	{"idle-rings", idleRings},
	{"arp-retry", arpRetry},
	{"sack-recovery", func(t *testing.T, w *World) { fastRecovery(t, w, false) }},
	{"newreno-recovery", func(t *testing.T, w *World) { fastRecovery(t, w, true) }},
	{"path-mtu", pathMTU},
	{"sleeping-machine", sleepingMachine},
	{"stopped-process", stoppedProcess},
	{"link-down", linkDown},
}

// reach notes that a timer was seen to do its work.
func (w *World) reach(what string) { w.Marks = append(w.Marks, what) }

// times collects when segments of a connection come, as long as d.
func (p *peer) times(d time.Duration) (at []mono.Time) {
	p.Each = func(b []byte) {
		if s, ok := Parse(b); ok && s.Dst == p.base.Src {
			at = append(at, p.world.now)
		}
	}
	p.world.Run(d)
	p.Each = nil
	return at
}

// apart checks the times between segments, to some ticks of the wheel: at the
// beginning of a pause and at its end a timer may be late.
func apart(t *testing.T, at []mono.Time, want ...time.Duration) {
	t.Helper()
	if len(at) < len(want)+1 {
		t.Fatalf("%d segments, want %d or more", len(at), len(want)+1)
	}
	for i, d := range want {
		if got := at[i+1].Sub(at[i]); got < d-2*wheel.Tick || got > d+3*wheel.Tick {
			t.Errorf("between segments %d and %d: %v, want %v", i, i+1, got, d)
		}
	}
}

// doubling are the pauses that must follow from the first one, which is some
// 200 ms or, with the round-trip time of the handshake, a little more.
func doubling(at []mono.Time, most time.Duration) (want []time.Duration) {
	if len(at) < 6 {
		return make([]time.Duration, 6)
	}
	d := at[1].Sub(at[0]).Truncate(50 * time.Millisecond)
	if d < 200*time.Millisecond || d > 1000*time.Millisecond {
		return make([]time.Duration, len(at)+1)
	}
	for range len(at) - 1 {
		want = append(want, d)
		d = min(2*d, most)
	}
	return want
}

// rtoBacksOff: text that nobody acknowledges is repeated with doubling pauses,
// past 3 s, and given up in the end.
func rtoBacksOff(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	write(t, c, []byte("hello"))
	at := p.times(30 * time.Minute)
	apart(t, at, doubling(at, 120*time.Second)...)
	if len(at) != 16 { // the first and R2 repetitions
		t.Errorf("sent %d times, want 16", len(at))
	}
	if _, st := c.App.Read(nil); st != sock.Failed || c.App.Block.Errno() != sock.TimedOut {
		t.Errorf("the connection: %v, %v", st, c.App.Block.Errno())
	}
}

// delayedAck: a lone segment that nobody answers is acknowledged after the
// delay, two full ones at once.
func delayedAck(t *testing.T, w *World) {
	c := tcp.DefaultConfig()
	c.DelayFirstAck = true
	h, s := alone(w, HostConfig{TCP: c})
	p, _ := accept(t, s, h, plain)
	w.Run(time.Second)
	from := w.Now()
	p.send(wire.ACK|wire.PSH, []byte("hello"))
	at := p.times(time.Second)
	if len(at) != 1 {
		t.Fatalf("%d ACKs of one segment", len(at))
	}
	apart(t, []mono.Time{from, at[0]}, 40*time.Millisecond)
	p.send(wire.ACK, make([]byte, 1460))
	p.send(wire.ACK, make([]byte, 1460))
	from = w.Now()
	if at = p.times(time.Second); len(at) != 1 || at[0].Sub(from) > time.Millisecond {
		t.Errorf("two full segments were acknowledged at %v, want once and at once", at)
	}
	w.reach("delayed ACK")
}

// persist: a window that is shut is probed with doubling pauses for as long as
// the peer answers, and text flows when it opens (MUST-36, 37).
func persist(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	p.base.Window = 0
	p.send(wire.ACK, nil)
	w.Run(time.Millisecond)
	write(t, c, []byte("later"))
	var at []mono.Time
	p.Each = func(b []byte) {
		if x, ok := Parse(b); ok && x.Dst == p.base.Src {
			at = append(at, w.now)
			p.send(wire.ACK, nil)
		}
	}
	w.Run(time.Hour)
	p.Each = nil
	apart(t, at, doubling(at, 120*time.Second)...)
	if _, st := c.App.Read(nil); st != sock.WouldBlock {
		t.Fatalf("after an hour of answered probes: %v, %v", st, c.App.Block.Errno())
	}
	p.base.Window = 1000
	p.send(wire.ACK, nil)
	if x := p.one(time.Millisecond); string(x.Text) != "later" {
		t.Errorf("when the window opened came %+v", x)
	}
	p.send(wire.ACK, nil)
	w.reach("persist")
}

// keepAlive: off unless asked for; then it probes an idle peer, and ends the
// connection when none of the probes is answered.
func keepAlive(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	if at := p.times(5 * time.Hour); len(at) != 0 {
		t.Errorf("%d segments on an idle connection without keep-alive", len(at))
	}
	c.App.Set(sock.OptKeepAlive, 1)
	c.App.Set(sock.OptKeepIdle, uint64(10*time.Second))
	c.App.Set(sock.OptKeepInterval, uint64(2*time.Second))
	c.App.Set(sock.OptKeepCount, 3)
	p.times(time.Second) // the first comes at once, after five idle hours
	p.send(wire.ACK, nil)
	w.Run(time.Millisecond)
	at := p.times(time.Minute)
	apart(t, at, 2*time.Second, 2*time.Second, 2*time.Second)
	if len(at) != 4 { // three probes and the RST
		t.Errorf("%d segments, want 4", len(at))
	}
	if _, st := c.App.Read(nil); st != sock.Failed || c.App.Block.Errno() != sock.TimedOut {
		t.Errorf("the connection: %v, %v", st, c.App.Block.Errno())
	}
}

// linger: a close that waits no longer than it was told to resets the rest.
func linger(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	l := h.Listen(Addr{Port: 80}, 4)
	w.Run(time.Millisecond)
	for i, d := range []time.Duration{0, time.Second} {
		p := newPeer(t, s, h, uint16(5000+i), 80)
		p.connect(plain)
		c := l.Accept()
		c.App.Set(sock.OptLinger, uint64(d))
		write(t, c, []byte("unheard"))
		p.take(time.Millisecond)
		from := w.Now()
		c.Close(false)
		var reset mono.Time
		p.Each = func(b []byte) {
			if x, ok := Parse(b); ok && x.Flags.Has(wire.RST) {
				reset = w.now
			}
		}
		w.Run(time.Minute)
		p.Each = nil
		apart(t, []mono.Time{from, reset}, d)
	}
	if n := h.Shard(0).Usage().Connections; n != 0 {
		t.Errorf("%d connections are left", n)
	}
	w.reach("linger")
}

// userTimeout: a connection whose text is not acknowledged ends when its user
// said.
func userTimeout(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	_, c := accept(t, s, h, plain)
	c.App.Set(sock.OptUserTimeout, uint64(5*time.Second))
	write(t, c, []byte("unheard"))
	from := w.Now()
	failed := func() bool { _, st := c.App.Read(nil); return st == sock.Failed }
	if !w.RunUntil(time.Minute, failed) || c.App.Block.Errno() != sock.TimedOut {
		t.Fatalf("after a minute: %v", c.App.Block.Errno())
	}
	if took := w.Now().Sub(from); took < 5*time.Second || took > 10*time.Second {
		t.Errorf("ended after %v, want 5 s and less than one retransmission more", took)
	}
}

// idleRings: an open connection that moves nothing holds no ring memory, and
// gets it again when it does.
func idleRings(t *testing.T, w *World) {
	a, b := two(w, HostConfig{}, time.Millisecond)
	l := b.Listen(Addr{Port: 80}, 4)
	ca, cb := join(t, w, a, l)
	for range 3 {
		for _, dir := range [][2]*Conn{{ca, cb}, {cb, ca}} {
			want := bytes.Repeat([]byte("x"), 10_000)
			write(t, dir[0], want)
			var got []byte
			w.RunUntil(time.Second, func() bool { got = append(got, read(dir[1])...); return len(got) == len(want) })
			if len(got) != len(want) {
				t.Fatalf("%d of %d octets came", len(got), len(want))
			}
		}
		w.Run(20 * time.Second)
		for _, h := range []*Host{a, b} {
			if u := h.Shard(0).Usage(); u.RingMemory != 0 || u.Connections != 1 {
				t.Errorf("%s, idle: %+v", h.name, u)
			}
		}
	}
	w.reach("idle rings")
}

// arpRetry: the way to a neighbour is asked for three times, a second apart,
// and what waited for it goes out with the answer.
func arpRetry(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	asked := 0
	w.Run(time.Minute)
	s.AnswerARP = func(ip wire.IPv4) bool { asked++; return asked == 3 }
	d := h.Dial(0, Addr{}, Addr{s.IP, 80})
	w.Run(2500 * time.Millisecond)
	if got := s.Segments(); asked != 3 || len(got) != 1 {
		t.Errorf("%d requests, %d segments", asked, len(got))
	}
	h.Cancel(d)
	s.AnswerARP = func(wire.IPv4) bool { return false }
	silent := h.Dial(0, Addr{}, Addr{s.IP + 1, 80})
	from := w.Now()
	w.RunUntil(time.Minute, func() bool { return silent.Done })
	if took := w.Now().Sub(from); silent.Why != sock.HostUnreachable || took < 3*time.Second || took > 3100*time.Millisecond {
		t.Errorf("a silent neighbour: %v after %v, want %v after 3 s", silent.Why, took, sock.HostUnreachable)
	}
	w.reach("ARP retry")
}

// fastRecovery: a lost segment is sent again long before the time-out.
func fastRecovery(t *testing.T, w *World, noSACK bool) {
	c := tcp.DefaultConfig()
	c.NoSACK = noSACK
	a, b := two(w, HostConfig{TCP: c}, 10*time.Millisecond)
	l := b.Listen(Addr{Port: 80}, 4)
	ca, cb := join(t, w, a, l)
	n := 0
	a.cfg.Wire.SetFilter(0, func(f []byte) mem.Verdict {
		if p, ok := Parse(f); ok && len(p.Text) > 0 {
			if n++; n == 20 || n == 23 {
				return mem.Drop
			}
		}
		return mem.Pass
	})
	want := bytes.Repeat([]byte("0123456789abcdef"), 12_000)
	var got []byte
	left := want
	w.RunUntil(time.Minute, func() bool {
		if len(left) > 0 {
			k, st := ca.App.Write(left)
			if left = left[k:]; st == sock.WouldBlock {
				ca.App.ParkWrite(len(left))
			}
		}
		got = append(got, read(cb)...)
		return len(got) >= len(want)
	})
	if !bytes.Equal(got, want) {
		t.Fatalf("%d octets came, or wrong ones, want %d", len(got), len(want))
	}
	st := a.Stats(0).TCP
	if st.FastRecoveries != 1 || st.RTOs != 0 || st.Retransmits != 2 {
		t.Errorf("%d fast recoveries, %d time-outs, %d retransmissions, want 1, 0, 2", st.FastRecoveries, st.RTOs, st.Retransmits)
	}
	if noSACK {
		w.reach("fast recovery without SACK")
	} else {
		w.reach("fast recovery with SACK")
	}
}

// pathMTU: a router that lets less through is heard, believed, and obeyed.
func pathMTU(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	write(t, c, make([]byte, 2900))
	first := p.take(time.Millisecond)
	x := h.View(p.base.Dst, p.base.Src)
	needed := wire.ICMPv4{Type: wire.ICMPUnreachable, Code: wire.ICMPFragNeeded, Rest: 1000}
	only(t, "about what was never sent", dropped(w, h, func() {
		h.Inject(0, h.icmpAbout(x, needed, x.End+100_000))
	}), drop.ICMPUnmatched)
	h.Inject(0, h.icmpAbout(x, needed, first[0].Seq))
	again := p.take(time.Millisecond)
	total := 0
	for _, y := range again {
		total += len(y.Text)
		if n := len(y.Text); n > 960 {
			t.Errorf("a segment of %d octets on a path of 1000", n)
		}
	}
	if again == nil || again[0].Seq != first[0].Seq || total == 0 {
		t.Errorf("sent again: %+v", again)
	}
	if n := h.Stats(0).IP.PathMTUDecreases; n != 1 {
		t.Errorf("%d decreases counted", n)
	}
	w.reach("path MTU")
}

// sleepingMachine: the clock jumps by days while text is under way. It arrives.
func sleepingMachine(t *testing.T, w *World) {
	a, b := two(w, HostConfig{}, 10*time.Millisecond)
	l := b.Listen(Addr{Port: 80}, 4)
	ca, cb := join(t, w, a, l)
	want := bytes.Repeat([]byte("0123456789"), 3000)
	left := want
	var got []byte
	for i := range 10 {
		w.RunUntil(time.Hour, func() bool {
			if len(left) > 0 {
				k, st := ca.App.Write(left)
				if left = left[k:]; st == sock.WouldBlock {
					ca.App.ParkWrite(len(left))
				}
			}
			got = append(got, read(cb)...)
			return len(got) >= len(want)*(i+1)/10
		})
		w.Jump(25 * 24 * time.Hour) // longer than timestamps last
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d octets came, or wrong ones, want %d", len(got), len(want))
	}
}

// stoppedProcess: one side is stopped for a minute in the middle of a transfer, in
// each direction, and finds the clock moved between two of its rounds, with all
// its timers overdue and its link full. Nothing is lost, nobody gives up.
func stoppedProcess(t *testing.T, w *World) {
	c := HostConfig{TCP: tcp.DefaultConfig()}
	c.TCP.KeepAlive, c.TCP.KeepIdle, c.TCP.KeepInterval = true, 15*time.Second, 15*time.Second
	a, b := two(w, c, 5*time.Millisecond)
	l := b.Listen(Addr{Port: 80}, 4)
	ca, cb := join(t, w, a, l)
	for _, dir := range [][2]*Conn{{ca, cb}, {cb, ca}} {
		want := bytes.Repeat([]byte("0123456789"), 6000)
		left := want
		var got []byte
		isStopped := false
		w.RunUntil(10*time.Minute, func() bool {
			if len(left) > 0 {
				k, st := dir[0].App.Write(left)
				if left = left[k:]; st == sock.WouldBlock {
					dir[0].App.ParkWrite(len(left))
				}
			}
			if got = append(got, read(dir[1])...); len(got) > len(want)/3 && !isStopped {
				isStopped = true
				for _, lane := range b.lanes {
					lane.stalled = w.now.Add(time.Minute)
				}
			}
			return len(got) == len(want)
		})
		if !isStopped || !bytes.Equal(got, want) {
			t.Errorf("stopped %v; %d octets came, or wrong ones, want %d", isStopped, len(got), len(want))
		}
	}
	if n := a.Stats(0).TCP.RTOs; n == 0 {
		t.Error("the peer never missed an answer: was anybody stopped?")
	}
	w.reach("stopped process")
}

// linkDown: the link goes down in the middle of a transfer, for longer than ARP is
// patient, and comes back with a smaller MTU.
func linkDown(t *testing.T, w *World) {
	line := w.Wire(mem.Config{Impair: [2]mem.Impairment{{Delay: 5 * time.Millisecond}, {Delay: 5 * time.Millisecond}}})
	a, b := w.Host(HostConfig{Wire: line}), w.Host(HostConfig{Wire: line, Side: 1})
	ca, cb := join(t, w, a, b.Listen(Addr{Port: 80}, 4))
	want := bytes.Repeat([]byte("0123456789"), 6000)
	left := want
	var got []byte
	var longest [3]int // before, while it is down, after
	phase := 0
	line.SetFilter(0, func(frame []byte) mem.Verdict {
		longest[phase] = max(longest[phase], len(frame)-wire.EthernetLen)
		return mem.Pass
	})
	up := func(s *shard.Shard, now mono.Time) {
		phase = 2
		s.SetLink(true)
		if s.SetMTU(9000, now) || !s.SetMTU(1000, now) {
			w.Problem("an MTU of 1000 fits into the frames, and one of 9000 does not")
		}
	}
	w.RunUntil(10*time.Minute, func() bool {
		if len(left) > 0 {
			k, st := ca.App.Write(left)
			if left = left[k:]; st == sock.WouldBlock {
				ca.App.ParkWrite(len(left))
			}
		}
		if got = append(got, read(cb)...); len(got) > len(want)/3 && phase == 0 {
			a.Call(0, func(s *shard.Shard, _ mono.Time) { phase = 1; s.SetLink(false) })
			w.After(20*time.Second, func() { a.Call(0, up) })
			phase = 1
		}
		return len(got) == len(want)
	})
	if !bytes.Equal(got, want) {
		t.Errorf("%d octets came, or wrong ones, want %d", len(got), len(want))
	}
	if longest[0] != 1500 || longest[2] != 1000 {
		t.Errorf("the longest packets before, while it was down, and after: %v", longest)
	}
	if n := a.Stats(0).Drops[drop.LinkDown]; n == 0 {
		t.Error("nothing was lost: was the link down?")
	}
	w.reach("link down")
}
