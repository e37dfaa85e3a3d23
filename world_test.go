package mtcp

// The small world of these tests: two stacks on a wire, connections between
// them, and a check that nothing keeps running afterwards.

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// patience bounds waits for something that must happen; it is no measure of
// how long it takes.
const patience = 20 * time.Second

const (
	clientIP = "10.0.0.1"
	serverIP = "10.0.0.2"
)

// A world is a client's and a server's stack.
type world struct {
	wire           *Wire
	client, server *Stack
}

// newWorld makes two stacks on a wire; change may edit what they are made with.
func newWorld(t testing.TB, wc WireConfig, change func(client, server *Config)) *world {
	t.Helper()
	checkLeaks(t)
	wire, err := NewWire(wc)
	if err != nil {
		t.Fatal(err)
	}
	var c [2]Config
	for i, ip := range []string{clientIP, serverIP} {
		c[i] = Config{
			Link:        wire.End(i),
			Addresses:   []netip.Prefix{netip.MustParsePrefix(ip + "/24")},
			Connections: 1 << 10,
			TimeWaits:   1 << 10,
			RingMemory:  32 << 20,
			Seed:        uint64(i + 1),
		}
	}
	if change != nil {
		change(&c[0], &c[1])
	}
	w := &world{wire: wire}
	w.client = newStack(t, c[0])
	w.server = newStack(t, c[1])
	return w
}

func newStack(t testing.TB, c Config) *Stack {
	t.Helper()
	s, err := New(c)
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

// listen opens a port on the server.
func (w *world) listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := w.server.Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connect makes one connection through l.
func (w *world) connect(t testing.TB, l net.Listener) (client, server *Conn) {
	t.Helper()
	c, err := w.client.Dial("tcp", target(l))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*Conn), s.(*Conn)
}

// pair is a world with one connection.
func pair(t testing.TB, wc WireConfig) (w *world, client, server *Conn) {
	t.Helper()
	w = newWorld(t, wc, nil)
	client, server = w.connect(t, w.listen(t, ":80"))
	t.Cleanup(func() { client.Close(); server.Close() })
	return w, client, server
}

// target is where to dial to reach a listener of the server.
func target(l net.Listener) string {
	a := l.Addr().(*net.TCPAddr)
	if a.IP.IsUnspecified() {
		return netip.AddrPortFrom(netip.MustParseAddr(serverIP), uint16(a.Port)).String()
	}
	return a.String()
}

// vanish makes all IP packets of the client disappear; come undoes it.
func (w *world) vanish() { w.wire.wire.SetFilter(0, dropIP) }
func (w *world) come()   { w.wire.wire.SetFilter(0, nil) }

// dropIP lets ARP through: the neighbour is there, and nobody in it.
func dropIP(frame []byte) mem.Verdict {
	if e, _, ok := wire.ParseEthernet(frame); ok && e.Type == wire.EtherTypeIPv4 {
		return mem.Drop
	}
	return mem.Pass
}

// within fails the test when f takes so long that it must be stuck.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: still not done\n%s", what, runningNow())
	}
}

// eventually waits for a state that something else brings about.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !f(); {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// checkLeaks has the test fail if, after everything that was registered later
// has been cleaned up, more goroutines run than now.
func checkLeaks(t testing.TB) {
	t.Helper()
	if bubble.Load() {
		return
	}
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for limit := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			if time.Now().After(limit) {
				t.Errorf("%d goroutines before the test, %d after it\n%s", before, runtime.NumGoroutine(), runningNow())
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func runningNow() string {
	var b strings.Builder
	pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.String()
}
