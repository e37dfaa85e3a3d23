package mtcp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// testListener is to listeners what nettest.TestConn is to connections: the
// rules that every implementation keeps, package net's included.
func testListener(t *testing.T, mk func(t testing.TB) *host) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, h *host)
	}{
		{"AcceptsInOrder", listenerAcceptsInOrder},
		{"AddrIsWhereItListens", listenerAddr},
		{"PortZeroChoosesDistinctPorts", listenerPortZero},
		{"AddressInUse", listenerAddressInUse},
		{"AddressFreeAfterClose", listenerAddressFree},
		{"TwoPorts", listenerTwoPorts},
		{"NotOurAddress", listenerNotOurs},
		{"BadNetwork", listenerBadNetwork},
		{"BadAddress", listenerBadAddress},
		{"CloseWakesAccept", listenerCloseWakesAccept},
		{"AcceptAfterClose", listenerAcceptAfterClose},
		{"DoubleClose", listenerDoubleClose},
		{"CloseResetsWaiting", listenerCloseResetsWaiting},
		{"CloseLeavesAccepted", listenerCloseLeavesAccepted},
		{"RefusesAfterClose", listenerRefusesAfterClose},
		{"PastDeadline", listenerPastDeadline},
		{"DeadlineWakesAll", listenerDeadlineWakesAll},
		{"DeadlineMoves", listenerDeadlineMoves},
		{"ConcurrentAccept", listenerConcurrentAccept},
		{"DataBeforeAccept", listenerDataBeforeAccept},
		{"ClosedBeforeAccept", listenerClosedBeforeAccept},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := mk(t)
			within(t, c.name, func() { c.test(t, h) })
		})
	}
}

func TestListener_OfPackageNetKeepsTheRules(t *testing.T) { testListener(t, kernelHost) }
func TestListener_OnAWireKeepsTheRules(t *testing.T)      { testListener(t, wireHost) }

func TestListener_WithTwoShardsKeepsTheRules(t *testing.T) {
	testListener(t, func(t testing.TB) *host {
		w := newWorld(t, WireConfig{Queues: 2}, nil)
		return &host{ip: serverIP, listen: w.server.Listen, dial: w.client.DialContext, shards: 2}
	})
}

func TestListener_OnItsOwnStackKeepsTheRules(t *testing.T) {
	testListener(t, func(t testing.TB) *host {
		w := newWorld(t, WireConfig{}, nil)
		return &host{ip: serverIP, listen: w.server.Listen, dial: w.server.DialContext}
	})
}

func (h *host) mustListen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := h.listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (h *host) mustDial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := h.dial(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustAccept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func listenerAcceptsInOrder(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	var dialled []string
	for range 5 {
		dialled = append(dialled, h.mustDial(t, l).LocalAddr().String())
	}
	var accepted []string
	for range dialled {
		accepted = append(accepted, mustAccept(t, l).RemoteAddr().String())
	}
	if h.shards > 1 { // each in order; between them in turn
		slices.Sort(dialled)
		slices.Sort(accepted)
	}
	if !slices.Equal(dialled, accepted) {
		t.Errorf("dialled %v, accepted %v", dialled, accepted)
	}
}

func listenerAddr(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok || a.Port == 0 || a.IP.String() != h.ip || l.Addr().Network() != "tcp" {
		t.Fatalf("Addr is %T %v", l.Addr(), l.Addr())
	}
	c := h.mustDial(t, l)
	s := mustAccept(t, l)
	for _, pair := range [][2]net.Addr{
		{c.RemoteAddr(), l.Addr()}, {s.LocalAddr(), l.Addr()}, {s.RemoteAddr(), c.LocalAddr()},
	} {
		if _, ok := pair[0].(*net.TCPAddr); !ok || pair[0].String() != pair[1].String() {
			t.Errorf("address %T %v, want %v", pair[0], pair[0], pair[1])
		}
	}
	l.Close()
	if l.Addr().String() != a.String() {
		t.Errorf("Addr changes to %v when the listener is closed", l.Addr())
	}
}

func listenerPortZero(t *testing.T, h *host) {
	seen := make(map[int]bool)
	for _, address := range []string{h.ip + ":0", h.ip + ":0", h.ip + ":0", h.ip + ":"} {
		l := h.mustListen(t, address)
		port := l.Addr().(*net.TCPAddr).Port
		if seen[port] {
			t.Errorf("port %d was given out twice", port)
		}
		seen[port] = true
		h.mustDial(t, l)
		mustAccept(t, l)
	}
	for _, address := range []string{"", ":", ":0", "0.0.0.0:0"} { // all addresses
		l := h.mustListen(t, address)
		if a := l.Addr().(*net.TCPAddr); seen[a.Port] || !a.IP.IsUnspecified() {
			t.Errorf("listening on %q: %v", address, a)
		}
	}
}

func listenerAddressInUse(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, address := range []string{l.Addr().String(), ":" + port, "0.0.0.0:" + port} {
		second, err := h.listen(context.Background(), "tcp4", address)
		if err == nil {
			second.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("listening on %s beside %v: %v", address, l.Addr(), err)
		}
	}
	h.mustDial(t, l) // still there
	mustAccept(t, l)
}

func listenerAddressFree(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	h.mustDial(t, l)
	mustAccept(t, l) // a connection of the port lives on
	for range 3 {
		l.Close()
		l = h.mustListen(t, l.Addr().String())
	}
	h.mustDial(t, l)
	mustAccept(t, l)
}

func listenerTwoPorts(t *testing.T, h *host) {
	one, two := h.mustListen(t, h.ip+":0"), h.mustListen(t, h.ip+":0")
	c2, c1 := h.mustDial(t, two), h.mustDial(t, one)
	s1, s2 := mustAccept(t, one), mustAccept(t, two)
	if s1.RemoteAddr().String() != c1.LocalAddr().String() || s2.RemoteAddr().String() != c2.LocalAddr().String() {
		t.Error("connections came to the wrong listener")
	}
	one.Close()
	h.mustDial(t, two)
	mustAccept(t, two)
}

func listenerNotOurs(t *testing.T, h *host) {
	if _, err := h.listen(context.Background(), "tcp", "192.0.2.1:80"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("listening on an address that is not ours: %v", err)
	}
}

func listenerBadNetwork(t *testing.T, h *host) {
	for _, network := range []string{"", "tcp5", "udp", "unix"} {
		l, err := h.listen(context.Background(), network, h.ip+":0")
		if err == nil {
			l.Close()
			if network == "unix" {
				os.Remove(h.ip + ":0")
				continue // package net has it
			}
			t.Errorf("network %q was taken", network)
		}
	}
}

func listenerBadAddress(t *testing.T, h *host) {
	for _, address := range []string{"x", h.ip, "[", h.ip + ":-1", h.ip + ":65536", h.ip + ":http:80", "1.2.3.400:80"} {
		l, err := h.listen(context.Background(), "tcp4", address)
		if err == nil {
			l.Close()
			t.Errorf("address %q was taken", address)
			continue
		}
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "listen" {
			t.Errorf("address %q: %v is no OpError of listen", address, err)
		}
	}
}

// acceptors has n goroutines wait in Accept; the channel has their errors.
func acceptors(l net.Listener, n int) <-chan error {
	failed := make(chan error, n)
	for range n {
		go func() {
			c, err := l.Accept()
			if err == nil {
				c.Close()
			}
			failed <- err
		}()
	}
	return failed
}

func listenerCloseWakesAccept(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	failed := acceptors(l, 8)
	l.Close()
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept of a listener closed meanwhile: %v", err)
		}
	}
}

func listenerAcceptAfterClose(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	h.mustDial(t, l)
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
}

func listenerDoubleClose(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

func listenerCloseResetsWaiting(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	var waiting []net.Conn
	for range 3 {
		waiting = append(waiting, h.mustDial(t, l))
	}
	if _, err := waiting[0].Write([]byte("x")); err != nil {
		t.Error(err)
	}
	l.Close()
	for _, c := range waiting {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a connection that nobody accepted reads %v when the listener closes", err)
		}
	}
}

func listenerCloseLeavesAccepted(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	c := h.mustDial(t, l)
	s := mustAccept(t, l)
	l.Close()
	exchange(t, c, s)
}

// exchange sends a few octets both ways.
func exchange(t testing.TB, a, b net.Conn) {
	t.Helper()
	for _, x := range [][2]net.Conn{{a, b}, {b, a}} {
		got := make([]byte, 5)
		if _, err := x[0].Write([]byte("hello")); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(x[1], got); err != nil || string(got) != "hello" {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

func listenerRefusesAfterClose(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	l.Close()
	if _, err := h.dial(context.Background(), "tcp", l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling a closed port: %v", err)
	}
}

func listenerPastDeadline(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	h.mustDial(t, l)
	d := l.(deadliner)
	for range 2 {
		d.SetDeadline(time.Unix(1, 0))
		if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) || !err.(net.Error).Timeout() {
			t.Errorf("Accept after the deadline: %v", err)
		}
	}
	d.SetDeadline(time.Time{})
	mustAccept(t, l) // it had waited all the time
}

func listenerDeadlineWakesAll(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	failed := acceptors(l, 8)
	l.(deadliner).SetDeadline(time.Now().Add(5 * time.Millisecond))
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Accept when the deadline passes: %v", err)
		}
	}
}

func listenerDeadlineMoves(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	l.(deadliner).SetDeadline(time.Now().Add(time.Hour))
	failed := acceptors(l, 2)
	l.(deadliner).SetDeadline(time.Unix(1, 0)) // to the past: those who wait are woken
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Accept when the deadline moves to the past: %v", err)
		}
	}
	l.(deadliner).SetDeadline(time.Now().Add(time.Hour))
	h.mustDial(t, l)
	mustAccept(t, l)
}

func listenerConcurrentAccept(t *testing.T, h *host) {
	const n, each = 4, 8
	l := h.mustListen(t, h.ip+":0")
	got := make(chan string, n*each)
	for range n {
		go func() {
			for range each {
				c, err := l.Accept()
				if err != nil {
					t.Error(err)
					got <- ""
					continue
				}
				got <- c.RemoteAddr().String()
				c.Close()
			}
		}()
	}
	want := make(map[string]bool)
	var mu sync.Mutex
	var dialling sync.WaitGroup
	for range n {
		dialling.Go(func() {
			for range each {
				c, err := h.dial(context.Background(), "tcp", l.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				mu.Lock()
				want[c.LocalAddr().String()] = true
				mu.Unlock()
			}
		})
	}
	dialling.Wait()
	for range n * each {
		if from := <-got; !want[from] {
			t.Errorf("%q was accepted twice, or never dialled", from)
		} else {
			delete(want, from)
		}
	}
}

func listenerDataBeforeAccept(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	c := h.mustDial(t, l)
	if _, err := c.Write([]byte("early")); err != nil {
		t.Fatal(err)
	}
	c.(stream).CloseWrite()
	s := mustAccept(t, l)
	if got, err := io.ReadAll(s); err != nil || string(got) != "early" {
		t.Errorf("read %q, %v", got, err)
	}
}

func listenerClosedBeforeAccept(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	c := h.mustDial(t, l)
	c.Write([]byte("last"))
	c.Close()
	s := mustAccept(t, l)
	if got, err := io.ReadAll(s); err != nil || string(got) != "last" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestListener_AddressesAreApart(t *testing.T) {
	const other = "10.0.0.3"
	w := newWorld(t, WireConfig{}, func(_, server *Config) {
		server.Addresses = append(server.Addresses, netip.MustParsePrefix(other+"/24"))
	})
	one, two := w.listen(t, serverIP+":80"), w.listen(t, other+":80")
	c2, s2 := w.connect(t, two)
	c1, s1 := w.connect(t, one)
	exchange(t, c1, s1)
	exchange(t, c2, s2)
	if s1.LocalAddr().String() != serverIP+":80" || s2.LocalAddr().String() != other+":80" {
		t.Errorf("local addresses %v and %v", s1.LocalAddr(), s2.LocalAddr())
	}
	one.Close()
	if _, err := w.client.Dial("tcp", serverIP+":80"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling the closed one of two addresses: %v", err)
	}
	for _, c := range []net.Conn{c1, c2, s1, s2} {
		c.Close()
	}
}

// backlogFull: those for whom there is no room wait, and succeed later.
func backlogFull(t *testing.T, h *host) {
	l := h.mustListen(t, h.ip+":0")
	l.(deadliner).SetDeadline(time.Now().Add(10 * time.Minute))
	n := 4 * h.backlog
	var clients sync.WaitGroup
	for range n {
		clients.Go(func() {
			c, err := h.dial(context.Background(), "tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			c.Write([]byte("q"))
			if got, err := io.ReadAll(c); err != nil || string(got) != "a" {
				t.Errorf("the answer is %q, %v", got, err)
			}
		})
	}
	if h.full != nil {
		h.full(t) // until somebody has been turned away
	}
	for range n {
		s := mustAccept(t, l)
		if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		s.Write([]byte("a"))
		s.Close()
	}
	clients.Wait()
}

func TestListener_FullBacklogMakesClientsWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, func(_, server *Config) { server.Backlog = 4 })
		backlogFull(t, &host{
			ip: serverIP, listen: w.server.Listen, dial: w.client.DialContext, backlog: 4,
			full: func(t *testing.T) {
				time.Sleep(500 * time.Millisecond) // virtual
				synctest.Wait()
				if w.server.Stats()[0].Drops["accept_queue_full"] == 0 {
					t.Errorf("nothing was refused: %v", w.server.Stats()[0].Drops)
				}
			},
		})
	})
}
