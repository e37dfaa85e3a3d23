package stack

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// connections counts slots in use on all shards.
func connections(s *Stack) (n int) {
	for _, st := range s.Stats() {
		n += st.Connections
	}
	return n
}

// eventually waits for what another goroutine brings about.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !f(); {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestDial_SaysWhy(t *testing.T) {
	a, _ := pair(t, mem.Config{})
	for to, want := range map[string]sock.Errno{
		"10.0.0.2:80":  sock.Refused,
		"192.0.2.1:80": sock.NetUnreachable,
		"10.0.0.2:0":   sock.Invalid,
		"0.0.0.0:80":   sock.Invalid,
		"224.0.0.1:80": sock.Invalid,
		"[fd00::1]:80": sock.Invalid,
	} {
		var why Error
		_, err := a.Dial(context.Background(), netip.AddrPort{}, netip.MustParseAddrPort(to))
		if !errors.As(err, &why) || why.Errno != want {
			t.Errorf("dialling %s: %v, want %v", to, err, want)
		}
	}
	_, err := a.Dial(context.Background(), netip.MustParseAddrPort("10.0.0.9:1"), netip.MustParseAddrPort("10.0.0.2:80"))
	if err != (Error{sock.NotLocal}) {
		t.Errorf("dialling from an address that is not ours: %v", err)
	}
	if n := a.users.Load(); n != 1 {
		t.Errorf("%d users after failed dials", n)
	}
}

func TestDial_GivenUpLeavesNothing(t *testing.T) {
	a, b := pair(t, mem.Config{})
	l, err := b.Listen(netip.MustParseAddrPort("0.0.0.0:80"), 64)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// Contexts that end before, during and after the handshake.
	for i := range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*time.Microsecond)
		c, err := a.Dial(ctx, netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:80"))
		switch err {
		case nil:
			app, _ := a.App(&c)
			app.Close(true)
			a.Done()
		case context.DeadlineExceeded:
		default:
			t.Errorf("dial: %v", err)
		}
		cancel()
		var accepted sock.Accepted
		for l.TryAccept(&accepted) {
			app, _ := b.App(&accepted)
			app.Close(true)
			b.Done()
		}
	}
	eventually(t, "the dialler has nothing left", func() bool { return connections(a) == 0 })
	if n := a.users.Load(); n != 1 {
		t.Errorf("%d users after dials that were given up", n)
	}
	if len(a.dials.pending) != 0 {
		t.Errorf("%d dials are pending", len(a.dials.pending))
	}
}

// lateContext ends just when the connection is there.
type lateContext struct {
	context.Context
	there func()
}

func (c lateContext) Done() <-chan struct{} {
	c.there()
	ended := make(chan struct{})
	close(ended)
	return ended
}

func (lateContext) Err() error { return context.Canceled }

func TestDial_ResetsWhatComesTooLate(t *testing.T) {
	a, b := pair(t, mem.Config{})
	l, err := b.Listen(netip.MustParseAddrPort("0.0.0.0:80"), 64)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gaveUp := 0
	for i := range 40 { // the answer and the end are both there: chance chooses
		ctx := lateContext{context.Background(), func() {
			eventually(t, "the connection is there", func() bool { return l.queues[0].Len() > i })
			eventually(t, "the dial is answered", func() bool {
				a.dials.mu.Lock()
				defer a.dials.mu.Unlock()
				return len(a.dials.pending) == 0
			})
		}}
		c, err := a.Dial(ctx, netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:80"))
		if err != nil {
			gaveUp++
			continue
		}
		app, _ := a.App(&c)
		app.Close(true)
		a.Done()
	}
	if gaveUp == 0 {
		t.Skip("chance chose the answer every time")
	}
	eventually(t, "the dialler has nothing left", func() bool { return connections(a) == 0 })
	if n := a.users.Load(); n != 1 {
		t.Errorf("%d users after dials that were given up", n)
	}
}

func TestDial_FailsWhenTheStackCloses(t *testing.T) {
	a, _ := pair(t, mem.Config{})
	failed := make(chan error, 1)
	go func() { // nobody has this address: it takes seconds to learn that
		_, err := a.Dial(context.Background(), netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.77:80"))
		failed <- err
	}()
	eventually(t, "the dial has begun", func() bool { return connections(a) == 1 })
	a.Close()
	if err := <-failed; err != (Error{sock.Aborted}) {
		t.Errorf("a dial in progress when the stack closes: %v", err)
	}
	if _, err := a.Dial(context.Background(), netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:80")); err != (Error{sock.Aborted}) {
		t.Errorf("a dial after Close: %v", err)
	}
}

func TestChooseShard_PortNamesTheShard(t *testing.T) {
	a, _ := pair(t, mem.Config{Queues: 4})
	for port := range uint16(40) {
		if port == 0 {
			continue
		}
		if got := a.chooseShard(netip.AddrPortFrom(netip.Addr{}, port)); got != int(port%4) {
			t.Errorf("port %d belongs to shard %d", port, got)
		}
	}
	var turns [4]int
	for range 40 {
		turns[a.chooseShard(netip.AddrPort{})]++
	}
	if turns != [4]int{10, 10, 10, 10} {
		t.Errorf("dials without a port went to the shards %v times", turns)
	}
}

func TestCall_RunsOnTheShardAndNotAfterClose(t *testing.T) {
	a, _ := pair(t, mem.Config{Queues: 2})
	for i := range 2 {
		ran := -1
		a.call(i, func(sh *shard.Shard, now mono.Time) { ran = sh.Config().ID })
		if ran != i {
			t.Errorf("a call of shard %d ran on %d", i, ran)
		}
	}
	a.Close()
	a.call(0, func(*shard.Shard, mono.Time) { t.Error("a call ran after Close") })
	if len(a.calls.pending) != 0 {
		t.Errorf("%d calls are pending", len(a.calls.pending))
	}
}
