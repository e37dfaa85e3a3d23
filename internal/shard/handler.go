// The event door's side of a shard: applications that run on it, between Input
// and Output, and need no command or waiter to be heard.
//
//	a segment ──▶ publish ──▶ Handler.Ready ──▶ Peek, Write, Close ──▶ transmit
//
// A connection is the handler's from Accepted or Dial until it calls Close.
// Nothing here may be called from another goroutine than the shard's.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// News is what a handler is told of a connection.
type News uint8

// The news.
const (
	NewsOpened   News = 1 << iota // a dialled connection stands
	NewsReadable                  // octets arrived
	NewsWritable                  // there is room again, after a Write that came short
	NewsEnd                       // the peer's FIN
	NewsUrgent                    // the end of urgent text has moved
	NewsBroke                     // Errno says why; what had arrived can still be read
)

// A Handler is the application of connections that stay on their shard. Its
// methods may call all that stands in this file, for any of its connections.
type Handler interface {
	// Accepted gives the handler a connection that came in through the
	// listener opened with owner.
	Accepted(i slab.Index, owner uint32)
	// Ready tells news of a connection that the handler has.
	Ready(i slab.Index, n News)
	// Advance runs the handler's timers, and says how many were due.
	Advance(now mono.Time) int
	// Prefetch begins to bring what the handler knows of a connection, if it has it,
	// into the cache; PrefetchUser, later, what its application has stored with it.
	Prefetch(i slab.Index)
	PrefetchUser(i slab.Index)
	// Next returns when the earliest of them is due; Never if there is none.
	Next() mono.Time
}

// Handle makes h the handler, before there are listeners or connections of it.
func (s *Shard) Handle(h Handler) { s.handler = h }

// Now returns the time of the present round.
func (s *Shard) Now() mono.Time { return s.now }

// ListenHandled opens a port whose connections go to the handler, with owner.
// synLimit bounds the handshakes in progress, and how many complete in one batch.
func (s *Shard) ListenHandled(ip wire.IPv4, port uint16, synLimit int, owner uint32) sock.Errno {
	l, why := s.bind(ip, port)
	if why != sock.OK {
		return why
	}
	l.backlog, l.synLimit, l.handled, l.owner = synLimit, max(synLimit, leastHalfOpen), true, owner
	return sock.OK
}

// Dial is an active open by the handler; zeros of the local end let the stack
// choose. The answer is NewsOpened or NewsBroke.
func (s *Shard) Dial(local, remote wire.IPv4, localPort, remotePort uint16) (slab.Index, sock.Errno) {
	k, why := s.newKey(flow.Key4{LocalIP: uint32(local), RemoteIP: uint32(remote), LocalPort: localPort, RemotePort: remotePort})
	if why != sock.OK {
		return 0, why
	}
	t, why := s.open(k, s.now)
	if why != sock.OK {
		return 0, why
	}
	s.own(t)
	return t.Slot(), sock.OK
}

// own makes a connection the handler's.
func (s *Shard) own(t *tcp.TCB) {
	t.SetListed(t.Listed() | handledBit)
	s.blocks[t.Slot()].Own()
}

// Adopt makes a connection that an application has given up the handler's. It is
// false if there is no such connection any more.
func (s *Shard) Adopt(h slab.Handle) (slab.Index, bool) {
	i, ok := s.tcbs.Lookup(h)
	if !ok {
		return 0, false
	}
	s.own(s.tcbs.At(i))
	return i, true
}

// News returns what there is to be told of a connection that was adopted.
func (s *Shard) News(i slab.Index) (n News) {
	t := s.tcbs.At(i)
	if s.Buffered(i) > 0 {
		n |= NewsReadable
	}
	if t.PeerEnded() {
		n |= NewsEnd
	}
	if t.Errno() != sock.OK {
		n |= NewsBroke
	}
	return n
}

// tell is wake for a connection of the handler.
func (s *Shard) tell(t *tcp.TCB, i slab.Index, v tcp.Verdict) {
	var n News
	if v&tcp.Opened != 0 && !t.IsPassive() {
		n |= NewsOpened
	}
	if v&tcp.Readable != 0 {
		n |= NewsReadable
		if s.blocks[i].TakeUrgentNews() {
			n |= NewsUrgent
			if s.Buffered(i) == 0 {
				n &^= NewsReadable
			}
		}
	}
	if v&tcp.Writable != 0 && t.Listed()&shortBit != 0 {
		if tx := s.blocks[i].Tx(s.memory); tx.Free() >= tx.Size()/4 || tx.Offered() {
			t.SetListed(t.Listed() &^ shortBit)
			n |= NewsWritable
		}
	}
	if v&tcp.PeerDone != 0 {
		n |= NewsEnd
	}
	if v&tcp.Broke != 0 {
		n |= NewsBroke
	}
	if n != 0 {
		s.handler.Ready(i, n)
	}
}

// Handled returns the name of the connection in slot i.
func (s *Shard) Handled(i slab.Index) slab.Handle { return s.tcbs.Handle(i) }

// Find returns the slot of a connection that is still the handler's.
func (s *Shard) Find(h slab.Handle) (slab.Index, bool) {
	i, ok := s.tcbs.Lookup(h)
	return i, ok && s.tcbs.At(i).Listed()&handledBit != 0
}

// Peek lends received octets in place: b follows a. They stay until Discard.
func (s *Shard) Peek(i slab.Index) (a, b []byte) {
	rx := s.blocks[i].Rx(s.memory)
	return rx.Peek()
}

// Discard consumes n octets that Peek has shown.
func (s *Shard) Discard(i slab.Index, n int) {
	b := &s.blocks[i]
	rx := b.Rx(s.memory)
	rx.Advance(rx.ReadPos().Add(seq.Size(n)))
	s.consumed(i, rx)
}

// Read copies received octets into p and returns how many.
func (s *Shard) Read(i slab.Index, p []byte) int {
	rx := s.blocks[i].Rx(s.memory)
	n := rx.Read(p)
	if n > 0 {
		s.consumed(i, rx)
	}
	return n
}

// Buffered returns how many received octets wait.
func (s *Shard) Buffered(i slab.Index) int {
	rx := s.blocks[i].Rx(s.memory)
	return int(rx.Len())
}

// Ended reports that the peer has sent its FIN and all before it has been read.
func (s *Shard) Ended(i slab.Index) bool {
	return s.tcbs.At(i).PeerEnded() && s.Buffered(i) == 0
}

// consumed has the window opened if the peer is about to run out of it.
func (s *Shard) consumed(i slab.Index, rx ring.Stream) {
	if rx.ReadPos().Less(s.blocks[i].Notify()) {
		return
	}
	t := s.tcbs.At(i)
	s.engine.WindowOpened(t)
	s.touch(t)
}

// Write copies as much of p as there is room for, and returns how much that
// was. After a Write that came short NewsWritable will tell of new room.
func (s *Shard) Write(i slab.Index, p []byte) int { return s.write(i, p, false) }

// WriteUrgent is Write of urgent text.
func (s *Shard) WriteUrgent(i slab.Index, p []byte) int { return s.write(i, p, true) }

func (s *Shard) write(i slab.Index, p []byte, urgent bool) int {
	t := s.tcbs.At(i)
	tx, ok := s.room(t, i, len(p))
	if !ok {
		return 0
	}
	n := tx.Write(p)
	if urgent && n > 0 {
		s.engine.MarkUrgent(t, tx.WritePos())
	}
	s.wrote(t, n, len(p))
	return n
}

// UrgentLeft returns how many octets are to be read until the end of urgent text.
func (s *Shard) UrgentLeft(i slab.Index) int {
	b := &s.blocks[i]
	rx := b.Rx(s.memory)
	if mark, ok := b.Mark(); ok && mark.Greater(rx.ReadPos()) {
		return int(mark.Minus(rx.ReadPos()))
	}
	return 0
}

// Reserve lends free space of the send ring, in two pieces, and asks for n
// octets of it; there may be less. Commit follows before anything else is
// written to the connection.
func (s *Shard) Reserve(i slab.Index, n int) (a, b []byte) {
	t := s.tcbs.At(i)
	tx, ok := s.room(t, i, n)
	if !ok {
		return nil, nil
	}
	if int(tx.Free()) < n {
		tx.Switch()
	}
	if int(tx.Free()) < n {
		t.SetListed(t.Listed() | shortBit)
	}
	return tx.Reserve()
}

// Commit sends the first n octets of what Reserve has lent.
func (s *Shard) Commit(i slab.Index, n int) {
	tx := s.blocks[i].Tx(s.memory)
	tx.Publish(tx.WritePos().Add(seq.Size(n)))
	s.wrote(s.tcbs.At(i), n, n)
}

// room returns the send stream, with a ring for n octets if it can be had.
func (s *Shard) room(t *tcp.TCB, i slab.Index, n int) (ring.Stream, bool) {
	b := &s.blocks[i]
	tx := b.Tx(s.memory)
	if !t.CanSend() {
		return tx, false
	}
	if int(tx.Free()) < n || b.Flags()&sock.TxRing == 0 {
		s.engine.WantTx(t, n, s.now)
		s.touch(t) // for its timers
		if b.Flags()&sock.TxRing == 0 {
			t.SetListed(t.Listed() | shortBit)
			return tx, false
		}
	}
	return tx, true
}

// wrote tells the engine of n octets, where want were to be written.
func (s *Shard) wrote(t *tcp.TCB, n, want int) {
	if n < want {
		t.SetListed(t.Listed() | shortBit)
	}
	if n > 0 {
		s.engine.Sent(t, s.now)
		s.touch(t)
	}
}

// Unsent returns how many octets wait for their acknowledgment.
func (s *Shard) Unsent(i slab.Index) int {
	tx := s.blocks[i].Tx(s.memory)
	return int(tx.Len())
}

// Shutdown sends a FIN after what was written.
func (s *Shard) Shutdown(i slab.Index) {
	t := s.tcbs.At(i)
	s.engine.Shutdown(t, s.now)
	s.touch(t)
}

// Close gives the connection back: what was written is still sent, then a FIN;
// with abort a RST. The slot must not be used any more.
func (s *Shard) Close(i slab.Index, abort bool) {
	t := s.tcbs.At(i)
	t.SetListed(t.Listed() &^ (handledBit | shortBit))
	s.release(t, i, abort, s.now)
}

// Set changes an option of the connection.
func (s *Shard) Set(i slab.Index, o sock.Option, v uint64) {
	t := s.tcbs.At(i)
	s.engine.Set(t, o, v, s.now)
	s.touch(t)
}

// Errno returns why the connection broke.
func (s *Shard) Errno(i slab.Index) sock.Errno { return s.broke(s.tcbs.At(i)) }

// Key returns the connection's addresses and ports.
func (s *Shard) Key(i slab.Index) flow.Key4 { return s.tcbs.At(i).Key() }
