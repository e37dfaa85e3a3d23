// Packets that must leave.
//
//  1. Packets of other connections are passed over.
//  2. Segments are taken until they have as much text as the script's packet.
//  3. All but the last must be alike; the last one's header is compared, but for
//     the sequence number, which is the first one's.

package script

import (
	"bytes"
	"fmt"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// expect waits for the event's packet.
func (r *run) expect(e *event) error {
	p := e.packet
	if p.icmp != nil {
		return fmt.Errorf("ICMP that leaves is not looked at here")
	}
	c := r.subject
	if c == nil {
		return fmt.Errorf("no connection that the packet could belong to")
	}
	if c.state == subjectConnects && p.flags&(wire.SYN|wire.ACK) == wire.SYN {
		c.state, c.scriptISN = subjectSYNSent, p.seq
	}
	if c.state == subjectSYNCame && p.flags.Has(wire.SYN|wire.ACK) {
		c.scriptISN = p.seq
	}
	var first, last *livePacket
	for n := 0; first == nil || n < p.length && !r.script.options.strictSegments; {
		l, err := r.receive(c)
		if err != nil {
			return err
		}
		c.learn(l, p)
		if first == nil {
			first = l
		} else if err := follows(last, l, p.length-n); err != nil {
			return err
		}
		last = l
		n += len(l.payload)
		if n >= p.length && n != p.length || n > p.length {
			return fmt.Errorf("%d octets of text expected, not %d", p.length, n)
		}
	}
	if err := c.compare(p, first, last); err != nil {
		return err
	}
	if err := c.compareOptions(p, last, r.script.options.tickUsecs); err != nil {
		return err
	}
	return r.onTime(e, e.at, r.lastAt(), last.at, "the packet")
}

// receive takes the next segment of the connection.
func (r *run) receive(c *subject) (*livePacket, error) {
	limit := r.host.Now() + patience
	for {
		for p, ok := r.host.Take(); ok; p, ok = r.host.Take() {
			l, err := parseLive(p.Bytes, (time.Duration(p.At) - r.began).Microseconds())
			if err != nil {
				return nil, err
			}
			if l != nil && c.owns(l) {
				return l, nil
			}
		}
		next := r.host.Next()
		if next > limit {
			return nil, fmt.Errorf("no packet came")
		}
		if f := r.host.Failure(); f != "" {
			return nil, fmt.Errorf("%s", f)
		}
		if err := r.advance(next); err != nil {
			return nil, err
		}
	}
}

// owns reports that the segment belongs to the connection; of one that is being
// opened it tells where it comes from.
func (c *subject) owns(l *livePacket) bool {
	if l.ip.Dst != peerAddress || l.DstPort != c.peerPort {
		return false
	}
	if c.state == subjectSYNSent && l.Flags&(wire.SYN|wire.ACK) == wire.SYN {
		c.ourPort, c.liveISN, c.state = l.SrcPort, uint32(l.Seq), subjectConnected
	}
	return l.SrcPort == c.ourPort
}

// learn takes the SYN-ACK's sequence number and the timestamp.
func (c *subject) learn(l *livePacket, p *packet) {
	if c.state == subjectSYNCame && p.flags.Has(wire.SYN|wire.ACK) {
		c.liveISN, c.state = uint32(l.Seq), subjectAnswered
	}
	l.Seq -= seq.Value(c.offset())
	for _, o := range p.options {
		for _, have := range l.options {
			if o.kind == optTS && have.kind == optTS {
				c.fromScript[o.val] = have.val
				if !c.hasTS {
					c.hasTS, c.firstScript, c.firstLive = true, o.val, have.val
				}
			}
		}
	}
}

// follows reports what is wrong with a segment as the next of a run, of which so
// many octets are still to come.
func follows(last, l *livePacket, left int) error {
	switch {
	case l.Seq != last.Seq.Add(seq.Size(len(last.payload))):
		return fmt.Errorf("a run of segments has a hole at %d", uint32(last.Seq)+uint32(len(last.payload)))
	case l.Ack != last.Ack, l.Window != last.Window, (l.Flags^last.Flags)&(wire.SYN|wire.RST|wire.ACK|wire.URG|wire.ECE) != 0:
		return fmt.Errorf("the headers of a run of segments differ")
	case len(l.payload) < left && len(l.payload) != len(last.payload):
		return fmt.Errorf("a run of segments of %d octets has one of %d", len(last.payload), len(l.payload))
	}
	return nil
}

// compare compares headers and text.
func (c *subject) compare(p *packet, first, l *livePacket) error {
	const looked = wire.FIN | wire.SYN | wire.RST | wire.PSH | wire.ACK | wire.URG | wire.ECE | wire.CWR
	ack := uint32(0)
	if l.Flags.Has(wire.ACK) {
		ack = uint32(l.Ack)
	}
	switch {
	case l.Flags&looked != p.flags:
		return fmt.Errorf("flags %v expected, not %v", p.flags, l.Flags&looked)
	case uint32(first.Seq) != p.seq:
		return fmt.Errorf("sequence number %d expected, not %d", p.seq, uint32(first.Seq))
	case ack != p.ack:
		return fmt.Errorf("acknowledgment of %d expected, not %d", p.ack, ack)
	case p.window >= 0 && int(l.Window) != p.window:
		return fmt.Errorf("window %d expected, not %d", p.window, l.Window)
	case l.Urgent != p.urgent:
		return fmt.Errorf("urgent pointer %d expected, not %d", p.urgent, l.Urgent)
	case p.length == 0 && len(l.payload) > 0:
		return fmt.Errorf("no text expected, not %d octets", len(l.payload))
	case p.tos >= 0 && p.ecnOnly && int(l.ip.TOS&3) != p.tos, p.tos >= 0 && !p.ecnOnly && int(l.ip.TOS) != p.tos:
		return fmt.Errorf("type of service %#x expected, not %#x", p.tos, l.ip.TOS)
	case len(bytes.Trim(l.payload, "\x00")) > 0:
		return fmt.Errorf("text that nobody wrote")
	}
	return nil
}

// compareOptions compares options, in their order.
func (c *subject) compareOptions(p *packet, l *livePacket, tick int64) error {
	if p.anything {
		return nil
	}
	wrong := fmt.Errorf("options %s expected, not %s", show(p.options), show(l.options))
	if len(p.options) != len(l.options) {
		return wrong
	}
	for i, o := range p.options {
		have := l.options[i]
		if o.kind != have.kind {
			return wrong
		}
		switch o.kind {
		case optTS:
			if d := int64(int32(have.val - c.firstLive + c.firstScript - o.val)); tick > 0 && max(d, -d)*tick > 7*1000 {
				return wrong
			}
			if have.ecr != o.ecr {
				// Not compared by the original either.
				continue
			}
		case optSACK:
			if fmt.Sprint(o.blocks) != fmt.Sprint(have.blocks) {
				return wrong
			}
		default:
			if !bytes.Equal(o.data, have.data) {
				return wrong
			}
		}
	}
	return nil
}

// show writes options for people.
func show(all []option) string {
	var b bytes.Buffer
	for i, o := range all {
		if i > 0 {
			b.WriteString(",")
		}
		switch o.kind {
		case optTS:
			fmt.Fprintf(&b, "TS val %d ecr %d", o.val, o.ecr)
		case optSACK:
			b.WriteString("sack")
			for _, r := range o.blocks {
				fmt.Fprintf(&b, " %d:%d", uint32(r.First), uint32(r.End))
			}
		case optMSS:
			fmt.Fprintf(&b, "mss %d", int(o.data[0])<<8|int(o.data[1]))
		case optWScale:
			fmt.Fprintf(&b, "wscale %d", o.data[0])
		default:
			b.WriteString(map[byte]string{optEOL: "eol", optNOP: "nop", optSACKOK: "sackOK"}[o.kind])
		}
	}
	return "<" + b.String() + ">"
}
