package event

// Handlers that close, dial, panic and adopt where that is hardest for the door:
// within other calls, with more news to come, while the stack ends.

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
)

// held runs f while a shard stands still, so that all that f has sent to it comes
// in one batch.
func held(t *testing.T, s *mtcp.Stack, shard int, f func()) {
	t.Helper()
	stands, goOn := make(chan struct{}), make(chan struct{})
	if err := Loops(s)[shard].Do(func(*Loop) { close(stands); <-goOn }); err != nil {
		t.Fatal(err)
	}
	wait(t, "the shard stands still", stands)
	defer close(goOn)
	f()
}

// sent waits until a stack has sent what its applications have asked for.
func sent(t *testing.T, s *mtcp.Stack) {
	t.Helper()
	for range 2 { // a function runs before the round's output
		on(t, s, 0, func(*Loop) {})
	}
}

// sayAndReset has text and a reset arrive together.
func (w *world) sayAndReset(t *testing.T, c net.Conn) {
	t.Helper()
	held(t, w.server, 0, func() {
		c.Write([]byte("last words"))
		sent(t, w.client)
		c.(*mtcp.Conn).SetLinger(0)
		c.Close()
		sent(t, w.client)
	})
}

// connections is how many handlers of a shard have, to be asked after the fact.
func connections(t *testing.T, s *mtcp.Stack) (n int) {
	t.Helper()
	on(t, s, 0, func(l *Loop) { n = l.Connections() })
	return n
}

func TestReset_TogetherWithTextThatMadeTheHandlerClose(t *testing.T) {
	for name, readable := range map[string]func(Conn){
		"close": Conn.Close,
		"abort": Conn.Abort,
		"panic": func(Conn) { panic("a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			told, open := make(closings, 4), make(chan Conn, 1)
			w.listen(t, &Handler{Open: func(c Conn) { open <- c }, Readable: readable, Closed: told.closed})
			c := w.dial(t)
			wait(t, "a connection", open)
			w.sayAndReset(t, c)
			if err := wait(t, "Closed", told); name != "panic" && err != nil {
				t.Errorf("Closed was told %v", err)
			}
			if n := connections(t, w.server); n != 0 {
				t.Errorf("%d connections are left", n)
			}
			told.none(t)
		})
	}
}

// TestReset_TogetherWithTextIsReadFirst also without a handler that closes.
func TestReset_TogetherWithTextIsReadFirst(t *testing.T) {
	w := newWorld(t, 1)
	told, open, read := make(closings, 4), make(chan Conn, 1), make(chan string, 4)
	w.listen(t, &Handler{
		Open: func(c Conn) { open <- c },
		Readable: func(c Conn) {
			b := make([]byte, 100)
			read <- string(b[:c.Read(b)])
		},
		Closed: told.closed,
	})
	c := w.dial(t)
	wait(t, "a connection", open)
	w.sayAndReset(t, c)
	if s := wait(t, "Readable", read); s != "last words" {
		t.Errorf("%q was read", s)
	}
	if err := wait(t, "Closed", told); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Closed was told %v", err)
	}
	told.none(t)
}

// TestAdopt_AndDialInReadable: the connection that was closed gives its slot to the
// one that is dialled in the same call, and nothing that is left to tell of the first
// is told of the second.
func TestAdopt_AndDialInReadable(t *testing.T) {
	for _, when := range []string{"text", "end", "reset"} {
		t.Run(when, func(t *testing.T) {
			w := newWorld(t, 1)
			s := w.adoptable(t, when)
			told, second := make(closings, 4), Conn{}
			other := &Handler{
				Open: func(Conn) { t.Error("nobody listens, and it opened") },
				Closed: func(c Conn, err error) {
					if c != second {
						t.Errorf("the second handler has heard of %v", c)
					}
					told.closed(c, err)
				},
			}
			h := &Handler{
				Readable: func(c Conn) {
					c.Close()
					second, _ = c.Loop().Dial(netip.MustParseAddrPort(clientIP+":81"), other, nil)
				},
				End: func(Conn) { t.Error("the first handler was called after Close") },
			}
			if err := Adopt(w.server, s, h, nil); err != nil {
				t.Fatal(err)
			}
			if err := wait(t, "Closed", told); err == nil || err.Error() != "connect: connection refused" {
				t.Errorf("Closed was told %v", err)
			}
			told.none(t)
		})
	}
}

// adoptable is a connection of the server's net door on which text has come, and then
// perhaps its end or a reset.
func (w *world) adoptable(t *testing.T, when string) net.Conn {
	t.Helper()
	c, s := w.pair(t)
	c.Write([]byte("hello"))
	switch when {
	case "end":
		c.(*mtcp.Conn).CloseWrite()
	case "reset":
		sent(t, w.client)
		c.(*mtcp.Conn).SetLinger(0)
		c.Close()
	}
	sent(t, w.client)
	for range 2 {
		on(t, w.server, 0, func(*Loop) {})
	}
	return s
}

// TestAdopt_AndCloseInOpen with everything that News can tell.
func TestAdopt_AndCloseInOpen(t *testing.T) {
	for _, when := range []string{"text", "end", "reset"} {
		t.Run(when, func(t *testing.T) {
			w := newWorld(t, 1)
			s := w.adoptable(t, when)
			told := make(closings, 4)
			never := func(Conn) { t.Error("a handler was called after Close") }
			h := &Handler{Open: Conn.Close, Readable: never, End: never, Closed: told.closed}
			if err := Adopt(w.server, s, h, nil); err != nil {
				t.Fatal(err)
			}
			if err := wait(t, "Closed", told); err != nil {
				t.Errorf("Closed was told %v", err)
			}
			if n := connections(t, w.server); n != 0 {
				t.Errorf("%d connections are left", n)
			}
			if n := Loops(w.server)[0].Stats().Panics; n != 0 {
				t.Errorf("%d panics: %s", n, w.log)
			}
			told.none(t)
		})
	}
}

func TestHandler_ClosesAnotherConnection(t *testing.T) {
	w := newWorld(t, 1)
	told, open := make(closings, 4), make(chan Conn, 2)
	var other Conn
	w.listen(t, &Handler{
		Open: func(c Conn) { open <- c },
		Readable: func(c Conn) {
			other.Close()
			c.Close()
		},
		Closed: told.closed,
	})
	one := w.dial(t)
	wait(t, "a connection", open)
	two := w.dial(t)
	second := wait(t, "a connection", open)
	on(t, w.server, 0, func(*Loop) { other = second })
	held(t, w.server, 0, func() { // both have news in the same batch
		one.Write([]byte("x"))
		two.Write([]byte("y"))
		sent(t, w.client)
	})
	for range 2 {
		if err := wait(t, "Closed", told); err != nil {
			t.Error(err)
		}
	}
	if n := connections(t, w.server); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	told.none(t)
}

// TestClosed_DialsAgain is what a client does that wants to stay connected, until
// the stack closes: then it is told that it cannot, and no dial is left without an
// end.
func TestClosed_DialsAgain(t *testing.T) {
	w := newWorld(t, 1)
	w.listen(t, &Handler{Open: Conn.Abort})
	var dials, ends atomic.Int32
	enough, refused := make(chan struct{}), make(chan error, 1)
	h := &Handler{}
	h.Closed = func(c Conn, _ error) {
		if ends.Add(1) == 20 {
			close(enough)
		}
		if _, err := c.Loop().Dial(server(80), h, nil); err != nil {
			refused <- err
			return
		}
		dials.Add(1)
	}
	on(t, w.client, 0, func(l *Loop) {
		if _, err := l.Dial(server(80), h, nil); err != nil {
			t.Error(err)
			return
		}
		dials.Add(1)
	})
	wait(t, "twenty connections", enough)
	w.client.Close()
	if err := wait(t, "a dial is refused", refused); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dialling while the stack closes: %v", err)
	}
	if d, e := dials.Load(), ends.Load(); d != e {
		t.Errorf("%d dials, of which %d were told of their end", d, e)
	}
}

func TestClosed_PanicIsNoMore(t *testing.T) {
	w := newWorld(t, 1)
	done := make(chan struct{}, 4)
	w.listen(t, &Handler{
		Readable: func(c Conn) { panic("a bug") },
		Closed:   func(Conn, error) { done <- struct{}{}; panic("another") },
	})
	c := w.dial(t)
	c.Write([]byte("x"))
	wait(t, "Closed", done)
	if n := connections(t, w.server); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if n := Loops(w.server)[0].Stats().Panics; n != 2 {
		t.Errorf("%d panics counted", n)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer was told %v", err)
	}
}

// TestTick_IsNotAnothersWhoTookTheSlot closes in one Tick connections that have
// ended, whose slots are free at once, and dials others.
func TestTick_IsNotAnothersWhoTookTheSlot(t *testing.T) {
	w := newWorld(t, 1)
	const n = 8
	ended := make(chan Conn, n)
	w.listen(t, &Handler{Open: Conn.CloseWrite, End: Conn.Close})
	old := &Handler{End: func(c Conn) { c.CloseWrite(); ended <- c }}
	on(t, w.client, 0, func(l *Loop) {
		for range n {
			if _, err := l.Dial(server(80), old, nil); err != nil {
				t.Error(err)
			}
		}
	})
	var all []Conn
	for range n {
		all = append(all, wait(t, "the server's end", ended))
	}
	for deadline := time.Now().Add(patience); w.server.Stats()[0].Connections > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the server's connections do not end")
		}
	}
	on(t, w.client, 0, func(*Loop) {}) // the last acknowledgments are there
	ticked := make(chan struct{})
	next := &Handler{Tick: func(Conn) { t.Error("a tick that nobody has set") }}
	old.Tick = func(c Conn) {
		defer close(ticked)
		for _, c := range all {
			c.Close()
		}
		for range n {
			if _, err := c.Loop().Dial(server(81), next, nil); err != nil {
				t.Error(err)
			}
		}
	}
	on(t, w.client, 0, func(*Loop) {
		for _, c := range all {
			c.SetTick(time.Millisecond)
		}
	})
	wait(t, "a tick", ticked)
	on(t, w.client, 0, func(*Loop) {})
}

// TestListener_ClosesWithAHandshakeInProgress resets it: there is nobody to take it.
func TestListener_ClosesWithAHandshakeInProgress(t *testing.T) {
	w := newWorld(t, 1)
	opened := make(chan struct{}, 1)
	l := w.listen(t, &Handler{Open: func(Conn) { opened <- struct{}{} }})
	c := w.dial(t)
	wait(t, "a connection", opened)
	result := make(chan error, 1)
	// The client stands still, so that the server's answer to its SYN is not
	// answered before the port is closed.
	on(t, w.client, 0, func(cl *Loop) {
		h := &Handler{Closed: func(_ Conn, err error) { result <- err }}
		if _, err := cl.Dial(server(80), h, nil); err != nil {
			t.Error(err)
		}
	})
	sent(t, w.client)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	on(t, w.client, 0, func(*Loop) {})
	select {
	case err := <-result:
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the dial was told %v", err)
		}
	case <-opened: // its handshake was over before
	case <-time.After(patience):
		t.Error("the dial was told nothing")
	}
	// The connection that stood goes on.
	c.(*mtcp.Conn).CloseWrite()
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection that stood: %v", err)
	}
}

func TestDo_OfAClosedStackEachTime(t *testing.T) {
	w := newWorld(t, 1)
	l := Loops(w.server)[0]
	w.server.Close()
	for range 3 {
		if err := l.Do(func(*Loop) {}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Do: %v", err)
		}
	}
	if n := len(l.functions); n != 0 {
		t.Errorf("%d functions are kept that will never run", n)
	}
}

func TestHandler_IsAskedFor(t *testing.T) {
	w := newWorld(t, 1)
	if _, err := Listen(w.server, "tcp", ":80", nil); !errors.Is(err, errNoHandler) {
		t.Errorf("Listen: %v", err)
	}
	on(t, w.client, 0, func(l *Loop) {
		if _, err := l.Dial(server(80), nil, nil); !errors.Is(err, errNoHandler) {
			t.Errorf("Dial: %v", err)
		}
	})
	if err := Adopt(w.client, nil, nil, nil); !errors.Is(err, errNoHandler) {
		t.Errorf("Adopt: %v", err)
	}
}

// TestListen_FitsIntoASmallBudget because a listener for handlers has no queue.
func TestListen_FitsIntoASmallBudget(t *testing.T) {
	wire, err := mtcp.NewWire(mtcp.WireConfig{Queues: 2})
	if err != nil {
		t.Fatal(err)
	}
	s, err := mtcp.New(mtcp.Config{
		Link: wire.End(0), Memory: 32 << 20,
		Addresses: []netip.Prefix{netip.MustParsePrefix(serverIP + "/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 5 { // as many as a benchmark's server has
		if _, err := Listen(s, "tcp", ":0", &Handler{}); err != nil {
			t.Error(err)
		}
	}
}

// Within a call its connection is found by a shorter way, which must not lead to
// one that has its place meanwhile.
func TestAbort_TheNameIsNobodysAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	w.listen(t, &Handler{})
	found := make(chan string, 1)
	on(t, w.client, 0, func(l *Loop) {
		l.Dial(server(80), &Handler{Open: func(c Conn) {
			c.Abort()
			next, err := l.Dial(server(80), &Handler{}, nil)
			switch {
			case err != nil:
				found <- err.Error()
			case c.IsOpen() || c.Write([]byte("x")) > 0:
				found <- "the connection that was aborted is open"
			case !next.IsOpen():
				found <- "the next one is not"
			default:
				found <- ""
			}
		}}, nil)
	})
	if why := wait(t, "the connection opens", found); why != "" {
		t.Error(why)
	}
}
