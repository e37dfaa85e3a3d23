// A station without a stack: the test itself stands at the end of the wire,
// looks at the frames that come and sends whatever it likes.

package sim

import (
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A Station is the bare end of a wire.
type Station struct {
	MAC    wire.MAC
	IP     wire.IPv4
	Frames [][]byte // that came and were not ARP requests for us

	// AnswerARP says for which addresses the station answers; nil: for its own.
	AnswerARP func(wire.IPv4) bool

	// Each is called with every frame that came, instead of keeping it.
	Each func(frame []byte)

	world *World
	queue *mem.Queue
}

// Station adds a bare station at an end of a wire.
func (w *World) Station(m *mem.Wire, side int, ip wire.IPv4) *Station {
	q := m.Side(side).Queue(0)
	s := &Station{MAC: wire.MAC(q.Info().MAC), IP: ip, world: w, queue: q}
	w.stations = append(w.stations, s)
	return s
}

// Send puts frames onto the wire.
func (s *Station) Send(frames ...[]byte) { s.world.send(s.queue, frames...) }

// run takes what has arrived.
func (s *Station) run(now mono.Time) bool {
	var rx [64]link.Frame
	n := s.queue.Recv(now, rx[:])
	for i := range rx[:n] {
		s.input(append([]byte(nil), rx[i].Bytes...))
	}
	if n > 0 {
		s.queue.Release(rx[:n])
	}
	return n > 0
}

func (s *Station) input(b []byte) {
	eth, rest, ok := wire.ParseEthernet(b)
	if ok && eth.Type == wire.EtherTypeARP {
		if a, ok := wire.ParseARP(rest); ok && a.Op == wire.ARPRequest && a.SenderIP != a.TargetIP && s.has(a.TargetIP) {
			s.Send(ARPFrame(a.SenderMAC, wire.ARP{
				Op: wire.ARPReply, SenderMAC: s.MAC, SenderIP: a.TargetIP,
				TargetMAC: a.SenderMAC, TargetIP: a.SenderIP,
			}))
			return
		}
	}
	if s.Each != nil {
		s.Each(b)
		return
	}
	s.Frames = append(s.Frames, b)
}

func (s *Station) has(ip wire.IPv4) bool {
	if s.AnswerARP != nil {
		return s.AnswerARP(ip)
	}
	return ip == s.IP
}

// Segments returns the TCP segments among the frames that came, and forgets
// all frames.
func (s *Station) Segments() []Packet {
	var out []Packet
	for _, b := range s.Frames {
		if p, ok := Parse(b); ok {
			out = append(out, p)
		}
	}
	s.Frames = nil
	return out
}

// To begins a packet to a host, with the addresses filled in.
func (s *Station) To(h *Host, from, to uint16) Packet {
	return Packet{
		EthSrc: s.MAC, EthDst: h.MAC,
		Src: Addr{s.IP, from}, Dst: Addr{h.Address, to},
		Window: 65535,
	}
}
