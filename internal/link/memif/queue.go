package memif

// The packet path, receiving side, in the order in which a frame goes round:
//
//  1. Recv looks whether Serve has brought or taken away a peer;
//  2. it reads the peer's index, and then descriptors, each of them once;
//  3. what a descriptor names is checked, and copied into memory of ours, which
//     is lent to the shard;
//  4. the buffers go back to the peer, all of the batch at once;
//  5. Release gives our memory back.
//
// The sending side is in transmit.go.

import (
	"sync"
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/park"
	"github.com/mtcp-go/mtcp/internal/mono"
	"golang.org/x/sys/unix"
)

// Queue is one receive and one transmit queue of a Device.
type Queue struct {
	// Set when opening, read by everyone.
	device  *Device
	slave   bool
	frame   int // the largest
	sleeper *park.Sleeper

	// Between Serve and the owner: see peer.go.
	turn     atomic.Uint32 // counts the offers
	handover sync.Mutex
	offered  *pair

	// Owned by the shard.
	seen     uint32 // turn, when we last looked
	peer     *peer  // nil: none
	pair     pair
	rxAt     uint16 // the index of the next descriptor to receive
	txAt     uint16 // the index of the next one to send
	txFree   uint16 // known to be free from there
	cut      bool   // the rest of a packet that was dropped is to come
	kickDue  bool   // published, and not looked yet whether the peer sleeps
	warmed   byte   // what warm has read, so that it is read
	now      mono.Time
	fullFrom mono.Time // when the transmit ring was first seen full, 0 if it is not
	rx, tx   frames
	fence    atomic.Uint32 // never changed: adding to it orders memory
	counters link.Counters
	bell     int // an epoll descriptor, which tells when the peer rings
	edges    [4]unix.EpollEvent

	kicks   atomic.Uint64 // odd while one is under way
	drops   drops         // written by the shard, read by anyone
	closing sync.Mutex
	closed  bool
}

var _ link.Queue = (*Queue)(nil)

// begin starts with the rings that were adopted. They are empty; a slave gives
// the master its buffers.
func (q *Queue) begin() {
	q.rxAt, q.txAt, q.txFree, q.cut, q.fullFrom = 0, 0, 0, false, 0
	p := &q.pair
	// An edge for every kick: the counter behind it is never read.
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(p.rxBell)}
	if unix.EpollCtl(q.bell, unix.EPOLL_CTL_ADD, p.rxBell, &e) != nil {
		q.blame(faultBell)
		return
	}
	p.rx.mask(true)
	if q.slave {
		for i := range p.rx.size() {
			p.rx.store(i, p.empty(i))
		}
		p.rx.storeHead(p.rx.size())
	}
}

// Recv fills rx with frames that have arrived.
func (q *Queue) Recv(now mono.Time, rx []link.Frame) int {
	q.now = now
	if q.turn.Load() != q.seen {
		q.adopt()
	}
	if q.peer == nil {
		return 0
	}
	if q.kickDue {
		q.kickIfAsleep()
	}
	waiting := q.arrivals()
	if waiting == 0 {
		if q.peer != nil {
			// What comes next is then seen at once with its descriptor and its
			// packet: they are fetched from the other core all together.
			q.warm(q.rxAt, 1)
			if !q.slave { // the next to be filled: the slave wrote it last
				q.warmed ^= byte(q.pair.tx.load(q.txAt).offset)
			}
		}
		return 0
	}
	if room := q.rx.free(); len(rx) > room {
		rx = rx[:room]
	}
	return q.receive(rx, waiting)
}

// arrivals is how many descriptors wait to be received.
func (q *Queue) arrivals() uint16 {
	r := &q.pair.rx
	var upTo uint16
	if q.slave {
		upTo = r.loadTail()
	} else {
		upTo = r.loadHead()
	}
	n := upTo - q.rxAt
	if n > r.size() {
		q.blame(faultReceiveIndex)
		return 0
	}
	return n
}

// receive copies frames out of the first of n descriptors. Each is looked at
// once: the work of a call is bounded by the ring, whatever lies in it.
func (q *Queue) receive(rx []link.Frame, n uint16) int {
	first, have, octets := q.rx.next, 0, 0
	at := q.rxAt
	if n := min(int(n), len(rx)); n > 1 { // the copy itself brings a lone one
		q.warm(at, n)
	}
	for end := at + n; at != end && have < len(rx); {
		d := q.pair.rx.load(at)
		b := q.arrived(&d, at)
		if b == nil {
			break
		}
		at++
		into := q.rx.at[first+have]
		size := len(b)
		if d.flags&flagNext == 0 && !q.cut && size <= len(into) && size >= etherHeader {
			copy(into, b)
		} else if size, at = q.assemble(into, b, d.flags, at, end); size == 0 {
			if q.peer == nil {
				break
			}
			continue
		}
		rx[have] = link.Frame{Bytes: into[:size:size]}
		octets += size
		have++
	}
	q.giveBack(at)
	q.rx.lend(have)
	q.counters.RxFrames += uint64(have)
	q.counters.RxOctets += uint64(octets)
	return have
}

// warm touches the packets of n descriptors, all of them before the first is
// copied, so that their ways here from the other core's cache overlap. Nothing
// depends on what it reads.
func (q *Queue) warm(at uint16, n int) {
	var seen byte
	for range n {
		d := q.pair.rx.load(at)
		b := q.named(&d, at)
		at++
		if len(b) == 0 {
			break
		}
		seen ^= b[0] ^ b[min(cacheLine, len(b)-1)] ^ b[len(b)-1]
	}
	q.warmed = seen
}

// named returns what a descriptor names, nil when that is not in the peer's memory.
func (q *Queue) named(d *descriptor, at uint16) []byte {
	switch {
	case !q.slave:
		return within(q.peer.regions, d)
	case d.length <= q.pair.buffer:
		// The buffers are ours: only the length is the master's to say.
		from := q.pair.rxOwn + uint32(at&(q.pair.rx.size()-1))*q.pair.stride
		return q.peer.regions[0][from : from+d.length]
	}
	return nil
}

// arrived is named, and lets go of a peer that names what is not its own.
func (q *Queue) arrived(d *descriptor, at uint16) []byte {
	b := q.named(d, at)
	if b == nil {
		q.blame(faultReceiveBuffer)
	}
	return b
}

// assemble puts a packet together from a chain of descriptors, of which b is
// the first piece, and at the index of the next one. It returns the packet's size,
// 0 when it is dropped, and where to go on. Of a chain whose end has not arrived
// nothing is kept: waiting for it would be at the peer's pleasure.
func (q *Queue) assemble(into, b []byte, flags, at, end uint16) (int, uint16) {
	size, fits, counted := 0, true, q.cut
	for {
		if fits = fits && size+len(b) <= len(into); fits {
			size += copy(into[size:], b)
		}
		if flags&flagNext == 0 {
			break
		}
		if at == end {
			if !counted {
				q.drops.rxCut.Add(1)
			}
			q.cut = true
			return 0, at
		}
		d := q.pair.rx.load(at)
		if b = q.arrived(&d, at); b == nil {
			return 0, at
		}
		flags = d.flags
		at++
	}
	q.cut = false
	switch {
	case counted: // when its beginning was dropped
		return 0, at
	case !fits:
		q.drops.rxTooLarge.Add(1)
		return 0, at
	case size < etherHeader:
		q.drops.rxMalformed.Add(1)
		return 0, at
	}
	return size, at
}

// giveBack returns the buffers up to an index to the peer.
func (q *Queue) giveBack(upTo uint16) {
	if q.peer == nil || upTo == q.rxAt {
		return
	}
	r := &q.pair.rx
	if !q.slave {
		q.rxAt = upTo
		r.storeTail(upTo)
		return
	}
	for i := q.rxAt; i != upTo; i++ {
		r.store(i, q.pair.empty(i))
	}
	q.rxAt = upTo
	r.storeHead(upTo + r.size())
}

// empty describes the buffer of a receive slot, of a slave.
func (p *pair) empty(i uint16) descriptor {
	return descriptor{length: p.buffer, offset: p.rxOwn + uint32(i&(p.rx.size()-1))*p.stride}
}

// Release gives received frames back.
func (q *Queue) Release(rx []link.Frame) { q.rx.back(len(rx)) }

// Info describes the device that the queue belongs to.
func (q *Queue) Info() link.Info { return q.device.info }

// Counters returns the queue's own counts.
func (q *Queue) Counters() link.Counters {
	c, s := q.counters, q.drops.stats()
	c.RxDropped = s.RxTooLarge + s.RxMalformed + s.RxCut
	c.TxDropped = s.TxDown + s.TxFull + s.TxTooLarge + s.TxRefused
	return c
}
