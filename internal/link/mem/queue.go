package mem

// This file is the device: frames out and frames in, by batches, in the order
// in which a frame meets the code:
//
//  1. Reserve lends room in the ring that it most probably goes to: that of the
//     peer's queue of the same number, where connections of this queue have
//     their other end. If that is full it is the queue's own memory.
//  2. Send puts frames into the rings of the receiving queues (or onto the
//     impaired path), publishes each ring once, and wakes who sleeps.
//  3. Recv lends frames where they lie; Release gives the room back.

import (
	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
)

// Queue is one queue of one side. It implements link.Queue.
type Queue struct {
	info     *link.Info
	number   int
	frameLen int
	counters link.Counters // owned by the owner of the queue, as all of these:
	now      mono.Time     // of the last Recv or Send

	// Sending.
	outPath  *path
	peers    []*Queue
	out      []*ring.Frames // by receiving queue; none on an impaired path
	put      []int          // by receiving queue: frames set in this Send
	own      []byte         // room for maxBatch frames
	steering *steering

	// Receiving.
	inPath *path
	in     []*ring.Frames // by sending queue; none on an impaired path
	taken  []int          // by sending queue: frames lent from its ring
	lent   int            // frames lent from all rings
	back   int            // of those, released
	turn   int            // ring to begin with, so that none starves
	inbox  *inbox         // of an impaired path, under its lock

	sleep sleep
}

var _ link.Queue = (*Queue)(nil)

func newQueue(w *Wire, side, number, queues, frameLen int) *Queue {
	q := cacheline.New[Queue]()
	*q = Queue{
		info:     &w.info[side],
		number:   number,
		frameLen: frameLen,
		put:      make([]int, queues),
		taken:    make([]int, queues),
		own:      make([]byte, maxBatch*frameLen),
		steering: w.steering,
		sleep:    newSleep(),
	}
	return q
}

// Reserve lends empty frames. There is always room to write; whether there is
// room on the wire shows in Send, as with a real one.
func (q *Queue) Reserve(tx []link.Frame) int {
	n := min(len(tx), maxBatch)
	for i := range n {
		var room []byte
		if !q.outPath.impaired {
			room = q.out[q.number].Slot(i)
		}
		if room == nil {
			room = q.own[i*q.frameLen:][:q.frameLen:q.frameLen]
		}
		tx[i] = link.Frame{Bytes: room}
	}
	return n
}

// Send transmits frames.
func (q *Queue) Send(now mono.Time, tx []link.Frame) {
	q.now = now
	if q.outPath.impaired {
		q.sendImpaired(now, tx)
		return
	}
	filter := q.outPath.filter.Load()
	for i := range tx {
		b := tx[i].Bytes
		if len(b) == 0 {
			continue
		}
		if filter != nil && !q.outPath.admits(filter, b) {
			q.countSent(b)
			continue
		}
		to := q.steering.steer(b)
		if room := q.out[to].Slot(q.put[to]); len(b) <= len(room) {
			q.set(to, room, b)
			q.countSent(b)
		} else {
			q.counters.TxDropped++
		}
	}
	for to, n := range q.put {
		if n > 0 {
			q.out[to].Publish(n)
			q.put[to] = 0
			q.peers[to].sleep.ring()
		}
	}
}

// set makes b the next frame of a ring, where it mostly lies already. If it lies
// further on, because another before it went elsewhere, it moves up: what lay
// there has been sent.
func (q *Queue) set(to int, room, b []byte) {
	if &room[0] != &b[0] {
		copy(room, b)
	}
	q.out[to].Set(q.put[to], len(b), 0)
	q.put[to]++
}

// sendImpaired puts frames onto a path that delays, loses or changes them.
func (q *Queue) sendImpaired(now mono.Time, tx []link.Frame) {
	p := q.outPath
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range tx {
		b := tx[i].Bytes
		if len(b) == 0 {
			continue
		}
		to := p.stray(q.steering.steer(b))
		sent, first := len(b) <= q.frameLen, false
		if sent {
			sent, first = p.send(now, b, to)
		}
		if first {
			q.peers[to].sleep.ring() // it sleeps for a later frame, or for none
		}
		if sent {
			q.countSent(b)
		} else {
			q.counters.TxDropped++
		}
	}
}

func (q *Queue) countSent(b []byte) {
	q.counters.TxFrames++
	q.counters.TxOctets += uint64(len(b))
}

// Recv lends frames that have arrived.
func (q *Queue) Recv(now mono.Time, rx []link.Frame) int {
	q.now = now
	n := 0
	if q.inbox != nil {
		n = q.inPath.recv(now, q.inbox, rx)
	} else {
		n = q.recvRings(rx)
	}
	q.counters.RxFrames += uint64(n)
	for i := range rx[:n] {
		q.counters.RxOctets += uint64(len(rx[i].Bytes))
	}
	return n
}

func (q *Queue) recvRings(rx []link.Frame) int {
	n, first := 0, q.turn
	for k := range q.in {
		from := (first + k) % len(q.in)
		for n < len(rx) {
			b, _, ok := q.in[from].Frame(q.taken[from])
			if !ok {
				break
			}
			rx[n] = link.Frame{Bytes: b}
			q.taken[from]++
			n++
		}
	}
	q.turn = (first + 1) % len(q.in)
	q.lent += n
	return n
}

// Release gives frames back. Rings take back in order, so their room is free
// again when the last lent frame has come.
func (q *Queue) Release(rx []link.Frame) {
	if q.inbox != nil {
		q.inPath.release(q.inbox, rx)
		return
	}
	q.back += len(rx)
	if q.back < q.lent {
		return
	}
	for from, n := range q.taken {
		if n > 0 {
			q.in[from].Release(n)
			q.taken[from] = 0
		}
	}
	q.lent, q.back = 0, 0
}

// Due returns when the next frame arrives here, for simulations that move
// their clock to the next event: Never if none is under way. What has arrived
// already is due at the time of the queue's last call.
func (q *Queue) Due() mono.Time {
	for from, r := range q.in {
		if r.Len() > q.taken[from] {
			return max(q.now, 1)
		}
	}
	if q.inbox != nil {
		return q.inPath.due(q.inbox)
	}
	return mono.Never
}

// Info describes the wire's end.
func (q *Queue) Info() link.Info { return *q.info }

// Counters returns the queue's counts.
func (q *Queue) Counters() link.Counters { return q.counters }
