// Between script and live: packets of scripts begin with sequence number 0 and
// know no addresses; timestamps are what the script calls them.

package script

import (
	"encoding/binary"
	"fmt"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Addresses of both ends.
const (
	ourAddress  wire.IPv4 = 192<<24 | 168<<16 | 2
	peerAddress wire.IPv4 = 192<<24 | 2<<8 | 1
	peerGateway wire.IPv4 = 192<<24 | 168<<16 | 1
	servicePort           = 8080
	firstPort             = 40001 // of peers that connect
)

// A subject is the connection that packets are about.
type subject struct {
	state       subjectState
	ourPort     uint16
	peerPort    uint16
	scriptISN   uint32
	liveISN     uint32
	fromScript  map[uint32]uint32 // timestamps that we sent: script to live
	firstScript uint32
	firstLive   uint32
	hasTS       bool
}

type subjectState uint8

const (
	subjectFresh subjectState = iota
	subjectListens
	subjectConnects  // connect was called
	subjectSYNSent   // and the script has its SYN
	subjectSYNCame   // a SYN was injected
	subjectAnswered  // and answered
	subjectConnected // no more to be learnt
)

// offset is added to the script's sequence numbers of ours.
func (c *subject) offset() uint32 { return c.liveISN - c.scriptISN }

// inject writes a script's packet as it goes to the host.
func (c *subject) inject(p *packet) ([]byte, error) {
	if p.icmp != nil {
		return c.injectICMP(p), nil
	}
	options, err := c.putOptions(p)
	if err != nil {
		return nil, err
	}
	head := wire.IPv4HeaderLen + wire.TCPHeaderLen + len(options)
	b := make([]byte, head+p.length)
	segment := b[wire.IPv4HeaderLen:]
	h := wire.TCP{
		SrcPort: c.peerPort, DstPort: c.ourPort, Seq: seq.Value(p.seq), Flags: p.flags,
		Window: uint16(max(p.window, 0)), Urgent: p.urgent, HeaderLen: uint8(wire.TCPHeaderLen + len(options)),
	}
	if p.srcPort != 0 {
		h.SrcPort = p.srcPort
	}
	if p.dstPort != 0 {
		h.DstPort = p.dstPort
	}
	if p.flags.Has(wire.ACK) {
		h.Ack = seq.Value(p.ack + c.offset())
	}
	wire.PutTCP(segment, &h)
	copy(segment[wire.TCPHeaderLen:], options)
	wire.PutTCPChecksum(peerAddress, ourAddress, segment)
	wire.PutIPv4(b, &wire.IPv4Header{
		TOS: uint8(max(p.tos, 0)), TotalLen: uint16(len(b)), TTL: 255, Proto: wire.ProtoTCP, Src: peerAddress, Dst: ourAddress, HeaderLen: wire.IPv4HeaderLen,
	})
	return b, nil
}

// putOptions writes options with live numbers.
func (c *subject) putOptions(p *packet) ([]byte, error) {
	var b []byte
	for _, o := range p.options {
		b = append(b, o.kind)
		if o.kind > optNOP {
			b = append(b, byte(2+len(o.data)))
		}
		at := len(b)
		b = append(b, o.data...)
		switch o.kind {
		case optTS:
			ecr := o.ecr
			if p.flags.Has(wire.ACK) {
				live, ok := c.fromScript[o.ecr]
				if !ok {
					return nil, fmt.Errorf("no segment with timestamp %d has left that this could echo", o.ecr)
				}
				ecr = live
			}
			binary.BigEndian.PutUint32(b[at:], o.val)
			binary.BigEndian.PutUint32(b[at+4:], ecr)
		case optSACK:
			for i, r := range o.blocks {
				binary.BigEndian.PutUint32(b[at+8*i:], uint32(r.First)+c.offset())
				binary.BigEndian.PutUint32(b[at+8*i+4:], uint32(r.End)+c.offset())
			}
		}
	}
	if len(b)%4 != 0 || len(b) > wire.TCPMaxOptionsLen {
		return nil, fmt.Errorf("options of %d octets: not a multiple of four, or too many", len(b))
	}
	return b, nil
}

// injectICMP writes an error about a segment of ours.
func (c *subject) injectICMP(p *packet) []byte {
	const quoted = wire.IPv4HeaderLen + 8
	b := make([]byte, wire.IPv4HeaderLen+wire.ICMPv4Len+quoted)
	quote := b[wire.IPv4HeaderLen+wire.ICMPv4Len:]
	wire.PutIPv4(quote, &wire.IPv4Header{
		TotalLen: quoted + 12, TTL: 255, Proto: wire.ProtoTCP, Src: ourAddress, Dst: peerAddress, HeaderLen: wire.IPv4HeaderLen,
	})
	tcp := quote[wire.IPv4HeaderLen:]
	binary.BigEndian.PutUint16(tcp[0:], c.ourPort)
	binary.BigEndian.PutUint16(tcp[2:], c.peerPort)
	binary.BigEndian.PutUint32(tcp[4:], p.icmp.seq+c.offset())
	wire.PutICMPv4(b[wire.IPv4HeaderLen:], wire.ICMPv4{Type: p.icmp.kind, Code: p.icmp.code, Rest: uint32(p.icmp.mtu)})
	wire.PutIPv4(b, &wire.IPv4Header{
		TotalLen: uint16(len(b)), TTL: 255, Proto: wire.ProtoICMP, Src: peerAddress, Dst: ourAddress, HeaderLen: wire.IPv4HeaderLen,
	})
	return b
}

// A live packet is one that the host has sent.
type livePacket struct {
	at int64 // µs since the script began
	ip wire.IPv4Header
	wire.TCP
	options []option
	payload []byte
}

// parseLive reads a packet; false if it is not TCP, an error if it is wrong.
func parseLive(b []byte, at int64) (l *livePacket, err error) {
	h, payload, why := wire.ParseIPv4(b)
	if why != 0 {
		return nil, fmt.Errorf("an IP packet with a bad header: %v", why)
	}
	if h.Proto != wire.ProtoTCP {
		return nil, nil
	}
	l = &livePacket{at: at, ip: h}
	options, text, why := l.TCP.Parse(payload)
	switch {
	case why != 0:
		return nil, fmt.Errorf("a segment with a bad header: %v", why)
	case !wire.TCPChecksumOK(h.Src, h.Dst, payload):
		return nil, fmt.Errorf("a segment with a bad checksum")
	}
	l.payload = text
	l.options, err = parseOptions(options)
	return l, err
}

func parseOptions(b []byte) (all []option, err error) {
	for len(b) > 0 {
		o := option{kind: b[0]}
		n := 1
		if o.kind > optNOP {
			if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
				return nil, fmt.Errorf("a segment with a bad option")
			}
			n = int(b[1])
			o.data = append([]byte(nil), b[2:n]...)
		}
		switch {
		case o.kind == optTS && len(o.data) == 8:
			o.val, o.ecr = binary.BigEndian.Uint32(o.data), binary.BigEndian.Uint32(o.data[4:])
		case o.kind == optSACK:
			for d := o.data; len(d) >= 8; d = d[8:] {
				o.blocks = append(o.blocks, seq.Range{First: seq.Value(binary.BigEndian.Uint32(d)), End: seq.Value(binary.BigEndian.Uint32(d[4:]))})
			}
		}
		all = append(all, o)
		b = b[n:]
	}
	return all, nil
}
