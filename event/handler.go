package event

import (
	"errors"
	"runtime/debug"

	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/slab"
)

// A Handler says what happens on a connection. Functions that are nil do
// nothing, End excepted. One Handler serves any number of connections, on every
// shard at the same time.
type Handler struct {
	// Open is the first call: the connection is established.
	Open func(Conn)

	// Readable is called when octets have arrived. What it leaves stays; the
	// next call comes when more has arrived, or from the handler itself.
	Readable func(Conn)

	// Urgent is called when the peer has announced urgent text, or more of it (RFC
	// 9293 §3.8.5): Conn.UrgentLeft tells how far it goes. The text itself comes in
	// line, and may come later.
	Urgent func(Conn)

	// Writable is called when there is room again after a Write or a Reserve
	// that came short. Nil calls Readable, which suits those who answer what they
	// read.
	Writable func(Conn)

	// End is called when the peer sends no more and all it sent has arrived; it
	// may still be read. Nil closes the connection as soon as all has been read.
	End func(Conn)

	// Tick is called at the interval that Conn.SetTick has set.
	Tick func(Conn)

	// Closed is the last call, once for every Open and every failed Dial: with
	// nil after Close and Abort, from within them, else with the reason, which
	// is one of package net's (syscall.ECONNRESET...). The Conn can do nothing
	// any more but tell User, Loop and its addresses.
	Closed func(Conn, error)
}

// errPanic is what Closed is told after a handler's panic.
var errPanic = errors.New("event: the handler panicked")

// errNoHandler is the answer to who forgets it.
var errNoHandler = errors.New("event: no Handler was given")

// hooks is a Loop as its shard sees it.
type hooks Loop

// Prefetch implements shard.Handler.
func (k *hooks) Prefetch(i slab.Index) { cacheline.Prefetch((*Loop)(k).known(i)) }

// PrefetchUser implements shard.Handler.
func (k *hooks) PrefetchUser(i slab.Index) {
	if e := (*Loop)(k).known(i); e != nil {
		cacheline.PrefetchAny(e.user)
	}
}

// Accepted implements shard.Handler.
func (k *hooks) Accepted(i slab.Index, owner uint32) {
	l := (*Loop)(k)
	e := l.entry(i)
	h := l.door.handler(owner)
	*e = entry{handler: h}
	l.live++
	l.run(e, h.Open, l.turn(e, i))
}

// Ready implements shard.Handler.
func (k *hooks) Ready(i slab.Index, n shard.News) {
	l := (*Loop)(k)
	e := l.entry(i)
	if !e.open() {
		return
	}
	c, h := l.turn(e, i), e.handler
	if n&shard.NewsOpened != 0 {
		l.dialing.remove(i)
		l.run(e, h.Open, c)
	}
	if n&shard.NewsUrgent != 0 {
		l.run(e, h.Urgent, c)
	}
	if n&shard.NewsReadable != 0 {
		l.run(e, h.Readable, c)
	}
	if n&shard.NewsWritable != 0 {
		f := h.Writable
		if f == nil {
			f = h.Readable
		}
		l.run(e, f, c)
	}
	if n&shard.NewsEnd != 0 {
		l.run(e, h.End, c)
	}
	if n&shard.NewsBroke != 0 && l.has(c) {
		l.broke(e, c)
	}
}

// broke ends a connection that the peer, or the network, has ended.
func (l *Loop) broke(e *entry, c Conn) {
	call := "read"
	if l.dialing.has(c.index()) {
		call = "connect"
	}
	l.end(e, c, door.Errno(l.shard.Errno(c.handle.Index()), call), false)
}

// turn begins what there is to tell of the connection in a slot.
func (l *Loop) turn(e *entry, i slab.Index) Conn {
	c := l.conn(i)
	l.present, l.presentEntry = c.handle, e
	return c
}

// has reports that the connection whose turn it is has not been closed meanwhile: its
// entry may be another's by then, that was dialled and has got its slot.
func (l *Loop) has(c Conn) bool { return l.present == c.handle }

// run calls one function of a handler, unless the connection has been closed
// meanwhile.
func (l *Loop) run(e *entry, f func(Conn), c Conn) {
	if !l.has(c) {
		return
	}
	if f != nil {
		l.enter()
		l.call(f, c)
	}
	if l.has(c) && e.handler.End == nil && l.shard.Ended(c.handle.Index()) {
		l.end(e, c, nil, false)
	}
}

// call survives a panic of the handler, which costs it the connection.
func (l *Loop) call(f func(Conn), c Conn) {
	defer func() {
		if r := recover(); r != nil {
			l.panicked(r)
			if e := c.live(); e != nil {
				l.end(e, c, errPanic, true)
			}
		}
	}()
	f(c)
}

func (l *Loop) panicked(r any) {
	l.panics.Add(1)
	l.door.log.Error("handler panicked", "shard", l.number, "panic", r, "stack", string(debug.Stack()))
}

// end tells the handler that it was the last call, and gives the connection
// back to the shard.
func (l *Loop) end(e *entry, c Conn, err error, abort bool) {
	i := c.handle.Index()
	closed := e.handler.Closed
	e.handler = nil
	if c.handle == l.present {
		l.present, l.presentEntry = 0, nil
	}
	l.dialing.remove(i)
	l.ticks.cancel(i)
	l.live--
	if closed != nil {
		l.enter()
		func() {
			defer func() {
				if r := recover(); r != nil {
					l.panicked(r)
				}
			}()
			closed(c, err)
		}()
	}
	*e = entry{}
	l.shard.Close(i, abort)
}
