// Noise: what may happen in any state, most of it one change away from a segment
// that belongs there.

package differ

import (
	"slices"

	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func (g *generator) noise(n int) {
	for range n {
		if len(g.steps) >= maxSteps {
			return
		}
		if episode := g.episode(); episode != nil {
			g.steps = append(g.steps, episode...)
			continue
		}
		g.steps = append(g.steps, g.noiseStep())
	}
}

// isOpen reports that the side should have a connection to call on.
func (g *generator) isOpen() bool {
	switch g.state {
	case tcp.Established, tcp.CloseWait, tcp.FinWait1, tcp.FinWait2, tcp.Closing, tcp.LastAck, tcp.TimeWait:
		return true
	}
	return false
}

// segment is how much text a full segment of the side should have.
func (g *generator) segment() int {
	n := g.p.MSS
	switch {
	case n <= 0:
		n = 536
	case n < 48:
		n = 48
	}
	n = min(n, 1460)
	if g.p.TS {
		n -= 12
	}
	return n
}

// episode is now and then something that takes several steps.
func (g *generator) episode() []Step {
	sends := g.state == tcp.Established || g.state == tcp.CloseWait
	receives := g.state == tcp.Established || g.state == tcp.FinWait1 || g.state == tcp.FinWait2
	switch x := g.Float64(); {
	case sends && x < 0.06:
		return g.loss()
	case receives && x < 0.12:
		return g.holes()
	case sends && x < 0.16:
		return g.windows()
	}
	return nil
}

// holes is text that comes out of order, and then what was missing.
func (g *generator) holes() (steps []Step) {
	n := int32(pick(g, 10, 100, 536, 1000))
	for range 1 + g.IntN(4) {
		s := g.data()
		s.SeqOff, s.Len = n*int32(1+g.IntN(6)), uint16(n*pick(g, int32(1), 1, 2)/pick(g, int32(1), 2))
		if g.chance(0.2) {
			s.SeqOff -= n / 2
		}
		steps = append(steps, Step{Seg: s})
	}
	for range 1 + g.IntN(3) {
		s := g.data()
		s.Len = uint16(n * pick(g, int32(1), 1, 2, 3))
		steps = append(steps, Step{Seg: s})
	}
	return append(steps, call(Read, 1<<17))
}

// windows is text that is held back by the peer's window, and released.
func (g *generator) windows() (steps []Step) {
	for range 1 + g.IntN(3) {
		s := g.plain(wire.ACK)
		if g.chance(0.6) {
			s = g.data() // newer than the segment before
		}
		s.Window = pick[uint16](g, 0, 1, 100, 1000, 1460, 3000, 10000, normalWindow)
		steps = append(steps, Step{Seg: s}, call(Write, pick(g, 100, 1000, 3000, 6000)))
	}
	return append(steps, Step{Seg: g.ack(0)})
}

// loss is a burst of text some of which seems to be lost: duplicate and selective
// acknowledgments, then one that moves on.
func (g *generator) loss() []Step {
	steps := []Step{call(Write, g.segment()*(2+g.IntN(8)))}
	if g.chance(0.7) { // the peer has acknowledged everything first
		steps = slices.Insert(steps, 0, Step{Seg: g.ack(0)})
	}
	for range 1 + g.IntN(5) {
		s := g.plain(wire.ACK)
		s.Ack = AckOld
		if g.p.SACK && g.chance(0.8) {
			g.addSACK(&s)
			s.Ack = AckOld
		}
		steps = append(steps, Step{Seg: s})
	}
	s := g.plain(wire.ACK)
	if g.chance(0.6) {
		s.Ack, s.AckOff = AckOld, int32(g.segment()*(1+g.IntN(4)))
	}
	return append(steps, Step{Seg: s})
}

func (g *generator) noiseStep() Step {
	if g.isOpen() && g.chance(0.25) {
		return g.noiseCall()
	}
	if g.state == tcp.SynSent && g.chance(0.05) {
		return call(pick(g, Write, Read, ShutWrite, SocketError, NoDelay), 10)
	}
	return Step{Seg: g.noiseSegment()}
}

func (g *generator) noiseCall() Step {
	switch x := g.IntN(100); {
	case x < 45:
		return call(Write, pick(g, 1, 10, 100, 536, 1000, 1460, 3000, 8000, 20000))
	case x < 75:
		return call(Read, pick(g, 1, 100, 1000, 1<<17))
	case x < 80:
		return call(NoDelay, 0)
	case x < 86:
		return call(SocketError, 0)
	case x < 90:
		return call(ShutWrite, 0)
	case x < 94:
		return call(ShutRead, 0)
	case x < 96:
		return call(Close, 0)
	case x < 97:
		return call(CloseListener, 0)
	}
	return call(Accept, 0)
}

// A choice is one of several, with its weight.
type choice[T any] struct {
	weight int
	value  T
}

func weighted[T any](g *generator, of []choice[T]) T {
	sum := 0
	for _, c := range of {
		sum += c.weight
	}
	n := g.IntN(sum)
	for _, c := range of {
		if n -= c.weight; n < 0 {
			return c.value
		}
	}
	return of[0].value
}

var noiseFlags = []choice[wire.Flags]{
	{30, wire.ACK}, {24, wire.ACK | wire.PSH}, {10, wire.FIN | wire.ACK}, {8, wire.RST}, {4, wire.RST | wire.ACK},
	{8, wire.SYN}, {5, wire.SYN | wire.ACK}, {2, 0}, {1, wire.FIN}, {1, wire.PSH}, {1, wire.SYN | wire.FIN},
	{1, wire.SYN | wire.RST}, {1, wire.FIN | wire.RST | wire.ACK}, {1, wire.ACK | wire.ECE}, {1, wire.ACK | wire.CWR},
}

func (g *generator) noiseSegment() Segment {
	s := g.plain(weighted(g, noiseFlags))
	if g.chance(0.01) {
		s.Flags = wire.Flags(g.Uint32())
	}
	if s.Flags.Has(wire.PSH) || g.chance(0.1) {
		s.Len = g.length()
	}
	if s.Flags.Has(wire.SYN) && g.chance(0.5) {
		s.Seq = AtISS
	}
	// Zero to three things are out of the ordinary.
	for range weighted(g, []choice[int]{{25, 0}, {50, 1}, {20, 2}, {5, 3}}) {
		g.disturb(&s)
	}
	return s
}

func (g *generator) disturb(s *Segment) {
	switch x := g.IntN(100); {
	case x < 32:
		g.disturbSeq(s)
	case x < 60:
		g.disturbAck(s)
	case x < 72:
		s.Window = pick[uint16](g, 0, 0, 1, 10, 100, 1000, 1460, 5000, 30000)
	case x < 80 && g.p.TS:
		s.Stamp = pick(g, StampNone, StampOld, StampOld, StampSame, StampFuture)
	case x < 87 && g.p.SACK:
		g.addSACK(s)
	case x < 91:
		s.Extra = Extra(1 + g.IntN(int(numExtras)-1))
	case x < 93:
		s.BadSum = true
	case x < 95:
		s.Reserved = true
	case x < 97:
		s.Flags |= wire.URG
		s.Urgent = pick[uint16](g, 0, 1, 2, 100, 65535)
	case x < 98:
		s.Stamp = StampForced
	default:
		s.Flags ^= 1 << g.IntN(8)
	}
}

func (g *generator) disturbSeq(s *Segment) {
	n := int32(s.Len)
	switch x := g.IntN(100); {
	case x < 15:
		s.SeqOff = -1
	case x < 35:
		s.SeqOff = -int32(g.IntN(2000)) - n
	case x < 50:
		s.SeqOff = -n/2 - int32(g.IntN(3))
	case x < 75:
		s.SeqOff = 1 + int32(g.IntN(4000))
	case x < 88:
		s.Seq, s.SeqOff = AtEdge, int32(g.IntN(5))-2-pick(g, 0, n, n/2)
	case x < 92:
		s.SeqOff = pick(g, int32(1<<30), -1<<30, 1<<31-1, -1<<31)
	case x < 95:
		s.SeqOff = int32(g.Uint32())
	default:
		s.Seq, s.SeqOff = AtISS, int32(g.IntN(3))-1
	}
}

func (g *generator) disturbAck(s *Segment) {
	s.Flags |= wire.ACK
	switch x := g.IntN(100); {
	case x < 40:
		s.Ack = AckOld
	case x < 52:
		s.AckOff = -1
	case x < 64:
		s.AckOff = 1
	case x < 70:
		s.AckOff = 1 + int32(g.IntN(100_000))
	case x < 80:
		s.AckOff = -int32(g.IntN(4000))
	case x < 86:
		s.Ack, s.AckOff = AckOld, -1-int32(g.IntN(3000))
	case x < 90:
		s.Ack, s.AckOff = AckOld, -int32(g.IntN(20_000_000))
	case x < 95:
		s.Ack, s.AckOff = AckISS, int32(g.IntN(3))
	case x < 97:
		s.AckOff = pick(g, int32(1<<30), -1<<30, 1<<31-1, -1<<31)
	default:
		s.AckOff = int32(g.Uint32())
	}
}

func (g *generator) addSACK(s *Segment) {
	s.Flags |= wire.ACK
	if g.chance(0.7) {
		s.Ack = AckOld
	}
	for range 1 + g.IntN(3) {
		if g.chance(0.6) { // whole segments
			n := int32(g.segment())
			first := n * int32(1+g.IntN(6))
			s.SACK = append(s.SACK, Block{AckOld, first, first + n*int32(1+g.IntN(3))})
			continue
		}
		b := Block{Base: pick(g, AckOld, AckOld, AckAll), First: int32(g.IntN(6000)) - 1000}
		if b.Base == AckAll {
			b.First -= 4000
		}
		b.End = b.First + pick(g, int32(1), 100, 1000, 1448, 1460, 3000, 0, -100)
		s.SACK = append(s.SACK, b)
	}
}
