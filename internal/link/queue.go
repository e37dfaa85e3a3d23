package link

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
)

// A Frame is one Ethernet frame in memory that the device owns and lends.
type Frame struct {
	// Bytes is the frame from its Ethernet destination on. Of a received frame
	// it is the whole packet; a reserved frame comes with len = the capacity
	// that may be filled, and the sender cuts it to what it wrote.
	Bytes []byte

	// Token is the device's own name of the memory; callers leave it alone.
	Token uint64

	// ChecksumStart and ChecksumOffset ask the device to fill the Internet
	// checksum from ChecksumStart to the end of the frame into the field at
	// ChecksumStart+ChecksumOffset, which holds the pseudo-header's sum. Only
	// when Flags has WantChecksum, and only if Info says TxChecksum.
	ChecksumStart  uint16
	ChecksumOffset uint16

	Flags Flags
}

// Flags are facts about one Frame.
type Flags uint16

// The flags of a frame.
const (
	WantChecksum Flags = 1 << iota // transmit: fill in the checksum
	ChecksumGood                   // receive: the transport checksum is known to be right
	ChecksumNone                   // receive: a same-machine peer left only the pseudo-header's sum
)

// A Queue is one receive and one transmit queue of a device. One goroutine
// owns it; only Wake may be called by others.
//
// Frames are lent: Recv lends received frames until Release; Reserve lends
// empty frames until Send.
type Queue interface {
	// Recv fills rx with frames that have arrived and returns how many. It
	// never blocks.
	Recv(now mono.Time, rx []Frame) int

	// Release gives received frames back. The frames must be of the last Recv.
	Release(rx []Frame)

	// Reserve fills tx with empty frames and returns how many the device has
	// free now, which may be fewer than asked for, or none.
	Reserve(tx []Frame) int

	// Send transmits reserved frames in order and takes all of them back. A
	// frame with no Bytes is only returned. The frames must be all those of
	// the last Reserve. Frames that the device cannot take are dropped and
	// counted in Counters.
	Send(now mono.Time, tx []Frame)

	// Wait blocks until frames may have arrived, Wake was called since the
	// last Wait returned, or d has passed; a negative d means no limit. It may
	// return early without cause.
	Wait(d time.Duration)

	// Wake makes the present or the next Wait return. Any goroutine may call.
	Wake()

	// Info describes the device. It does not change after opening.
	Info() Info

	// Counters returns a copy of the device's own counters for this queue.
	Counters() Counters

	// Close releases the queue. Frames must not be touched afterwards.
	Close() error
}

// Info describes a device as its users must know it.
type Info struct {
	Name       string  // interface name, or a description
	Mode       string  // what was obtained, for people: "native copy", "generic", "in-process"
	Why        string  // why Mode is not better, "" if it could not be
	MAC        [6]byte // Ethernet address
	MTU        int     // largest IP packet, octets
	TxChecksum bool    // the device can fill transport checksums (WantChecksum)
	LocalPeer  bool    // peers on this machine may leave checksums unfilled
	Queues     int     // how many queues the device has; all are bound
	Memory     int     // octets of frames and rings that this queue has; 0: not its own

	// Incoming says to which queue packets of a connection come, by receive-side
	// scaling; nil if that is not known.
	Incoming func(flow.Key4) int
}

// Counters are a queue's own counts, since it was opened.
type Counters struct {
	RxFrames, RxOctets uint64
	TxFrames, TxOctets uint64
	RxDropped          uint64 // no receive memory, or refused by the kernel
	TxDropped          uint64 // could not be queued
	TxKicks            uint64 // system calls to transmit
	Waits              uint64 // times the queue slept
}
