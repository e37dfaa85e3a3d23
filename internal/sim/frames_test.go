package sim

// Frames that no connection may see: each is refused with its own reason.

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var frameScenarios = []scenario{
	{"refused-frames", refusedFrames},
	{"refused-arp", refusedARP},
	{"arp-table-full", arpTableFull},
	{"fragments", fragments},
	{"two-datagrams-from-fragments", twoDatagrams},
	{"short-icmp", shortICMP},
	{"echo-limit", echoLimit},
	{"arp-replies-full", arpRepliesFull},
}

// dropped runs f and says by how much each reason grew.
func dropped(w *World, h *Host, f func()) map[drop.Reason]uint64 {
	before := h.Stats(0).Drops
	f()
	w.Run(time.Millisecond)
	after := h.Stats(0).Drops
	grown := map[drop.Reason]uint64{}
	for r := range after {
		if after[r] > before[r] {
			grown[drop.Reason(r)] = after[r] - before[r]
		}
	}
	return grown
}

// only fails unless just one packet was dropped, for one reason.
func only(t *testing.T, what string, grown map[drop.Reason]uint64, want drop.Reason) {
	t.Helper()
	if len(grown) != 1 || grown[want] != 1 {
		t.Errorf("%s: dropped %v, want one %v", what, grown, want)
	}
}

func refusedFrames(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	h.Listen(Addr{Port: 80}, 4)
	s.meet(h)
	tcp := s.To(h, 4000, 80)
	tcp.Flags = wire.SYN
	ip := func(change func(*wire.IPv4Header), payload []byte) []byte {
		x := wire.IPv4Header{Src: s.IP, Dst: h.Address, Proto: wire.ProtoTCP}
		change(&x)
		return IPFrame(s.MAC, h.MAC, x, payload)
	}
	segment := tcp.Frame()[wire.EthernetLen+wire.IPv4HeaderLen:]
	with := func(change func(*Packet)) []byte {
		p := tcp
		change(&p)
		return p.Frame()
	}
	edit := func(at int, v byte) []byte {
		b := tcp.Frame()
		b[at] = v
		return b
	}
	options := func(list ...byte) []byte { // IPv4 options, with a right header checksum
		b := make([]byte, wire.IPv4HeaderLen+len(list))
		wire.PutIPv4(b, &wire.IPv4Header{Src: s.IP, Dst: h.Address, Proto: wire.ProtoTCP, TTL: 64, TotalLen: uint16(len(b))})
		b[0] = byte(4<<4 | len(b)/4)
		copy(b[wire.IPv4HeaderLen:], list)
		b[10], b[11] = 0, 0
		sum := wire.Checksum(b)
		b[10], b[11] = byte(sum>>8), byte(sum)
		return append(tcp.Frame()[:wire.EthernetLen], b...)
	}
	icmp := func(m wire.ICMPv4, body []byte) []byte { return ICMPFrame(s.MAC, h.MAC, s.IP, h.Address, m, body) }
	badICMP := icmp(wire.ICMPv4{Type: wire.ICMPEchoRequest}, nil)
	badICMP[len(badICMP)-1] ^= 1
	const ipAt, tcpAt = wire.EthernetLen, wire.EthernetLen + wire.IPv4HeaderLen
	for _, c := range []struct {
		what  string
		frame []byte
		want  drop.Reason
	}{
		{"no Ethernet header", tcp.Frame()[:13], drop.FrameShort},
		{"another station's frame", with(func(p *Packet) { p.EthDst[5] ^= 1 }), drop.FrameNotOurs},
		{"IPv6", edit(12, 0x86), drop.FrameEtherType},
		{"version 5", edit(ipAt, 5<<4|5), drop.IPVersion},
		{"a header of 16 octets", edit(ipAt, 4<<4|4), drop.IPHeaderLen},
		{"cut off in the header", tcp.Frame()[:ipAt+12], drop.IPHeaderLen},
		{"cut off in the payload", tcp.Frame()[:tcpAt+10], drop.IPTotalLen},
		{"header checksum", edit(ipAt+8, 63), drop.IPChecksum},
		{"multicast source", with(func(p *Packet) { p.Src.IP = 224<<24 | 1 }), drop.IPSource},
		{"our own address as source", with(func(p *Packet) { p.Src.IP = h.Address }), drop.IPSource},
		{"another host's address", with(func(p *Packet) { p.Dst.IP += 9 }), drop.IPNotOurs},
		{"a source route", options(131, 7, 4, 1, 2, 3, 4, 0), drop.IPOptions},
		{"an IP option of length 0", options(7, 0, 0, 0), drop.IPOptions},
		{"UDP", ip(func(x *wire.IPv4Header) { x.Proto = 17 }, make([]byte, 8)), drop.IPProtocol},
		{"ICMP of 7 octets", ip(func(x *wire.IPv4Header) { x.Proto = wire.ProtoICMP }, make([]byte, 7)), drop.ICMPShort},
		{"ICMP checksum", badICMP, drop.ICMPChecksum},
		{"ICMP redirect", icmp(wire.ICMPv4{Type: wire.ICMPRedirect}, make([]byte, 40)), drop.ICMPType},
		{"source quench", icmp(wire.ICMPv4{Type: wire.ICMPSourceQuench}, make([]byte, 40)), drop.ICMPQuench},
		{"unreachable, about nothing", icmp(wire.ICMPv4{Type: wire.ICMPUnreachable}, make([]byte, 40)), drop.ICMPUnmatched},
		{"TCP header cut off", ip(func(*wire.IPv4Header) {}, segment[:12]), drop.TCPHeaderLen},
		{"TCP header longer than the segment", edit(tcpAt+12, 0xf0), drop.TCPHeaderLen},
		{"TCP checksum", edit(tcpAt+4, 77), drop.TCPChecksum},
		{"a TCP option of length 0", with(func(p *Packet) { p.Options = []byte{2, 0, 1, 1} }), drop.TCPOption},
		{"a TCP option past the end", with(func(p *Packet) { p.Options = []byte{1, 1, 2, 4} }), drop.TCPOption},
		{"from port 0", with(func(p *Packet) { p.Src.Port = 0 }), drop.TCPPort},
		{"to port 0", with(func(p *Packet) { p.Dst.Port = 0 }), drop.TCPPort},
		{"to the broadcast address", with(func(p *Packet) { p.Dst.IP |= 255 }), drop.TCPBroadcast},
		{"in a broadcast frame", with(func(p *Packet) { p.EthDst = wire.Broadcast() }), drop.TCPBroadcast},
		{"a RST for nobody", with(func(p *Packet) { p.Dst.Port, p.Flags = 99, wire.RST }), drop.TCPRefusedRST},
		{"a RST to a listener", with(func(p *Packet) { p.Flags = wire.RST }), drop.ListenACK},
		{"nothing to a listener", with(func(p *Packet) { p.Flags = 0 }), drop.ListenACK},
	} {
		only(t, c.what, dropped(w, h, func() { s.Send(c.frame) }), c.want)
	}
	if n := h.Shard(0).Usage().Connections; n != 0 {
		t.Errorf("%d connections were opened by refused frames", n)
	}
}

func refusedARP(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	w.Run(time.Minute) // announcements are over
	mine := wire.ARP{Op: wire.ARPRequest, SenderMAC: s.MAC, SenderIP: s.IP, TargetIP: h.Address}
	send := func(change func(*wire.ARP)) func() {
		a := mine
		change(&a)
		return func() { s.Send(ARPFrame(wire.Broadcast(), a)) }
	}
	only(t, "cut off", dropped(w, h, func() { s.Send(ARPFrame(h.MAC, mine)[:30]) }), drop.ARPBad)
	only(t, "multicast sender", dropped(w, h, send(func(a *wire.ARP) { a.SenderIP = 224 << 24 })), drop.ARPBad)
	only(t, "not ours", dropped(w, h, send(func(a *wire.ARP) { a.TargetIP += 7 })), drop.ARPNotOurs)
	only(t, "unasked", dropped(w, h, send(func(a *wire.ARP) { a.Op, a.SenderIP = wire.ARPReply, s.IP+5 })), drop.ARPUnasked)
	s.Frames = nil
	only(t, "a claim of our address", dropped(w, h, send(func(a *wire.ARP) { a.SenderIP = h.Address })), drop.ARPConflict)
	if len(s.Frames) != 1 {
		t.Errorf("%d frames in defence of our address, want one announcement", len(s.Frames))
	}
	if n := h.Stats(0).AddressConflicts; n != 1 {
		t.Errorf("%d conflicts counted, want 1", n)
	}
}

// arpTableFull: neighbours in use are not thrown out for one who asks.
func arpTableFull(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{Neighbours: neigh.Config{MaxEntries: 8}})
	s.AnswerARP = func(wire.IPv4) bool { return true }
	for i := range wire.IPv4(6) { // three quarters of the table are for those who answer
		p := s.To(h, 4000, 99)
		p.Src.IP, p.Flags = s.IP+i, wire.SYN
		s.Send(p.Frame()) // asks for the way
		w.Run(time.Millisecond)
		s.Send(p.Frame())
		w.Run(time.Millisecond)
	}
	ask := wire.ARP{Op: wire.ARPRequest, SenderMAC: s.MAC, SenderIP: s.IP + 50, TargetIP: h.Address}
	only(t, "one too many", dropped(w, h, func() { s.Send(ARPFrame(wire.Broadcast(), ask)) }), drop.ARPTableFull)
	w.Run(15 * time.Second) // by now nobody is in use
	if got := dropped(w, h, func() { s.Send(ARPFrame(wire.Broadcast(), ask)) }); len(got) != 0 {
		t.Errorf("later: dropped %v, want an answer", got)
	}
}

// fragment cuts the IP packet in a frame into pieces of n octets of payload.
func fragment(frame []byte, n int, ident uint16) (out [][]byte) {
	eth, rest, _ := wire.ParseEthernet(frame)
	var h wire.IPv4Header
	payload, _ := h.Parse(rest)
	for at := 0; at < len(payload); at += n {
		x := wire.IPv4Header{
			Src: h.Src, Dst: h.Dst, Proto: h.Proto, ID: ident,
			FragOffset: uint16(at), MF: at+n < len(payload),
		}
		out = append(out, IPFrame(eth.Src, eth.Dst, x, payload[at:min(at+n, len(payload))]))
	}
	return out
}

func fragments(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	text := make([]byte, 1000)
	copy(text, "in pieces")
	next := p.base
	next.Seq, next.Ack, next.Flags, next.Text = p.seq, p.ack, wire.ACK|wire.PSH, text
	pieces := fragment(next.Frame(), 400, 1)
	s.Send(pieces[2], pieces[0], pieces[1])
	w.Run(time.Millisecond)
	if got := read(c); string(got) != string(text) {
		t.Errorf("read %d octets of a segment that came in fragments, want %d", len(got), len(text))
	}
	only(t, "overlap", dropped(w, h, func() {
		s.Send(fragment(next.Frame(), 400, 2)[0], fragment(next.Frame(), 392, 2)[1])
	}), drop.IPFragOverlap)
	if got := dropped(w, h, func() {
		long := IPFrame(s.MAC, h.MAC, wire.IPv4Header{Src: s.IP, Dst: h.Address, Proto: wire.ProtoTCP, ID: 3, FragOffset: 65528, MF: true}, make([]byte, 64))
		s.Send(long)
	}); got[drop.IPFragLimit] != 1 {
		t.Errorf("a fragment past the end of any datagram: dropped %v", got)
	}
	s.Frames = nil
	s.Send(fragment(next.Frame(), 400, 4)[0])
	w.Run(40 * time.Second)
	if n := h.Stats(0).Drops[drop.IPFragTimeout]; n == 0 {
		t.Error("a datagram that was never completed is not counted")
	}
	found := false
	for _, b := range s.Frames {
		found = found || len(b) > 34 && b[23] == wire.ProtoICMP && b[34] == wire.ICMPTimeExceeded
	}
	if !found {
		t.Error("nobody told the sender that reassembly took too long")
	}
}

// twoDatagrams: the memory in which one datagram was put together serves the
// next, so that both may be in one batch.
func twoDatagrams(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	p, c := accept(t, s, h, plain)
	var pieces [][]byte
	want := ""
	for i := range 3 {
		text := make([]byte, 600)
		for k := range text {
			text[k] = byte('a' + i)
		}
		next := p.base
		next.Seq, next.Ack, next.Flags, next.Text = p.seq.Add(seq.Size(600*i)), p.ack, wire.ACK, text
		pieces = append(pieces, fragment(next.Frame(), 320, uint16(10+i))...)
		want += string(text)
	}
	s.Send(pieces...)
	w.Run(time.Millisecond)
	if got := string(read(c)); got != want {
		t.Errorf("read %d octets, or wrong ones, want %d", len(got), len(want))
	}
}

// shortICMP: none of the lengths up to a whole error makes anybody read past
// the end of the frame.
func shortICMP(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	for kind := range 20 {
		for n := range 40 {
			b := make([]byte, wire.ICMPv4Len+n)
			b[8%len(b)] = 4<<4 | 5 // the beginning of a quoted packet
			wire.PutICMPv4(b, wire.ICMPv4{Type: uint8(kind), Code: uint8(n & 7)})
			frame := IPFrame(s.MAC, h.MAC, wire.IPv4Header{Src: s.IP, Dst: h.Address, Proto: wire.ProtoICMP}, b)
			for cut := wire.EthernetLen + wire.IPv4HeaderLen; cut < len(frame); cut += 5 {
				s.Send(frame[:cut])
			}
			s.Send(frame)
			w.Run(100 * time.Microsecond)
		}
	}
	st := h.Stats(0)
	if st.Flow.ICMP == 0 || st.Drops[drop.IPTotalLen] == 0 || st.Drops[drop.ICMPType] == 0 {
		t.Errorf("%d messages taken, drops %v", st.Flow.ICMP, st.Drops)
	}
}

func echoLimit(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	ping := ICMPFrame(s.MAC, h.MAC, s.IP, h.Address, wire.ICMPv4{Type: wire.ICMPEchoRequest, Rest: 7}, []byte("hello"))
	s.Send(ping) // finds the way
	w.Run(time.Second)
	s.Frames = nil
	grown := dropped(w, h, func() {
		for range 100 {
			s.Send(ping)
		}
	})
	if grown[drop.ICMPLimit] == 0 || grown[drop.ICMPLimit] > 80 {
		t.Errorf("of 100 requests at once %d were refused, want some 50", grown[drop.ICMPLimit])
	}
	if n := len(s.Frames) + int(grown[drop.ICMPLimit]); n != 100 {
		t.Errorf("%d requests were answered or refused, want 100", n)
	}
}

// arpRepliesFull: a host that cannot send remembers a bounded number of ARP
// requests.
func arpRepliesFull(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{})
	w.Run(time.Minute)
	h.Squeeze(0, func() int { return 0 })
	ask := wire.ARP{Op: wire.ARPRequest, SenderMAC: s.MAC, SenderIP: s.IP, TargetIP: h.Address}
	for range 100 {
		s.Send(ARPFrame(wire.Broadcast(), ask))
	}
	w.RunUntil(time.Millisecond, func() bool { return h.Stats(0).Flow.ARP >= 100 })
	h.Squeeze(0, nil)
	w.Run(time.Millisecond)
	st := h.Stats(0)
	if st.Drops[drop.FrameNoTx] == 0 || st.ARP.Replies+st.Drops[drop.FrameNoTx] != 100 {
		t.Errorf("%d answers and %d drops for 100 requests", st.ARP.Replies, st.Drops[drop.FrameNoTx])
	}
}
