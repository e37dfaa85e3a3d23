// Timers and publication: phases two and three of a round.
//
// A connection that anything happened to is touched; it is published once,
// however many segments of the batch were its own.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// touch has a connection published at the end of the phase.
func (s *Shard) touch(t *tcp.TCB) {
	if t.Listed()&touchedBit == 0 {
		t.SetListed(t.Listed() | touchedBit)
		s.touched = append(s.touched, t.Slot())
	}
}

// timers runs what is due: connections, ARP, reassembly, TIME-WAIT.
func (s *Shard) timers(now mono.Time) int {
	n := 0
	if !s.mayBeThere() {
		n = s.wheel.Advance(now, s.expired[:])
	}
	for _, id := range s.expired[:n] {
		t := s.tcbs.At(slab.Index(id))
		s.engine.Timeout(t, now)
		s.touch(t)
	}
	s.flows.Settle()
	s.arp.Advance(now) // each round: it dates the use of neighbours
	if s.arp.HasEvents() {
		s.neighbourEvents(now)
	}
	if !now.Before(s.host.Next()) {
		s.host.Advance(now)
		n++
	}
	if s.handler != nil {
		n += s.handler.Advance(now)
	}
	return n + s.expireTimeWaits(now)
}

// crowdedRounds is how many rounds in a row may find a whole batch before timers
// run none the less.
const crowdedRounds = 32

// mayBeThere reports that more is waiting in the device than a batch: what
// timers miss may be among it. A shard that was kept from its processor for a
// while would otherwise send again what has long been acknowledged.
func (s *Shard) mayBeThere() bool { return s.crowded%(crowdedRounds+1) != 0 }

// publish tells applications the news of every touched connection.
func (s *Shard) publish(now mono.Time) {
	many := s.handler != nil && s.hasMany()
	for len(s.touched) > 0 {
		i := s.touched[len(s.touched)-1]
		s.touched = s.touched[:len(s.touched)-1]
		if many {
			s.bringHandled()
		}
		if !s.tcbs.InUse(i) {
			continue // freed since it was touched
		}
		t := s.tcbs.At(i)
		s.publishOne(t, i, now)
	}
}

// publishOne leaves the touched bit set until it has taken everything: what the
// handler does with this connection is published with it.
func (s *Shard) publishOne(t *tcp.TCB, i slab.Index, now mono.Time) {
	v := t.TakeVerdict()
	if v&tcp.Opened != 0 {
		s.opened(t, i, now)
		v |= t.TakeVerdict()
	}
	if t.Listed()&handledBit != 0 {
		s.tell(t, i, v)
		v |= t.TakeVerdict()
	} else {
		s.wake(t, i, v)
	}
	if v&tcp.EnterTW != 0 && t.State() == tcp.TimeWait { // not if it ended in the same batch
		s.enterTimeWait(t, i, now)
		v |= t.TakeVerdict()
	}
	t.SetListed(t.Listed() &^ touchedBit)
	if v&tcp.TimersMoved != 0 {
		s.schedule(t, i)
	}
	if v&tcp.Finished != 0 {
		s.finished(t, i)
		return
	}
	s.file(t)
}

// schedule keeps the wheel's entry at or before the TCB's next deadline. A
// later deadline is left for the expiry to find, which saves the wheel most of
// its work.
func (s *Shard) schedule(t *tcp.TCB, i slab.Index) {
	next := t.NextTimer()
	if at, ok := s.wheel.At(uint32(i)); ok && !next.Before(at) || !ok && next == mono.Never {
		return
	}
	s.wheel.Schedule(uint32(i), next)
}

// wake raises the ready word's bits and readies whoever waits for them; of all in
// a phase, the last when WakeLast is called.
func (s *Shard) wake(t *tcp.TCB, i slab.Index, v tcp.Verdict) {
	var bits, who sock.Ready
	b := &s.blocks[i]
	if v&tcp.Readable != 0 {
		who |= sock.ReadParked | sock.UrgentParked
	}
	if v&tcp.Writable != 0 && s.roomToWrite(i) {
		who |= sock.WriteParked
	}
	if v&tcp.PeerDone != 0 {
		bits |= sock.EOF
		who |= sock.ReadParked | sock.UrgentParked
	}
	if v&tcp.Broke != 0 {
		b.Break(s.broke(t))
		who |= sock.ReadParked | sock.WriteParked | sock.UrgentParked
	}
	if bits|who == 0 {
		return
	}
	if woken := b.Raise(bits, who); woken != 0 {
		s.counters.Wakes++
		s.woke = true
		s.WakeLast()
		s.last, s.lastWoken = s.waiters.at(i), woken
	}
}

// TakeLast takes the goroutine that was to be readied last, nil if there is none:
// until Output it is the caller's business, who may want to ready somebody before
// it.
func (s *Shard) TakeLast() (*sock.Waiter, sock.Ready) {
	w := s.last
	s.last = nil
	return w, s.lastWoken
}

// WakeLast readies it.
func (s *Shard) WakeLast() {
	if w, woken := s.TakeLast(); w != nil {
		w.Wake(woken)
	}
}

// roomToWrite keeps a blocked writer asleep until it can write a good piece.
func (s *Shard) roomToWrite(i slab.Index) bool {
	if s.blocks[i].Flags()&sock.WriteParked == 0 {
		return false
	}
	tx := s.blocks[i].Tx(s.memory)
	return tx.Free() >= tx.Size()/4 || tx.Offered()
}

// finished takes a TCB that has nothing more to do out of the tables. Its
// slot is free once the application has given it back too.
func (s *Shard) finished(t *tcp.TCB, i slab.Index) {
	s.wheel.Cancel(uint32(i))
	s.flows.Delete(t.Key(), uint32(i)) // a TIME-WAIT record may have its place by now
	s.unlist(t)
	s.dialFailed(t, i)
	s.leaveListener(t)
	t.SetListed(t.Listed() | finishedBit)
	if t.IsOrphan() || t.Listed()&handledBit == 0 && s.blocks[i].Flags()&sock.Connected == 0 {
		s.free(t, i)
	}
}

// free gives the slot back.
func (s *Shard) free(t *tcp.TCB, i slab.Index) {
	s.unlist(t) // a command may have come after the end
	s.engine.Release(t)
	if !s.tw.keeps(i) {
		s.tcbs.Put(i)
	}
}
