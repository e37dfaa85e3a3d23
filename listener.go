package mtcp

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/stack"
)

// Listener is a TCP listener of a Stack; it implements net.Listener.
type Listener struct {
	core     *stack.Stack
	l        *stack.Listener
	deadline deadline
	late     chan struct{}
}

var _ net.Listener = (*Listener)(nil)

// Listen listens on the network "tcp" or "tcp4" and an address such as ":80"
// or "10.0.0.2:80". Port 0 chooses a port.
func (s *Stack) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	at, err := door.Resolve(ctx, network, address, true)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: nil, Err: err}
	}
	l, err := s.core.Listen(at, s.backlog)
	if err != nil {
		return nil, &net.OpError{
			Op: "listen", Net: network, Addr: net.TCPAddrFromAddrPort(at),
			Err: door.Translate(err, "bind"),
		}
	}
	return &Listener{core: s.core, l: l, late: make(chan struct{}, 1)}, nil
}

// Accept waits for the next connection, a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	var a sock.Accepted
	for {
		switch {
		case l.isClosed():
			return nil, l.opError(l.closedBy())
		case l.deadline.passed():
			l.wake() // the next of those who wait
			return nil, l.opError(os.ErrDeadlineExceeded)
		case l.l.TryAccept(&a):
			return newConn(l.core, &a), nil
		}
		select {
		case <-l.l.Ready():
		case <-l.late:
		case <-l.l.Gone():
		}
	}
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.l.Gone():
		return true
	default:
		return false
	}
}

// Close stops listening. Connections that wait for Accept are reset.
func (l *Listener) Close() error {
	if !l.l.Close() {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.deadline.stop()
	return nil
}

// closedBy is the error of a listener that has closed: with the stack, it may be,
// whose interface has gone.
func (l *Listener) closedBy() error {
	if l.core.Why() == sock.LinkGone {
		return ErrLinkGone
	}
	return net.ErrClosed
}

// Addr returns where the listener listens, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.l.AddrPort()) }

// SetDeadline makes Accept fail from t on; the zero time never.
func (l *Listener) SetDeadline(t time.Time) error {
	if l.isClosed() {
		return net.ErrClosed
	}
	l.deadline.set(t, l)
	return nil
}

// wake has one of those who wait in Accept look at the deadline.
func (l *Listener) wake() {
	select {
	case l.late <- struct{}{}:
	default:
	}
}

func (l *Listener) opError(err error) error {
	return &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: err}
}
