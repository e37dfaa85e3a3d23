// The oracle. It sees both ends of a connection, so it knows what each may
// read, and whether an error was anybody's fault.

package sim

import (
	"fmt"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// A Pair is one connection, or the attempt at one.
type Pair struct {
	ID       int
	Ends     [2]*End // client and server, once they have the connection
	Excuses  Excuses // of this pair alone
	Dial     *Dial
	listener *Listener
	traffic  *Traffic
	plans    [2]Plan
	patterns [2]pattern // of what the client and the server send
	canceled bool
	early    bool // dialled before every shard had opened the port
}

// Excuses are errors that a world, or a connection, may see because of what is
// done to it.
type Excuses struct {
	Reset       bool // somebody forges RSTs
	TimeOut     bool // somebody cuts the wire, or drops for long
	Unreachable bool // ARP or ICMP may say so
	Refused     bool
	Exhausted   bool // slots, ports or memory may run out
}

func (x Excuses) or(y Excuses) Excuses {
	return Excuses{
		Reset: x.Reset || y.Reset, TimeOut: x.TimeOut || y.TimeOut,
		Unreachable: x.Unreachable || y.Unreachable, Refused: x.Refused || y.Refused,
		Exhausted: x.Exhausted || y.Exhausted,
	}
}

// String names the end for problems.
func (e *End) String() string {
	role := [2]string{"client", "server"}[e.Role]
	return fmt.Sprintf("pair %d %s %s/%d %v:%d-%v:%d", e.Pair.ID, role, e.Conn.Host.name, e.Conn.Shard,
		e.Conn.Local.IP, e.Conn.Local.Port, e.Conn.Remote.IP, e.Conn.Remote.Port)
}

// checkText compares what was read with what the peer wrote.
func (e *End) checkText(b []byte) {
	p := e.peer()
	if p == nil {
		e.world().Problem("%v: read %d octets, and the peer has nobody who writes", e, len(b))
		return
	}
	if e.Read+uint64(len(b)) > p.Wrote {
		e.world().Problem("%v: read up to %d, and the peer wrote %d", e, e.Read+uint64(len(b)), p.Wrote)
		return
	}
	if good := e.Pair.patterns[1-e.Role].check(e.Read, b); good < len(b) {
		e.world().Problem("%v: octet %d is wrong", e, e.Read+uint64(good))
	}
}

// ended checks that an end of stream comes after everything, and that the peer
// meant it.
func (e *End) ended() {
	e.EOF = true
	p := e.peer()
	switch {
	case p == nil:
		if !e.Pair.serverMayBeGone() {
			e.world().Problem("%v: end of stream, and the peer has nobody who closed", e)
		}
	case !p.ShutAt.IsSet():
		e.world().Problem("%v: end of stream, and the peer has not closed", e)
	case e.Read != p.Wrote && !e.readShut:
		e.world().Problem("%v: end of stream after %d of %d octets", e, e.Read, p.Wrote)
	}
}

// failed checks that an error is justified.
func (e *End) failed() {
	e.Failed = e.Conn.App.Block.Errno()
	if e.Failed == sock.OK {
		e.world().Problem("%v: failed without an error", e)
		e.Failed = sock.Aborted
	}
	if !e.mayFail(e.Failed) {
		e.world().Problem("%v: %v, after reading %d and writing %d, for no reason", e, e.Failed, e.Read, e.Wrote)
	}
}

// mayFail says whether an error is justified by what anybody did.
func (e *End) mayFail(why sock.Errno) bool {
	x := e.Pair.excuses()
	switch why {
	case sock.Reset:
		return x.Reset || e.peerMayReset()
	case sock.TimedOut: // a server without room for the last ACK stays silent
		return x.TimeOut || e.peer() == nil && e.Pair.serverMayBeGone()
	case sock.HostUnreachable, sock.NetUnreachable, sock.ProtocolUnreachable, sock.MessageTooLong,
		sock.HostDown, sock.NoNetwork, sock.NoRouting:
		return x.Unreachable
	case sock.Refused:
		return x.Refused
	}
	return false
}

// peerMayReset: the peer aborted, left with octets unread or still to come, or
// has lost the connection itself.
func (e *End) peerMayReset() bool {
	p := e.peer()
	switch {
	case p == nil:
		return e.Pair.serverMayBeGone()
	case p.Aborted || p.Failed != sock.OK:
		return true
	case !p.isGone() && p.Conn.App.Block.Errno() != sock.OK: // and has yet to notice
		return true
	case p.isGone():
		tcp := &p.Conn.Host.cfg.TCP
		wait := tcp.FinWait2
		if e.Read < p.Wrote || e.Pair.excuses().TimeOut {
			// What nobody owns any more is not sent for ever, whether we do not read it
			// or the path is cut: the time-out doubles so many times, some of them
			// perhaps before the close.
			wait = min(wait, tcp.RTOMin<<max(tcp.OrphanRetries-1, 0))
		}
		return p.Unread > 0 || e.Wrote > p.Read || p.readShut || e.world().now >= p.ClosedAt.Add(wait)
	}
	return false
}

// serverMayBeGone: a handshake that the client has finished may still come to
// nothing at the server, if its last ACK is lost for good, there is no room for
// it, or the listener closes.
func (p *Pair) serverMayBeGone() bool {
	x := p.excuses()
	return x.TimeOut || x.Exhausted || x.Reset || !p.listener.Open || p.listener.closed.IsSet()
}

func (p *Pair) excuses() Excuses { return p.Excuses.or(p.traffic.Excuses) }

// dialed takes the answer to an active open.
func (p *Pair) dialed(d *Dial) {
	if d.Why == sock.OK {
		e := p.start(0, d.Conn)
		if p.canceled {
			e.close(true)
		}
		return
	}
	if !p.mayRefuse(d.Why) {
		p.traffic.world.Problem("pair %d: dial: %v for no reason", p.ID, d.Why)
	}
}

// mayRefuse says whether a failed dial is justified.
func (p *Pair) mayRefuse(why sock.Errno) bool {
	x := p.excuses()
	switch why {
	case sock.Aborted:
		return p.canceled
	case sock.Refused:
		return x.Refused || x.Reset || p.early || !p.listener.Open || p.listener.closed.IsSet()
	case sock.Reset:
		return x.Reset
	case sock.TimedOut:
		return x.TimeOut || x.Exhausted
	case sock.HostUnreachable, sock.NetUnreachable, sock.ProtocolUnreachable, sock.HostDown, sock.NoNetwork, sock.NoRouting:
		return x.Unreachable
	case sock.NoMemory, sock.NoPort:
		return x.Exhausted
	}
	return false
}

// start gives an end its connection.
func (p *Pair) start(role int, c *Conn) *End {
	e := &End{Conn: c, Pair: p, Plan: p.plans[role], Role: role}
	p.Ends[role] = e
	l := c.Host.lanes[c.Shard]
	l.ends, l.look = append(l.ends, e), true
	return e
}

// isComplete reports that both ends have had everything and left in order.
func (p *Pair) isComplete() bool {
	a, b := p.Ends[0], p.Ends[1]
	return a != nil && b != nil && a.EOF && b.EOF && a.Read == b.Wrote && b.Read == a.Wrote
}
