package mtcp

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/nettest"
)

// newPair makes two stacks on a wire, at 10.0.0.1 and 10.0.0.2, with limits
// that suit a test.
func newPair(t testing.TB, c WireConfig) (a, b *Stack) {
	t.Helper()
	w, err := NewWire(c)
	if err != nil {
		t.Fatal(err)
	}
	start := func(i int, addr string) *Stack {
		s, err := New(Config{
			Link:        w.End(i),
			Addresses:   []netip.Prefix{netip.MustParsePrefix(addr)},
			Connections: 1 << 12,
			TimeWaits:   1 << 12,
			RingMemory:  64 << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	return start(0, "10.0.0.1/24"), start(1, "10.0.0.2/24")
}

func TestConn_PassesNettest(t *testing.T) {
	a, b := newPair(t, WireConfig{})
	l, err := b.Listen(context.Background(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	to := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), uint16(port)).String()
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		if c1, err = a.Dial("tcp", to); err != nil {
			return nil, nil, nil, err
		}
		if c2, err = l.Accept(); err != nil {
			return nil, nil, nil, err
		}
		return c1, c2, func() { c1.Close(); c2.Close() }, nil
	})
}
