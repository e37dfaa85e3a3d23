// Frames taken apart and put together, for stations and forgers. Convenience
// counts here, not speed.

package sim

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A Packet is a TCP segment with all that is around it.
type Packet struct {
	EthSrc, EthDst wire.MAC
	Src, Dst       Addr
	Seq, Ack       seq.Value
	Flags          wire.Flags
	Window         uint16
	Options        []byte // raw, a multiple of four octets
	Text           []byte
}

// End is the sequence number after the segment.
func (p *Packet) End() seq.Value {
	end := p.Seq.Add(seq.Size(len(p.Text)))
	if p.Flags.Has(wire.SYN) {
		end++
	}
	if p.Flags.Has(wire.FIN) {
		end++
	}
	return end
}

// Frame writes the packet, with right lengths and checksums.
func (p *Packet) Frame() []byte {
	n := wire.TCPHeaderLen + len(p.Options)
	b := make([]byte, n+len(p.Text))
	wire.PutTCP(b, &wire.TCP{
		SrcPort: p.Src.Port, DstPort: p.Dst.Port,
		Seq: p.Seq, Ack: p.Ack, Flags: p.Flags, Window: p.Window, HeaderLen: uint8(n),
	})
	copy(b[wire.TCPHeaderLen:], p.Options)
	copy(b[n:], p.Text)
	wire.PutTCPChecksum(p.Src.IP, p.Dst.IP, b)
	return IPFrame(p.EthSrc, p.EthDst, wire.IPv4Header{Src: p.Src.IP, Dst: p.Dst.IP, Proto: wire.ProtoTCP}, b)
}

// IPFrame puts an IPv4 and an Ethernet header in front of a payload. Total
// length, and a TTL of 64, are filled in.
func IPFrame(src, dst wire.MAC, h wire.IPv4Header, payload []byte) []byte {
	h.TotalLen = uint16(wire.IPv4HeaderLen + len(payload))
	if h.TTL == 0 {
		h.TTL = 64
	}
	b := make([]byte, wire.EthernetLen+wire.IPv4HeaderLen, wire.EthernetLen+int(h.TotalLen))
	wire.PutIPv4(b[wire.EthernetLen:], &h)
	wire.PutEthernet(b, wire.Ethernet{Src: src, Dst: dst, Type: wire.EtherTypeIPv4})
	return append(b, payload...)
}

// ICMPFrame is an ICMP message in a frame.
func ICMPFrame(srcMAC, dstMAC wire.MAC, src, dst wire.IPv4, m wire.ICMPv4, body []byte) []byte {
	b := make([]byte, wire.ICMPv4Len+len(body))
	copy(b[wire.ICMPv4Len:], body)
	wire.PutICMPv4(b, m)
	return IPFrame(srcMAC, dstMAC, wire.IPv4Header{Src: src, Dst: dst, Proto: wire.ProtoICMP}, b)
}

// ARPFrame is an ARP packet in a frame from its sender.
func ARPFrame(dst wire.MAC, a wire.ARP) []byte {
	b := make([]byte, wire.EthernetLen+wire.ARPLen)
	wire.PutEthernet(b, wire.Ethernet{Src: a.SenderMAC, Dst: dst, Type: wire.EtherTypeARP})
	wire.PutARP(b[wire.EthernetLen:], &a)
	return b
}

// Parse takes a frame apart; false if it holds no whole, sound TCP segment.
// Text and options point into the frame.
func Parse(frame []byte) (Packet, bool) { return parse(frame, true) }

func parse(frame []byte, verify bool) (p Packet, ok bool) {
	eth, rest, ok := wire.ParseEthernet(frame)
	if !ok || eth.Type != wire.EtherTypeIPv4 {
		return p, false
	}
	var h wire.IPv4Header
	rest, why := h.Parse(rest)
	if why != drop.None || h.Proto != wire.ProtoTCP || h.IsFragment() || verify && !wire.TCPChecksumOK(h.Src, h.Dst, rest) {
		return p, false
	}
	t, options, text, why := wire.ParseTCP(rest)
	if why != drop.None {
		return p, false
	}
	return Packet{
		EthSrc: eth.Src, EthDst: eth.Dst,
		Src: Addr{h.Src, t.SrcPort}, Dst: Addr{h.Dst, t.DstPort},
		Seq: t.Seq, Ack: t.Ack, Flags: t.Flags, Window: t.Window,
		Options: options, Text: text,
	}, true
}

// send gives frames to a queue as its owner would.
func (w *World) send(q link.Queue, frames ...[]byte) {
	for _, b := range frames {
		var tx [1]link.Frame
		if q.Reserve(tx[:]) == 0 {
			continue
		}
		tx[0].Bytes = tx[0].Bytes[:copy(tx[0].Bytes, b)]
		q.Send(w.now, tx[:])
	}
}
