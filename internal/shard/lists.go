// The lists in which connections wait for their turn to send, linked through the
// TCBs.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// The ready lists, as numbers of a TCB's list word; 0 is none.
const (
	listControl = iota + 1
	listAck
	listData
	listBlocked // waits for its neighbour
	listHeld    // an ACK that may still ride on an answer: hold.go
	numLists    = listHeld

	numReady = listData
	listMask = 0x0f

	touchedBit  = 0x80 // stands in touched
	finishedBit = 0x40 // only the application still holds it
	handledBit  = 0x20 // it is the handler's: handler.go
	shortBit    = 0x10 // and its last Write came short
)

// A list is a queue of slots, linked through the TCBs.
type list struct {
	head, tail slab.Index
	n          int
}

// file puts a TCB onto the list of the most urgent segment that it wants to
// send, unless it stands there already.
func (s *Shard) file(t *tcp.TCB) {
	want := uint8(0)
	switch w := t.Wants(); {
	case w&tcp.WantControl != 0:
		want = listControl
	case w == tcp.WantAck && s.cfg.HoldAcks && t.Listed()&handledBit == 0 && t.AckCanWait():
		want = listHeld // a handler has answered already, if it does
	case w&(tcp.WantAck|tcp.WantProbe) != 0:
		want = listAck
	case w&tcp.WantData != 0:
		want = listData
	}
	have := t.Listed() & (listMask | finishedBit)
	if have == listHeld && want != 0 && want != listHeld {
		s.unlist(t)
		have = 0
	}
	if want == 0 || have != 0 {
		return // one that is queued says all it has when its turn comes
	}
	s.enlist(t, s.lanes[want])
}

func (s *Shard) enlist(t *tcp.TCB, n uint8) {
	l := &s.lists[n-1]
	i := t.Slot()
	t.SetListed(t.Listed()&^listMask | n)
	t.SetListNext(0)
	t.SetListPrev(l.tail)
	if l.tail != 0 {
		s.tcbs.At(l.tail).SetListNext(i)
	} else {
		l.head = i
	}
	l.tail = i
	l.n++
}

// pop takes the first TCB of a list, nil when it is empty.
func (s *Shard) pop(n uint8) *tcp.TCB {
	l := &s.lists[n-1]
	if l.head == 0 {
		return nil
	}
	t := s.tcbs.At(l.head)
	s.unlist(t)
	return t
}

// unlist removes a TCB from the list that it stands in, if any.
func (s *Shard) unlist(t *tcp.TCB) {
	n := t.Listed() & listMask
	if n == 0 {
		return
	}
	l := &s.lists[n-1]
	next, prev := t.ListNext(), t.ListPrev()
	if prev != 0 {
		s.tcbs.At(prev).SetListNext(next)
	} else {
		l.head = next
	}
	if next != 0 {
		s.tcbs.At(next).SetListPrev(prev)
	} else {
		l.tail = prev
	}
	l.n--
	t.SetListed(t.Listed() &^ listMask)
}
