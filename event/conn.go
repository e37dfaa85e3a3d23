package event

import (
	"net/netip"
	"time"

	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A Conn names a connection of a shard. It is a small value, to be copied and
// compared; one whose connection has been closed does nothing. Its methods
// belong on its shard.
type Conn struct {
	loop   *Loop
	handle slab.Handle
}

// live returns the connection's entry, nil if it is open no more.
func (c Conn) live() *entry {
	if c.loop == nil {
		return nil
	}
	if c.handle == c.loop.present {
		return c.loop.presentEntry
	}
	i, ok := c.loop.shard.Find(c.handle)
	if !ok {
		return nil
	}
	if e := c.loop.entry(i); e.open() {
		return e
	}
	return nil
}

func (c Conn) index() slab.Index { return c.handle.Index() }

// IsOpen reports whether the connection is open, or is being opened by Dial.
func (c Conn) IsOpen() bool { return c.live() != nil }

// Loop returns the connection's shard.
func (c Conn) Loop() *Loop { return c.loop }

// Peek lends received octets where they lie, until the next Discard or Read:
// nothing if there are none. There may be more behind them, in another place,
// which Peek lends after Discard.
func (c Conn) Peek() []byte {
	if c.live() == nil {
		return nil
	}
	p, _ := c.loop.shard.Peek(c.index())
	return p
}

// Discard consumes the first n octets that Peek has lent. It panics if there
// are not as many.
func (c Conn) Discard(n int) {
	if n != 0 && c.live() != nil {
		c.loop.shard.Discard(c.index(), n)
	}
}

// Read copies received octets into p, consumes them, and returns how many: 0
// when there are none.
func (c Conn) Read(p []byte) int {
	if c.live() == nil {
		return 0
	}
	return c.loop.shard.Read(c.index(), p)
}

// Buffered returns how many received octets wait.
func (c Conn) Buffered() int {
	if c.live() == nil {
		return 0
	}
	return c.loop.shard.Buffered(c.index())
}

// Write copies as much of p as there is room for into the send buffer, and
// returns how much that was. If it was not all, Writable will be called.
func (c Conn) Write(p []byte) int {
	if c.live() == nil {
		return 0
	}
	return c.loop.shard.Write(c.index(), p)
}

// WriteUrgent is Write of text that the peer is told of ahead of what comes before
// it (RFC 9293 §3.8.5). New protocols should not use it: RFC 6093 says why.
func (c Conn) WriteUrgent(p []byte) int {
	if c.live() == nil {
		return 0
	}
	return c.loop.shard.WriteUrgent(c.index(), p)
}

// UrgentLeft returns how many octets are to be read until the end of the peer's
// urgent text, of which not all may have come: 0 if none is pending.
func (c Conn) UrgentLeft() int {
	if c.live() == nil {
		return 0
	}
	return c.loop.shard.UrgentLeft(c.index())
}

// Reserve lends room in the send buffer to write into, up to n octets in one
// piece. It may be less, or nothing; then Writable will be called. What Commit
// does not send is not sent. Nothing else may be written in between.
func (c Conn) Reserve(n int) []byte {
	if n <= 0 || c.live() == nil {
		return nil
	}
	p, _ := c.loop.shard.Reserve(c.index(), n)
	return p[:min(n, len(p))]
}

// Commit sends the first n octets of what Reserve has lent. It panics if there
// were not as many.
func (c Conn) Commit(n int) {
	if n != 0 && c.live() != nil {
		c.loop.shard.Commit(c.index(), n)
	}
}

// Unsent returns how many octets wait to be sent or acknowledged.
func (c Conn) Unsent() int {
	if c.live() == nil {
		return 0
	}
	return c.loop.shard.Unsent(c.index())
}

// CloseWrite sends a FIN after what was written: the peer reads to the end.
func (c Conn) CloseWrite() {
	if c.live() != nil {
		c.loop.shard.Shutdown(c.index())
	}
}

// Close gives the connection back. What was written is still sent. Octets that
// were received and not read make it a reset (RFC 9293 §3.6.1).
func (c Conn) Close() { c.close(false) }

// Abort resets the connection.
func (c Conn) Abort() { c.close(true) }

func (c Conn) close(abort bool) {
	if e := c.live(); e != nil {
		c.loop.end(e, c, nil, abort)
	}
}

// User returns what SetUser has stored with the connection.
func (c Conn) User() any {
	if c.loop == nil {
		return nil
	}
	if _, ok := c.loop.shard.Find(c.handle); !ok {
		return nil
	}
	return c.loop.entry(c.index()).user
}

// SetUser stores a value with the connection: a pointer to the application's
// own state of it.
func (c Conn) SetUser(v any) {
	if e := c.live(); e != nil {
		e.user = v
	}
}

// LocalAddr returns the stack's end of the connection.
func (c Conn) LocalAddr() netip.AddrPort { return c.address(true) }

// RemoteAddr returns the peer's end.
func (c Conn) RemoteAddr() netip.AddrPort { return c.address(false) }

func (c Conn) address(local bool) netip.AddrPort {
	if c.loop == nil {
		return netip.AddrPort{}
	}
	if _, ok := c.loop.shard.Find(c.handle); !ok {
		return netip.AddrPort{}
	}
	k := c.loop.shard.Key(c.index())
	if local {
		return netip.AddrPortFrom(wire.IPv4(k.LocalIP).Netip(), k.LocalPort)
	}
	return netip.AddrPortFrom(wire.IPv4(k.RemoteIP).Netip(), k.RemotePort)
}

// SetTick has Handler.Tick called every d from now on, to the next millisecond;
// 0 stops that.
func (c Conn) SetTick(d time.Duration) {
	if c.live() != nil {
		c.loop.setTick(c.index(), d)
	}
}

// SetNoDelay switches Nagle's algorithm off (true, the default) or on.
func (c Conn) SetNoDelay(noDelay bool) { c.set(sock.OptNoDelay, flag(noDelay)) }

// SetCork holds back segments that are not full until it is switched off.
func (c Conn) SetCork(cork bool) { c.set(sock.OptCork, flag(cork)) }

// SetKeepAlive switches keep-alive probes on or off.
func (c Conn) SetKeepAlive(on bool) { c.set(sock.OptKeepAlive, flag(on)) }

// SetUserTimeout bounds the time that sent octets may remain unacknowledged
// before the connection fails (RFC 5482); 0 restores the default.
func (c Conn) SetUserTimeout(d time.Duration) { c.set(sock.OptUserTimeout, uint64(max(d, 0))) }

// SoftError returns what stands in the connection's way while it goes on, nil if
// nothing is known: see mtcp.Conn.SoftError.
func (c Conn) SoftError() error {
	if c.live() == nil {
		return nil
	}
	if why := c.loop.shard.SoftError(c.handle); why != sock.OK {
		return door.Errno(why, "write")
	}
	return nil
}

// SetReadBuffer fixes the receive buffer, which otherwise grows with need.
func (c Conn) SetReadBuffer(octets int) { c.set(sock.OptRcvBuf, uint64(max(octets, 0))) }

// SetWriteBuffer fixes the send buffer, which otherwise grows with need.
func (c Conn) SetWriteBuffer(octets int) { c.set(sock.OptSndBuf, uint64(max(octets, 0))) }

func (c Conn) set(o sock.Option, v uint64) {
	if c.live() != nil {
		c.loop.shard.Set(c.index(), o, v)
	}
}

func flag(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}
