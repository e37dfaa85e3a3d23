// Doubt: what this shard has under a segment's addresses may not be what the
// segment is for. When the device moves a flow to another queue,
//
//   - a SYN that is sent again opens a second half of a connection beside the
//     first, and the peer completes only one of them;
//   - a new connection begins on one shard while another still keeps the
//     TIME-WAIT of the last one.
//
// RFC 9293 §3.10.7.4 (fifth step) resets whoever acknowledges what a half-open
// connection has not sent, and TIME-WAIT acknowledges in old numbers: here that
// would be the end of the good connection, or of its segments. So a shard shows
// what it doubts to the others first. Who believes it tells the shard where the
// device has delivered it, which then forgets what it has. If nobody does, the
// segment comes back and is answered as the RFC says.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// doubts reports that the owner of a segment's addresses may not be whom it is for.
func (s *Shard) doubts(a *arrival, owner uint32) bool {
	if owner&twBit != 0 {
		return s.tw.slab.At(slab.Index(owner &^ twBit)).Doubts(&a.seg)
	}
	return s.tcbs.At(slab.Index(owner)).Doubts(&a.seg)
}

// ask shows a segment to the other shards, unless all have seen it.
func (s *Shard) ask(a *arrival, t trail) bool {
	t.back = t.back || t.fresh()
	return s.handOver(a, t) || s.handBack(a, t)
}

// claim lets the shard that has asked know that the segment was for a connection
// here.
func (s *Shard) claim(a *arrival, t trail) {
	s.counters.Flow.Shared++
	t = trail{origin: t.origin, step: s.ended().step, taken: true}
	s.passOn(s.peers[t.origin], a.frame, t.asMeta(a.flags))
}

// takenElsewhere ends what we have of a connection whose peer has another shard's.
func (s *Shard) takenElsewhere(a *arrival, owner uint32) {
	s.counters.Flow.Claimed++
	switch {
	case owner == 0 || !s.doubts(a, owner):
		// It has ended, or was opened meanwhile.
	case owner&twBit != 0:
		s.endTimeWait(slab.Index(owner &^ twBit))
	default:
		s.drop(drop.SYNElsewhere)
		s.forget(s.tcbs.At(slab.Index(owner)), slab.Index(owner))
	}
}

// forget ends a handshake of which the peer need not know.
func (s *Shard) forget(t *tcp.TCB, i slab.Index) {
	s.engine.Forget(t)
	t.TakeVerdict()
	s.finished(t, i)
}
