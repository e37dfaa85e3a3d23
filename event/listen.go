package event

import (
	"context"
	"net"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/stack"
)

// maxHalfOpen bounds the handshakes in progress of a listener and shard, which
// are no more than there are connections either.
const maxHalfOpen = 8192

// A Listener is a port whose connections go to a Handler.
type Listener struct {
	hub   *hub
	l     *stack.Listener
	owner uint32
}

// Listen listens on every shard of the stack, on the network "tcp" or "tcp4" and
// an address such as ":80" or "10.0.0.2:80"; port 0 chooses a port. A connection
// stays on the shard where its SYN arrived. No handler may call it.
func Listen(s *mtcp.Stack, network, address string, h *Handler) (*Listener, error) {
	at, err := door.Resolve(context.Background(), network, address, true)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	failed := func(err error) (*Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: net.TCPAddrFromAddrPort(at), Err: err}
	}
	d := hubOf(s)
	switch {
	case h == nil:
		return failed(errNoHandler)
	case d == nil:
		return failed(net.ErrClosed)
	}
	owner := d.register(h)
	l, err := d.core.ListenHandled(at, min(maxHalfOpen, d.core.Connections()), owner)
	if err != nil {
		d.forget(owner)
		return failed(door.Translate(err, "bind"))
	}
	return &Listener{d, l, owner}, nil
}

// Addr returns where the listener listens, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.l.AddrPort()) }

// Close stops listening. Connections go on. No handler may call it.
func (l *Listener) Close() error {
	if !l.l.Close() {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.hub.forget(l.owner)
	return nil
}

// register gives a listener's handler a number.
func (d *hub) register(h *Handler) uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*Handler
	if p := d.handlers.Load(); p != nil {
		all = append(all, *p...)
	}
	place := len(all)
	for i, have := range all {
		if have == nil {
			place = i
		}
	}
	if place == len(all) {
		all = append(all, nil)
	}
	all[place] = h
	d.handlers.Store(&all)
	return uint32(place)
}

func (d *hub) forget(owner uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := append([]*Handler(nil), *d.handlers.Load()...)
	all[owner] = nil
	d.handlers.Store(&all)
}

// handler returns the handler of an open listener.
func (d *hub) handler(owner uint32) *Handler { return (*d.handlers.Load())[owner] }
