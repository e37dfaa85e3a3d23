// Hand-over: a packet that the device delivered to another shard than the one
// that owns its connection is passed on, not dropped. That happens to
// connections that we opened ourselves, where the device's hash, not we, chose
// the queue; to any connection when the device chooses another queue for it than
// before, as a veth does when the kernel at its other end sends something again;
// and to ARP and ICMP, which every shard wants to see.
//
// A segment without a connection goes to the shard that its local port would
// name if we had opened the connection, then to all the others in turn. The
// last one refuses it. One that does not fit the connection that is here goes the
// same way (elsewhere.go).

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

const (
	frameSlots = 256

	// maxSearches bounds the segments that a shard passes on in a round without
	// knowing whose they are. A flood of segments of no connection costs every
	// shard that much and no more; what belongs to somebody is sent again.
	maxSearches = 32
)

// A trail says where the device delivered a segment, and which of the shards
// have seen it since. The zero value is for shard 0, and fresh.
type trail struct {
	origin uint16 // a shard's number
	step   uint16 // 0: nobody else; 1: the shard that its port names; then the others, from the origin on
	back   bool   // who sees it last returns it to the origin
	taken  bool   // it was for a connection of another shard's: elsewhere.go
}

// asMeta puts a trail beside the flags of a frame in a ring.
func (t trail) asMeta(flags link.Flags) uint64 {
	meta := uint64(flags) | uint64(t.origin)<<16 | uint64(t.step)<<32
	if t.back {
		meta |= backBit
	}
	if t.taken {
		meta |= takenBit
	}
	return meta
}

func trailOf(meta uint64) (trail, link.Flags) {
	return trail{
		origin: uint16(meta >> 16), step: uint16(meta >> 32), // each its 16 bits
		back: meta&backBit != 0, taken: meta&takenBit != 0,
	}, link.Flags(meta)
}

const (
	backBit  = 1 << 48
	takenBit = 1 << 49
)

func (t trail) fresh() bool { return t.step == 0 }

// fresh is the trail of what the device has just delivered here, ended of what
// concerns nobody else.
func (s *Shard) fresh() trail { return trail{origin: uint16(s.cfg.ID)} }       // at most 256 queues
func (s *Shard) ended() trail { return trail{step: uint16(s.cfg.Shards) + 1} } // the same

// next is the shard to which a segment goes from here, if there is one that has
// not seen it.
func (s *Shard) next(t trail, port uint16) (to int, after trail, ok bool) {
	n, owner := s.cfg.Shards, s.ownerOfPort(port)
	for step := int(t.step) + 1; step <= n; step++ {
		to = owner
		if step > 1 {
			to = (int(t.origin) + step - 1) % n
		}
		if to == int(t.origin) || step > 1 && to == owner {
			continue
		}
		return to, trail{origin: t.origin, step: uint16(step), back: t.back}, true // at most n
	}
	return 0, t, false
}

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

// handOver passes a segment on if another shard may have its connection.
func (s *Shard) handOver(a *arrival, t trail) bool {
	to, after, ok := s.next(t, a.key.LocalPort)
	if !ok {
		return false
	}
	s.counters.HandedOver++
	if after.step > 1 {
		if s.searches == maxSearches {
			s.drop(drop.FrameHandover)
			return true
		}
		s.searches++
	}
	s.passOn(s.peers[to], a.frame, after.asMeta(a.flags))
	return true
}

// handBack returns a segment that no shard knew to the one that the device
// delivered it to, if that has asked for it.
func (s *Shard) handBack(a *arrival, t trail) bool {
	if !t.back || t.fresh() {
		return false
	}
	s.counters.HandedOver++
	s.passOn(s.peers[t.origin], a.frame, s.ended().asMeta(a.flags))
	return true
}

// shareFrame gives a copy of a frame to all other shards.
func (s *Shard) shareFrame(f *link.Frame) {
	for _, p := range s.peers {
		if p != nil {
			s.counters.Flow.Shared++
			s.passOn(p, f.Bytes, s.ended().asMeta(f.Flags))
		}
	}
}

// passOn copies a frame, and with it what the device knows of its checksum and
// which shards have seen it.
func (s *Shard) passOn(p *Handover, b []byte, meta uint64) {
	place := p.frames.Reserve()
	if place == nil || len(b) == 0 || len(b) > len(place) {
		s.drop(drop.FrameHandover)
		return
	}
	copy(place, b)
	p.frames.Commit(len(b), meta)
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
			t, flags := trailOf(meta)
			s.rx[0] = link.Frame{Bytes: b, Flags: flags}
			s.receiveBatch(s.rx[:1], now, t)
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
