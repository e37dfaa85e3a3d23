package stack

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// use calls whatever may be called on a stack, until it has been closed.
func use(s *Stack, to netip.AddrPort, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		s.Stats()
		if l, err := s.Listen(netip.MustParseAddrPort("0.0.0.0:0"), 4); err == nil {
			var a sock.Accepted
			l.TryAccept(&a)
			l.Close()
		}
		if c, err := s.Dial(context.Background(), netip.AddrPort{}, to); err == nil {
			app, _ := s.App(&c)
			app.Write([]byte("x"))
			app.Close(false)
			s.Done()
		}
	}
}

// Memory that is unmapped under a call is a fault that nothing catches: the
// test is that the process survives.
func TestClose_LeavesMemoryToCallsInProgress(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	to := netip.MustParseAddrPort("10.0.0.2:80")
	for round := range rounds {
		a, b := pair(t, mem.Config{})
		l, err := b.Listen(to, 4)
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var users sync.WaitGroup
		for range 3 {
			users.Go(func() { use(a, to, stop) })
		}
		users.Go(func() {
			var c sock.Accepted
			for {
				if !l.TryAccept(&c) {
					select {
					case <-l.Ready():
						continue
					case <-l.Gone():
						return
					}
				}
				app, _ := b.App(&c)
				app.Read(make([]byte, 10))
				app.Close(true)
				b.Done()
			}
		})
		for range 100 * (round % 8) {
			runtime.Gosched()
		}
		a.Close()
		b.Close()
		close(stop)
		users.Wait()
	}
}

func TestClose_SecondCallWaitsForTheFirst(t *testing.T) {
	for range 20 {
		a, _ := pair(t, mem.Config{})
		var closers sync.WaitGroup
		for range 4 {
			closers.Go(func() {
				a.Close()
				if n := a.users.Load(); n != 0 {
					t.Errorf("Close returned while the stack had %d users", n)
				}
			})
		}
		closers.Wait()
	}
}

func TestClose_GivesMemoryBackAfterTheLastConnection(t *testing.T) {
	a, b := pair(t, mem.Config{})
	c, l := dialled(t, a, b, "10.0.0.2")
	<-l.Ready()
	var accepted sock.Accepted
	if !l.TryAccept(&accepted) {
		t.Fatal("nothing to accept after Ready")
	}
	app, _ := b.App(&accepted)
	b.Close()
	if n := b.users.Load(); n != 1 {
		t.Errorf("%d users of a closed stack with one connection", n)
	}
	app.Write([]byte("x")) // touches the memory, which must still be there
	app.Close(false)
	b.Done()
	if n := b.users.Load(); n != 0 {
		t.Errorf("%d users after the last connection has gone", n)
	}
	client, _ := a.App(&c)
	client.Close(false)
	a.Done()
}

// Of two ends on this stack the one may be reset by the other's end, before the
// stack has come to it. It is told why the stack ends nevertheless.
func TestFail_TellsConnectionsWhy(t *testing.T) {
	for name, end := range map[string]func(*Stack, *Listener){
		"by the stack": func(a *Stack, _ *Listener) { a.Fail(sock.LinkGone) },
		"by a reset": func(a *Stack, l *Listener) {
			a.call(0, func(sh *shard.Shard, _ mono.Time) { sh.End(sock.LinkGone) })
			l.Close() // nobody has accepted it
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := pair(t, mem.Config{})
			c, l := dialled(t, a, a, "10.0.0.1")
			app, _ := a.App(&c)
			end(a, l)
			eventually(t, "the connection is broken", func() bool { return app.Block.Errno() != sock.OK })
			if why := app.Block.Errno(); why != sock.LinkGone {
				t.Errorf("it was told %v", why)
			}
			app.Close(false)
			a.Done()
		})
	}
}
