// What a shard does without a technique, so that a benchmark can say what it is
// worth. Everything is decided when the shard is made.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/technique"
)

// choose settles what the parts of the shard are made with.
func (s *Shard) choose(c *Config) {
	without := c.Technique.Without
	s.frameMax = batch
	if n := c.Technique.Batch; n > 0 {
		s.frameMax = min(n, batch)
	}
	for n := range s.lanes {
		s.lanes[n] = uint8(n)
	}
	if without.Has(technique.PriorityLists) {
		s.lanes[listControl], s.lanes[listAck] = listData, listData
	}
	if without.Has(technique.LateAck) {
		s.acksFirst, s.cfg.HoldAcks = true, false
	}
	s.sums = !s.info.TxChecksum && !without.Has(technique.FoldedChecksum) // the device's sum is even less work
	c.TCP.Sums = s.sums
	c.TCP.LoneFIN = without.Has(technique.FinOnData)
	s.cfg.TCP = c.TCP
}

// doWithout changes parts that have been made.
func (s *Shard) doWithout() {
	without := s.cfg.Technique.Without
	if without.Has(technique.LIFO) {
		s.tcbs.FIFO()
		s.tw.slab.FIFO()
		s.pool.FIFO()
	}
	if !without.Has(technique.CompactTimeWait) {
		return
	}
	s.tw.kept = &keptSlots{
		of:    make([]slab.Index, s.cfg.TimeWaits+1),
		state: make([]keptState, s.cfg.Connections+1),
	}
}

// acknowledge sends the ACKs that the segments of this round ask for, before an
// application could have an answer carry them.
func (s *Shard) acknowledge(now mono.Time) {
	for _, i := range s.touched {
		if t := s.tcbs.At(i); s.tcbs.InUse(i) && t.Wants()&tcp.WantAck != 0 {
			s.file(t)
		}
	}
	s.transmit(now)
}

// keptSlots are those that TIME-WAIT keeps from being used again, as if the TCB
// were needed for as long.
type keptSlots struct {
	of    []slab.Index // by record
	state []keptState  // by slot
}

type keptState uint8

const (
	notKept keptState = iota
	keptInUse
	keptFree // but for the record
)

// keep has record j keep slot i. When three quarters of all slots are taken, the
// oldest record gives way, so that new connections find one.
func (s *Shard) keep(i, j slab.Index) {
	k := s.tw.kept
	if k == nil {
		return
	}
	k.of[j], k.state[i] = i, keptInUse
	for s.tcbs.Len() > s.tcbs.Cap()/4*3 && s.tw.first != j {
		s.tw.evictedEarly++
		s.endTimeWait(s.tw.first)
	}
}

// keeps reports that slot i, which nothing else needs any more, is still a record's.
func (w *timeWaits) keeps(i slab.Index) bool {
	if w.kept == nil || w.kept.state[i] == notKept {
		return false
	}
	w.kept.state[i] = keptFree
	return true
}

// letGo frees the slot of a record that ends.
func (s *Shard) letGo(j slab.Index) {
	k := s.tw.kept
	if k == nil {
		return
	}
	i := k.of[j]
	if k.state[i] == keptFree {
		s.tcbs.Put(i)
	}
	k.of[j], k.state[i] = 0, notKept
}
