// The application's side of a connection: non-blocking reads and writes on
// the rings, commands to the shard, and the parking protocol.
//
// A receive:  Len > 0 ──▶ copy, advance ──▶ past notify? ──▶ OpWindow
// A send:     TxBusy ──▶ ring there? copy, publish ──▶ OpSend ──▶ TxBusy off
// Waiting:    set the parked bit ──▶ look again ──▶ sleep on the Waiter

package sock

import (
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
)

// Status answers a non-blocking operation.
type Status uint8

// The answers.
const (
	Done       Status = iota // it happened, at least in part
	WouldBlock               // park and try again
	Ended                    // read: end of stream; write: this side shut down
	Failed                   // the connection broke: see Errno
)

// An App is one application's view of one connection. Reads must be
// serialised by the caller, and so must writes; a read and a write may run
// at the same time.
type App struct {
	Block  *Block
	Mail   *Mailbox
	Handle slab.Handle
	rx, tx ring.Stream
}

// Bind returns the view of the connection h whose block is b.
func Bind(b *Block, m *ring.Memory, mail *Mailbox, h slab.Handle) App {
	return App{Block: b, Mail: mail, Handle: h, rx: b.rx(m), tx: b.tx(m)}
}

// Read copies received octets into p. Octets that arrived before the
// connection broke are delivered first.
func (a *App) Read(p []byte) (int, Status) {
	if n := a.rx.Read(p); n > 0 {
		a.consumed()
		return n, Done
	}
	return 0, a.readState()
}

// Peek returns received octets in place: b follows a. They stay valid until
// Discard.
func (a *App) Peek() (p, q []byte, s Status) {
	p, q = a.rx.Peek()
	if len(p)+len(q) > 0 {
		return p, q, Done
	}
	return nil, nil, a.readState()
}

// Copy is Read that consumes nothing.
func (a *App) Copy(p []byte) (int, Status) {
	n := min(len(p), int(a.rx.Len()))
	if n == 0 {
		return 0, a.readState()
	}
	a.rx.CopyAt(a.rx.ReadPos(), p[:n])
	return n, Done
}

// Discard consumes n octets that Peek has shown.
func (a *App) Discard(n int) {
	a.rx.Advance(a.rx.ReadPos().Add(seq.Size(n)))
	a.consumed()
}

// Buffered returns how many received octets wait to be read.
func (a *App) Buffered() int { return int(a.rx.Len()) }

// Received returns a position that moves on with every octet received.
func (a *App) Received() uint32 { return uint32(a.rx.WritePos()) }

// HasEOF reports that the peer's FIN has come, in order.
func (a *App) HasEOF() bool { return a.Block.load()&EOF != 0 }

func (a *App) readState() Status {
	r := a.Block.load()
	switch {
	case r&(EOF|Broken) == 0:
		return WouldBlock
	case a.rx.Len() > 0: // arrived between the look and the bits
		return WouldBlock
	case r&EOF != 0:
		return Ended
	default:
		return Failed
	}
}

// consumed tells the shard that the window opened, if it wants to know.
func (a *App) consumed() {
	if a.rx.ReadPos().Less(seq.Value(a.Block.rxNotify.Load())) {
		return
	}
	if a.Block.load()&RxTold == 0 && a.Block.set(RxTold)&RxTold == 0 {
		a.Mail.Send(&Command{Op: OpWindow, Handle: a.Handle})
	}
}

// ParkRead says that the caller is about to sleep until there is something to
// read. False means that there is already: look again instead.
func (a *App) ParkRead() bool {
	r := a.Block.set(ReadParked)
	if a.rx.Len() > 0 || r&(EOF|Broken) != 0 || a.Block.load()&(EOF|Broken) != 0 {
		a.Block.clear(ReadParked)
		return false
	}
	return true
}

// UnparkRead withdraws ParkRead.
func (a *App) UnparkRead() { a.unpark(ReadParked) }

// unpark clears a parked bit, unless who woke us has: the usual case, which costs
// a load.
func (a *App) unpark(bit Ready) {
	if a.Block.load()&bit != 0 {
		a.Block.clear(bit)
	}
}

// UrgentLeft returns how many octets are to be read until the end of urgent text,
// of which not all may have come; 0 if none is pending.
func (a *App) UrgentLeft() int {
	mark, ok := a.Block.Mark()
	if read := a.rx.ReadPos(); ok && mark.Greater(read) {
		return int(mark.Minus(read))
	}
	return 0
}

// ParkUrgent says that the caller is about to sleep until the peer announces
// urgent text. False means that there is news of it, or will never be any.
func (a *App) ParkUrgent() bool {
	const news = UrgentNews | EOF | Broken
	if r := a.Block.set(UrgentParked); r&news != 0 || a.Block.load()&news != 0 {
		a.Block.clear(UrgentParked)
		return false
	}
	return true
}

// UnparkUrgent withdraws ParkUrgent.
func (a *App) UnparkUrgent() { a.Block.clear(UrgentParked) }

// WillWriteUrgent says that the next n octets to be written are urgent, before
// they are; less than none takes some of that back.
func (a *App) WillWriteUrgent(n int) {
	a.Set(OptUrgent, uint64(a.tx.WritePos()+seq.Value(n)))
}

// Write copies as much of p as the send ring takes, and tells the shard. When p
// does not fit the rest is expected: the shard need not send a small segment
// that ends where the ring did.
func (a *App) Write(p []byte) (int, Status) { return a.WriteMore(p, false) }

// WriteMore is Write for a caller who knows that more will follow p.
func (a *App) WriteMore(p []byte, more bool) (int, Status) {
	if s := a.beginWrite(); s != Done {
		return 0, s
	}
	n := a.tx.Write(p)
	return n, a.endWrite(n, len(p), more)
}

// Push says that nothing follows what was written, although part of a Write did
// not fit or WriteMore had promised it.
func (a *App) Push() {
	if a.Block.load()&TxMore != 0 {
		a.Block.clear(TxMore)
		a.Mail.Send(&Command{Op: OpSend, Handle: a.Handle})
	}
}

// Reserve returns free space of the send ring to write into, b after a, until
// Commit. Commit must follow when the status is Done.
func (a *App) Reserve() (p, q []byte, s Status) {
	if s := a.beginWrite(); s != Done {
		return nil, nil, s
	}
	if a.tx.Free() == 0 {
		a.tx.Switch()
	}
	if a.tx.Free() == 0 {
		return nil, nil, a.endWrite(0, 1, false)
	}
	p, q = a.tx.Reserve()
	return p, q, Done
}

// Commit publishes the first n octets of the reserved space.
func (a *App) Commit(n int) {
	a.tx.Publish(a.tx.WritePos().Add(seq.Size(n)))
	a.endWrite(n, n, false)
}

// beginWrite takes the send ring: while TxBusy is set the shard leaves it.
func (a *App) beginWrite() Status {
	r := a.Block.set(TxBusy)
	switch {
	case r&Broken != 0:
		a.Block.clear(TxBusy)
		return Failed
	case r&(WriteShut|Closed) != 0:
		a.Block.clear(TxBusy)
		return Ended
	case r&TxRing == 0:
		a.Block.clear(TxBusy)
		return WouldBlock
	}
	return Done
}

// endWrite lets the ring go after n of want octets, and tells the shard.
func (a *App) endWrite(n, want int, more bool) Status {
	told, keep := Ready(0), TxMore
	if n > 0 {
		told, keep = TxTold, 0
		if more || n < want {
			keep, told = TxMore, TxTold|TxMore
		}
	}
	var old Ready
	for {
		old = a.Block.load()
		if a.Block.swap(old, old&^(TxBusy|TxMore&^keep)|told) {
			break
		}
	}
	if told&^old&TxTold != 0 {
		a.Mail.Send(&Command{Op: OpSend, Handle: a.Handle})
	}
	if n == 0 && want > 0 {
		return WouldBlock
	}
	return Done
}

// ParkWrite says that the caller is about to sleep until want octets, or at
// least some, can be written. False means: look again instead.
func (a *App) ParkWrite(want int) bool {
	r := a.Block.set(WriteParked) | a.Block.load()
	if r&(Broken|WriteShut|Closed) != 0 || r&TxRing != 0 && a.tx.Free() > 0 {
		a.Block.clear(WriteParked)
		return false
	}
	// The shard answers by waking us at once, if there is room by then or a
	// larger ring on offer, or as soon as there is.
	a.Mail.Send(&Command{Op: OpWantTx, Handle: a.Handle, Token: uint64(min(want, ring.MaxSize))})
	return true
}

// UnparkWrite withdraws ParkWrite.
func (a *App) UnparkWrite() { a.unpark(WriteParked) }

// Unsent returns how many octets wait in the send ring for their
// acknowledgment.
func (a *App) Unsent() int { return int(a.tx.Len()) }

// Shutdown ends the sending direction after what was written.
func (a *App) Shutdown() {
	if a.Block.set(WriteShut)&WriteShut == 0 {
		a.Mail.Send(&Command{Op: OpShutdown, Handle: a.Handle})
	}
}

// ShutdownRead asks the stack to discard what arrives from now on.
func (a *App) ShutdownRead() { a.Mail.Send(&Command{Op: OpShutdownRead, Handle: a.Handle}) }

// Set changes an option of the connection.
func (a *App) Set(o Option, value uint64) {
	a.Mail.Send(&Command{Op: OpSet, Handle: a.Handle, Option: o, Token: value})
}

// Close gives the connection back. Nothing of the App may be used afterwards,
// so the caller must be its last user. Abort resets instead.
func (a *App) Close(abort bool) {
	a.Block.set(Closed)
	op := OpClose
	if abort {
		op = OpAbort
	}
	a.Mail.Send(&Command{Op: op, Handle: a.Handle})
}
