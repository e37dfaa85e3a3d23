// Hand-over: a packet that the device delivered to another shard than the one
// that owns its connection is passed on, not dropped. That happens to
// connections that we opened ourselves, where the device's hash, not we, chose
// the queue, and to ARP and ICMP, which every shard wants to see.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/sock"
)

const (
	frameSlots = 256
	frameSize  = 2048 // the largest frame that is handed over
)

// newFrames returns a ring of frames on the Go heap: only shards see it.
func newFrames() (*ring.Frames, error) {
	return ring.NewFrames(nil, make([]byte, ring.FramesSize(frameSlots, frameSize)), frameSize)
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
			frames, err := newFrames()
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

// handOver passes a segment on if its local port says that another shard
// opened the connection.
func (s *Shard) handOver(a *arrival) bool {
	if s.cfg.Shards < 2 {
		return false
	}
	owner := s.ownerOfPort(a.key.LocalPort)
	if owner == s.cfg.ID {
		return false
	}
	s.counters.HandedOver++
	s.passOn(s.peers[owner], a.frame)
	return true
}

// shareFrame gives a copy of a frame to all other shards.
func (s *Shard) shareFrame(b []byte) {
	for _, p := range s.peers {
		if p != nil {
			s.counters.Flow.Shared++
			s.passOn(p, b)
		}
	}
}

func (s *Shard) passOn(p *Handover, b []byte) {
	place := p.frames.Reserve()
	if place == nil || len(b) > len(place) {
		s.drop(drop.FrameHandover)
		return
	}
	copy(place, b)
	p.frames.Commit(len(b), 0)
	p.to.Ring()
}

// receiveHandovers takes what other shards passed on.
func (s *Shard) receiveHandovers(now mono.Time) int {
	n := 0
	for _, h := range s.inbox {
		for range batch {
			b, _, ok := h.frames.Front()
			if !ok {
				break
			}
			s.counters.Flow.RxHanded++
			s.rx[0] = link.Frame{Bytes: b}
			s.receiveBatch(s.rx[:1], now, false)
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
