package tap

// The packet path, sending side, in the order in which a frame goes round:
//
//  1. Reserve lends memory;
//  2. Send writes a header in front of each frame, and both to the kernel, which
//     has done with the frame when the system call returns;
//  3. the memory is free again.

import (
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"golang.org/x/sys/unix"
)

// Reserve fills tx with empty frames.
func (q *Queue) Reserve(tx []link.Frame) int {
	n := min(len(tx), len(q.tx.free))
	for k := range n {
		i := q.tx.next()
		q.tx.take()
		tx[k] = link.Frame{Bytes: q.tx.at(i)[headerSize:], Token: uint64(i)}
	}
	return n
}

// Send transmits reserved frames and takes all of them back.
func (q *Queue) Send(_ mono.Time, tx []link.Frame) {
	for i := range tx {
		if f := &tx[i]; len(f.Bytes) != 0 {
			q.transmit(f)
		}
	}
	for i := len(tx) - 1; i >= 0; i-- { // so that the first is used first again
		q.tx.put(tx[i].Token)
	}
}

// transmit writes one frame, or counts why not.
func (q *Queue) transmit(f *link.Frame) {
	switch {
	case q.gone:
		q.drops.txDown.Add(1)
		return
	case !q.sendable(f):
		q.drops.txRefused.Add(1)
		return
	}
	b := q.tx.at(uint32(f.Token))[:headerSize+len(f.Bytes)] // Token: of Reserve
	putHeader((*header)(b), f)
	q.counters.TxKicks++
	if _, err := unix.Write(q.fd, b); err != nil {
		q.writeFailed(err)
		return
	}
	q.counters.TxFrames++
	q.counters.TxOctets += uint64(len(f.Bytes))
}

// sendable refuses what the kernel would refuse, or what is not in the frame.
func (q *Queue) sendable(f *link.Frame) bool {
	size := len(f.Bytes)
	return size >= etherHeader &&
		size <= q.tx.size-headerSize &&
		(f.Flags&link.WantChecksum == 0 || checksumWithin(f))
}

// writeFailed counts a frame that is lost, by reason.
func (q *Queue) writeFailed(err error) {
	switch err {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM, unix.EINTR:
		q.drops.txFull.Add(1)
	case unix.EIO:
		q.drops.txDown.Add(1)
	case unix.EBADFD:
		q.drops.txDown.Add(1)
		q.lost()
	default:
		q.drops.txRefused.Add(1)
	}
}
