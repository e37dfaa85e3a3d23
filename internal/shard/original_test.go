package shard

// What broke the original mTCP, packet by packet.

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// exchange has the peer send a line and receive n octets, in segments as long
// as the two have agreed.
func exchange(w *world, h *station, p *peer, n int) sock.App {
	w.Helper()
	app, ok := h.pop()
	if !ok {
		w.Fatal("nothing to accept")
	}
	p.send(wire.ACK|wire.PSH, []byte("hello"))
	w.run(time.Millisecond)
	var b [16]byte
	if k, s := app.Read(b[:]); s != sock.Done || string(b[:k]) != "hello" {
		w.Fatalf("read %q, %v", b[:k], s)
	}
	text := pattern(n)
	rest := text
	for range 1000 {
		rest = rest[w.write(h, &app, rest):]
		w.run(time.Millisecond)
		p.take()
		if len(p.text) >= n {
			break
		}
	}
	if !bytes.Equal(p.text, text) {
		w.Fatalf("the peer has %d octets, or wrong ones, want %d", len(p.text), n)
	}
	return app
}

func TestBrokeTheOriginal_SYNWithoutMSS(t *testing.T) {
	w, h := alone(t, limits{})
	h.listen(t, 8)
	p := w.mustOpen(4000)
	exchange(w, h, p, 4000)
	if p.longest != 536 {
		t.Errorf("the longest segment has %d octets, want 536", p.longest)
	}
}

func TestBrokeTheOriginal_OptionOfLengthZero(t *testing.T) {
	w, h := alone(t, limits{})
	h.listen(t, 8)
	for kind := range 256 {
		if kind == 0 || kind == 1 {
			continue // have no length
		}
		p := toUs(4000, wire.SYN)
		p.options = []byte{byte(kind), 0, 1, 1}
		w.inject(p)
	}
	w.run(time.Second)
	if n := h.dropped(drop.TCPOption); n != 254 {
		t.Errorf("%d counted as tcp_option, want 254", n)
	}
	if n := len(w.taken()); n != 0 || h.Usage().Connections != 0 {
		t.Errorf("%d segments sent, %d connections opened", n, h.Usage().Connections)
	}
}

func TestBrokeTheOriginal_SYNWithTinyMSS(t *testing.T) {
	for _, mss := range []byte{0, 1, 7, 40} {
		w, h := alone(t, limits{})
		h.listen(t, 8)
		p := w.mustOpen(4000, 2, 4, 0, mss)
		exchange(w, h, p, 2000)
		if p.longest > 536 {
			t.Errorf("MSS %d: a segment of %d octets", mss, p.longest)
		}
	}
}

func TestBrokeTheOriginal_ARPFromThousands(t *testing.T) {
	w, h := alone(t, limits{})
	h.listen(t, 8)
	for i := range wire.IPv4(5000) {
		w.link.in = append(w.link.in, arpFrame(wire.Broadcast(), wire.ARP{
			Op: wire.ARPRequest, SenderMAC: wire.MAC{2, 1, 0, 0, byte(i >> 8), byte(i)}, SenderIP: ourIP + 100 + i, TargetIP: ourIP,
		}))
	}
	w.run(time.Second)
	if n := h.Usage().Neighbours; n == 0 || n > 64 {
		t.Errorf("%d neighbours kept, want some and at most 64", n)
	}
	exchange(w, h, w.mustOpen(4000), 1000)
}

func TestBrokeTheOriginal_FloodOfSYNs(t *testing.T) {
	const flood, backlog = 12000, 128
	w, h := alone(t, limits{connections: 16384, backlog: backlog, tcp: cookies(tcp.CookiesOff)})
	h.listen(t, backlog)
	for i := range flood {
		w.inject(toUs(uint16(1000+i), wire.SYN))
	}
	w.run(10 * time.Millisecond)
	w.taken()
	u := h.Usage()
	if u.HalfOpen != 2*backlog || u.Connections != 2*backlog {
		t.Errorf("%d half open, %d slots, want %d", u.HalfOpen, u.Connections, 2*backlog)
	}
	if n := h.dropped(drop.SYNEvicted); n != flood-2*backlog {
		t.Errorf("%d evicted, want %d", n, flood-2*backlog)
	}
	p := w.open(20000, 2, 2, 4, 5, 180)
	if p == nil {
		t.Fatal("an honest client was not answered at its second SYN")
	}
	exchange(w, h, p, 3000)
	w.run(5 * time.Minute)
	if u := h.Usage(); u.HalfOpen != 0 || u.Connections != 1 {
		t.Errorf("later: %d half open, %d slots, want 0 and 1", u.HalfOpen, u.Connections)
	}
}

func TestBrokeTheOriginal_ClientsThatNeverClose(t *testing.T) {
	const clients = 1000
	w, h := alone(t, limits{connections: clients, backlog: 16})
	h.listen(t, 16)
	for i := range clients {
		p := w.mustOpen(uint16(1000 + i))
		app, ok := h.pop()
		if !ok {
			t.Fatalf("client %d is not accepted", i)
		}
		app.Close(false)
		w.run(time.Millisecond)
		if p.take(); !p.fin {
			t.Fatalf("client %d got no FIN", i)
		}
	}
	w.run(time.Second)
	if n := h.Usage().Connections; n != clients {
		t.Fatalf("%d connections in FIN-WAIT-2, want %d", n, clients)
	}
	w.run(61 * time.Second)
	h.wantEmpty(t)
	exchange(w, h, w.mustOpen(5000), 100)
}

// wantEmpty fails if the station holds anything but its listener and what ARP knows.
func (h *station) wantEmpty(t testing.TB) {
	t.Helper()
	u := h.Usage()
	u.Neighbours, u.Listeners = 0, 0
	if u != (Usage{}) {
		t.Errorf("still held: %+v\n%v", u, h.Connections())
	}
}

func TestBrokeTheOriginal_ICMPCutShort(t *testing.T) {
	w, h := alone(t, limits{})
	h.listen(t, 8)
	p := w.mustOpen(4000)
	quoted := toUs(port, wire.ACK) // a packet of ours to the peer
	quoted.src, quoted.dst, quoted.dstPort, quoted.seq = ourIP, peerIP, 4000, p.got
	before, frames := h.stats(), uint64(0)
	for kind := range 20 {
		body := append(make([]byte, wire.ICMPv4Len), quoted.frame()[ipAt:]...)
		for n := range len(body) + 1 {
			cut := append([]byte(nil), body[:n]...)
			if n >= wire.ICMPv4Len {
				wire.PutICMPv4(cut, wire.ICMPv4{Type: uint8(kind), Code: uint8(n & 3)})
			}
			w.link.in = append(w.link.in, ipFrame(ourMAC, peerIP, ourIP, wire.ProtoICMP, cut))
			frames++
		}
		whole := ipFrame(ourMAC, peerIP, ourIP, wire.ProtoICMP, body)
		for n := range whole {
			w.link.in = append(w.link.in, whole[:n:n])
			frames++
		}
	}
	w.run(time.Second)
	after := h.stats()
	counted := after.Flow.ICMP - before.Flow.ICMP
	for _, r := range []drop.Reason{drop.FrameShort, drop.IPHeaderLen, drop.IPTotalLen} {
		if after.Drops[r] == before.Drops[r] {
			t.Errorf("nothing counted as %v", r)
		}
		counted += after.Drops[r] - before.Drops[r]
	}
	if counted != frames {
		t.Errorf("%d of %d frames counted", counted, frames)
	}
	if after.Drops[drop.ICMPShort] == before.Drops[drop.ICMPShort] {
		t.Error("no message was too short")
	}
}

func TestBrokeTheOriginal_CloseRightAfterWrite(t *testing.T) {
	w, h := alone(t, limits{})
	h.listen(t, 8)
	p := w.mustOpen(4000, 2, 4, 5, 180)
	app, _ := h.pop()
	text := pattern(50000)
	n := w.write(h, &app, text)
	if n < 1000 {
		t.Fatalf("wrote %d octets", n)
	}
	app.Close(false)
	begun := w.now
	w.until(400*time.Millisecond, "the FIN", func() bool { p.take(); return p.fin })
	if !bytes.Equal(p.text, text[:n]) {
		t.Errorf("%d octets before the FIN, want %d", len(p.text), n)
	}
	if d := w.now.Sub(begun); d > 50*time.Millisecond {
		t.Errorf("it took %v", d)
	}
	p.send(wire.FIN|wire.ACK, nil)
	w.run(2 * time.Minute)
	h.wantEmpty(t)
}

func TestBrokeTheOriginal_LongRTOs(t *testing.T) {
	w, h := alone(t, limits{})
	h.listen(t, 8)
	w.mustOpen(4000)
	app, _ := h.pop()
	w.write(h, &app, []byte("is anybody there"))
	w.run(10 * time.Minute)
	var at []mono.Time
	for _, f := range w.link.out {
		if p, ok := parsePacket(f.bytes); ok && len(p.text) > 0 {
			at = append(at, f.at)
		}
	}
	if len(at) < 12 {
		t.Fatalf("sent %d times in ten minutes", len(at))
	}
	for i := 2; i < len(at); i++ {
		last, gap := at[i-1].Sub(at[i-2]), at[i].Sub(at[i-1])
		want := min(2*last, 120*time.Second)
		if gap < want*95/100 || gap > want*105/100 {
			t.Errorf("retransmission %d after %v, want %v", i, gap, want)
		}
	}
}

func TestBrokeTheOriginal_SACKDoesNotLoseData(t *testing.T) {
	w, h := alone(t, limits{})
	h.listen(t, 8)
	p := w.mustOpen(4000, 2, 4, 3, 232, 4, 2) // MSS 1000, SACK permitted
	app, _ := h.pop()
	text := pattern(8000)
	if n := w.write(h, &app, text); n != len(text) {
		t.Fatalf("wrote %d octets", n)
	}
	w.run(time.Millisecond)
	have := make([]bool, len(text))
	lost := map[int]bool{0: true, 3000: true}
	first := p.got
	for range 200 {
		segments := w.taken()
		for _, a := range segments {
			at := int(a.seq.Minus(first))
			if len(a.text) == 0 || lost[at] {
				delete(lost, at)
				continue
			}
			if !bytes.Equal(a.text, text[at:at+len(a.text)]) {
				t.Fatalf("wrong octets at %d", at)
			}
			for i := range a.text {
				have[at+i] = true
			}
			p.sendSACK(first, have)
		}
		w.run(time.Millisecond)
	}
	for i, ok := range have {
		if !ok {
			t.Fatalf("octet %d never came", i)
		}
	}
	if st := h.stats().TCP; st.FastRecoveries != 1 || st.Retransmits != 2 || st.RTOs != 0 {
		t.Errorf("%d recoveries, %d retransmissions, %d timeouts, want 1, 2, 0", st.FastRecoveries, st.Retransmits, st.RTOs)
	}
}

// sendSACK acknowledges what of the text is there: all before the first hole,
// and up to three blocks behind it.
func (p *peer) sendSACK(first seq.Value, have []bool) {
	at := 0
	for at < len(have) && have[at] {
		at++
	}
	p.got = first.Add(seq.Size(at))
	var o wire.Options
	for at < len(have) && o.NumSACK < 3 {
		for at < len(have) && !have[at] {
			at++
		}
		from := at
		for at < len(have) && have[at] {
			at++
		}
		if at > from {
			o.Present |= wire.HasSACK
			o.SACK[o.NumSACK].First, o.SACK[o.NumSACK].End = first.Add(seq.Size(from)), first.Add(seq.Size(at))
			o.NumSACK++
		}
	}
	b := make([]byte, wire.TCPMaxOptionsLen)
	p.send(wire.ACK, nil, b[:wire.PutOptions(b, &o, false)]...)
}

func TestBrokeTheOriginal_SilenceAfterResets(t *testing.T) {
	const clients = 256
	w, h := alone(t, limits{backlog: clients})
	h.listen(t, clients)
	w.run(time.Minute) // our address has been announced
	var peers []*peer
	var apps []sock.App
	for i := range clients {
		peers = append(peers, w.mustOpen(uint16(1000+i)))
		app, _ := h.pop()
		w.write(h, &app, pattern(1000))
		apps = append(apps, app)
	}
	w.run(time.Millisecond)
	for _, p := range peers {
		p.send(wire.RST, nil)
	}
	w.run(time.Millisecond)
	w.taken()
	w.answerARP = false // so that every frame is seen
	w.run(time.Hour)
	if n := len(w.link.out); n != 0 {
		t.Errorf("%d frames after the resets", n)
	}
	for i := range apps {
		if why := apps[i].Block.Errno(); why != sock.Reset {
			t.Fatalf("connection %d: %v", i, why)
		}
		apps[i].Close(false)
	}
	w.run(time.Millisecond)
	h.wantEmpty(t)
}
