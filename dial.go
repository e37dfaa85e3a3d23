package mtcp

import (
	"context"
	"net"
	"net/netip"

	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// Dial is DialContext without a context.
func (s *Stack) Dial(network, address string) (net.Conn, error) {
	return s.DialContext(context.Background(), network, address)
}

// DialContext connects to an address on the network "tcp" or "tcp4". It fits
// http.Transport.DialContext and its like.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := door.Resolve(ctx, network, address, false)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return s.dial(ctx, network, netip.AddrPort{}, to)
}

// DialFrom is DialContext from a chosen local address; port 0 leaves the port
// to the stack.
func (s *Stack) DialFrom(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	return s.dial(ctx, "tcp", from, to)
}

func (s *Stack) dial(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
	err := ctx.Err()
	if err == nil {
		var a sock.Accepted
		if a, err = s.core.Dial(ctx, from, to); err == nil {
			return newConn(s.core, &a), nil
		}
	}
	return nil, &net.OpError{
		Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to),
		Err: door.Translate(err, "connect"),
	}
}
