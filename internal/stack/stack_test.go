package stack

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/runner"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// pair makes two stacks on a wire, at 10.0.0.1 and 10.0.0.2.
func pair(t *testing.T, c mem.Config) (a, b *Stack) {
	t.Helper()
	return pairOf(t, c, func(*Config) {})
}

// pairOf is pair with a change to what both are made with.
func pairOf(t *testing.T, c mem.Config, change func(*Config)) (a, b *Stack) {
	t.Helper()
	w, err := mem.New(c)
	if err != nil {
		t.Fatal(err)
	}
	clock := runner.NewClock()
	var stacks [2]*Stack
	for i, addr := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		var queues []link.Queue
		for j := range max(c.Queues, 1) {
			queues = append(queues, w.Side(i).Queue(j))
		}
		cfg := Config{
			Queues:      queues,
			Addresses:   []netip.Prefix{netip.MustParsePrefix(addr)},
			Connections: 1 << 12,
			TimeWaits:   1 << 12,
			RingMemory:  64 << 20,
			TCP:         tcp.DefaultConfig(),
		}
		change(&cfg)
		s, err := New(cfg, clock)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		stacks[i] = s
	}
	return stacks[0], stacks[1]
}

// dialled has a dial a port on which b, whose address that is, has begun to listen.
func dialled(t *testing.T, a, b *Stack, address string) (sock.Accepted, *Listener) {
	t.Helper()
	l, err := b.Listen(netip.MustParseAddrPort("0.0.0.0:80"), 16)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Dial(context.Background(), netip.AddrPort{}, netip.AddrPortFrom(netip.MustParseAddr(address), 80))
	if err != nil {
		t.Fatal(err)
	}
	return c, l
}

func TestDialAcceptAndTransfer(t *testing.T) {
	a, b := pair(t, mem.Config{})
	c, l := dialled(t, a, b, "10.0.0.2")
	var acc sock.Accepted
	for !l.TryAccept(&acc) {
		<-l.Ready()
	}
	client, csh := a.App(&c)
	server, ssh := b.App(&acc)
	data := make([]byte, 1<<20)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(data)
	go func() {
		w := csh.Waiter(client.Handle)
		for p := data; len(p) > 0; {
			n, s := client.Write(p)
			p = p[n:]
			if s == sock.WouldBlock && client.ParkWrite(len(p)) {
				<-w.Write
			}
		}
		client.Shutdown()
	}()
	var got []byte
	w := ssh.Waiter(server.Handle)
	buf := make([]byte, 10000)
	for {
		n, s := server.Read(buf)
		got = append(got, buf[:n]...)
		if s == sock.Ended {
			break
		}
		if s == sock.Failed {
			t.Fatal(server.Block.Errno())
		}
		if s == sock.WouldBlock && server.ParkRead() {
			<-w.Read
		}
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("got %d octets, want %d, or they differ", len(got), len(data))
	}
	client.Close(false)
	a.Done()
	server.Close(false)
	b.Done()
}
