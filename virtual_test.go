package mtcp

// What time does to connections, in virtual time: hours pass at once, and to
// the nanosecond.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.Store(true)
	defer bubble.Store(false)
	synctest.Test(t, f)
}

// bubble says that the present test is in one. Then synctest itself waits for
// every goroutine, and says so when one is left.
var bubble atomic.Bool

// settle exchanges a few octets and waits until nothing is in flight.
func settle(t *testing.T, c, s net.Conn) {
	t.Helper()
	exchange(t, c, s)
	time.Sleep(time.Second)
	synctest.Wait()
}

// took fails the test unless between min and max have passed since start.
func took(t *testing.T, what string, start time.Time, min, max time.Duration) {
	t.Helper()
	if d := time.Since(start); d < min || d > max {
		t.Errorf("%s took %v, want %v to %v", what, d, min, max)
	}
}

func TestVirtual_AnIdleStackLetsTimePass(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, s := pair(t, WireConfig{Queues: 2})
		start := time.Now()
		time.Sleep(20 * time.Minute) // hangs, or is a deadlock, if a shard never blocks
		took(t, "sleeping", start, 20*time.Minute, 20*time.Minute)
		exchange(t, c, s)
	})
}

func TestDeadline_IsOnTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, _ := pair(t, WireConfig{})
		for _, d := range []time.Duration{1, time.Millisecond, time.Hour} {
			start := time.Now()
			c.SetReadDeadline(start.Add(d))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read: %v", err)
			}
			took(t, "a read", start, d, d)
		}
	})
}

func TestDeadline_CanMoveWhileSomeoneWaits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, s := pair(t, WireConfig{})
		start := time.Now()
		for _, x := range []struct{ at, to time.Duration }{
			{10 * time.Second, time.Hour},        // later
			{20 * time.Second, 0},                // never
			{30 * time.Second, 50 * time.Second}, // earlier
		} {
			time.AfterFunc(x.at, func() {
				var at time.Time
				if x.to != 0 {
					at = start.Add(x.to)
				}
				c.SetReadDeadline(at)
			})
		}
		c.SetReadDeadline(start.Add(15 * time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		took(t, "the read", start, 50*time.Second, 50*time.Second)
		c.SetReadDeadline(time.Time{})
		exchange(t, c, s)
	})
}

func TestDeadline_OfWritesThatFindNoRoom(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, s := pair(t, WireConfig{})
		start := time.Now()
		c.SetWriteDeadline(start.Add(time.Minute))
		c.SetReadDeadline(start.Add(time.Second))
		b := pattern(16 << 20)
		n, err := c.Write(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n >= len(b) {
			t.Fatalf("wrote %d octets, %v", n, err)
		}
		took(t, "the write", start, time.Minute, time.Minute)
		// What was said to be written is, and the rest can follow.
		c.SetWriteDeadline(time.Time{})
		go func() {
			c.Write(b[n:])
			c.Close()
		}()
		if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d octets arrived of %d, or they differ; %v", len(got), len(b), err)
		}
	})
}

func TestDeadline_LeavesTheOtherDirection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, s := pair(t, WireConfig{})
		c.SetReadDeadline(time.Unix(1, 0))
		c.Write([]byte("x"))
		if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		c.SetReadDeadline(time.Time{})
		c.SetWriteDeadline(time.Unix(1, 0))
		s.Write([]byte("x"))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}

func TestAccept_DeadlineIsOnTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, nil)
		l := w.listen(t, ":80")
		start := time.Now()
		l.(deadliner).SetDeadline(start.Add(time.Hour))
		failed := acceptors(l, 3)
		for range cap(failed) {
			if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		}
		took(t, "Accept", start, time.Hour, time.Hour)
	})
}

func TestDial_TimesOutWhenNobodyAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, nil)
		w.wire.wire.SetFilter(1, dropIP)
		start := time.Now()
		_, err := w.client.Dial("tcp", serverIP+":80")
		if !errors.Is(err, syscall.ETIMEDOUT) || !err.(net.Error).Timeout() {
			t.Errorf("dial: %v", err)
		}
		took(t, "the dial", start, 3*time.Minute, 10*time.Minute) // MUST-23
	})
}

func TestDial_EndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, nil)
		w.wire.wire.SetFilter(1, dropIP)
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, err := w.client.DialContext(ctx, "tcp", serverIP+":80")
		if !errors.Is(err, context.DeadlineExceeded) || !err.(net.Error).Timeout() {
			t.Errorf("a dial whose context is late: %v", err)
		}
		took(t, "the late dial", start, 5*time.Second, 5*time.Second)

		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		start = time.Now()
		if _, err = w.client.DialContext(ctx, "tcp", serverIP+":80"); !errors.Is(err, context.Canceled) {
			t.Errorf("a dial whose context is cancelled: %v", err)
		}
		took(t, "the cancelled dial", start, time.Second, time.Second)
		synctest.Wait()
		if n := w.client.Stats()[0].Connections; n != 0 {
			t.Errorf("%d connections remain of two that were given up", n)
		}
	})
}

func TestDial_SendsNothingWhenItsContextHasEnded(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	w.listen(t, ":80")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.client.DialContext(ctx, "tcp", serverIP+":80")
	w.client.DialFrom(ctx, netip.AddrPort{}, addrPortOf(t, serverIP+":80"))
	if st := w.client.Stats()[0]; st.ActiveOpens != 0 {
		t.Errorf("%d connections were begun", st.ActiveOpens)
	}
}

func TestDial_LearnsThatTheNeighbourIsNotThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, nil)
		start := time.Now()
		if _, err := w.client.Dial("tcp", "10.0.0.77:80"); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("dialling nobody: %v", err)
		}
		took(t, "the dial", start, time.Second, 10*time.Second)
	})
}

func TestDial_LearnsThatThereIsNoRoute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, nil)
		start := time.Now()
		if _, err := w.client.Dial("tcp", "192.0.2.1:80"); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("dialling another network without a gateway: %v", err)
		}
		took(t, "the dial", start, 0, 0)
	})
}

func TestKeepAlive_FindsAPeerGone(t *testing.T) {
	for _, c := range []struct {
		name     string
		set      func(c *Conn) error
		min, max time.Duration
	}{
		{"Default", func(*Conn) error { return nil }, 140 * time.Second, 160 * time.Second},
		{"Period", func(c *Conn) error { return c.SetKeepAlivePeriod(time.Minute) }, 9 * time.Minute, 11 * time.Minute},
		{"Config", func(c *Conn) error {
			return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: time.Second, Count: 3})
		}, 12 * time.Second, 14 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w, client, server := pair(t, WireConfig{})
				if err := c.set(server); err != nil {
					t.Fatal(err)
				}
				settle(t, client, server)
				start := time.Now()
				w.vanish()
				if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ETIMEDOUT) || !err.(net.Error).Timeout() {
					t.Errorf("reading from one that has vanished: %v", err)
				}
				took(t, "finding out", start, c.min, c.max)
			})
		})
	}
}

func TestKeepAlive_KeepsAnIdleConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		before := w.server.Stats()[0].SegmentsOut
		time.Sleep(time.Hour)
		exchange(t, c, s)
		if n := w.server.Stats()[0].SegmentsOut - before; n < 100 {
			t.Errorf("%d segments in an idle hour: there were no probes", n)
		}
	})
}

func TestKeepAlive_CanBeOff(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, func(client, server *Config) { client.TCP.NoKeepAlive, server.TCP.NoKeepAlive = true, true })
		c, s := w.connect(t, w.listen(t, ":80"))
		settle(t, c, s)
		w.vanish()
		time.Sleep(time.Hour)
		w.come()
		exchange(t, c, s)
		c.Close()
		s.Close()
	})
}

func TestUserTimeout_EndsAConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		s.SetUserTimeout(10 * time.Second)
		settle(t, c, s)
		w.vanish()
		start := time.Now()
		s.Write([]byte("x"))
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("read: %v", err)
		}
		took(t, "giving up", start, 10*time.Second, 25*time.Second)
		if _, err := s.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write after the error was told: %v", err)
		}
	})
}

// A next hop that is gone is told of long before the connection fails, and no more
// when the peer is back.
func TestSoftError_PassesWithTheTrouble(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		settle(t, c, s)
		if err := s.SoftError(); err != nil {
			t.Errorf("nothing has happened: %v", err)
		}
		w.vanish()
		s.Write([]byte("x"))
		time.Sleep(20 * time.Second)
		if err := s.SoftError(); !errors.Is(err, syscall.ETIMEDOUT) && !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("the peer has vanished: %v", err)
		}
		w.come()
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		settle(t, c, s)
		if err := s.SoftError(); err != nil {
			t.Errorf("the peer is back: %v", err)
		}
		s.Close()
		if err := s.SoftError(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestWrite_GivesUpAPeerThatVanished(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		settle(t, c, s)
		w.vanish()
		start := time.Now()
		var err error
		for err == nil {
			_, err = s.Write(make([]byte, 1<<20))
		}
		if !errors.Is(err, syscall.ETIMEDOUT) && !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("write: %v", err)
		}
		took(t, "giving up", start, 100*time.Second, time.Hour) // R2, SHLD-11
	})
}

func TestWrite_SurvivesAPauseOfTheWire(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		exchange(t, c, s)
		w.vanish()
		time.AfterFunc(90*time.Second, w.come)
		transfer(t, c, s, 1<<20, 1<<20)
	})
}

func TestZeroWindow_LastsAsLongAsItMust(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, s := pair(t, WireConfig{})
		b := pattern(6 << 20)
		go func() {
			c.Write(b)
			c.Close()
		}()
		time.Sleep(time.Hour)
		if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d octets arrived of %d, or they differ; %v", len(got), len(b), err)
		}
	})
}

func TestSetLinger_EndsASendingThatTakesTooLong(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		c.SetLinger(5)
		c.Write(make([]byte, 100<<10)) // more than the window
		c.Close()
		time.Sleep(4 * time.Second)
		if n := w.client.Stats()[0].Connections; n != 1 {
			t.Errorf("%d connections before the linger time", n)
		}
		time.Sleep(2 * time.Second)
		if n := w.client.Stats()[0].Connections; n != 0 {
			t.Errorf("%d connections after the linger time", n)
		}
		if _, err := io.ReadAll(s); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer reads %v", err)
		}
	})
}

func TestClose_LeavesNothingWhenThePeerNeverCloses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		exchange(t, c, s)
		c.Close()
		time.Sleep(2 * time.Minute) // FIN-WAIT-2 without an owner ends
		if st := w.client.Stats()[0]; st.Connections != 0 || st.RingMemory != 0 {
			t.Errorf("%d connections and %d octets remain", st.Connections, st.RingMemory)
		}
		if _, err := io.ReadAll(s); err != nil {
			t.Errorf("the peer's EOF came before anything else: %v", err)
		}
	})
}

func TestTimeWait_PassesAndIsReused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, func(client, _ *Config) { client.TCP.TimeWait = 10 * time.Second })
		l := w.listen(t, ":80")
		from, to := addrPortOf(t, clientIP+":4000"), addrPortOf(t, serverIP+":80")
		for range 3 { // the same 4-tuple again and again: the server reuses, RFC 6191
			c, err := w.client.DialFrom(context.Background(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			if _, err := io.ReadAll(c); err != nil {
				t.Error(err)
			}
			c.Close()
			synctest.Wait()
		}
		st := w.server.Stats()[0]
		if st.TimeWaits != 1 || st.TimeWaitsMade != 3 || st.TimeWaitsReused != 2 {
			t.Errorf("%d TIME-WAITs now, %d made, %d reused", st.TimeWaits, st.TimeWaitsMade, st.TimeWaitsReused)
		}
		time.Sleep(59 * time.Second)
		if n := w.server.Stats()[0].TimeWaits; n != 1 {
			t.Errorf("%d TIME-WAITs after 59 s", n)
		}
		time.Sleep(2 * time.Second)
		if n := w.server.Stats()[0].TimeWaits; n != 0 {
			t.Errorf("%d TIME-WAITs after 61 s", n)
		}
	})
}

func TestConfig_TimeWaitIsTaken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, func(client, _ *Config) { client.TCP.TimeWait = 10 * time.Second })
		c, s := w.connect(t, w.listen(t, ":80"))
		c.Close()
		if _, err := io.ReadAll(s); err != nil {
			t.Error(err)
		}
		s.Close()
		time.Sleep(9 * time.Second)
		if n := w.client.Stats()[0].TimeWaits; n != 1 {
			t.Errorf("%d TIME-WAITs after 9 s", n)
		}
		time.Sleep(2 * time.Second)
		if n := w.client.Stats()[0].TimeWaits; n != 0 {
			t.Errorf("%d TIME-WAITs after 11 s", n)
		}
	})
}
