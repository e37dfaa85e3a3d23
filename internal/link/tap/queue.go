package tap

// The packet path, receiving side, in the order in which a frame goes round:
//
//  1. Recv reads a frame and its header into memory that is free, until there is
//     no more frame, no more memory, or no more room in the batch;
//  2. what the header says becomes the frame's flags, and the frame is lent;
//  3. Release gives its memory back.
//
// The sending side is in transmit.go.

import (
	"sync"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/park"
	"github.com/mtcp-go/mtcp/internal/mono"
	"golang.org/x/sys/unix"
)

// Queue is one receive and one transmit queue of a Device.
type Queue struct {
	// Set when opening, read by everyone.
	device  *Device
	sleeper *park.Sleeper // see wait.go

	// Owned by the shard.
	fd       int
	gone     bool // the interface was removed
	rx, tx   frames
	counters link.Counters
	pollSet  [1]unix.PollFd

	drops   drops      // written by the shard, read by anyone
	closing sync.Mutex // guards Close against a second one
}

var _ link.Queue = (*Queue)(nil)

// Recv fills rx with frames that have arrived.
func (q *Queue) Recv(_ mono.Time, rx []link.Frame) int {
	n := 0
	for range rx { // a limit to system calls, also when what they bring is dropped
		if len(q.rx.free) == 0 {
			break
		}
		i := q.rx.next()
		b := q.rx.at(i)
		size, err := unix.Read(q.fd, b)
		if err != nil {
			q.readFailed(err)
			break
		}
		rx[n] = link.Frame{Token: uint64(i)}
		if q.accept(&rx[n], b, size) {
			q.rx.take()
			q.counters.RxOctets += uint64(len(rx[n].Bytes))
			n++
		}
	}
	q.counters.RxFrames += uint64(n)
	return n
}

// accept makes a frame of what was read, or counts why not.
func (q *Queue) accept(f *link.Frame, b []byte, size int) bool {
	if size < headerSize+etherHeader {
		q.drops.rxMalformed.Add(1)
		return false
	}
	h := (*header)(b)
	if isBulk(h) {
		q.drops.rxBulk.Add(1)
		return false
	}
	if size == len(b) { // one octet more than the largest: perhaps not all of it
		q.drops.rxTooLarge.Add(1)
		return false
	}
	f.Bytes = b[headerSize:size:size]
	if !readHeader(h, f) {
		q.drops.rxMalformed.Add(1)
		return false
	}
	return true
}

// readFailed tells "no more frames" from what has to be counted.
func (q *Queue) readFailed(err error) {
	switch err {
	case unix.EAGAIN, unix.EINTR:
	case unix.EBADFD:
		q.lost()
	default:
		q.drops.rxErrors.Add(1)
	}
}

// lost notes that the interface was removed.
func (q *Queue) lost() {
	q.gone = true
	q.drops.gone.Store(1)
	q.device.lost()
}

// Release gives received frames back.
func (q *Queue) Release(rx []link.Frame) {
	for i := range rx {
		q.rx.put(rx[i].Token)
	}
}

// Info describes the device that the queue belongs to.
func (q *Queue) Info() link.Info { return q.device.info }

// Counters returns the queue's own counts. What the kernel dropped because the
// shard was too slow is in the interface's statistics only.
func (q *Queue) Counters() link.Counters {
	c, s := q.counters, q.drops.stats()
	c.RxDropped = s.RxBulk + s.RxTooLarge + s.RxMalformed
	c.TxDropped = s.TxFull + s.TxDown + s.TxRefused
	return c
}
