package memif

// From the control connection to the queues, and back.
//
// A peer is the memory of one connection. Serve makes it and offers each queue
// its pair of rings; the queue's owner takes the pair when it next comes by, and
// lets go of the one before. When the peer disappears, in the middle of a batch
// or not, Serve withdraws the offers and forgets the peer; the memory stays
// mapped until the last owner has let go. A queue that sees a lie lets go at once
// and says so; Serve ends the connection.
//
//	Serve:   offer(pair) ............... withdraw ............ release
//	owner:         adopt: hold  ... batches ...  adopt: release
//	                                                 the last one unmaps

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A peer is what a connection has mapped.
type peer struct {
	regions [][]byte
	huge    bool
	pairs   []pair
	wake    func() // Serve

	lie   atomic.Uint32 // the first fault that a queue saw
	users atomic.Int32  // Serve, and the owners that have adopted a pair
}

// A pair is the two rings of one queue, with the descriptors that ring for
// them.
type pair struct {
	of             *peer
	rx, tx         ring
	rxBell, txBell int    // -1: none
	rxOwn, txOwn   uint32 // of a slave: where the buffers of the first slots lie
	stride, buffer uint32 // of a slave
}

func newPeer(queues int, wake func()) *peer {
	p := &peer{pairs: make([]pair, queues), wake: wake}
	for i := range p.pairs {
		p.pairs[i] = pair{of: p, rxBell: -1, txBell: -1}
	}
	p.users.Store(1)
	return p
}

// hold is called while another user holds.
func (p *peer) hold() { p.users.Add(1) }

// release ends one use. The last one unmaps the memory and closes the bells.
func (p *peer) release() error {
	if p.users.Add(-1) != 0 {
		return nil
	}
	var err error
	for _, mem := range p.regions {
		err = errors.Join(err, unix.Munmap(mem))
	}
	for i := range p.pairs {
		for _, fd := range [...]int{p.pairs[i].rxBell, p.pairs[i].txBell} {
			if fd >= 0 {
				err = errors.Join(err, unix.Close(fd))
			}
		}
	}
	p.regions, p.pairs = nil, nil
	return err
}

// blame notes what a queue saw the peer do, and lets Serve end the connection.
func (p *peer) blame(f fault) {
	if p.lie.CompareAndSwap(0, uint32(f)) {
		p.wake()
	}
}

// blamed returns the fault, noFault if there was none.
func (p *peer) blamed() fault { return fault(p.lie.Load()) }

// offer gives a queue new rings, nil for none, and makes its owner look. Serve
// calls, and holds p.of meanwhile.
func (q *Queue) offer(p *pair) {
	q.handover.Lock()
	q.offered = p
	q.handover.Unlock()
	q.turn.Add(1)
	q.sleeper.Wake()
}

// adopt takes what is offered. The owner calls.
func (q *Queue) adopt() {
	q.handover.Lock()
	q.seen = q.turn.Load()
	p := q.offered
	if p != nil {
		p.of.hold() // Serve holds as long as it is offered
	}
	q.handover.Unlock()
	q.letGo()
	if p == nil {
		return
	}
	q.pair, q.peer = *p, p.of
	q.begin()
}

// letGo ends the use of the present rings, if there are any.
func (q *Queue) letGo() {
	p := q.peer
	if p == nil {
		return
	}
	if q.pair.rxBell >= 0 {
		_ = unix.EpollCtl(q.bell, unix.EPOLL_CTL_DEL, q.pair.rxBell, nil)
	}
	q.pair, q.peer, q.kickDue = pair{}, nil, false
	if p.release() != nil {
		q.drops.leaked.Add(1)
	}
}

// blame lets go of a peer that lied.
func (q *Queue) blame(f fault) {
	q.drops.faults.Add(1)
	q.peer.blame(f)
	q.letGo()
}
