package mtcp

import (
	"errors"
	"fmt"
	"net"

	"github.com/mtcp-go/mtcp/internal/slab"
)

// errInUse is the answer to who would take a connection from others.
var errInUse = errors.New("the connection is in use: a call is in progress")

// Detach takes a connection out of the net door, for package event: to all who
// have it, it is closed from now on. No call of it may be in progress. attach is
// given its shard and its name there; after an error the connection is reset.
func (s *Stack) Detach(conn net.Conn, attach func(shard int, h slab.Handle) error) error {
	c, ok := conn.(*Conn)
	if !ok || c.stack != s.core {
		return fmt.Errorf("mtcp: detach: the %T is no connection of this stack", conn)
	}
	if err := c.take(); err != nil {
		return c.opError("detach", err)
	}
	c.read.stop()
	c.write.stop()
	err := attach(c.shard, c.app.Handle)
	if err != nil {
		c.app.Close(true)
	}
	s.core.Done()
	return err
}

// take gives the connection back without closing it, unless somebody uses it.
func (c *Conn) take() error {
	c.ending.Lock()
	defer c.ending.Unlock()
	if c.isClosed() {
		return net.ErrClosed
	}
	if !c.reading.TryLock() {
		return errInUse
	}
	defer c.reading.Unlock()
	if !c.writing.TryLock() {
		return errInUse
	}
	defer c.writing.Unlock()
	if !c.users.CompareAndSwap(0, connClosed) {
		return errInUse
	}
	c.ended = true
	return nil
}
