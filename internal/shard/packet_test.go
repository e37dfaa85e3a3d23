package shard

// Packets that tests make and read, and a peer made of them.

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var (
	ourMAC  = wire.MAC{2, 0, 0, 0, 0, 1}
	peerMAC = wire.MAC{2, 0, 0, 0, 0, 2}
)

// A packet is a TCP segment with its addresses.
type packet struct {
	to               wire.MAC
	src, dst         wire.IPv4
	srcPort, dstPort uint16
	seq, ack         seq.Value
	flags            wire.Flags
	window           uint16
	tos              uint8
	options, text    []byte
}

// toUs begins a packet of the peer.
func toUs(from uint16, flags wire.Flags) packet {
	return packet{to: ourMAC, src: peerIP, dst: ourIP, srcPort: from, dstPort: port, seq: 1000, flags: flags, window: 65535}
}

func (p packet) frame() []byte {
	header := wire.TCPHeaderLen + (len(p.options)+3)&^3
	segment := make([]byte, header+len(p.text))
	wire.PutTCP(segment, &wire.TCP{
		SrcPort: p.srcPort, DstPort: p.dstPort, Seq: p.seq, Ack: p.ack,
		HeaderLen: uint8(header), Flags: p.flags, Window: p.window,
	})
	copy(segment[wire.TCPHeaderLen:], p.options)
	copy(segment[header:], p.text)
	wire.PutTCPChecksum(p.src, p.dst, segment)
	b := ipFrame(p.to, p.src, p.dst, wire.ProtoTCP, segment)
	if p.tos != 0 {
		wire.PutIPv4(b[ipAt:], &wire.IPv4Header{TOS: p.tos, Src: p.src, Dst: p.dst, Proto: wire.ProtoTCP, TTL: 64, TotalLen: uint16(len(b) - ipAt)})
	}
	return b
}

func ipFrame(to wire.MAC, src, dst wire.IPv4, proto uint8, payload []byte) []byte {
	b := make([]byte, ipAt+wire.IPv4HeaderLen, ipAt+wire.IPv4HeaderLen+len(payload))
	wire.PutEthernet(b, wire.Ethernet{Dst: to, Src: peerMAC, Type: wire.EtherTypeIPv4})
	wire.PutIPv4(b[ipAt:], &wire.IPv4Header{
		Src: src, Dst: dst, Proto: proto, TTL: 64, TotalLen: uint16(wire.IPv4HeaderLen + len(payload)),
	})
	return append(b, payload...)
}

func arpFrame(to wire.MAC, a wire.ARP) []byte {
	b := make([]byte, wire.EthernetLen+wire.ARPLen)
	wire.PutEthernet(b, wire.Ethernet{Dst: to, Src: a.SenderMAC, Type: wire.EtherTypeARP})
	wire.PutARP(b[wire.EthernetLen:], &a)
	return b
}

// parsePacket reads a frame that the shard sent; false if it is not TCP.
func parsePacket(b []byte) (p packet, ok bool) {
	eth, rest, ok := wire.ParseEthernet(b)
	if !ok || eth.Type != wire.EtherTypeIPv4 {
		return p, false
	}
	h, payload, why := wire.ParseIPv4(rest)
	if why != 0 || h.Proto != wire.ProtoTCP || !wire.TCPChecksumOK(h.Src, h.Dst, payload) {
		return p, false
	}
	t, options, text, why := wire.ParseTCP(payload)
	return packet{
		to: eth.Dst, src: h.Src, dst: h.Dst, srcPort: t.SrcPort, dstPort: t.DstPort,
		seq: t.Seq, ack: t.Ack, flags: t.Flags, window: t.Window, tos: h.TOS, options: options, text: text,
	}, why == 0
}

// inject puts packets before the shard.
func (w *world) inject(packets ...packet) {
	for _, p := range packets {
		w.link.in = append(w.link.in, p.frame())
	}
}

// taken returns the segments that were sent, and forgets all frames.
func (w *world) taken() (out []packet) {
	for _, f := range w.link.out {
		if p, ok := parsePacket(f.bytes); ok {
			out = append(out, p)
		}
	}
	w.link.out = nil
	return out
}

// A peer is the far end of a connection, made by hand.
type peer struct {
	w       *world
	base    packet
	next    seq.Value // what it sends next
	got     seq.Value // what it has received, in order
	text    []byte
	longest int
	fin     bool
}

// open sends a SYN until it is answered, at most so often; nil if never.
func (w *world) open(from uint16, tries int, options ...byte) *peer {
	w.Helper()
	p := &peer{w: w, base: toUs(from, wire.SYN)}
	p.base.options = options
	for range tries {
		w.inject(p.base)
		w.run(time.Millisecond)
		for _, a := range w.taken() {
			if a.dstPort == from && a.flags == wire.SYN|wire.ACK {
				p.base.options = nil
				p.next, p.got = p.base.seq.Add(1), a.seq.Add(1)
				p.send(wire.ACK, nil)
				w.run(time.Millisecond)
				return p
			}
		}
		w.run(time.Second)
	}
	return nil
}

// mustOpen is open that has to succeed at the first SYN, and the connection as accepted.
func (w *world) mustOpen(from uint16, options ...byte) *peer {
	w.Helper()
	p := w.open(from, 1, options...)
	if p == nil {
		w.Fatalf("a SYN from port %d was not answered", from)
	}
	return p
}

// send puts one segment of the peer before the shard.
func (p *peer) send(flags wire.Flags, text []byte, options ...byte) {
	s := p.base
	s.seq, s.ack, s.flags, s.text, s.options = p.next, p.got, flags, text, options
	p.w.inject(s)
	p.next = p.next.Add(seq.Size(len(text)))
	if flags.Has(wire.FIN) {
		p.next = p.next.Add(1)
	}
}

// take receives what was sent, in order, and acknowledges it.
func (p *peer) take() {
	news := false
	for _, a := range p.w.taken() {
		if a.dstPort != p.base.srcPort {
			continue
		}
		p.longest = max(p.longest, len(a.text))
		news = news || len(a.text) > 0 || a.flags.Has(wire.FIN)
		if a.seq != p.got {
			continue
		}
		p.text = append(p.text, a.text...)
		p.got = p.got.Add(seq.Size(len(a.text)))
		if a.flags.Has(wire.FIN) {
			p.got, p.fin = p.got.Add(1), true
		}
	}
	if news {
		p.send(wire.ACK, nil)
	}
}

// pattern is text in which every position is its own.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13)
	}
	return b
}
