// What *net.TCPConn has beyond net.Conn.

package mtcp

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/sock"
)

var (
	_ net.Conn      = (*Conn)(nil)
	_ io.ReaderFrom = (*Conn)(nil)
	_ io.WriterTo   = (*Conn)(nil)
)

// CloseWrite sends a FIN after what was written: the peer reads to the end.
func (c *Conn) CloseWrite() error {
	return c.control("close", func() { c.app.Shutdown() })
}

// CloseRead makes reads return io.EOF. What still arrives is discarded.
func (c *Conn) CloseRead() error {
	return c.control("close", func() {
		if !c.readEnd.Swap(true) {
			(*reader)(c).wake()
			c.tellReadEnd()
		}
	})
}

// control runs one setting of an open connection.
func (c *Conn) control(op string, f func()) error {
	if !c.enter() {
		return c.opError(op, net.ErrClosed)
	}
	defer c.leave()
	f()
	return nil
}

func (c *Conn) set(o sock.Option, v uint64) error {
	return c.control("set", func() { c.app.Set(o, v) })
}

func (c *Conn) setBool(o sock.Option, on bool) error {
	if on {
		return c.set(o, 1)
	}
	return c.set(o, 0)
}

// SetNoDelay switches Nagle's algorithm off (true, the default) or on.
func (c *Conn) SetNoDelay(noDelay bool) error { return c.setBool(sock.OptNoDelay, noDelay) }

// SetCork holds back segments that are not full until it is switched off.
func (c *Conn) SetCork(cork bool) error { return c.setBool(sock.OptCork, cork) }

// SetKeepAlive switches keep-alive probes on or off.
func (c *Conn) SetKeepAlive(keepalive bool) error {
	return c.setBool(sock.OptKeepAlive, keepalive)
}

// SetKeepAlivePeriod sets the idle time before the first probe and the time
// between probes. As in package net, zero means 15 s and a negative period
// leaves it alone.
func (c *Conn) SetKeepAlivePeriod(d time.Duration) error {
	if err := c.setKeep(sock.OptKeepIdle, d); err != nil {
		return err
	}
	return c.setKeep(sock.OptKeepInterval, d)
}

// keepPeriod and keepProbes are package net's defaults.
const keepPeriod, keepProbes = 15 * time.Second, 9

func (c *Conn) setKeep(o sock.Option, d time.Duration) error {
	switch {
	case d < 0:
		return c.control("set", func() {})
	case d == 0:
		d = keepPeriod
	}
	return c.set(o, uint64(d))
}

// SetKeepAliveConfig sets all of it. As in package net, zero durations and
// counts mean 15 s and 9 probes, negative ones leave the setting alone.
func (c *Conn) SetKeepAliveConfig(k net.KeepAliveConfig) error {
	if err := c.setKeep(sock.OptKeepIdle, k.Idle); err != nil {
		return err
	}
	if err := c.setKeep(sock.OptKeepInterval, k.Interval); err != nil {
		return err
	}
	if n := k.Count; n >= 0 {
		if n == 0 {
			n = keepProbes
		}
		if err := c.set(sock.OptKeepCount, uint64(n)); err != nil {
			return err
		}
	}
	return c.SetKeepAlive(k.Enable)
}

// SetLinger says what Close does with what was not sent yet: negative (the
// default), it is sent in the background; 0, it is discarded and the peer gets
// a RST; positive, it is discarded after so many seconds. Close never waits.
func (c *Conn) SetLinger(sec int) error {
	c.abort.Store(sec == 0)
	v := sock.LingerOff
	if sec >= 0 {
		v = uint64(time.Duration(sec) * time.Second)
	}
	return c.set(sock.OptLinger, v)
}

// SetReadBuffer fixes the receive buffer, which otherwise grows with need.
func (c *Conn) SetReadBuffer(octets int) error { return c.setBuffer(sock.OptRcvBuf, octets) }

// SetWriteBuffer fixes the send buffer, which otherwise grows with need.
func (c *Conn) SetWriteBuffer(octets int) error { return c.setBuffer(sock.OptSndBuf, octets) }

func (c *Conn) setBuffer(o sock.Option, octets int) error {
	if c.set(o, uint64(max(octets, 0))) != nil {
		return c.setError(net.ErrClosed)
	}
	return nil
}

// SetUserTimeout bounds the time that sent octets may remain unacknowledged
// before the connection fails (RFC 5482); 0 restores the default.
func (c *Conn) SetUserTimeout(d time.Duration) error {
	return c.set(sock.OptUserTimeout, uint64(max(d, 0)))
}

// SoftError returns what stands in the connection's way while it goes on, nil if
// nothing is known: an ICMP error, a next hop that does not answer, or ETIMEDOUT
// after three retransmissions or probes without an answer (RFC 9293 §3.8.3, §3.9.1.8).
// It passes with the next segment of the peer, or becomes the connection's error.
// The connection's shard is asked, so it takes as long as a round of it.
func (c *Conn) SoftError() error {
	if !c.enter() {
		return c.opError("soft error", net.ErrClosed)
	}
	defer c.leave()
	if why := c.stack.SoftError(c.shard, c.app.Handle); why != sock.OK {
		return c.opError("soft error", door.Errno(why, "write"))
	}
	return nil
}

// SetTOS sets the octet of the IP header that holds the DiffServ code point. Its
// lowest two bits are TCP's own (RFC 3168).
func (c *Conn) SetTOS(tos uint8) error { return c.set(sock.OptTOS, uint64(tos)) }

// WriteBuffers writes all buffers in order, as one segment train: writev.
func (c *Conn) WriteBuffers(v *net.Buffers) (int64, error) {
	c.writing.Lock()
	defer c.endWriting()
	if c.isClosed() {
		return 0, c.opError("writev", net.ErrClosed)
	}
	var total int64
	for len(*v) > 0 {
		n, err := c.writeAll((*v)[0], "writev")
		total += int64(n)
		if err != nil {
			(*v)[0] = (*v)[0][n:]
			return total, c.opError("writev", err)
		}
		(*v)[0] = nil
		*v = (*v)[1:]
	}
	return total, nil
}

// ReadFrom sends all that r has, reading it straight into the send ring.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.readFrom(r)
	if err != nil {
		err = c.opError("readfrom", err)
	}
	return n, err
}

func (c *Conn) readFrom(r io.Reader) (int64, error) {
	c.writing.Lock()
	defer c.endWriting()
	if c.isClosed() {
		return 0, c.opError("write", net.ErrClosed)
	}
	c.copying.Add(1)
	defer c.copying.Add(-1)
	var total int64
	for {
		n, err := c.readPiece(r)
		total += int64(n)
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

// readPiece moves one Read of r into the ring.
func (c *Conn) readPiece(r io.Reader) (int, error) {
	if err := c.mayWrite(); err != nil {
		return 0, c.opError("write", err)
	}
	p, _, s := c.app.Reserve()
	if s != sock.Done {
		if err := c.waitWrite(s, copyPiece, "write"); err != nil {
			return 0, c.opError("write", err)
		}
		return 0, nil
	}
	n, err := r.Read(p)
	switch {
	case n < 0 || n > len(p):
		n, err = 0, errBadCount
	case c.isClosed():
		n, err = 0, c.opError("write", net.ErrClosed)
	}
	c.app.Commit(n)
	return n, err
}

// copyPiece is how much room ReadFrom asks for: a good piece of a file.
const copyPiece = 64 << 10

// errBadCount is an io.Reader's or io.Writer's fault, not the connection's.
var errBadCount = errors.New("a Read or Write returned an impossible count")

// WriteTo writes to w all that arrives until the end, out of the receive ring.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	n, err := c.writeTo(w)
	if err != nil {
		err = c.opError("writeto", err)
	}
	return n, err
}

func (c *Conn) writeTo(w io.Writer) (int64, error) {
	c.reading.Lock()
	defer c.endReading()
	if c.isClosed() {
		return 0, c.opError("read", net.ErrClosed)
	}
	c.copying.Add(1)
	defer c.copying.Add(-1)
	var total int64
	for {
		n, err := c.writePiece(w)
		total += int64(n)
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

// writePiece moves what lies in one piece in the ring to w, or waits for some.
func (c *Conn) writePiece(w io.Writer) (int, error) {
	if err := c.mayRead(); err != nil {
		return 0, c.opError("read", err)
	}
	p, _, s := c.app.Peek()
	if s != sock.Done {
		if err := c.waitRead(s); err != nil {
			return 0, c.opError("read", err)
		}
		return 0, nil
	}
	n, err := w.Write(p)
	switch {
	case n < 0 || n > len(p):
		n, err = 0, errBadCount
	case n < len(p) && err == nil:
		err = io.ErrShortWrite
	}
	c.app.Discard(n)
	return n, err
}
