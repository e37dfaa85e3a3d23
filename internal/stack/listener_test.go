package stack

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// listeners counts listening ports of each shard.
func listeners(s *Stack) (n []int) {
	for _, st := range s.Stats() {
		n = append(n, st.Listeners)
	}
	return n
}

func TestListen_OnAllShardsOrNone(t *testing.T) {
	a, _ := pair(t, mem.Config{Queues: 2})
	at := netip.MustParseAddrPort("0.0.0.0:80")
	q, err := shard.NewAcceptQueue(1, func() {})
	if err != nil {
		t.Fatal(err)
	}
	a.call(1, func(sh *shard.Shard, _ mono.Time) { sh.Listen(0, 80, 1, q) }) // behind the stack's back
	if _, err := a.Listen(at, 4); err != (Error{sock.AddressInUse}) {
		t.Errorf("listening where one shard cannot: %v", err)
	}
	if n := listeners(a); n[0] != 0 || n[1] != 1 {
		t.Errorf("listeners of the shards: %v", n)
	}
	a.call(1, func(sh *shard.Shard, _ mono.Time) { sh.Unlisten(0, 80) })
	l, err := a.Listen(at, 4)
	if err != nil {
		t.Fatal(err)
	}
	if n := listeners(a); n[0] != 1 || n[1] != 1 {
		t.Errorf("listeners of the shards: %v", n)
	}
	if !l.Close() || l.Close() {
		t.Error("only the first Close closes")
	}
	if n := listeners(a); n[0] != 0 || n[1] != 0 {
		t.Errorf("listeners of the shards after Close: %v", n)
	}
}

func TestListen_PortZeroIsTheFirstFreeOne(t *testing.T) {
	a, _ := pair(t, mem.Config{})
	var all []*Listener
	for i := range 3 {
		l, err := a.Listen(netip.AddrPort{}, 4)
		if err != nil {
			t.Fatal(err)
		}
		if want := netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(DefaultPortFirst+i)); l.AddrPort() != want {
			t.Errorf("listener %d at %v", i, l.AddrPort())
		}
		all = append(all, l)
	}
	all[1].Close()
	l, err := a.Listen(netip.AddrPort{}, 4)
	if err != nil || l.AddrPort().Port() != DefaultPortFirst+1 {
		t.Errorf("the port that was given back was not chosen: %v", err)
	}
}

func TestListen_PortsRunOut(t *testing.T) {
	a, _ := pair(t, mem.Config{})
	a.cfg.PortFirst, a.cfg.PortLast = 100, 102
	for range 3 {
		if _, err := a.Listen(netip.AddrPort{}, 4); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Listen(netip.AddrPort{}, 4); err != (Error{sock.AddressInUse}) {
		t.Errorf("listening when no port is left: %v", err)
	}
	// The very last port of all must not make the search begin again.
	a.cfg.PortFirst, a.cfg.PortLast = 65535, 65535
	if _, err := a.Listen(netip.AddrPort{}, 4); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Listen(netip.AddrPort{}, 4); err != (Error{sock.AddressInUse}) {
		t.Errorf("listening when no port is left: %v", err)
	}
}

// Who takes one of several connections wakes the next consumer.
func TestTryAccept_ServesManyConsumersFromAllShards(t *testing.T) {
	const n, consumers = 64, 8
	a, b := pair(t, mem.Config{Queues: 2})
	l, err := b.Listen(netip.MustParseAddrPort("0.0.0.0:80"), n)
	if err != nil {
		t.Fatal(err)
	}
	var got sync.Map
	var all sync.WaitGroup
	for range consumers {
		all.Go(func() {
			for range n / consumers {
				var c sock.Accepted
				for !l.TryAccept(&c) {
					<-l.Ready()
				}
				if _, twice := got.LoadOrStore(c.RemotePort, c.Shard); twice {
					t.Errorf("the connection from port %d was accepted twice", c.RemotePort)
				}
				app, _ := b.App(&c)
				app.Close(false)
				b.Done()
			}
		})
	}
	for range n {
		c, err := a.Dial(context.Background(), netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:80"))
		if err != nil {
			t.Fatal(err)
		}
		app, _ := a.App(&c)
		app.Close(false)
		a.Done()
	}
	all.Wait()
	var shards [2]int
	got.Range(func(_, i any) bool { shards[i.(uint32)]++; return true })
	if shards[0]+shards[1] != n || shards[0] == 0 || shards[1] == 0 {
		t.Errorf("connections of the shards: %v", shards)
	}
}

// One token may stand for several connections: who takes one passes it on.
func TestTryAccept_WakesTheNextConsumer(t *testing.T) {
	a, b := pair(t, mem.Config{})
	l, err := b.Listen(netip.MustParseAddrPort("0.0.0.0:80"), 8)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c, err := a.Dial(context.Background(), netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:80"))
		if err != nil {
			t.Fatal(err)
		}
		app, _ := a.App(&c)
		app.Close(false)
		a.Done()
	}
	eventually(t, "both wait", func() bool { return l.queues[0].Len() == 2 })
	<-l.Ready()
	var c sock.Accepted
	for i := range 2 {
		if !l.TryAccept(&c) {
			t.Fatalf("connection %d has gone", i)
		}
		app, _ := b.App(&c)
		app.Close(false)
		b.Done()
		select {
		case <-l.Ready():
			if i == 1 {
				t.Error("a token for nothing")
			}
		default:
			if i == 0 {
				t.Error("nobody hears of the second connection")
			}
		}
	}
}

func TestListenerClose_AbortsWhatNobodyAccepted(t *testing.T) {
	a, b := pair(t, mem.Config{})
	l, err := b.Listen(netip.MustParseAddrPort("0.0.0.0:80"), 8)
	if err != nil {
		t.Fatal(err)
	}
	var dialled []sock.Accepted
	for range 5 {
		c, err := a.Dial(context.Background(), netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:80"))
		if err != nil {
			t.Fatal(err)
		}
		dialled = append(dialled, c)
	}
	l.Close()
	for i := range dialled {
		app, _ := a.App(&dialled[i])
		eventually(t, "the connection is reset", func() bool { return app.Block.Errno() == sock.Reset })
		app.Close(false)
		a.Done()
	}
	eventually(t, "everything is given back", func() bool { return connections(a) == 0 && connections(b) == 0 })
	if a.users.Load() != 1 || b.users.Load() != 1 {
		t.Errorf("%d and %d users remain", a.users.Load(), b.users.Load())
	}
}
