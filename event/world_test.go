package event

// The small world of these tests: two stacks on a wire, in real time or in a
// bubble's.

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtcp-go/mtcp"
)

const (
	clientIP = "10.0.0.1"
	serverIP = "10.0.0.2"

	patience = 20 * time.Second // bounds waits; no measure of how long they take
)

type world struct {
	client, server *mtcp.Stack
	log            *logs // the server's
}

// logs keeps what a stack says.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t testing.TB, queues int) *world {
	t.Helper()
	wire, err := mtcp.NewWire(mtcp.WireConfig{Queues: queues})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{log: &logs{}}
	end := func(i int, ip string) *mtcp.Stack {
		s, err := mtcp.New(mtcp.Config{
			Link:        wire.End(i),
			Addresses:   []netip.Prefix{netip.MustParsePrefix(ip + "/24")},
			Connections: 1 << 12,
			TimeWaits:   1 << 12,
			RingMemory:  32 << 20,
			Seed:        uint64(i + 1),
			Logger:      slog.New(slog.NewTextHandler(w.log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("closing a stack: %v", err)
			}
		})
		return s
	}
	w.client, w.server = end(0, clientIP), end(1, serverIP)
	return w
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// listen has the server's port 80 handled.
func (w *world) listen(t testing.TB, h *Handler) *Listener {
	t.Helper()
	l, err := Listen(w.server, "tcp", ":80", h)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// dial connects through the client's net door.
func (w *world) dial(t testing.TB) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := w.client.DialContext(ctx, "tcp", serverIP+":80")
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c
}

// pair is a connection through both net doors: the client's end, and the server's.
func (w *world) pair(t *testing.T) (c, s net.Conn) {
	t.Helper()
	l, err := w.server.Listen(t.Context(), "tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	c = w.dial(t)
	if s, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	return c, s
}

// on runs f on a shard of a stack and waits for it.
func on(t testing.TB, s *mtcp.Stack, shard int, f func(*Loop)) {
	t.Helper()
	done := make(chan struct{})
	err := ErrBusy
	for err == ErrBusy {
		err = Loops(s)[shard].Do(func(l *Loop) { defer close(done); f(l) })
	}
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "a function on a shard", done)
}

func wait[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("never: %s", what)
		panic("not reached")
	}
}

// echo sends back what comes.
func echo(c Conn) {
	for p := c.Peek(); len(p) > 0; p = c.Peek() {
		n := c.Write(p)
		c.Discard(n)
		if n < len(p) {
			return
		}
	}
}

// pattern is text of which every octet tells its place.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16)
	}
	return p
}

// closings collects what Closed is told.
type closings chan error

func (c closings) closed(_ Conn, err error) { c <- err }

func (c closings) none(t *testing.T) {
	t.Helper()
	select {
	case err := <-c:
		t.Errorf("Closed was called again, with %v", err)
	default:
	}
}

func server(i int) netip.AddrPort {
	return netip.MustParseAddrPort(fmt.Sprintf("%s:%d", serverIP, i))
}

func mustAddr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
