package sim

// A peer is a TCP written out by hand at a station: it sends exactly what a
// test says.

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

type peer struct {
	*Station
	t       *testing.T
	host    *Host
	base    Packet // addresses and window
	seq     seq.Value
	ack     seq.Value
	options []byte // of every segment but the SYN
	got     []Packet
}

// alone makes a host at side 0 of a wire, and a station at the other end.
func alone(w *World, c HostConfig) (*Host, *Station) {
	m := w.Wire(mem.Config{})
	c.Wire = m
	return w.Host(c), w.Station(m, 1, 10<<24|2)
}

// meet lets the host learn where the station is.
func (s *Station) meet(h *Host) {
	s.Send(ARPFrame(wire.Broadcast(), wire.ARP{Op: wire.ARPRequest, SenderMAC: s.MAC, SenderIP: s.IP, TargetIP: h.Address}))
	s.world.Run(time.Millisecond)
	s.Frames = nil
}

// two makes two hosts on a wire with a delay.
func two(w *World, c HostConfig, delay time.Duration) (a, b *Host) {
	c.Wire = w.Wire(mem.Config{Queues: c.Queues, Impair: [2]mem.Impairment{{Delay: delay}, {Delay: delay}}})
	a = w.Host(c)
	c.Side = 1
	return a, w.Host(c)
}

// acknowledge answers text with an ACK, on whatever connection it came.
func (s *Station) acknowledge(frame []byte) {
	if x, ok := Parse(frame); ok && len(x.Text) > 0 {
		s.Send((&Packet{
			EthSrc: s.MAC, EthDst: x.EthSrc, Src: x.Dst, Dst: x.Src,
			Seq: x.Ack, Ack: x.End(), Flags: wire.ACK, Window: 65535,
		}).Frame())
	}
}

// newPeer begins a peer that talks from one port to another.
func newPeer(t *testing.T, s *Station, h *Host, from, to uint16) *peer {
	p := &peer{Station: s, t: t, host: h, base: s.To(h, from, to), seq: 1000}
	return p
}

// transmit sends one segment at a sequence number, and nothing advances.
func (p *peer) transmit(at seq.Value, f wire.Flags, text []byte) {
	b := p.base
	b.Seq, b.Flags, b.Text, b.Options = at, f, text, p.options
	if f.Has(wire.ACK) {
		b.Ack = p.ack
	}
	p.Send(b.Frame())
}

// send sends the next segment.
func (p *peer) send(f wire.Flags, text []byte) {
	p.transmit(p.seq, f, text)
	p.seq = p.seq.Add(seq.Size(len(text)))
	if f&(wire.SYN|wire.FIN) != 0 {
		p.seq++
	}
}

// take lets d pass, and returns the segments of the connection that came. It
// acknowledges them in its next segment if they were in order.
func (p *peer) take(d time.Duration) []Packet {
	p.world.Run(d)
	var out []Packet
	for _, s := range p.Segments() {
		if s.Dst != p.base.Src || s.Src != p.base.Dst {
			continue
		}
		if s.Seq == p.ack {
			p.ack = s.End()
		}
		out = append(out, s)
	}
	return out
}

// one is take for exactly one segment.
func (p *peer) one(d time.Duration) Packet {
	p.t.Helper()
	got := p.take(d)
	if len(got) != 1 {
		p.t.Fatalf("%d segments, want one: %+v", len(got), got)
	}
	return got[0]
}

// connect opens a connection to a listener of the host.
func (p *peer) connect(syn wire.Options) Packet {
	p.t.Helper()
	p.options = SYNOptions(syn)
	p.send(wire.SYN, nil)
	p.options = nil
	got := p.take(50 * time.Millisecond)
	if len(got) == 0 || !got[0].Flags.Has(wire.SYN|wire.ACK) {
		p.t.Fatalf("no SYN-ACK but %+v", got)
	}
	p.ack = got[0].End()
	if syn.Present.Has(wire.HasTimestamp) {
		p.options = Timestamp(syn.TSVal, 0)
	}
	p.send(wire.ACK, nil)
	p.take(time.Millisecond)
	return got[0]
}

// accept listens on a port and connects a peer to it.
func accept(t *testing.T, s *Station, h *Host, syn wire.Options) (*peer, *Conn) {
	t.Helper()
	l := h.Listen(Addr{Port: 80}, 16)
	p := newPeer(t, s, h, 5000, 80)
	p.world.Run(time.Millisecond)
	p.connect(syn)
	c := l.Accept()
	if c == nil {
		t.Fatal("the listener has no connection")
	}
	return p, c
}

// plain is a SYN's options as a simple peer has them.
var plain = wire.Options{Present: wire.HasMSS, MSS: 1460}

// write writes all of b, letting time pass while there is no room.
func write(t *testing.T, c *Conn, b []byte) {
	t.Helper()
	for len(b) > 0 {
		n, _ := c.App.Write(b)
		b = b[n:]
		if n == 0 {
			if c.App.ParkWrite(len(b)) {
				c.Host.world.Run(time.Millisecond)
				c.App.UnparkWrite()
			}
			if c.Host.world.now > start.Add(24*time.Hour) {
				t.Fatalf("%d octets could not be written", len(b))
			}
		}
	}
}

// read returns what there is to be read.
func read(c *Conn) []byte {
	b := make([]byte, c.App.Buffered())
	n, _ := c.App.Read(b)
	return b[:n]
}
