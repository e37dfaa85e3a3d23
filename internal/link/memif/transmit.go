package memif

// The packet path, sending side, in the order in which a frame goes round:
//
//  1. Reserve lends memory of ours, for as many frames as the peer has room;
//  2. Send copies each frame into the peer's next buffer and describes it;
//  3. the index is published, once for the batch;
//  4. the peer is rung for, unless it says that it polls: see wait.go.
//
// There is no chain: what does not fit into one buffer is dropped and counted.

import (
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"golang.org/x/sys/unix"
)

// Reserve fills tx with empty frames: as many as the ring has room for, so that
// nobody builds what would be dropped. A peer that takes nothing for a while is
// no reason to hold the shard up; what is sent to it is dropped then, as it is
// without a peer.
func (q *Queue) Reserve(tx []link.Frame) int {
	if q.turn.Load() != q.seen {
		q.adopt()
	}
	if q.kickDue {
		q.kickIfAsleep()
	}
	n := min(len(tx), framesPerDirection)
	if q.peer != nil && int(q.txFree) < n {
		n = min(n, q.room(n))
	}
	for k := range n {
		tx[k] = link.Frame{Bytes: q.tx.at[k]}
	}
	return n
}

// room looks how many buffers the peer has free, and says how many frames to
// lend of those wanted.
func (q *Queue) room(wanted int) int {
	if !q.refresh() || q.txFree != 0 {
		q.fullFrom = 0
		if q.peer == nil {
			return wanted
		}
		return int(q.txFree)
	}
	if q.fullFrom == 0 {
		q.fullFrom = max(q.now, 1)
	}
	if q.now.Sub(q.fullFrom) >= stallAfter {
		return wanted
	}
	return 0
}

// refresh reads how far the peer has come; false when that cannot be.
func (q *Queue) refresh() bool {
	r := &q.pair.tx
	var n uint16
	if q.slave {
		n = r.size() - (q.txAt - r.loadTail())
	} else {
		n = r.loadHead() - q.txAt
	}
	if n > r.size() {
		q.blame(faultTransmitIndex)
		return false
	}
	q.txFree = n
	return true
}

// Send transmits reserved frames and takes all of them back.
func (q *Queue) Send(now mono.Time, tx []link.Frame) {
	if q.turn.Load() != q.seen {
		q.adopt()
	}
	at, octets := q.txAt, 0
	for i := range tx {
		b := tx[i].Bytes
		if len(b) == 0 {
			continue
		}
		into := q.place(len(b), at)
		if into == nil {
			continue
		}
		copy(into, b)
		at++
		octets += len(b)
	}
	n := at - q.txAt
	if n == 0 {
		return
	}
	if q.peer == nil { // it lied in the middle of the batch
		q.drops.txDown.Add(uint64(n))
		return
	}
	q.txAt = at
	q.counters.TxFrames += uint64(n)
	q.counters.TxOctets += uint64(octets)
	if q.slave {
		q.pair.tx.storeHead(at)
	} else {
		q.pair.tx.storeTail(at)
	}
	// The look at what the peer has written comes after the store, which would
	// otherwise wait for it.
	if q.kickDue = true; !q.pair.tx.masked() {
		q.kickIfAsleep()
	}
}

// kickIfAsleep rings for the peer unless it polls.
func (q *Queue) kickIfAsleep() {
	q.kickDue = false
	q.fence.Add(0)
	if !q.pair.tx.masked() {
		q.kick()
	}
}

// place describes the next buffer as a frame of size octets, and returns it;
// nil when the frame is dropped, which is counted.
func (q *Queue) place(size int, at uint16) []byte {
	switch {
	case q.peer == nil:
		q.drops.txDown.Add(1)
		return nil
	case size < etherHeader || size > q.frame:
		q.drops.txRefused.Add(1)
		return nil
	case q.txFree == 0 && (!q.refreshFrom(at) || q.txFree == 0):
		q.drops.txFull.Add(1)
		return nil
	}
	r := &q.pair.tx
	d := descriptor{length: uint32(size)} // at most frame
	if q.slave {
		d.offset = q.pair.txOwn + uint32(at&(r.size()-1))*q.pair.stride
		q.txFree--
		r.store(at, d)
		return q.peer.regions[0][d.offset : d.offset+d.length]
	}
	theirs := r.load(at)
	b := within(q.peer.regions, &theirs)
	switch {
	case b == nil:
		q.blame(faultTransmitBuffer)
		q.drops.txDown.Add(1)
		return nil
	case len(b) < size:
		q.drops.txTooLarge.Add(1)
		return nil
	}
	d.region, d.offset = theirs.region, theirs.offset
	q.txFree--
	r.store(at, d)
	return b[:size]
}

// refreshFrom looks for room behind what this batch has used and not yet
// published.
func (q *Queue) refreshFrom(at uint16) bool {
	unpublished := at - q.txAt
	if !q.refresh() {
		return false
	}
	if unpublished > q.txFree {
		q.blame(faultTransmitIndex) // it took back what it had given
		return false
	}
	q.txFree -= unpublished
	return true
}

// one is what a kick adds to the peer's event counter.
var one = [8]byte{1}

// kick rings for the peer. Who else holds that descriptor can make the write
// block: Serve looks for that, see Device.check.
func (q *Queue) kick() {
	q.counters.TxKicks++
	q.kicks.Add(1)
	_, _ = unix.Write(q.pair.txBell, one[:]) // full: it is rung for already
	q.kicks.Add(1)
}
