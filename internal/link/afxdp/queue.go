package afxdp

// The packet path, receiving side, in the order in which a frame goes round:
//
//  1. Release put it into the fill ring; the kernel copied a packet into it;
//  2. Recv finds it in the receive ring and lends it;
//  3. Release gives it back.
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
	device    *Device
	index     int
	zeroCopy  bool
	metadata  bool // transmit descriptors may carry requests
	busyPoll  bool
	maxPacket int // Ethernet header included

	// Owned by the shard.
	umem       umem
	fd         int
	fill       ring[uint64]
	rx         ring[unix.XDPDesc]
	tx         ring[unix.XDPDesc]
	completion ring[uint64]
	free       []uint64 // packet addresses of transmit frames, last in first out
	inPieces   bool     // within a packet of several descriptors, which is refused
	stuck      bool     // the kernel has not taken all of the transmit ring
	down       bool     // because the interface is down
	counters   link.Counters
	malformed  uint64

	sleeper *park.Sleeper // see wait.go

	// Guards fd and closed between Close and readers of statistics.
	mu     sync.Mutex
	closed bool
	last   unix.XDPStatistics // as they were at Close
}

var _ link.Queue = (*Queue)(nil)

// Recv fills rx with frames that have arrived.
func (q *Queue) Recv(_ mono.Time, rx []link.Frame) int {
	if q.stuck {
		q.kick()
	}
	have := min(q.rx.ready(uint32(len(rx))), uint32(len(rx)))
	if have == 0 {
		if q.busyPoll {
			kickReceive(q.fd)
		}
		return 0
	}
	n, octets := 0, 0
	for i := range have {
		d := q.rx.slot(i)
		if q.inPieces || d.Options&unix.XDP_PKT_CONTD != 0 || !q.umem.holds(d.Addr, d.Len) {
			q.refuse(d)
			continue
		}
		end := d.Addr + uint64(d.Len)
		rx[n] = link.Frame{Bytes: q.umem.mem[d.Addr:end:end], Token: d.Addr}
		octets += int(d.Len)
		n++
	}
	q.rx.advance(have)
	q.counters.RxFrames += uint64(n)
	q.counters.RxOctets += uint64(octets)
	return n
}

// refuse counts a descriptor that cannot be a packet for us and gives its
// frame back, if it names one.
func (q *Queue) refuse(d *unix.XDPDesc) {
	q.inPieces = d.Options&unix.XDP_PKT_CONTD != 0
	q.malformed++
	if d.Addr >= q.umem.half || q.fill.free(1) == 0 {
		return
	}
	*q.fill.slot(0) = q.umem.chunk(d.Addr)
	q.fill.advance(1)
}

// Release gives received frames back.
func (q *Queue) Release(rx []link.Frame) {
	n := uint32(len(rx))
	if n == 0 {
		return
	}
	if q.fill.free(n) < n {
		panic("afxdp: frames released that were not lent")
	}
	for i := range rx {
		*q.fill.slot(uint32(i)) = q.umem.chunk(rx[i].Token)
	}
	q.fill.advance(n)
	if q.fill.needsWakeup() {
		kickReceive(q.fd)
	}
}

// Info describes the device that the queue belongs to.
func (q *Queue) Info() link.Info { return q.device.info }

// Counters returns the queue's own counts; those of the kernel, too.
func (q *Queue) Counters() link.Counters {
	c := q.counters
	if s, err := q.statistics(); err == nil {
		c.RxDropped = s.Rx_dropped + s.Rx_ring_full
		c.TxDropped += s.Tx_invalid_descs
	}
	c.RxDropped += q.malformed
	return c
}
