// Hand-over: a packet that the device delivered to another shard than the one
// that owns its connection is passed on, not dropped. That happens to
// connections that we opened ourselves, where the device's hash, not we, chose
// the queue, and to ARP and ICMP, which every shard wants to see.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

const frameSlots = 256

// othersShift is where, beside the frame's flags, it is said how many shards have
// yet to look at it.
const othersShift = 16

// newFrames returns a ring, on the Go heap since only shards see it, for frames
// of a link with this MTU.
func newFrames(mtu int) (*ring.Frames, error) {
	size := wire.EthernetLen + mtu
	return ring.NewFrames(nil, make([]byte, ring.FramesSize(frameSlots, size)), size)
}

// A Handover carries frames from one shard to another.
type Handover struct {
	frames *ring.Frames
	to     *sock.Mailbox // rung when the other shard may sleep
}

// Connect joins shards to each other, before any of them runs.
func Connect(shards []*Shard) error {
	for _, from := range shards {
		from.peers = make([]*Handover, len(shards))
	}
	for _, from := range shards {
		for _, to := range shards {
			if from == to {
				continue
			}
			frames, err := newFrames(from.info.MTU)
			if err != nil {
				return err
			}
			h := &Handover{frames: frames, to: to.mail}
			from.peers[to.cfg.ID] = h
			to.inbox = append(to.inbox, h)
		}
	}
	return nil
}

// ownerOfPort is the shard that opened connections from a local port.
func (s *Shard) ownerOfPort(port uint16) int { return int(port) % s.cfg.Shards }

// isFresh reports that no other shard has seen what so many others have not.
func (s *Shard) isFresh(others int) bool { return others == s.cfg.Shards-1 }

// handOver passes on a segment for a connection that this shard does not have.
// Where nobody listens the local port names the shard that dialled. Where somebody
// does the connection may have come in through any of them: a device, or a peer
// on this machine, can move a flow to another queue. So the segment goes from one
// to the next, and the last answers it if nobody knows it.
func (s *Shard) handOver(a *arrival, listens bool, others int) bool {
	to, others := (s.cfg.ID+1)%s.cfg.Shards, others-1
	if !listens {
		to, others = s.ownerOfPort(a.key.LocalPort), 0
	}
	if to == s.cfg.ID {
		return false
	}
	s.counters.HandedOver++
	s.passOn(s.peers[to], a.frame, a.flags, others)
	return true
}

// shareFrame gives a copy of a frame to all other shards.
func (s *Shard) shareFrame(f *link.Frame) {
	for _, p := range s.peers {
		if p != nil {
			s.counters.Flow.Shared++
			s.passOn(p, f.Bytes, f.Flags, 0)
		}
	}
}

// passOn copies a frame, and with it what the device knows of its checksum and
// how many shards have not seen it then.
func (s *Shard) passOn(p *Handover, b []byte, flags link.Flags, others int) {
	place := p.frames.Reserve()
	if place == nil || len(b) == 0 || len(b) > len(place) {
		s.drop(drop.FrameHandover)
		return
	}
	copy(place, b)
	p.frames.Commit(len(b), uint64(flags)|uint64(others)<<othersShift)
	p.to.Ring()
}

// whole makes one frame of a datagram that came in fragments, for a hand-over;
// an empty one if it is longer than any of our peers' segments can be.
func (s *Shard) whole(f *link.Frame, d *ip.Datagram) link.Frame {
	n := ipAt + wire.IPv4HeaderLen + len(d.Payload)
	if n > len(s.assembled) {
		return link.Frame{}
	}
	b := s.assembled[:n]
	copy(b, f.Bytes[:ipAt])
	wire.PutIPv4(b[ipAt:], &wire.IPv4Header{
		Src: d.Src, Dst: d.Dst, TOS: d.TOS, TTL: d.TTL, Proto: d.Proto,
		TotalLen: uint16(n - ipAt), // at most the MTU
	})
	copy(b[ipAt+wire.IPv4HeaderLen:], d.Payload)
	return link.Frame{Bytes: b}
}

// receiveHandovers takes what other shards passed on.
func (s *Shard) receiveHandovers(now mono.Time) int {
	n := 0
	for _, h := range s.inbox {
		for range batch {
			b, meta, ok := h.frames.Front()
			if !ok {
				break
			}
			s.counters.Flow.RxHanded++
			s.rx[0] = link.Frame{Bytes: b, Flags: link.Flags(meta)} // the low half
			s.receiveBatch(s.rx[:1], now, int(meta>>othersShift))
			h.frames.Pop()
			n++
		}
	}
	return n
}

func (s *Shard) handoverWaits() bool {
	for _, h := range s.inbox {
		if h.frames.Len() > 0 {
			return true
		}
	}
	return false
}
