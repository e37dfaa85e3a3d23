// The grammar: from a seed to a sequence. A sequence aims at a state, on a random
// way through the transitions of RFC 9293 figure 5; before, there and afterwards
// come segments and calls that do not belong there.

package differ

import (
	"math/rand/v2"

	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// listen is the state that tcp.State does not have.
const listenState = tcp.TimeWait + 1

const numTargets = int(listenState) + 1

// An edge is a transition that the grammar knows how to bring about.
type edge struct {
	from, to tcp.State
	steps    func(g *generator) []Step
}

// edges are the transitions, in terms of what the side should do. What it really
// does is the question.
var edges = []edge{
	{tcp.Closed, listenState, func(g *generator) []Step { g.passive = true; return calls(Listen) }},
	{tcp.Closed, tcp.SynSent, func(g *generator) []Step { g.passive = false; return calls(Connect) }},
	{listenState, tcp.SynReceived, func(g *generator) []Step { return segments(g.syn()) }},
	{listenState, tcp.Closed, func(g *generator) []Step { return calls(CloseListener) }},
	{tcp.SynReceived, tcp.Established, func(g *generator) []Step { return g.accept(g.ack(0)) }},
	{tcp.SynReceived, tcp.Established, func(g *generator) []Step { return g.accept(g.data()) }},
	{tcp.SynReceived, tcp.CloseWait, func(g *generator) []Step { return g.accept(g.fin(0)) }},
	{tcp.SynReceived, tcp.Closed, func(g *generator) []Step { return segments(g.reset()) }},
	{tcp.SynSent, tcp.Established, func(g *generator) []Step { return segments(g.synAck()) }},
	{tcp.SynSent, tcp.SynReceived, func(g *generator) []Step { return segments(g.syn()) }},
	{tcp.SynSent, tcp.Closed, func(g *generator) []Step { return segments(g.refusal()) }},
	{tcp.SynSent, tcp.Closed, func(g *generator) []Step { return calls(Close) }},
	{tcp.Established, tcp.CloseWait, func(g *generator) []Step { return segments(g.fin(0)) }},
	{tcp.Established, tcp.FinWait1, func(g *generator) []Step { return g.shut() }},
	{tcp.Established, tcp.Closed, func(g *generator) []Step { return segments(g.reset()) }},
	{tcp.Established, tcp.Closed, func(g *generator) []Step { return calls(Abort) }},
	{tcp.FinWait1, tcp.FinWait2, func(g *generator) []Step { return segments(g.ack(0)) }},
	{tcp.FinWait1, tcp.Closing, func(g *generator) []Step { return segments(g.fin(-1)) }},
	{tcp.FinWait1, tcp.TimeWait, func(g *generator) []Step { return segments(g.fin(0)) }},
	{tcp.FinWait1, tcp.Closed, func(g *generator) []Step { return segments(g.reset()) }},
	{tcp.FinWait2, tcp.TimeWait, func(g *generator) []Step { return segments(g.fin(0)) }},
	{tcp.FinWait2, tcp.Closed, func(g *generator) []Step { return segments(g.reset()) }},
	{tcp.Closing, tcp.TimeWait, func(g *generator) []Step { return segments(g.ack(0)) }},
	{tcp.CloseWait, tcp.LastAck, func(g *generator) []Step { return g.shut() }},
	{tcp.CloseWait, tcp.Closed, func(g *generator) []Step { return calls(Abort) }},
	{tcp.LastAck, tcp.Closed, func(g *generator) []Step { return segments(g.ack(0)) }},
	{tcp.TimeWait, tcp.SynReceived, func(g *generator) []Step { return segments(g.again()) }},
}

func calls(op Op) []Step { return []Step{call(op, 0)} }

func segments(g Segment) []Step { return []Step{{Seg: g}} }

type generator struct {
	*rand.Rand
	p       Profile
	state   tcp.State // where the side should be
	passive bool
	steps   []Step
}

// limits of a sequence.
const (
	maxSteps   = 24
	maxNoise   = 7 // steps in a row that lead nowhere
	writeLimit = 4
)

// Generate makes the sequence of a seed.
func Generate(seed uint64) *Sequence {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x6d746370))}
	g.p = g.profile()
	target := tcp.State(g.IntN(numTargets))
	g.walk(target, 0.08)
	g.noise(1 + g.IntN(maxNoise))
	for len(g.steps) < maxSteps && g.chance(0.7) {
		g.advance(g.away())
		if g.chance(0.5) {
			g.noise(1 + g.IntN(3))
		}
	}
	g.steps = append(g.steps, call(Read, 1<<17), call(SocketError, 0))
	addMarks(g.steps, rand.New(rand.NewPCG(seed, 0x65636e)))
	return &Sequence{Seed: seed, Profile: g.p, Steps: g.steps}
}

// addMarks lets the peer of one sequence in three have explicit congestion
// notification, and a router between. It draws from a generator of its own.
func addMarks(steps []Step, r *rand.Rand) {
	if r.IntN(3) > 0 {
		return
	}
	for i := range steps {
		s := &steps[i].Seg
		switch x := r.IntN(8); {
		case steps[i].Op != Inject || s.Flags.Has(wire.RST) || x == 0:
		case s.Flags&(wire.SYN|wire.ACK) == wire.SYN:
			s.Flags |= wire.ECE | wire.CWR
		case s.Flags.Has(wire.SYN):
			s.Flags |= wire.ECE
		default:
			s.Flags |= []wire.Flags{0, 0, 0, 0, 0, 0, wire.ECE, wire.CWR}[x]
			if s.Len > 0 {
				s.ECN = []uint8{wire.ECT0, wire.ECT0, wire.CE, wire.NotECT, wire.ECT1}[r.IntN(5)]
			}
		}
	}
}

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) profile() Profile {
	p := Profile{MSS: 1460, Scale: 7, SACK: g.chance(0.6), TS: g.chance(0.5), ISS: g.Uint32(), SideISS: g.Uint32(), Clock: g.Uint32()}
	if g.chance(0.1) {
		p.ISS = -uint32(g.IntN(3000)) // the numbers wrap
	}
	if g.chance(0.1) {
		p.Clock = -uint32(g.IntN(100))
	}
	p.Clock |= 1 // a timestamp of 0 says nothing
	if g.chance(0.3) {
		p.MSS = pick(g, -1, 0, 1, 47, 48, 100, 536, 537, 1000, 1459, 8960, 65535)
	}
	if g.chance(0.5) {
		p.Scale = pick(g, -1, -1, 0, 1, 3, 14, 15)
	}
	return p
}

// walk goes to a state on a random shortest way.
func (g *generator) walk(to tcp.State, noise float64) {
	for g.state != to && len(g.steps) < maxSteps {
		if g.chance(noise) {
			g.noise(1)
		}
		here := distance(g.state, to)
		var ways []edge
		for _, e := range edges {
			if e.from == g.state && distance(e.to, to) < here {
				ways = append(ways, e)
			}
		}
		if len(ways) == 0 {
			return
		}
		g.advance(pick(g, ways...))
	}
}

func (g *generator) advance(e edge) {
	g.steps = append(g.steps, e.steps(g)...)
	g.state = e.to
	if e.to == tcp.Closed && g.passive && e.from != listenState {
		g.state = listenState // the listener is still there
	}
}

// away returns any transition from here.
func (g *generator) away() edge {
	var ways []edge
	for _, e := range edges {
		if e.from == g.state {
			ways = append(ways, e)
		}
	}
	return pick(g, ways...)
}

// distance counts transitions from one state to another; many if there is no way.
func distance(from, to tcp.State) int {
	d := [numTargets]int{}
	for i := range d {
		d[i] = numTargets
	}
	d[to] = 0
	for range numTargets {
		for _, e := range edges {
			d[e.from] = min(d[e.from], d[e.to]+1)
		}
	}
	return d[from]
}

// The segments that belong somewhere.

func (g *generator) plain(f wire.Flags) Segment { return Segment{Flags: f, Window: normalWindow} }

func (g *generator) syn() Segment {
	s := g.plain(wire.SYN)
	s.Seq = AtISS
	if g.chance(0.05) {
		s.Flags |= wire.ECE | wire.CWR
	}
	if g.chance(0.05) {
		s.Len = uint16(1 + g.IntN(100))
	}
	return s
}

func (g *generator) synAck() Segment {
	s := g.syn()
	s.Flags |= wire.ACK
	return s
}

// again is a SYN for a new incarnation.
func (g *generator) again() Segment {
	s := g.plain(wire.SYN)
	s.SeqOff = int32(1 + g.IntN(100_000))
	return s
}

func (g *generator) ack(off int32) Segment {
	s := g.plain(wire.ACK)
	s.AckOff = off
	return s
}

func (g *generator) data() Segment {
	s := g.plain(wire.ACK)
	if g.chance(0.5) {
		s.Flags |= wire.PSH
	}
	s.Len = g.length()
	return s
}

func (g *generator) length() uint16 { return pick[uint16](g, 1, 1, 2, 100, 536, 1000, 1448, 1460) }

func (g *generator) fin(ack int32) Segment {
	s := g.plain(wire.FIN | wire.ACK)
	s.AckOff = ack
	if g.chance(0.15) {
		s.Len = g.length()
	}
	return s
}

func (g *generator) reset() Segment {
	return g.plain(pick(g, wire.RST, wire.RST|wire.ACK))
}

func (g *generator) refusal() Segment {
	s := g.plain(wire.RST | wire.ACK)
	s.Seq = AtISS
	return s
}

// accept completes a handshake; a passive one is then accepted.
func (g *generator) accept(s Segment) []Step {
	if !g.passive {
		return segments(s)
	}
	return []Step{{Seg: s}, call(Accept, 0)}
}

func (g *generator) shut() []Step { return calls(pick(g, ShutWrite, ShutWrite, Close)) }
