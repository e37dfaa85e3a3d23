package mtcp

import (
	"io"
	"net"

	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// Urgent text (RFC 9293 §3.8.5): it comes in line with all other text, as with
// SO_OOBINLINE. New protocols should not use it: RFC 6093 says why.

// WriteUrgent is Write of urgent text: the peer is told at once, ahead of what was
// written before, how far it goes, even while its window is closed.
func (c *Conn) WriteUrgent(p []byte) (int, error) {
	if !c.enter() {
		return 0, c.opError("write", net.ErrClosed)
	}
	defer c.leave()
	c.writing.Lock()
	defer c.writing.Unlock()
	done := 0
	for done < len(p) {
		piece := p[done:min(len(p), done+maxUrgent)]
		c.app.WillWriteUrgent(len(piece))
		n, err := c.writeAll(piece, "write")
		done += n
		if err != nil {
			c.app.WillWriteUrgent(0)
			return done, c.opError("write", err)
		}
	}
	return done, nil
}

// maxUrgent bounds how far ahead a pointer is set: far less than sequence numbers
// can compare.
const maxUrgent = 1 << 30

// UrgentLeft returns how many octets are to be read until the end of the peer's
// urgent text, of which not all may have come: 0 if none is pending. So the mark
// of Berkeley sockets, the last urgent octet, is at 1.
func (c *Conn) UrgentLeft() int {
	if !c.enter() {
		return 0
	}
	defer c.leave()
	return c.app.UrgentLeft()
}

// WaitUrgent waits until the peer announces urgent text, or more of it than
// before, while others may read and write. It returns io.EOF when no more can
// come, and keeps to the read deadline. One goroutine waits at a time.
func (c *Conn) WaitUrgent() error {
	if !c.enter() {
		return c.opError("read", net.ErrClosed)
	}
	defer c.leave()
	c.urgent.Lock()
	defer c.urgent.Unlock()
	for !c.app.Block.TakeUrgentNews() {
		if err := c.mayRead(); err != nil {
			return c.opError("read", err)
		}
		if err := c.sleepUrgent(); err != nil {
			return c.opError("read", err)
		}
	}
	return nil
}

// sleepUrgent sleeps until it is worth looking again, or says why nothing more
// will come.
func (c *Conn) sleepUrgent() error {
	bell := c.waiter.Urgent()
	if !c.app.ParkUrgent() {
		return c.urgentEnd()
	}
	if c.mayRead() == nil {
		<-bell
	}
	c.app.UnparkUrgent()
	return nil
}

// urgentEnd says why the connection announces nothing any more; nil if it does.
func (c *Conn) urgentEnd() error {
	switch f := c.app.Block.Flags(); {
	case f&sock.UrgentNews != 0:
		return nil
	case f&sock.EOF != 0:
		return io.EOF
	case f&sock.Broken != 0:
		return door.Errno(c.app.Block.Errno(), "read")
	}
	return nil
}
