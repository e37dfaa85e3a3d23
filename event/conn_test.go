package event

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// info is what the engine says of a connection.
func (c Conn) info(t *testing.T) tcp.Info {
	t.Helper()
	i, ok := c.loop.shard.Inspect(c.handle, mono.Time(c.loop.Now()))
	if !ok {
		t.Fatal("the connection is gone")
	}
	return i
}

// opened is a connection of the server's with this handler, and one at its other
// end. The handler's Open is this function's.
func (w *world) opened(t *testing.T, h *Handler) Conn {
	t.Helper()
	open := make(chan Conn, 1)
	h.Open = func(c Conn) { open <- c }
	w.listen(t, h)
	w.dial(t)
	return wait(t, "a connection", open)
}

func TestReserve_LendsNoMoreThanIsAskedFor(t *testing.T) {
	w := newWorld(t, 1)
	c := w.opened(t, &Handler{})
	on(t, w.server, 0, func(*Loop) {
		if n := len(c.Reserve(7)); n != 7 {
			t.Errorf("%d octets were lent, want 7", n)
		}
	})
}

// A peer that acknowledges nothing is told of while the connection goes on, and no
// more when it does.
func TestSoftError_PassesWithTheTrouble(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		c := w.opened(t, &Handler{})
		held(t, w.client, 0, func() {
			on(t, w.server, 0, func(*Loop) {
				if err := c.SoftError(); err != nil {
					t.Errorf("nothing has happened: %v", err)
				}
				c.Write([]byte("x"))
			})
			time.Sleep(20 * time.Second)
			on(t, w.server, 0, func(*Loop) {
				if err := c.SoftError(); !errors.Is(err, syscall.ETIMEDOUT) {
					t.Errorf("nothing was acknowledged for 20 s: %v", err)
				}
			})
		})
		time.Sleep(time.Minute) // the text is sent again
		on(t, w.server, 0, func(*Loop) {
			if err := c.SoftError(); err != nil {
				t.Errorf("all is acknowledged: %v", err)
			}
		})
	})
}

// A negative size or time is the default, as 0 is.
func TestConn_NegativeSettingsAreZero(t *testing.T) {
	w := newWorld(t, 1)
	c := w.opened(t, &Handler{})
	on(t, w.server, 0, func(*Loop) {
		c.SetReadBuffer(0)
		c.SetWriteBuffer(0)
		want := c.info(t)
		c.SetReadBuffer(1 << 20)
		c.SetWriteBuffer(1 << 20)
		c.SetReadBuffer(-1)
		c.SetWriteBuffer(-1)
		if got := c.info(t); got.RcvBuf > 1<<20 || got.SndBuf != want.SndBuf {
			t.Errorf("buffers of %d and %d, want no more than before and %d", got.RcvBuf, got.SndBuf, want.SndBuf)
		}
	})
}

// In the last call of a connection it is closed already.
func TestClosed_TheConnectionDoesNothing(t *testing.T) {
	w := newWorld(t, 1)
	done := make(chan struct{})
	c := w.opened(t, &Handler{Closed: func(c Conn, _ error) {
		defer close(done)
		if c.IsOpen() || c.Write([]byte("x")) != 0 || c.Reserve(1) != nil {
			t.Error("a closed connection did something")
		}
		c.Close() // is no second one
		if c.User() != "state" || !c.RemoteAddr().IsValid() {
			t.Errorf("user %v, peer %v: they are told until the end", c.User(), c.RemoteAddr())
		}
	}})
	on(t, w.server, 0, func(*Loop) {
		c.SetUser("state")
		c.Close()
	})
	wait(t, "the last call", done)
}

// A name that was kept too long is not that of the next connection in its place.
func TestConn_TellsNothingOfTheNextInItsSlot(t *testing.T) {
	w := newWorld(t, 1)
	open := make(chan Conn, 1)
	w.listen(t, &Handler{Open: func(c Conn) { open <- c }})
	w.dial(t)
	old := wait(t, "a connection", open)
	on(t, w.server, 0, func(*Loop) { old.Abort() })
	for deadline := time.Now().Add(patience); w.server.Stats()[0].Connections > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the connection does not end")
		}
	}
	w.dial(t)
	c := wait(t, "another connection", open)
	on(t, w.server, 0, func(*Loop) {
		if c.index() != old.index() {
			t.Fatal("it has another slot: this shows nothing")
		}
		c.SetUser("the second")
		if old.User() != nil || old.IsOpen() || old.RemoteAddr().IsValid() || old.LocalAddr().IsValid() {
			t.Errorf("the old name tells of %v, from %v to %v", old.User(), old.LocalAddr(), old.RemoteAddr())
		}
	})
}

// A dial that fails and a connection that breaks have reasons of their own.
func TestClosed_SaysWhatFailed(t *testing.T) {
	w := newWorld(t, 1)
	closed := make(closings, 1)
	dial := func(port uint16) {
		on(t, w.server, 0, func(l *Loop) {
			to := netip.AddrPortFrom(netip.MustParseAddr(clientIP), port)
			if _, err := l.Dial(to, &Handler{Closed: closed.closed}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	dial(81)
	if err := wait(t, "a refusal", closed); err == nil || err.Error() != "connect: connection refused" {
		t.Errorf("nobody listens: %v", err)
	}
	open := make(chan Conn, 1) // which takes the slot of the one that was refused
	w.listen(t, &Handler{Open: func(c Conn) { open <- c }, Closed: closed.closed})
	c := w.dial(t).(*mtcp.Conn)
	wait(t, "a connection", open)
	c.SetLinger(0)
	c.Close()
	if err := wait(t, "a reset", closed); err == nil || err.Error() != "read: connection reset by peer" {
		t.Errorf("the peer resets: %v", err)
	}
	if _, err := Listen(w.client, "tcp", ":80", &Handler{Open: func(c Conn) { c.Abort() }}); err != nil {
		t.Fatal(err)
	}
	dial(80)
	if err := wait(t, "another", closed); err == nil || err.Error() != "read: connection reset by peer" {
		t.Errorf("whom we have called resets: %v", err)
	}
}

// Less than the clock can tell is the least that it can, not never.
func TestTick_ComesAtAnyInterval(t *testing.T) {
	w := newWorld(t, 1)
	ticked := make(chan struct{}, 1)
	c := w.opened(t, &Handler{Tick: func(c Conn) {
		c.SetTick(0)
		ticked <- struct{}{}
	}})
	on(t, w.server, 0, func(*Loop) { c.SetTick(1) })
	wait(t, "a tick", ticked)
}

func TestTimer_ThatHasRunCannotBeStopped(t *testing.T) {
	w := newWorld(t, 1)
	ran := make(chan *Timer, 1)
	on(t, w.server, 0, func(l *Loop) {
		var timer *Timer
		timer = l.After(0, func(*Loop) { ran <- timer })
	})
	timer := wait(t, "the timer", ran)
	on(t, w.server, 0, func(*Loop) {
		if timer.Stop() {
			t.Error("it was stopped")
		}
	})
	if n := Loops(w.server)[0].Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
}

// Listeners that fail or close leave no handler behind.
func TestListen_PlacesAreUsedAgain(t *testing.T) {
	w := newWorld(t, 1)
	first := w.listen(t, &Handler{})
	for range 5 {
		if _, err := Listen(w.server, "tcp", ":80", &Handler{}); err == nil {
			t.Fatal("a port was opened twice")
		}
		l, err := Listen(w.server, "tcp", ":81", &Handler{})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := len(*first.hub.handlers.Load()); n != 2 {
		t.Errorf("%d places for two listeners at a time", n)
	}
}

// TestEntry_IsSmall: there is one for each connection, however idle.
func TestEntry_IsSmall(t *testing.T) {
	if n := unsafe.Sizeof(entry{}); n != 24 {
		t.Errorf("an entry has %d octets, want 24", n)
	}
}
