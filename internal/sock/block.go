package sock

import (
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/ring"
)

// A Block is what a shard and an application share of one connection: 128
// octets of arena memory, one cache line per writing side.
//
//	line 0, written by the shard          line 1, written by the application
//	  rx write position, seal, epoch, base  rx read position, epoch
//	  tx read position, epoch               tx write position, seal, epoch, base
//	  ring references of both directions    ready word (both sides, CAS)
//	  notify position
//	  the shard's account                   what the shard needs rarely
//
// The shard resets a Block before it gives the connection's handle away, and
// reuses it only after the application has said OpClose or OpAbort.
type Block struct {
	// owned by the shard
	rxW      ring.WriterHalf
	txR      ring.ReaderHalf
	rxRefs   ring.Refs
	txRefs   ring.Refs
	rxNotify atomic.Uint32 // read position from which the shard wants to hear of it
	Account  Account

	// owned by the application
	rxR   ring.ReaderHalf
	txW   ring.WriterHalf
	Rare  Rare   // the shard's, which leaves it to this line because it looks there rarely
	mark  uint32 // the shard's, too: the end of urgent text, while Urgent is set
	ready uint32 // both sides, atomically: see Ready
	errno uint8  // the shard's: Errno, valid once Broken is set
	own   bool   // the application is a handler, on the shard: set by Own
}

// An Account is what the shard measures of a connection. It lies where the shard
// writes anyway when text comes or is acknowledged.
type Account struct {
	Since   uint32 // when Busy and Limited were last drawn up, ms clock
	Busy    uint32 // with text unacknowledged or unsent, ms
	Limited uint32 // of that, for want of a peer's window
	DataAt  uint32 // when the last text came, ms clock
	MinRTT  uint32 // µs
}

// Rare are settings that only timers and the end of a connection ask for, and
// what the shard counts of rare events.
type Rare struct {
	Linger      uint32 // ms, or for ever
	UserTimeout uint32 // ms, 0 default
	Resent      uint32 // segments
	KeepIdle    uint16 // s
	KeepIntvl   uint16 // s
	KeepCount   uint8
	Reordering  uint8  // segments by which the network was seen to reorder
	FinWait2    uint16 // s, 0 default
	UrgentOut   bool   // urgent text is not acknowledged yet
	UrgentIn    bool   // the peer's is not read yet, as far as is known
	Soft        uint8  // an Errno that may pass
	ReorderMore uint8  // how much larger D-SACKs have made RACK's window for reordering
	UrgentEnd   uint32 // of what is sent, with UrgentOut
}

// Ready is the word of a Block by which the two sides tell each other of
// states that outlive a message. Each bit is set by one side; it is cleared
// by the side named below.
//
//	shard ──────────────────────────────┐ application ───────────────────────
//	0 Connected   handshake completed   │  8 ReadParked   cleared by the waker
//	1 EOF         peer's FIN arrived    │  9 WriteParked  cleared by the waker
//	2 Broken      errno says why        │ 10 RxTold       cleared by the shard
//	3 TxRing      send ring attached,   │ 11 TxTold       cleared by the shard
//	              cleared by the shard  │ 12 TxBusy       cleared by the application
//	4 Urgent      mark is ahead,        │ 13 WriteShut    never cleared
//	              cleared by the shard  │ 14 Closed       never cleared
//	5 UrgentNews  and has moved, cleared│ 15 TxMore       cleared by the application
//	              by who takes the news │ 16 UrgentParked cleared by the waker
type Ready uint32

// The bits of the ready word.
const (
	Connected Ready = 1 << iota
	EOF
	Broken
	TxRing
	Urgent
	UrgentNews
)
const (
	ReadParked Ready = 1 << (iota + 8)
	WriteParked
	RxTold // OpWindow is on its way
	TxTold // OpSend is on its way
	TxBusy // the application is writing into the send ring
	WriteShut
	Closed
	TxMore // what was written last is not the end of what is being said
	UrgentParked
)

// Errno says why a connection broke.
type Errno uint32

// The ways in which a connection ends other than by closing.
const (
	OK Errno = iota
	Reset
	Refused
	TimedOut
	HostUnreachable
	NetUnreachable
	ProtocolUnreachable
	MessageTooLong
	Aborted      // by the stack itself: hard close
	AddressInUse // the tuple is taken
	NotLocal     // the local address is not ours
	Invalid      // an address that nobody can have
	NoMemory     // no connection slot
	LinkGone     // the interface was removed
	NoPort       // every local port is taken, for that destination
	HostDown     // a router does not know the host
	NoNetwork    // a router says that we are isolated
	NoRouting    // a source route failed
)

func (b *Block) rx(m *ring.Memory) ring.Stream {
	return ring.Stream{W: &b.rxW, R: &b.rxR, Refs: &b.rxRefs, Mem: m}
}

func (b *Block) tx(m *ring.Memory) ring.Stream {
	return ring.Stream{W: &b.txW, R: &b.txR, Refs: &b.txRefs, Mem: m}
}

// load returns the ready word.
func (b *Block) load() Ready { return Ready(atomic.LoadUint32(&b.ready)) }

// set sets bits and returns the word as it was before.
func (b *Block) set(bits Ready) Ready { return Ready(atomic.OrUint32(&b.ready, uint32(bits))) }

// clear clears bits and returns the word as it was before.
func (b *Block) clear(bits Ready) Ready { return Ready(atomic.AndUint32(&b.ready, ^uint32(bits))) }

// swap replaces the word if it is still old.
func (b *Block) swap(old, with Ready) bool {
	return atomic.CompareAndSwapUint32(&b.ready, uint32(old), uint32(with))
}

// Errno returns why the connection broke; OK if it did not.
func (b *Block) Errno() Errno {
	if b.load()&Broken == 0 {
		return OK
	}
	return Errno(b.errno)
}

var errnoNames = [...]string{
	OK: "ok", Reset: "connection reset by peer", Refused: "connection refused",
	TimedOut: "connection timed out", HostUnreachable: "no route to host",
	NetUnreachable: "network is unreachable", ProtocolUnreachable: "protocol not available",
	MessageTooLong: "message too long", Aborted: "stack closed",
	AddressInUse: "address already in use", NotLocal: "cannot assign requested address",
	Invalid: "invalid address", NoMemory: "no free connection",
	LinkGone: "network interface was removed",
	NoPort:   "no free local port",
	HostDown: "host is down", NoNetwork: "machine is not on the network", NoRouting: "operation not supported",
}

// String describes the error.
func (e Errno) String() string {
	if int(e) < len(errnoNames) {
		return errnoNames[e]
	}
	return "unknown error"
}
