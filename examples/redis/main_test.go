package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
	"github.com/mtcp-go/mtcp/examples/hosttest"
)

func start(t *testing.T) *redis.Client {
	t.Helper()
	client, server := hosttest.Pair(t, mtcp.WireConfig{Queues: 2})
	hosttest.Serve(t, server, serve)
	c := newClient(client, host.ServerIP)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRedis_AskIsAnswered(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Serve(t, server, serve)
	if err := ask(t.Context(), client, host.ServerIP); err != nil {
		t.Error(err)
	}
}

func TestRedis_ClientUsesTheToy(t *testing.T) { use(t, start(t)) }

// use does what users of a Redis do.
func use(t *testing.T, c *redis.Client) {
	ctx, cancel := context.WithTimeout(t.Context(), hosttest.Patience)
	defer cancel()
	if got, err := c.Ping(ctx).Result(); err != nil || got != "PONG" {
		t.Fatalf("PING: %q, %v", got, err)
	}
	if err := c.Get(ctx, "nothing").Err(); err != redis.Nil {
		t.Errorf("GET of what is not there: %v", err)
	}
	useValues(ctx, t, c)
	usePipeline(ctx, t, c)
	useChannel(ctx, t, c)
}

// useValues takes more connections than the pool has, at a time.
func useValues(ctx context.Context, t *testing.T, c *redis.Client) {
	large := string(hosttest.Pattern(1 << 20))
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			key, want := fmt.Sprint("key", i), large[:i*i*300]
			if err := c.Set(ctx, key, want, 0).Err(); err != nil {
				t.Errorf("SET %s: %v", key, err)
			}
			if got, err := c.Get(ctx, key).Result(); err != nil || got != want {
				t.Errorf("GET %s: %d octets of %d, or they differ; %v", key, len(got), len(want), err)
			}
		})
	}
	all.Wait()
	if s := c.PoolStats(); s.TotalConns > 20 || s.Hits == 0 {
		t.Errorf("the pool: %d connections, %d hits", s.TotalConns, s.Hits)
	}
}

func usePipeline(ctx context.Context, t *testing.T, c *redis.Client) {
	const n = 1000
	answers, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for range n {
			p.Incr(ctx, "count")
		}
		return nil
	})
	if err != nil || len(answers) != n {
		t.Fatalf("the pipeline: %d answers, %v", len(answers), err)
	}
	for i, a := range answers {
		if got := a.(*redis.IntCmd).Val(); got != int64(i+1) {
			t.Errorf("answer %d is %d", i, got)
		}
	}
}

func useChannel(ctx context.Context, t *testing.T, c *redis.Client) {
	s := c.Subscribe(ctx, "news")
	defer s.Close()
	if _, err := s.Receive(ctx); err != nil { // that it is subscribed
		t.Fatalf("SUBSCRIBE: %v", err)
	}
	for i := range 10 {
		want := fmt.Sprint("message ", i)
		if n, err := c.Publish(ctx, "news", want).Result(); n != 1 || err != nil {
			t.Errorf("PUBLISH: %d, %v", n, err)
		}
		if m, err := s.ReceiveMessage(ctx); err != nil || m.Payload != want {
			t.Fatalf("received %v, %v", m, err)
		}
	}
}

func TestRedis_DeadlinesEndACommand(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Silent(t, server, ":6379")
	c := newClient(client, host.ServerIP)
	defer c.Close()
	c.Options().MaxRetries, c.Options().ReadTimeout = -1, 20*time.Millisecond
	err := c.Ping(t.Context()).Err()
	if e := net.Error(nil); !errors.As(err, &e) || !e.Timeout() {
		t.Errorf("a server that says nothing: %v", err)
	}
}

// The same over a TAP with a real server on the kernel's side, in a network
// namespace that goes with the thread and the processes in it.
func TestRedis_ClientUsesARealServer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a TAP")
	}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Error("a network namespace: ", err)
			return
		}
		useReal(t, program)
	}()
	<-done
}

func useReal(t *testing.T, program string) {
	stack, err := mtcp.New(mtcp.Config{
		Link:      mtcp.TAP{Interface: "redis0", Peer: []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24")}},
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.2/24")},
	})
	if err != nil {
		t.Error(err)
		return
	}
	defer stack.Close()
	server := exec.Command(program, "--bind", "10.9.0.1", "--protected-mode", "no", "--save", "", "--dir", t.TempDir())
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Error(err)
		return
	}
	if err := server.Start(); err != nil {
		t.Error(err)
		return
	}
	defer server.Wait()
	defer server.Process.Kill()
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			t.Error("redis-server ended before it was ready")
			return
		}
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			break
		}
	}
	c := newClient(stack, "10.9.0.1")
	defer c.Close()
	use(t, c)
}
