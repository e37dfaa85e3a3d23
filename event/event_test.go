package event

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtcp-go/mtcp"
)

func TestListen_EchoesToTheNetDoor(t *testing.T) {
	w := newWorld(t, 1)
	w.listen(t, &Handler{Readable: echo})
	c := w.dial(t)
	text := pattern(3 << 20)
	go func() {
		c.Write(text)
		c.(*mtcp.Conn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d octets of %d came back, or they differ; %v", len(got), len(text), err)
	}
}

func TestListen_RefusesWhatCannotBe(t *testing.T) {
	w := newWorld(t, 2)
	l := w.listen(t, &Handler{})
	if _, err := Listen(w.server, "tcp", ":80", &Handler{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the port is taken: %v", err)
	}
	if _, err := w.server.Listen(t.Context(), "tcp", ":80"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the port is taken, and by the other door: %v", err)
	}
	if _, err := Listen(w.server, "udp", ":80", &Handler{}); err == nil {
		t.Error("udp was accepted")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := w.client.Dial("tcp", serverIP+":80"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling a closed port: %v", err)
	}
	w.server.Close()
	if _, err := Listen(w.server, "tcp", ":80", &Handler{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listening on a closed stack: %v", err)
	}
}

func TestDial_ManyOnEveryShard(t *testing.T) {
	const each = 200
	w := newWorld(t, 2)
	w.listen(t, &Handler{Readable: echo})
	text := pattern(5000)
	results := make(chan error, 2*each)
	h := &Handler{
		Open: func(c Conn) { c.User().(*reader).begin(c) },
		Readable: func(c Conn) {
			c.User().(*reader).read(c)
		},
		Writable: func(c Conn) { c.User().(*reader).begin(c) },
		Closed: func(c Conn, err error) {
			if r := c.User().(*reader); err == nil && !bytes.Equal(r.got, text) {
				err = errors.New("other octets came back than were sent")
			}
			results <- err
		},
	}
	for _, l := range Loops(w.client) {
		l.Do(func(l *Loop) {
			for range each {
				if _, err := l.Dial(server(80), h, &reader{text: text, rest: text}); err != nil {
					results <- err
				}
			}
		})
	}
	for range 2 * each {
		if err := wait(t, "all connections end", results); err != nil {
			t.Fatal(err)
		}
	}
	for i := range Loops(w.client) {
		on(t, w.client, i, func(l *Loop) {
			if l.Connections() != 0 {
				t.Errorf("shard %d still has %d connections", i, l.Connections())
			}
		})
	}
}

// reader sends a text and collects its echo.
type reader struct {
	text, rest, got []byte
}

func (r *reader) begin(c Conn) {
	n := c.Write(r.rest)
	r.rest = r.rest[n:]
}

func (r *reader) read(c Conn) {
	var b [512]byte
	for n := c.Read(b[:]); n > 0; n = c.Read(b[:]) {
		r.got = append(r.got, b[:n]...)
	}
	if len(r.got) >= len(r.text) {
		c.Close()
	}
}

func TestClosed_OnceAndWithTheReason(t *testing.T) {
	w := newWorld(t, 1)
	told := make(closings, 10)
	first := make(chan Conn, 1)
	w.listen(t, &Handler{Open: func(c Conn) { first <- c }, Closed: told.closed})

	t.Run("the handler closes", func(t *testing.T) {
		w.dial(t)
		c := wait(t, "a connection", first)
		on(t, w.server, 0, func(*Loop) { c.Close(); c.Close(); c.Abort() })
		if err := wait(t, "Closed", told); err != nil {
			t.Error(err)
		}
		told.none(t)
	})
	t.Run("the peer resets", func(t *testing.T) {
		peer := w.dial(t)
		wait(t, "a connection", first)
		peer.(*mtcp.Conn).SetLinger(0)
		peer.Close()
		if err := wait(t, "Closed", told); !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		told.none(t)
	})
	t.Run("the peer closes, and End is nil", func(t *testing.T) {
		peer := w.dial(t)
		wait(t, "a connection", first)
		peer.Close()
		if err := wait(t, "Closed", told); err != nil {
			t.Error(err)
		}
		told.none(t)
	})
	t.Run("a dial is refused", func(t *testing.T) {
		on(t, w.client, 0, func(l *Loop) {
			h := &Handler{
				Open:   func(Conn) { t.Error("a refused connection was opened") },
				Closed: told.closed,
			}
			if _, err := l.Dial(server(81), h, nil); err != nil {
				t.Error(err)
			}
		})
		if err := wait(t, "Closed", told); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error(err)
		}
	})
	t.Run("the stack closes", func(t *testing.T) {
		w.dial(t)
		wait(t, "a connection", first)
		w.server.Close()
		if err := wait(t, "Closed", told); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		told.none(t)
	})
}

func TestDial_WhatCannotBeTried(t *testing.T) {
	w := newWorld(t, 1)
	on(t, w.client, 0, func(l *Loop) {
		h := &Handler{Closed: func(Conn, error) { t.Error("Closed was called") }}
		for _, to := range []string{"10.9.9.9:1", "224.0.0.1:80", "[2001:db8::1]:80"} {
			if _, err := l.Dial(mustAddr(to), h, nil); err == nil {
				t.Errorf("%s could be dialled", to)
			}
		}
	})
}

func TestEnd_LeavesTheOtherHalfOpen(t *testing.T) {
	w := newWorld(t, 1)
	w.listen(t, &Handler{End: func(c Conn) {
		var b [100]byte
		n := c.Read(b[:])
		c.Write(bytes.ToUpper(b[:n]))
		c.Close()
	}})
	c := w.dial(t)
	c.Write([]byte("only an answer at the end"))
	c.(*mtcp.Conn).CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "ONLY AN ANSWER AT THE END" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestConn_ThatHasBeenClosedDoesNothing(t *testing.T) {
	w := newWorld(t, 1)
	w.listen(t, &Handler{Open: func(c Conn) {
		c.SetUser("state")
		c.Close()
		if c.IsOpen() || c.Write([]byte("x")) != 0 || c.Peek() != nil || c.Reserve(1) != nil || c.Read(make([]byte, 1)) != 0 || c.User() != nil {
			t.Error("a closed connection did something")
		}
		c.Commit(1)
		c.Discard(1)
		c.CloseWrite()
		c.SetTick(time.Second)
		c.SetNoDelay(true)
	}})
	c := w.dial(t)
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	var zero Conn
	zero.Close()
	if zero.IsOpen() || zero.RemoteAddr().IsValid() {
		t.Error("the zero Conn is something")
	}
}

func TestReserve_SendsWhatWasCommitted(t *testing.T) {
	w := newWorld(t, 1)
	text := pattern(1 << 20)
	fill := func(c Conn) {
		sent := c.User().(*int)
		for *sent < len(text) {
			p := c.Reserve(1000)
			if len(p) == 0 {
				return
			}
			n := copy(p, text[*sent:])
			c.Commit(n)
			*sent += n
		}
		c.Close()
	}
	w.listen(t, &Handler{
		Open:     func(c Conn) { c.SetUser(new(int)); fill(c) },
		Writable: fill,
	})
	got, err := io.ReadAll(w.dial(t))
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d octets of %d, or they differ; %v", len(got), len(text), err)
	}
}

func TestHandler_PanicCostsOneConnection(t *testing.T) {
	w := newWorld(t, 1)
	told := make(closings, 2)
	w.listen(t, &Handler{
		Readable: func(c Conn) {
			if p := c.Peek(); p[0] == '!' {
				panic("a bug")
			}
			echo(c)
		},
		Closed: told.closed,
	})
	good, bad := w.dial(t), w.dial(t)
	bad.Write([]byte("!"))
	if _, err := bad.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection of the panic: %v", err)
	}
	if err := wait(t, "Closed", told); err != errPanic {
		t.Errorf("Closed was told %v", err)
	}
	good.Write([]byte("?"))
	if _, err := good.Read(make([]byte, 1)); err != nil {
		t.Errorf("the other connection: %v", err)
	}
	if n := Loops(w.server)[0].Stats().Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
	if s := w.log.String(); !strings.Contains(s, "a bug") || !strings.Contains(s, "event_test.go") {
		t.Errorf("the log does not say what and where: %s", s)
	}
	on(t, w.server, 0, func(l *Loop) { l.Do(func(*Loop) { panic("posted") }) })
	on(t, w.server, 0, func(l *Loop) {
		if n := l.Stats().Panics; n != 2 {
			t.Errorf("%d panics counted", n)
		}
	})
}

func TestHandler_ThatBlocksIsReported(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.listen(t, &Handler{Readable: func(c Conn) {
			time.Sleep(5 * BlockedAfter)
			echo(c)
		}})
		c := w.dial(t)
		time.Sleep(time.Hour) // an idle shard does not block
		if n := Loops(w.server)[0].Stats().Blocked; n != 0 {
			t.Errorf("an idle shard was reported %d times", n)
		}
		c.SetDeadline(time.Time{})
		c.Write([]byte("x"))
		io.ReadFull(c, make([]byte, 1))
		synctest.Wait()
		if n := Loops(w.server)[0].Stats().Blocked; n != 1 {
			t.Errorf("blocked handlers counted: %d", n)
		}
		if s := w.log.String(); !strings.Contains(s, "blocks its shard") || !strings.Contains(s, "event_test.go") {
			t.Errorf("the log does not say what blocks: %s", s)
		}
	})
}

func TestTick_ComesAtItsInterval(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		start := time.Now()
		var at []time.Duration
		done := make(chan struct{})
		w.listen(t, &Handler{
			Open: func(c Conn) { start = time.Now(); c.SetTick(3 * time.Second) },
			Tick: func(c Conn) {
				at = append(at, time.Since(start))
				if len(at) == 3 {
					c.SetTick(0)
					close(done)
				}
			},
		})
		w.dial(t)
		<-done
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(at) != 3 {
			t.Fatalf("%d ticks", len(at))
		}
		for i, d := range at {
			if want := time.Duration(i+1) * 3 * time.Second; d < want || d > want+20*time.Millisecond {
				t.Errorf("tick %d came after %v", i, d)
			}
		}
	})
}

func TestTimer_RunsOnceUnlessStopped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		var order []string
		add := func(s string) func(*Loop) { return func(*Loop) { order = append(order, s) } }
		var stopped, late *Timer
		on(t, w.server, 0, func(l *Loop) {
			l.After(2*time.Second, add("two"))
			l.After(time.Second, add("one"))
			stopped = l.After(1500*time.Millisecond, add("stopped"))
			late = l.After(time.Millisecond, add("late"))
			late.Reset(3 * time.Second)
			if !stopped.Stop() || stopped.Stop() {
				t.Error("Stop does not say whether the timer was running")
			}
		})
		time.Sleep(10 * time.Second)
		on(t, w.server, 0, func(*Loop) {
			if got := strings.Join(order, " "); got != "one two late" {
				t.Errorf("ran: %s", got)
			}
			if late.Stop() {
				t.Error("a timer that has run was stopped")
			}
		})
	})
}

func TestDo_FromManyGoroutinesInOrder(t *testing.T) {
	w := newWorld(t, 2)
	var wg sync.WaitGroup
	var bad atomic.Int32
	for g := range 8 {
		l := Loops(w.server)[g%2]
		wg.Go(func() {
			last := -1
			done := make(chan struct{})
			for i := range 1000 {
				for l.Do(func(*Loop) {
					if last != i-1 {
						bad.Add(1)
					}
					if last = i; i == 999 {
						close(done)
					}
				}) == ErrBusy {
				}
			}
			<-done
		})
	}
	wg.Wait()
	if n := bad.Load(); n != 0 {
		t.Errorf("%d functions ran out of order", n)
	}
	w.server.Close()
	if err := Loops(w.client)[0].Do(func(*Loop) {}); err != nil {
		t.Error(err)
	}
}

func TestDo_OfAClosedStack(t *testing.T) {
	w := newWorld(t, 1)
	l := Loops(w.server)[0]
	w.server.Close()
	if err := l.Do(func(*Loop) {}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Do: %v", err)
	}
	if len(Loops(w.client)) != 1 {
		t.Error("the other stack has no shard")
	}
}

func TestDo_TooManyAreRefused(t *testing.T) {
	w := newWorld(t, 1)
	hold, held := make(chan struct{}), make(chan struct{})
	l := Loops(w.server)[0]
	l.Do(func(*Loop) { close(held); <-hold })
	wait(t, "the shard is held", held)
	var err error
	for range maxPosted + 1 {
		if err = l.Do(func(*Loop) {}); err != nil {
			break
		}
	}
	close(hold)
	if err != ErrBusy {
		t.Errorf("Do: %v", err)
	}
	on(t, w.server, 0, func(*Loop) {}) // and it goes on
}

func TestAdopt_TheHandlerGetsWhatHasArrived(t *testing.T) {
	w := newWorld(t, 2)
	for _, when := range []string{"before", "after", "ended", "reset"} {
		t.Run(when, func(t *testing.T) {
			told := make(closings, 1)
			c, s := w.pair(t)
			say := func() { c.Write([]byte("hello")) }
			switch when {
			case "before", "ended":
				say()
				if when == "ended" {
					c.(*mtcp.Conn).CloseWrite()
				}
				if _, err := io.ReadFull(s, make([]byte, 1)); err != nil { // so that it is there
					t.Fatal(err)
				}
			case "reset":
				c.(*mtcp.Conn).SetLinger(0)
				c.Close()
				if _, err := s.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
					t.Fatal(err)
				}
			}
			h := &Handler{Readable: echo, Closed: told.closed}
			if err := Adopt(w.server, s, h, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the net door still has it: %v", err)
			}
			if err := Adopt(w.server, s, h, nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("adopted twice: %v", err)
			}
			want := "ello"
			switch when {
			case "after":
				say()
				want = "hello"
			case "reset":
				if err := wait(t, "Closed", told); !errors.Is(err, syscall.ECONNRESET) {
					t.Error(err)
				}
				return
			}
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); string(got) != want || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			c.(*mtcp.Conn).CloseWrite()
			if rest, err := io.ReadAll(c); len(rest) != 0 || err != nil {
				t.Errorf("%q, %v", rest, err)
			}
			if err := wait(t, "Closed", told); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAdopt_WhatCannotBe(t *testing.T) {
	w := newWorld(t, 1)
	c, s := w.pair(t)
	defer s.Close()
	h := &Handler{Open: func(Conn) { t.Error("it was adopted") }}
	if err := Adopt(w.client, s, h, nil); err == nil {
		t.Error("another stack's connection was adopted")
	}
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	if err := Adopt(w.server, pipe, h, nil); err == nil {
		t.Error("a pipe was adopted")
	}
	s.SetReadDeadline(time.Now().Add(patience))
	hold, read := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := s.(*mtcp.Conn).WriteTo(writerFunc(func(p []byte) (int, error) {
			hold <- struct{}{} // inside the call
			<-hold
			return len(p), nil
		}))
		read <- err
	}()
	c.Write([]byte("x"))
	wait(t, "the call", hold)
	if err := Adopt(w.server, s, h, nil); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("adopted while a call was in progress: %v", err)
	}
	hold <- struct{}{}
	c.Close()
	if err := wait(t, "the end of the call", read); err != nil {
		t.Error(err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestUrgent_BothWays(t *testing.T) {
	w := newWorld(t, 1)
	type news struct{ left, sent int }
	told := make(chan news, 1)
	w.listen(t, &Handler{
		Urgent:   func(c Conn) { told <- news{c.UrgentLeft(), c.WriteUrgent([]byte("I heard"))} },
		Readable: func(c Conn) { c.Discard(c.Buffered()) },
	})
	c := w.dial(t).(*mtcp.Conn)
	if _, err := c.WriteUrgent([]byte("hear")); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-told:
		if n.left == 0 || n.left > 4 || n.sent != 7 {
			t.Errorf("told %+v", n)
		}
	case <-time.After(patience):
		t.Fatal("the handler was not told")
	}
	if err := c.WaitUrgent(); err != nil || c.UrgentLeft() != 7 {
		t.Errorf("%v, %d octets", err, c.UrgentLeft())
	}
	var b [7]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || string(b[:]) != "I heard" || c.UrgentLeft() != 0 {
		t.Errorf("read %q, %v", b, err)
	}
}
