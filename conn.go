package mtcp

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/stack"
)

// Conn is a TCP connection of a Stack. It implements net.Conn and the further
// methods of *net.TCPConn, but for those that need a file descriptor. Any
// goroutine may use it; reads are serialised among each other, and so are
// writes.
type Conn struct {
	app    sock.App
	waiter *sock.Waiter
	stack  *stack.Stack
	shard  int

	local, remote netip.AddrPort

	reading, writing sync.Mutex // one reader, one writer at a time
	urgent           sync.Mutex // and one who waits for urgent text
	read, write      deadline

	// users counts the calls in progress that hold neither reading nor writing;
	// the high bit says that Close was called. The last to leave after that, of
	// those who read, write or are counted, gives the connection back: see last.
	users   atomic.Int64
	ending  sync.Mutex
	ended   bool         // it was given back; who holds reading or writing may look
	copying atomic.Int32 // ReadFrom and WriteTo inside the other side's calls
	told    atomic.Bool  // an error of the connection was returned
	abort   atomic.Bool  // SetLinger(0)

	readEnd     atomic.Bool // CloseRead was called
	readEndTold bool        // and the shard knows; under reading
}

const connClosed = 1 << 62

// newConn takes over a connection that a shard has handed out.
func newConn(core *stack.Stack, a *sock.Accepted) *Conn {
	app, shard := core.App(a)
	return &Conn{
		app:    app,
		waiter: shard.Waiter(a.Handle),
		stack:  core,
		shard:  int(a.Shard),
		local:  addrPort(a.Local, a.LocalPort),
		remote: addrPort(a.Remote, a.RemotePort),
	}
}

func addrPort(ip [16]byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(ip).Unmap(), port)
}

// enter begins a call; false means that the connection is closed.
func (c *Conn) enter() bool {
	if c.users.Add(1)&connClosed != 0 {
		c.leave()
		return false
	}
	return true
}

// leave ends a call.
func (c *Conn) leave() {
	if c.users.Add(-1) == connClosed {
		c.last()
	}
}

// last gives a closed connection back, if nobody is inside any more. Whoever
// leaves calls it when he has: so the last one finds nobody. That it holds reading
// and writing for a moment itself hides nobody's leaving, since one at a time is
// here.
func (c *Conn) last() {
	c.ending.Lock()
	defer c.ending.Unlock()
	if !c.reading.TryLock() {
		return
	}
	defer c.reading.Unlock()
	if !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	if c.ended || c.users.Load() != connClosed {
		return
	}
	c.ended = true
	if c.readEnd.Load() && !c.readEndTold {
		c.app.ShutdownRead()
	}
	c.app.Close(c.abort.Load())
	c.stack.Done()
}

func (c *Conn) isClosed() bool { return c.users.Load()&connClosed != 0 }

// Read reads up to len(p) octets, waiting for the first. It returns io.EOF
// after the peer's FIN.
func (c *Conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	n, err := c.readSome(p)
	c.endReading()
	if err != nil {
		return 0, c.opError("read", err)
	}
	return n, nil
}

func (c *Conn) readSome(p []byte) (int, error) {
	for {
		if err := c.mayRead(); err != nil && (len(p) > 0 || err == net.ErrClosed) {
			return 0, err
		}
		if len(p) == 0 {
			return 0, nil
		}
		n, s := c.app.Read(p)
		if s == sock.Done {
			return n, nil
		}
		if err := c.waitRead(s); err != nil {
			return 0, err
		}
	}
}

// mayRead checks what ends a read whatever has arrived.
func (c *Conn) mayRead() error {
	switch {
	case c.isClosed():
		return net.ErrClosed
	case c.read.passed():
		return os.ErrDeadlineExceeded
	case c.readEnd.Load():
		return io.EOF
	}
	return nil
}

// waitRead sleeps until it is worth looking again, or says why there is
// nothing more to come.
func (c *Conn) waitRead(s sock.Status) error {
	switch s {
	case sock.Ended:
		return io.EOF
	case sock.Failed:
		c.told.Store(true)
		return door.Errno(c.app.Block.Errno(), "read")
	}
	if !c.app.ParkRead() {
		return nil
	}
	if c.mayRead() == nil {
		<-c.waiter.Read
	}
	c.app.UnparkRead()
	return nil
}

// endReading lets the next reader in. If CloseRead came meanwhile, the shard
// now takes over the read position, which no reader may use any more.
func (c *Conn) endReading() {
	c.reading.Unlock()
	if c.readEnd.Load() {
		c.tellReadEnd()
	}
	if c.isClosed() {
		c.last()
	}
}

// tellReadEnd hands the read position over unless a reader is inside, who then
// does it when it leaves.
func (c *Conn) tellReadEnd() {
	if !c.reading.TryLock() {
		return
	}
	if !c.readEndTold && !c.isClosed() { // last tells it otherwise
		c.readEndTold = true
		c.app.ShutdownRead()
	}
	c.reading.Unlock()
}

// Write writes all of p, waiting for room as often as it must.
func (c *Conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	n, err := c.writeAll(p, "write")
	c.endWriting()
	if err != nil {
		return n, c.opError("write", err)
	}
	return n, nil
}

// endWriting lets the next writer in.
func (c *Conn) endWriting() {
	c.writing.Unlock()
	if c.isClosed() {
		c.last()
	}
}

// writeAll writes p; errors are of the system call that it stands for.
func (c *Conn) writeAll(p []byte, call string) (int, error) {
	if err := c.mayWrite(); err != nil {
		return 0, err
	}
	done := 0
	for done < len(p) {
		n, s := c.app.Write(p[done:])
		done += n
		if done == len(p) {
			break
		}
		err := c.waitWrite(s, len(p)-done, call)
		if err == nil {
			err = c.mayWrite()
		}
		if err != nil {
			c.app.Push() // the rest does not follow
			return done, err
		}
	}
	return done, nil
}

func (c *Conn) mayWrite() error {
	switch {
	case c.isClosed():
		return net.ErrClosed
	case c.write.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// waitWrite sleeps until want octets, or some, may be written.
func (c *Conn) waitWrite(s sock.Status, want int, call string) error {
	switch s {
	case sock.Ended:
		return os.NewSyscallError(call, syscall.EPIPE)
	case sock.Failed:
		return c.writeError(call)
	}
	if !c.app.ParkWrite(want) {
		return nil
	}
	if c.mayWrite() == nil {
		<-c.waiter.Write
	}
	c.app.UnparkWrite()
	return nil
}

// writeError says why the connection broke, once; from then on writes are to a
// broken pipe, as in Linux.
func (c *Conn) writeError(call string) error {
	why := c.app.Block.Errno()
	if c.told.Swap(true) && why != sock.Aborted && why != sock.LinkGone {
		return os.NewSyscallError(call, syscall.EPIPE)
	}
	return door.Errno(why, call)
}

// Close closes the connection. What was written is still sent, in the
// background; calls in progress return net.ErrClosed.
func (c *Conn) Close() error {
	for {
		u := c.users.Load()
		if u&connClosed != 0 {
			return c.opError("close", net.ErrClosed)
		}
		// The closing call is itself a user until it leaves.
		if c.users.CompareAndSwap(u, (u+1)|connClosed) {
			break
		}
	}
	c.read.stop()
	c.write.stop()
	(*reader)(c).wake()
	(*writer)(c).wake()
	if c.copying.Load() > 0 && !c.abort.Load() {
		// It may take for ever until ReadFrom's source or WriteTo's destination
		// returns. The peer shall hear of the end now.
		c.app.Shutdown()
	}
	c.leave()
	return nil
}

// reader and writer are the two sleepers of a connection.
type (
	reader Conn
	writer Conn
)

func (c *reader) wake() { c.waiter.Wake(sock.ReadParked | sock.UrgentParked) }
func (c *writer) wake() { c.waiter.Wake(sock.WriteParked) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline makes reads fail from t on; the zero time never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.enter() {
		return c.setError(net.ErrClosed)
	}
	defer c.leave()
	c.read.set(t, (*reader)(c))
	return nil
}

// SetWriteDeadline makes writes fail from t on; the zero time never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if !c.enter() {
		return c.setError(net.ErrClosed)
	}
	defer c.leave()
	c.write.set(t, (*writer)(c))
	return nil
}

// LocalAddr returns the local address, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr returns the peer's address, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// setError is an error of a call that concerns this side only.
func (c *Conn) setError(err error) error {
	return &net.OpError{Op: "set", Net: "tcp", Addr: c.LocalAddr(), Err: err}
}

// opError wraps an error as package net does; io.EOF stays bare.
func (c *Conn) opError(op string, err error) error {
	if err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
