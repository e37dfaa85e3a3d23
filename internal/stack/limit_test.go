package stack

// Limits of what applications ask for.

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// When each port to a destination is taken a dial says so at once; others
// are not affected, and a port that is free again is found on whatever shard.
func TestDial_PortsRunOutAndComeBack(t *testing.T) {
	const ports = 6
	a, b := pairOf(t, mem.Config{Queues: 2}, func(c *Config) { c.PortFirst, c.PortLast = 40000, 40000+ports-1 })
	for _, at := range []string{"0.0.0.0:80", "0.0.0.0:81"} {
		l, err := b.Listen(netip.MustParseAddrPort(at), 64)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	dial := func(to string) (sock.Accepted, error) {
		return a.Dial(context.Background(), netip.AddrPort{}, netip.MustParseAddrPort(to))
	}
	var open []sock.Accepted
	for range ports {
		c, err := dial("10.0.0.2:80")
		if err != nil {
			t.Fatalf("dial %d of %d: %v", len(open)+1, ports, err)
		}
		open = append(open, c)
	}
	if _, err := dial("10.0.0.2:80"); err != (Error{sock.NoPort}) {
		t.Errorf("one more: %v, want %v", err, sock.NoPort)
	}
	used := uint64(0)
	for _, st := range a.Stats() {
		used += st.Drops[drop.PortsUsed]
	}
	if used != 2 {
		t.Errorf("counted %d times, want once on each shard", used)
	}
	other, err := dial("10.0.0.2:81")
	if err != nil {
		t.Errorf("another destination: %v", err)
	}
	for i := range slices.Backward(open) { // shards do not come in turn then
		app, _ := a.App(&open[i])
		app.Close(true)
		a.Done()
		eventually(t, "it is gone", func() bool { return connections(a) == ports }) // with the other one
		if open[i], err = dial("10.0.0.2:80"); err != nil {
			t.Fatalf("after connection %d was reset: %v", i, err)
		}
	}
	for _, c := range append(open, other) {
		app, _ := a.App(&c)
		app.Close(true)
		a.Done()
	}
}

// Dials to somebody who does not answer hold a slot each; when there is none
// left, the next is refused at once, and one that is given up makes room.
func TestDial_PendingOnesAreBounded(t *testing.T) {
	const slots = 8
	a, _ := pairOf(t, mem.Config{}, func(c *Config) { c.Connections = slots })
	nobody := netip.MustParseAddrPort("10.0.0.77:80") // ARP has no answer for three seconds
	ctx, giveUp := context.WithCancel(context.Background())
	var pending sync.WaitGroup
	for range slots {
		pending.Go(func() {
			if _, err := a.Dial(ctx, netip.AddrPort{}, nobody); err == nil {
				t.Error("nobody answered")
			}
		})
	}
	eventually(t, "every slot is taken", func() bool { return connections(a) == slots })
	if _, err := a.Dial(context.Background(), netip.AddrPort{}, nobody); err != (Error{sock.NoMemory}) {
		t.Errorf("one more: %v, want %v", err, sock.NoMemory)
	}
	giveUp()
	pending.Wait()
	eventually(t, "every slot is free", func() bool { return connections(a) == 0 })
	if n := len(a.dials.pending); n != 0 {
		t.Errorf("%d dials remain", n)
	}
}

func TestListen_IsBoundedByNumber(t *testing.T) {
	a, _ := pairOf(t, mem.Config{}, func(c *Config) { c.ListenMemory = 1 << 30 })
	q, err := shard.NewAcceptQueue(1, func() {})
	if err != nil {
		t.Fatal(err)
	}
	n, why := 0, sock.OK
	a.call(0, func(sh *shard.Shard, _ mono.Time) {
		for port := uint16(1); why == sock.OK; port++ {
			if why = sh.Listen(0, port, 1, q); why == sock.OK {
				n++
			}
		}
	})
	if n != 4096 || why != sock.NoMemory {
		t.Errorf("%d listeners, then %v: want 4096, then %v", n, why, sock.NoMemory)
	}
	if _, err := a.Listen(netip.MustParseAddrPort("0.0.0.0:60000"), 1); err != (Error{sock.NoMemory}) {
		t.Errorf("one more: %v", err)
	}
	a.call(0, func(sh *shard.Shard, _ mono.Time) { sh.Unlisten(0, 7) })
	l, err := a.Listen(netip.MustParseAddrPort("0.0.0.0:60000"), 1)
	if err != nil {
		t.Fatalf("in the place of one that closed: %v", err)
	}
	l.Close()
}

// Applications that ask for more than the mailbox holds wait for the shard, and
// the shard keeps serving the wire: it takes so many commands a round.
func TestCommands_AFloodNeitherStopsTheShardNorIsLost(t *testing.T) {
	a, b := pair(t, mem.Config{})
	l, err := b.Listen(netip.MustParseAddrPort("0.0.0.0:80"), 64)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := netip.MustParseAddrPort("10.0.0.2:80")
	c, err := a.Dial(context.Background(), netip.AddrPort{}, to)
	if err != nil {
		t.Fatal(err)
	}
	app, _ := a.App(&c)
	const flooders, each = 8, 3 * commandSlots
	var all sync.WaitGroup
	for range flooders {
		all.Go(func() {
			for range each {
				app.Set(sock.OptTTL, 64)
			}
		})
	}
	all.Go(func() { // another application, on the same shard
		for range 20 {
			c, err := a.Dial(context.Background(), netip.AddrPort{}, to)
			if err != nil {
				t.Error(err)
				return
			}
			other, _ := a.App(&c)
			other.Close(true)
			a.Done()
		}
	})
	all.Wait()
	app.Close(true)
	a.Done()
	eventually(t, "nothing remains", func() bool { return connections(a) == 0 })
}
