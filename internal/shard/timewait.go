// TIME-WAIT records: they replace the TCB in the flow table, hold no buffers
// and expire in the order in which they were made.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// twBit marks a value of the flow table as a record's index.
const twBit = 1 << 31

// timeWaits are the records of a shard, in a list from oldest to newest.
type timeWaits struct {
	slab         *slab.Slab[tcp.TimeWaitRecord]
	first, last  slab.Index
	evictedEarly uint64
	kept         *keptSlots // nil: a record is all that remains
}

func (w *timeWaits) next() mono.Time {
	if w.first == 0 {
		return mono.Never
	}
	return w.slab.At(w.first).Until
}

func (w *timeWaits) link(i slab.Index) {
	r := w.slab.At(i)
	r.Prev, r.Next = uint32(w.last), 0
	if w.last != 0 {
		w.slab.At(w.last).Next = uint32(i)
	} else {
		w.first = i
	}
	w.last = i
}

func (w *timeWaits) unlink(i slab.Index) {
	r := w.slab.At(i)
	if r.Prev != 0 {
		w.slab.At(slab.Index(r.Prev)).Next = r.Next
	} else {
		w.first = slab.Index(r.Next)
	}
	if r.Next != 0 {
		w.slab.At(slab.Index(r.Next)).Prev = r.Prev
	} else {
		w.last = slab.Index(r.Prev)
	}
}

// enterTimeWait converts a TCB. When there is no record the oldest gives way.
func (s *Shard) enterTimeWait(t *tcp.TCB, i slab.Index, now mono.Time) {
	j, ok := s.tw.slab.Get()
	if !ok && s.tw.first != 0 {
		s.tw.evictedEarly++
		s.drop(drop.NoTimeWait)
		s.endTimeWait(s.tw.first)
		j, ok = s.tw.slab.Get()
	}
	if ok {
		s.engine.EnterTimeWait(t, s.tw.slab.At(j), now)
		s.tw.link(j)
		s.flows.Replace(t.Key(), uint32(i), uint32(j)|twBit)
		s.keep(i, j)
	}
	s.engine.LeaveTCB(t)
}

// endTimeWait forgets a record.
func (s *Shard) endTimeWait(i slab.Index) {
	s.flows.Delete(s.tw.slab.At(i).Key, uint32(i)|twBit)
	s.tw.unlink(i)
	s.tw.slab.Put(i)
	s.letGo(i)
}

// expireTimeWaits ends records whose time has come, a batch at a time.
func (s *Shard) expireTimeWaits(now mono.Time) int {
	n := 0
	for n < batch && s.tw.first != 0 && !now.Before(s.tw.slab.At(s.tw.first).Until) {
		s.endTimeWait(s.tw.first)
		n++
	}
	return n
}

// inputTimeWait is a segment for a record.
func (s *Shard) inputTimeWait(a *arrival, i uint32, now mono.Time) {
	j := slab.Index(i)
	answer, floor := s.engine.InputTimeWait(s.tw.slab.At(j), &a.seg, now)
	switch answer {
	case tcp.TWRestart:
		s.tw.unlink(j)
		s.tw.slab.At(j).Until = now.Add(s.cfg.TCP.TimeWait)
		s.tw.link(j)
	case tcp.TWEnd:
		s.endTimeWait(j)
	case tcp.TWReuse:
		v, listens := s.listeners.Lookup(a.key.LocalIP, a.key.LocalPort)
		if !listens { // a RST would end TIME-WAIT early, at both ends
			s.engine.KeepTimeWait(s.tw.slab.At(j), now)
			return
		}
		s.endTimeWait(j)
		s.accept(a, v, floor, true, now)
	}
}
