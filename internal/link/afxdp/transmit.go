package afxdp

// The packet path, sending side, in the order in which a frame goes round:
//
//  1. Reserve takes back what the kernel has sent, and lends frames from the
//     free list;
//  2. Send puts them into the transmit ring and calls the kernel;
//  3. the kernel puts them into the completion ring when it has sent them.

import (
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"golang.org/x/sys/unix"
)

// idleKicks is how many system calls in a row may send nothing before the rest
// of the ring is left for later.
const idleKicks = 8

// Reserve fills tx with empty frames.
func (q *Queue) Reserve(tx []link.Frame) int {
	q.reclaim()
	n := min(len(tx), len(q.free), int(q.tx.free(uint32(len(tx)))))
	keep := len(q.free) - n
	for i := range n {
		address := q.free[len(q.free)-1-i]
		end := address + uint64(q.maxPacket)
		tx[i] = link.Frame{Bytes: q.umem.mem[address:end:end], Token: address}
	}
	q.free = q.free[:keep]
	return n
}

// reclaim puts the frames that have been sent on the free list.
func (q *Queue) reclaim() {
	n := q.completion.ready(1)
	if n == 0 {
		return
	}
	for i := range n {
		q.free = append(q.free, q.umem.transmitAddress(q.umem.chunk(*q.completion.slot(i))))
	}
	q.completion.advance(n)
}

// Send transmits reserved frames and takes all of them back.
func (q *Queue) Send(_ mono.Time, tx []link.Frame) {
	n := uint32(0)
	for i := range tx {
		f := &tx[i]
		if !q.sendable(f) {
			q.free = append(q.free, f.Token)
			continue
		}
		d := q.tx.slot(n)
		*d = unix.XDPDesc{Addr: f.Token, Len: uint32(len(f.Bytes))}
		if f.Flags&link.WantChecksum != 0 {
			q.umem.putMetadata(f.Token, f.ChecksumStart, f.ChecksumOffset)
			d.Options = unix.XDP_TX_METADATA
		}
		q.counters.TxOctets += uint64(len(f.Bytes))
		n++
	}
	if n == 0 {
		return
	}
	q.counters.TxFrames += uint64(n)
	q.tx.advance(n)
	q.kick()
}

// sendable refuses what the kernel would refuse: one bad descriptor can stop a
// transmit ring for good. A frame without octets is no drop.
func (q *Queue) sendable(f *link.Frame) bool {
	size := len(f.Bytes)
	if size == 0 {
		return false
	}
	ok := size >= etherMin && size <= q.maxPacket
	if f.Flags&link.WantChecksum != 0 {
		ok = ok && q.device.info.TxChecksum &&
			int(f.ChecksumStart)+int(f.ChecksumOffset)+2 <= size
	}
	if !ok {
		q.counters.TxDropped++
	}
	return ok
}

// kick calls the kernel until it has taken the ring, or until it has made no
// headway for a while. A copying socket sends within the call, some tens of
// packets at a time, and answers EAGAIN when there is more; a zero-copy one only
// needs to be told.
func (q *Queue) kick() {
	left := q.tx.untaken()
	for idle := 0; left != 0 && idle < idleKicks; idle++ {
		if !q.tx.needsWakeup() {
			left = 0 // the driver is at it
			break
		}
		q.counters.TxKicks++
		errno := kickTransmit(q.fd)
		q.down = errno == unix.ENETDOWN || errno == unix.ENXIO
		before := left
		left = q.tx.untaken()
		if q.zeroCopy && errno == 0 {
			left = 0
		}
		if !worthRetrying(errno) {
			break
		}
		if left < before {
			idle = -1
		}
	}
	q.stuck = left != 0
}

// worthRetrying tells a busy interface from one that has gone down or away.
func worthRetrying(errno unix.Errno) bool {
	switch errno {
	case 0, unix.EAGAIN, unix.EBUSY, unix.ENOBUFS, unix.EINTR:
		return true
	default:
		return false
	}
}
