// Package hosttest is what the tests of the examples share: two stacks on a
// wire, and the proof that an example leaves nothing behind.
package hosttest

import (
	"context"
	"math/rand/v2"
	"net"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
)

// Patience bounds waits for something that must happen; it is no measure of
// how long it takes.
const Patience = 30 * time.Second

// Pair makes two stacks on a wire. When the test ends every connection on them
// must end, too, and nobody may be inside a call.
func Pair(t testing.TB, c mtcp.WireConfig) (client, server *mtcp.Stack) {
	t.Helper()
	client, server, err := host.Pair(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		eventually(t, "connections are left open", func() bool { return open(client)+open(server) == 0 })
		for _, s := range []*mtcp.Stack{client, server} {
			if err := s.Close(); err != nil {
				t.Errorf("closing a stack: %v", err)
			}
		}
		eventually(t, "goroutines are left inside the stack", func() bool { return inside() == "" })
	})
	return client, server
}

// Serve starts an example's server on a stack. It is stopped with the test, or
// by the test.
func Serve(t testing.TB, s *mtcp.Stack, serve host.Serve) host.Stop {
	t.Helper()
	stop, err := serve(s)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stopOnce := func(ctx context.Context) (err error) {
		once.Do(func() { err = stop(ctx) })
		return err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := stopOnce(ctx); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return stopOnce
}

// Silent makes a server that takes connections and says nothing.
func Silent(t testing.TB, s *mtcp.Stack, address string) {
	t.Helper()
	l, err := s.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var taken []net.Conn
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken = append(taken, c)
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
		for _, c := range taken {
			c.Close()
		}
	})
}

// Pattern is n octets that are not like each other.
func Pattern(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// open counts the connections of a stack that have not ended.
func open(s *mtcp.Stack) (n int) {
	for _, shard := range s.Stats() {
		n += shard.Connections
	}
	return n
}

// inside returns the stacks of goroutines that are in calls of mtcp.
func inside() string {
	var b strings.Builder
	pprof.Lookup("goroutine").WriteTo(&b, 2)
	return strings.Join(slices.DeleteFunc(strings.Split(b.String(), "\n\n"), func(g string) bool {
		return !strings.Contains(g, "mtcp-go/mtcp/internal/") && !strings.Contains(g, "mtcp-go/mtcp.(")
	}), "\n\n")
}

// eventually waits for a state that something else brings about.
func eventually(t testing.TB, otherwise string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(Patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Errorf("%s\n%s", otherwise, inside())
			return
		}
	}
}
