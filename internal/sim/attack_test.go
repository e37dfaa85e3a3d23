package sim

// Packets that have broken other stacks: floods, impossible options, peers that
// never answer or never close.

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var attackScenarios = []scenario{
	{"no-mss", noMSS},
	{"tiny-mss", tinyMSS},
	{"arp-flood", arpFlood},
	{"arp-storm", arpStorm},
	{"syn-flood", synFloodThenClient},
	{"syn-flood-with-clients", synFloodWithClients},
	{"syn-flood-beside-bulk", synFloodBesideBulk},
	{"clients-that-never-close", neverClose},
	{"resets-then-silence", resetsThenSilence},
	{"blind-segments", blindSegments},
	{"time-wait-assassins", timeWaitAssassins},
	{"wrong-acks-in-the-handshake", wrongHandshake},
	{"holes", holes},
	{"beyond-the-window", beyondTheWindow},
}

// noMSS: a peer that offers no MSS gets segments of 536 octets.
func noMSS(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, wire.Options{})
	write(t, c, make([]byte, 3000))
	total := 0
	for _, x := range p.take(10 * time.Millisecond) {
		total += len(x.Text)
		if len(x.Text) > 536 {
			t.Errorf("a segment of %d octets to a peer that offered no MSS", len(x.Text))
		}
	}
	if total != 3000 {
		t.Errorf("%d octets came, want 3000", total)
	}
}

// tinyMSS: an absurd MSS neither stops the connection nor makes it send
// segments without text.
func tinyMSS(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	l := h.Listen(Addr{Port: 80}, 16)
	w.Run(time.Millisecond)
	for i, mss := range []uint16{1, 8, 47, 64} {
		p := newPeer(t, s, h, uint16(5000+i), 80)
		p.connect(wire.Options{Present: wire.HasMSS | wire.HasTimestamp, MSS: mss, TSVal: 1})
		c := l.Accept()
		write(t, c, bytes.Repeat([]byte{'x'}, 500))
		got := 0
		for range 200 {
			for _, x := range p.take(time.Millisecond) {
				got += len(x.Text)
				if len(x.Text) > 64 || len(x.Text) == 0 && x.Flags == wire.ACK|wire.PSH {
					t.Errorf("MSS %d: a segment of %d octets", mss, len(x.Text))
				}
			}
			p.send(wire.ACK, nil)
		}
		if got != 500 {
			t.Errorf("MSS %d: %d octets came, want 500", mss, got)
		}
	}
}

// arpFlood: requests from 5,000 addresses take a bounded table, and neither a
// connection nor a new client suffers.
func arpFlood(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	for i := range 5000 {
		mac := wire.MAC{2, 1, 0, 0, byte(i >> 8), byte(i)}
		s.Send(ARPFrame(wire.Broadcast(), wire.ARP{
			Op: wire.ARPRequest, SenderMAC: mac,
			SenderIP: s.IP&^0xff | wire.IPv4(i%250), TargetIP: h.Address + wire.IPv4(i%2),
		}))
		w.Run(20 * time.Microsecond)
	}
	if n := h.Shard(0).Usage().Neighbours; n > 64 {
		t.Errorf("%d neighbours in a table of 64", n)
	}
	p.send(wire.ACK|wire.PSH, []byte("still there?"))
	p.take(time.Second)
	if got := string(read(c)); got != "still there?" {
		t.Errorf("the connection read %q", got)
	}
	p = newPeer(t, s, h, 6000, 80)
	p.connect(plain)
}

// arpStorm: more strangers than the table has room to ask for make us ask for
// each a few times, not for ever.
func arpStorm(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{Neighbours: neigh.Config{MaxEntries: 16}})
	w.Run(time.Minute)
	s.AnswerARP = func(wire.IPv4) bool { return false }
	for i := range wire.IPv4(200) {
		p := s.To(h, 4000, []uint16{80, 99}[i%2])
		p.Src.IP, p.Flags = s.IP+i, []wire.Flags{wire.ACK, wire.SYN}[i/2%2]
		s.Send(p.Frame())
	}
	h.Listen(Addr{Port: 80}, 64)
	w.Run(time.Minute)
	if n := h.Stats(0).ARP.Requests; n > 600 || n == 0 {
		t.Errorf("%d ARP requests for 200 strangers", n)
	}
	if u := h.Shard(0).Usage(); u.Connections != 0 || u.Replies != 0 {
		t.Errorf("held for strangers: %+v", u)
	}
}

// synFloodThenClient: 12,000 SYNs that nobody completes. Without cookies a client
// that comes then is served within its first retransmission.
func synFloodThenClient(t *testing.T, w *World) {
	c := tcp.DefaultConfig()
	c.Cookies = tcp.CookiesOff
	h, s := alone(w, HostConfig{TCP: c, Connections: 4096, Neighbours: neigh.Config{MaxEntries: 1024}})
	s.AnswerARP = func(wire.IPv4) bool { return true }
	l := h.Listen(Addr{Port: 80}, 128)
	w.Run(time.Millisecond)
	for i := range 12_000 {
		p := s.To(h, uint16(1024+i%50_000), 80)
		p.Src.IP = s.IP&^0xff | wire.IPv4(3+i%200)
		p.Seq, p.Flags = seq.Value(i), wire.SYN
		s.Send(p.Frame())
		w.Run(10 * time.Microsecond)
	}
	s.Frames = nil
	p := newPeer(t, s, h, 900, 80)
	tries := 0
	for l.Waiting() == 0 && tries < 2 {
		tries++
		p.seq = 1000
		p.send(wire.SYN, nil)
		if got := p.take(100 * time.Millisecond); len(got) > 0 {
			p.ack = got[0].End()
			p.send(wire.ACK, nil)
			p.take(time.Millisecond)
		}
		w.Run(900 * time.Millisecond)
	}
	if l.Waiting() != 1 {
		t.Errorf("after %d SYNs the client is not connected", tries)
	}
	st := h.Stats(0)
	if st.Drops[drop.SYNEvicted] == 0 {
		t.Error("no half-open connection gave way")
	}
	if n := h.Shard(0).Usage().HalfOpen; n > 256 {
		t.Errorf("%d half-open connections for a backlog of 128", n)
	}
}

// synFloodWithClients: in a flood of 20,000 SYNs that nobody completes, clients
// that come meanwhile, and take longer than the flood takes to push the oldest
// handshake out, are served at their first SYN, with all that they offer.
func synFloodWithClients(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{Connections: 4096, Neighbours: neigh.Config{MaxEntries: 1024}})
	s.AnswerARP = func(wire.IPv4) bool { return true }
	l := h.Listen(Addr{Port: 80}, 128)
	s.meet(h)
	sent := 0
	flood := func(n int) {
		for range n {
			p := s.To(h, uint16(1024+sent%50_000), 80)
			p.Src.IP = s.IP&^0xff | wire.IPv4(3+sent%200)
			p.Seq, p.Flags = seq.Value(sent), wire.SYN
			s.Send(p.Frame())
			w.Run(10 * time.Microsecond)
			sent++
		}
	}
	flood(1000)
	for i := range 20 {
		s.Frames = nil
		p := newPeer(t, s, h, uint16(500+i), 80)
		p.options = SYNOptions(wire.Options{Present: wire.HasMSS | wire.HasTimestamp | wire.HasSACKPermitted | wire.HasWScale, MSS: 1400, TSVal: 7, WScale: 5})
		p.send(wire.SYN, nil)
		w.Run(time.Millisecond)
		got := p.take(0)
		if len(got) != 1 {
			t.Fatalf("client %d got %d answers", i, len(got))
		}
		flood(950)
		var o wire.Options
		wire.ParseOptions(got[0].Options, &o)
		p.ack, p.options = got[0].End(), Timestamp(8, o.TSVal)
		p.send(wire.ACK|wire.PSH, []byte("hello"))
		s.Frames = nil
		p.take(time.Millisecond)
		c := l.Accept()
		if c == nil || string(read(c)) != "hello" {
			t.Fatalf("client %d is not served", i)
		}
		info, _ := h.Shard(0).Inspect(c.App.Handle, w.Now())
		if !info.SACK || !info.Timestamps || info.SndScale != 5 {
			t.Errorf("client %d has %+v", i, info)
		}
		c.Close(true)
	}
	p := newPeer(t, s, h, 490, 80)
	p.ack = 12345
	only(t, "an ACK without a cookie", dropped(w, h, func() { p.send(wire.ACK, nil) }), drop.CookieRefused)
	if got := p.one(time.Millisecond); got.Flags != wire.RST || got.Seq != 12345 {
		t.Errorf("answered with %+v", got)
	}
	st := h.Stats(0)
	if st.TCP.CookiesAccepted != 20 || st.TCP.CookiesSent < 15_000 || st.Drops[drop.SYNEvicted] != 0 {
		t.Errorf("%d cookies sent, %d accepted, %d handshakes gave way", st.TCP.CookiesSent, st.TCP.CookiesAccepted, st.Drops[drop.SYNEvicted])
	}
	if u := h.Shard(0).Usage(); u.HalfOpen != 256 || u.Connections > 300 {
		t.Errorf("after %d SYNs: %+v", sent, u)
	}
}

// synFloodBesideBulk: what established connections send goes before most answers
// to strangers, of which only so many wait.
func synFloodBesideBulk(t *testing.T, w *World) {
	c := tcp.DefaultConfig()
	c.Cookies, c.InitialWindow = tcp.CookiesAlways, 40
	h, s := alone(w, HostConfig{TCP: c})
	l := h.Listen(Addr{Port: 80}, 16)
	s.meet(h)
	var peers []*peer
	for i := range 8 {
		p := newPeer(t, s, h, uint16(500+i), 80)
		p.base.Window = 0
		p.connect(plain)
		write(t, l.Accept(), make([]byte, 40_000))
		peers = append(peers, p)
	}
	s.Frames = nil
	for _, p := range peers {
		p.base.Window = 65535
		p.send(wire.ACK, nil)
	}
	for i := range 500 {
		p := s.To(h, uint16(1024+i), 80)
		p.Flags = wire.SYN
		s.Send(p.Frame())
	}
	w.Run(20 * time.Millisecond)
	text, before, answers := 0, 0, 0
	for _, x := range s.Segments() {
		text += len(x.Text)
		if x.Flags.Has(wire.SYN) {
			answers++
		}
		if text < 8*40_000 {
			before = answers
		}
	}
	n := int(h.Stats(0).Drops[drop.CookieLimit])
	if n == 0 || text != 8*40_000 || answers+n != 500 || before > 100 {
		t.Errorf("%d octets, %d answers, %d of them before the last text, %d refused for want of room", text, answers, before, n)
	}
	for _, p := range peers {
		p.transmit(p.seq, wire.RST, nil)
	}
	w.Run(time.Millisecond)
}

// neverClose: clients that take our FIN and never send theirs do not keep our
// memory.
func neverClose(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{Connections: 1024})
	l := h.Listen(Addr{Port: 80}, 1024)
	w.Run(time.Millisecond)
	for i := range 1000 {
		p := newPeer(t, s, h, uint16(2000+i), 80)
		p.connect(plain)
		c := l.Accept()
		c.App.Write([]byte("bye"))
		c.Close(false)
		p.take(time.Millisecond)
		p.send(wire.ACK, nil)
		w.Run(100 * time.Microsecond)
	}
	if n := h.Shard(0).Usage().Connections; n != 1000 {
		t.Errorf("%d connections in FIN-WAIT-2, want 1000", n)
	}
	w.Run(70 * time.Second)
	if u := h.Shard(0).Usage(); u.Connections != 0 || u.RingMemory != 0 || u.TimeWaits != 0 {
		t.Errorf("70 s later: %+v", u)
	}
	newPeer(t, s, h, 9000, 80).connect(plain)
}

// resetsThenSilence: 256 connections under load are reset, and nothing is sent
// on them any more.
func resetsThenSilence(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{Connections: 512})
	l := h.Listen(Addr{Port: 80}, 512)
	w.Run(time.Millisecond)
	var peers []*peer
	for i := range 256 {
		p := newPeer(t, s, h, uint16(2000+i), 80)
		p.connect(plain)
		write(t, l.Accept(), make([]byte, 4000))
		peers = append(peers, p)
		w.Run(time.Millisecond)
	}
	w.Run(50 * time.Millisecond)
	for _, p := range peers {
		p.transmit(p.seq, wire.RST, nil)
	}
	w.Run(10 * time.Millisecond)
	s.Frames = nil
	before := h.Stats(0).TxFrames
	w.Run(5 * time.Minute)
	after := h.Stats(0)
	if sent := after.TxFrames - before; sent > 10 { // ARP
		t.Errorf("%d frames were sent in the silence", sent)
	}
	if after.TCP.ResetsIn != 256 {
		t.Errorf("%d resets counted, want 256", after.TCP.ResetsIn)
	}
}

// blindSegments: what somebody sends who knows the addresses and guesses at
// numbers is refused, each for its reason (RFC 5961).
func blindSegments(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, wire.Options{Present: wire.HasMSS | wire.HasTimestamp, MSS: 1460, TSVal: 1_000_000})
	p.options = Timestamp(1_000_001, 0)
	p.send(wire.ACK, []byte("in order"))
	p.take(time.Second)
	plainOptions := p.options
	for _, x := range []struct {
		what    string
		options []byte
		at      seq.Value
		flags   wire.Flags
		ack     seq.Value
		text    string
		want    drop.Reason
	}{
		{"RST in the window", plainOptions, p.seq + 1, wire.RST, 0, "", drop.RSTInWindow},
		{"RST outside", plainOptions, p.seq + 1<<30, wire.RST, 0, "", drop.RSTOutside},
		{"SYN in the window", plainOptions, p.seq + 5, wire.SYN, 0, "", drop.SYNInWindow},
		{"ACK of what was never sent", plainOptions, p.seq, wire.ACK, p.ack + 1000, "", drop.AckUnacceptable},
		{"no ACK bit", plainOptions, p.seq, wire.PSH, 0, "text", drop.AckMissing},
		{"far away", plainOptions, p.seq + 1<<30, wire.ACK, p.ack, "", drop.SeqUnacceptable},
		{"old text", plainOptions, p.seq - 4, wire.ACK, p.ack, "rder", drop.SeqOld},
		{"no timestamp", nil, p.seq, wire.ACK, p.ack, "text", drop.NoTimestamp},
		{"an old timestamp", Timestamp(999_000, 0), p.seq, wire.ACK, p.ack, "text", drop.PAWS},
	} {
		w.Run(2 * time.Second) // challenge ACKs are limited
		p.options = x.options
		b := p.base
		b.Seq, b.Ack, b.Flags, b.Options, b.Text = x.at, x.ack, x.flags, x.options, []byte(x.text)
		only(t, x.what, dropped(w, h, func() { s.Send(b.Frame()) }), x.want)
	}
	if got := string(read(c)); got != "in order" {
		t.Errorf("read %q", got)
	}
	w.Run(2 * time.Second)
	s.Frames = nil
	p.options = plainOptions
	grown := dropped(w, h, func() {
		for range 100 {
			p.transmit(p.seq+9, wire.RST, nil)
			w.Run(time.Microsecond)
		}
	})
	if answers := len(s.Segments()); answers > 20 || grown[drop.ChallengeLimit] == 0 {
		t.Errorf("%d challenge ACKs for 100 forged resets, drops %v", answers, grown)
	}
	p.transmit(p.seq, wire.RST, nil) // exactly
	w.Run(time.Millisecond)
	if _, st := c.App.Read(nil); st != sock.Failed || c.App.Block.Errno() != sock.Reset {
		t.Errorf("after an exact RST: %v, %v", st, c.App.Block.Errno())
	}
}

// timeWaitAssassins: RFC 1337, and RFC 6191 for who wants the port again.
func timeWaitAssassins(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, wire.Options{Present: wire.HasMSS | wire.HasTimestamp, MSS: 1460, TSVal: 500})
	c.Close(false)
	p.take(time.Millisecond)
	p.options = Timestamp(501, 0)
	p.send(wire.ACK|wire.FIN, nil)
	p.take(time.Millisecond)
	if n := h.Shard(0).Usage().TimeWaits; n != 1 {
		t.Fatalf("%d TIME-WAIT records, want 1", n)
	}
	only(t, "RST", dropped(w, h, func() { p.transmit(p.seq, wire.RST, nil) }), drop.TimeWaitRST)
	only(t, "a stray ACK", dropped(w, h, func() { p.transmit(p.seq-500, wire.ACK, nil) }), drop.TimeWaitOther)
	s.Frames = nil
	p.transmit(p.seq-1, wire.ACK|wire.FIN, nil) // our last ACK was lost, it seems
	w.Run(time.Millisecond)
	if got := s.Segments(); len(got) != 1 || got[0].Ack != p.seq {
		t.Errorf("a repeated FIN was answered with %+v", got)
	}
	again := newPeer(t, s, h, 5000, 80)
	again.seq = p.seq - 1000 // older, but with a newer timestamp
	first := again.connect(wire.Options{Present: wire.HasMSS | wire.HasTimestamp, MSS: 1460, TSVal: 900})
	if !first.Seq.Greater(p.ack) {
		t.Errorf("the new incarnation begins at %d, before %d of the old one", first.Seq, p.ack)
	}
	if u := h.Shard(0).Usage(); u.TimeWaits != 0 || u.Connections != 1 {
		t.Errorf("after the reuse: %+v", u)
	}
}

// wrongHandshake: an ACK in SYN-RECEIVED for something that we did not send is
// answered with a RST, and changes nothing.
func wrongHandshake(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	l := h.Listen(Addr{Port: 80}, 4)
	w.Run(time.Millisecond)
	p := newPeer(t, s, h, 5000, 80)
	p.send(wire.SYN, nil)
	syn := p.one(time.Millisecond)
	p.ack = syn.End() + 7
	p.transmit(p.seq, wire.ACK, nil)
	if got := p.one(time.Millisecond); !got.Flags.Has(wire.RST) || got.Seq != p.ack {
		t.Errorf("answered with %+v, want a RST at %d", got, p.ack)
	}
	p.ack = syn.End()
	p.send(wire.ACK, nil)
	p.take(time.Millisecond)
	if l.Waiting() != 1 {
		t.Error("the right ACK did not complete the handshake")
	}
}

// holes: a peer that sends every other octet is held to a bounded number of
// ranges, hears of them by SACK, and is understood in the end.
func holes(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	syn := plain
	syn.Present |= wire.HasSACKPermitted
	p, c := accept(t, s, h, syn)
	text := bytes.Repeat([]byte("abcdefgh"), 100)
	grown := dropped(w, h, func() {
		for i := 1; i < len(text); i += 2 {
			p.transmit(p.seq.Add(seq.Size(i)), wire.ACK, text[i:i+1])
			w.Run(10 * time.Microsecond)
		}
	})
	if grown[drop.ReassemblyFull] == 0 {
		t.Errorf("400 holes were all kept: drops %v", grown)
	}
	var o wire.Options
	last := p.take(time.Millisecond)
	for _, x := range last[len(last)-5:] {
		wire.ParseOptions(x.Options, &o)
		if o.NumSACK != wire.MaxSACKBlocks || x.Ack != p.seq {
			t.Errorf("an ACK with %d SACK blocks, ack %d", o.NumSACK, x.Ack)
		}
	}
	p.send(wire.ACK, text)
	p.take(time.Second)
	if got := read(c); !bytes.Equal(got, text) {
		t.Errorf("read %d octets, or wrong ones, want %d", len(got), len(text))
	}
	if n := h.Shard(0).Usage().RangeSets; n != 0 {
		t.Errorf("%d range sets are kept", n)
	}
}

// beyondTheWindow: octets that do not fit are cut off, and what was promised is
// never taken back.
func beyondTheWindow(t *testing.T, w *World) {
	c := tcp.DefaultConfig()
	c.RcvBuf, c.RcvBufMax, c.NoScaling = 4<<10, 4<<10, true
	h, s := alone(w, HostConfig{TCP: c})
	p, conn := accept(t, s, h, plain)
	edge := seq.Value(0)
	sent := 0
	for range 8 {
		p.send(wire.ACK, make([]byte, 1000))
		sent += 1000
		for _, x := range p.take(50 * time.Millisecond) {
			if right := x.Ack.Add(seq.Size(x.Window)); edge != 0 && right.Less(edge) {
				t.Errorf("the window's right edge went from %d back to %d", edge, right)
			} else {
				edge = right
			}
		}
	}
	if got := conn.App.Buffered(); got > 4<<10 {
		t.Errorf("%d octets were taken into a buffer of 4096", got)
	}
	if h.Stats(0).Drops[drop.OutOfWindow] == 0 {
		t.Error("nothing was cut off")
	}
}

// lossy is a wire that loses frames.
func lossy(loss float64, delay time.Duration) mem.Config {
	x := mem.Impairment{Loss: loss, Delay: delay}
	return mem.Config{Impair: [2]mem.Impairment{x, x}}
}
