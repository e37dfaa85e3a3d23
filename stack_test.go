package mtcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/technique"
)

func addrPortOf(t testing.TB, s string) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestNew_SaysWhatIsWrong(t *testing.T) {
	prefix := netip.MustParsePrefix("10.0.0.1/24")
	for _, c := range []struct {
		name, says string
		change     func(c *Config)
	}{
		{"NoLink", "no link", func(c *Config) { c.Link = nil }},
		{"NoAddress", "no address", func(c *Config) { c.Addresses = nil }},
		{"InvalidAddress", "IPv4", func(c *Config) { c.Addresses = []netip.Prefix{{}} }},
		{"IPv6", "only IPv4", func(c *Config) { c.Addresses = []netip.Prefix{netip.MustParsePrefix("fd00::1/64")} }},
		{"SameTwice", "10.0.0.1", func(c *Config) { c.Addresses = []netip.Prefix{prefix, prefix} }},
		{"FarGateway", "gateway 192.0.2.1", func(c *Config) { c.Gateway = netip.MustParseAddr("192.0.2.1") }},
		{"Congestion", `"bbr"`, func(c *Config) { c.TCP.Congestion = "bbr" }},
		{"TinyRings", "RingMemory: 1 is out of range: 4MiB to 128GiB", func(c *Config) { c.RingMemory = 1 }},
		{"NegativeRings", "RingMemory: -1", func(c *Config) { c.RingMemory = -1 }},
		{"NegativeConnections", "Connections: -1 ", func(c *Config) { c.Connections = -1 }},
		{"NegativeTimeWaits", "TimeWaits: -1 ", func(c *Config) { c.TimeWaits = -1 }},
		{"AckDelay", "AckDelay: 500ms is out of range: 1ms to 499ms", func(c *Config) { c.TCP.AckDelay = 500 * time.Millisecond }},
		{"TTL", "TTL: 256", func(c *Config) { c.IP.TTL = 256 }},
		{"RTOBounds", "RTOMin of 2s does not fit RTOInitial of 1s", func(c *Config) { c.TCP.RTOMin = 2 * time.Second }},
		{"FrameSize", "FrameSize: 3000 is out of range", func(c *Config) { c.Link = AFXDP{Interface: "lo", FrameSize: 3000} }},
		{"RingSize", "RingSize of 128 does not fit Frames of 128: at most 64", func(c *Config) { c.Link = AFXDP{Interface: "lo", Frames: 128, RingSize: 128} }},
		{"Require", `"dpdk" is not known: use native or zerocopy`, func(c *Config) { c.Link = AFXDP{Interface: "lo", Require: "dpdk"} }},
		{"MAC", "no Ethernet address", func(c *Config) { c.Link = TAP{Interface: "t", MAC: make(net.HardwareAddr, 8)} }},
		{"NoSuchEnd", "ends 0 and 1", func(c *Config) { c.Link = wireEnd{c.Link.(wireEnd).wire, 2} }},
		{"NoSuchInterface", "no-such-if", func(c *Config) { c.Link = AFXDP{Interface: "no-such-if"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkLeaks(t)
			w, err := NewWire(WireConfig{})
			if err != nil {
				t.Fatal(err)
			}
			cfg := Config{Link: w.End(0), Addresses: []netip.Prefix{prefix}, Connections: 100, TimeWaits: 100, RingMemory: 4 << 20}
			c.change(&cfg)
			s, err := New(cfg)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "mtcp: ") {
				t.Errorf("error %q does not speak of %q in one line", err, c.says)
			}
		})
	}
}

func TestNewWire_RefusesWhatCannotBe(t *testing.T) {
	for _, c := range []WireConfig{
		{MTU: 10}, {MTU: 1 << 20}, {Queues: -1}, {Queues: 1000},
		{Impair: [2]Impairment{{Loss: 2}, {}}}, {Impair: [2]Impairment{{}, {Delay: -1}}},
	} {
		if _, err := NewWire(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestStack_DialsItself(t *testing.T) {
	for _, queues := range []int{1, 2} {
		w := newWorld(t, WireConfig{Queues: queues}, nil)
		l := w.listen(t, ":80")
		for range 4 {
			a, err := w.server.Dial("tcp", serverIP+":80")
			if err != nil {
				t.Fatal(err)
			}
			b, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			within(t, "the transfer", func() { transfer(t, a, b, 1<<20, 1<<20+1) })
			a.Close()
			b.Close()
		}
		if _, err := w.server.Dial("tcp", serverIP+":81"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialling an own port that nobody listens on: %v", err)
		}
	}
}

func TestDialFrom_ChoosesTheLocalAddress(t *testing.T) {
	const other = "10.0.0.9"
	w := newWorld(t, WireConfig{}, func(client, _ *Config) {
		client.Addresses = append(client.Addresses, netip.MustParsePrefix(other+"/24"))
	})
	l := w.listen(t, ":80")
	to := addrPortOf(t, serverIP+":80")
	for _, from := range []string{clientIP + ":1234", other + ":1234", other + ":0", "0.0.0.0:4321"} {
		c, err := w.client.DialFrom(context.Background(), addrPortOf(t, from), to)
		if err != nil {
			t.Fatal(err)
		}
		s := mustAccept(t, l)
		want, got := addrPortOf(t, from), s.RemoteAddr().(*net.TCPAddr).AddrPort()
		if want.Port() != 0 && got.Port() != want.Port() || !want.Addr().IsUnspecified() && got.Addr() != want.Addr() {
			t.Errorf("dialled from %v, seen from %v", want, got)
		}
		c.Close()
	}
	// The last is still in TIME-WAIT here, since we closed first.
	for from, want := range map[string]error{"192.0.2.1:1": syscall.EADDRNOTAVAIL, "0.0.0.0:4321": syscall.EADDRINUSE} {
		if _, err := w.client.DialFrom(context.Background(), addrPortOf(t, from), to); !errors.Is(err, want) {
			t.Errorf("dialling from %s: %v, want %v", from, err, want)
		}
	}
}

// With several shards the answer to any port must reach the one that dialled.
func TestDialFrom_AnyPortWorksWithTwoShards(t *testing.T) {
	w := newWorld(t, WireConfig{Queues: 2}, nil)
	l := w.listen(t, ":80")
	for port := range uint16(8) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		from := netip.AddrPortFrom(netip.MustParseAddr(clientIP), 1000+port)
		c, err := w.client.DialFrom(ctx, from, addrPortOf(t, serverIP+":80"))
		if err != nil {
			t.Errorf("from port %d: %v", from.Port(), err)
			continue
		}
		s := mustAccept(t, l)
		exchange(t, c, s)
		c.Close()
	}
}

func TestShutdown_LetsAnswersComplete(t *testing.T) {
	w, c, s := pair(t, WireConfig{})
	answer := pattern(4 << 20)
	done := make(chan error, 1)
	c.Write([]byte("question"))
	io.ReadFull(s, make([]byte, 8))
	within(t, "the shutdown", func() {
		go func() { done <- w.server.Shutdown(context.Background()) }()
		eventually(t, "new connections are refused", func() bool {
			x, err := w.client.Dial("tcp", serverIP+":80")
			if err == nil {
				x.Close()
			}
			return errors.Is(err, syscall.ECONNREFUSED)
		})
		go func() {
			s.Write(answer)
			s.Close()
		}()
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, answer) {
			t.Errorf("%d octets arrived of %d, or they differ; %v", len(got), len(answer), err)
		}
		select {
		case err := <-done:
			t.Errorf("Shutdown returned (%v) before the connection had ended", err)
		default:
		}
		c.Close()
		if err := <-done; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

func TestShutdown_LetsNobodyListenAnew(t *testing.T) {
	w, c, s := pair(t, WireConfig{})
	done := make(chan error, 1)
	go func() { done <- w.server.Shutdown(context.Background()) }()
	eventually(t, "listening is over", func() bool {
		l, err := w.server.Listen(context.Background(), "tcp", ":0")
		if err == nil {
			l.Close()
		}
		return errors.Is(err, net.ErrClosed)
	})
	// What is needed to finish may still be dialled.
	l, err := w.client.Listen(context.Background(), "tcp", ":81")
	if err != nil {
		t.Fatal(err)
	}
	x, err := w.server.Dial("tcp", clientIP+":81")
	if err != nil {
		t.Fatalf("dialling while the stack shuts down: %v", err)
	}
	y := mustAccept(t, l)
	exchange(t, x, y)
	for _, c := range []net.Conn{x, y, c, s} {
		c.Close()
	}
	within(t, "the shutdown", func() {
		if err := <-done; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

func TestShutdown_EndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if err := w.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		took(t, "Shutdown", start, 5*time.Second, 5*time.Second)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer reads %v", err)
		}
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the connection of the closed stack reads %v", err)
		}
	})
}

func TestShutdown_ClosesListeners(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	l := w.listen(t, ":80")
	waiting, err := w.client.Dial("tcp", serverIP+":80") // nobody accepts it
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	within(t, "the shutdown", func() {
		other := w.listen(t, ":81")
		go func() {
			_, err := other.Accept()
			failed <- err
		}()
		if err := w.server.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept of a stack shut down meanwhile: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Shutdown: %v", err)
	}
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that nobody accepted reads %v", err)
	}
	waiting.Close()
}

func TestClose_ResetsAndWakesEverybody(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	l := w.listen(t, ":80")
	var clients []*Conn
	failed := make(chan error)
	const n = 5
	for range n {
		c, s := w.connect(t, l)
		clients = append(clients, c)
		go func() {
			_, err := s.Read(make([]byte, 1))
			failed <- err
		}()
		go func() {
			var err error
			for err == nil {
				_, err = s.Write(make([]byte, 1<<20))
			}
			failed <- err
		}()
	}
	go func() {
		_, err := l.Accept()
		failed <- err
	}()
	go func() {
		_, err := w.server.Dial("tcp", "10.0.0.77:80") // nobody is there
		failed <- err
	}()
	eventually(t, "the writers have to wait", func() bool {
		out := w.server.Stats()[0].OctetsOut
		time.Sleep(10 * time.Millisecond)
		return out > n*50_000 && w.server.Stats()[0].OctetsOut == out
	})
	within(t, "closing", func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
		for range 2*n + 2 {
			if err := <-failed; !errors.Is(err, net.ErrClosed) {
				t.Errorf("a call in progress returns %v", err)
			}
		}
		for _, c := range clients {
			if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("a peer reads %v", err)
			}
			c.Close()
		}
	})
}

// More resets than go out in one round.
func TestClose_ResetsACrowd(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	clients, servers := crowd(t, w, w.listen(t, ":80"), 300)
	within(t, "closing", func() {
		w.server.Close()
		for i, c := range clients {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("peer %d reads %v", i, err)
			}
			c.Close()
			servers[i].Close()
		}
	})
}

// Everything may be called after Close, and nothing of it crashes.
func TestClose_MakesEverythingFailAsClosed(t *testing.T) {
	w, _, s := pair(t, WireConfig{})
	l := w.listen(t, ":81")
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Listen": func() error { _, err := w.server.Listen(context.Background(), "tcp", ":82"); return err },
		"Dial":   func() error { _, err := w.server.Dial("tcp", clientIP+":80"); return err },
		"DialFrom": func() error {
			_, err := w.server.DialFrom(context.Background(), netip.AddrPort{}, addrPortOf(t, clientIP+":80"))
			return err
		},
		"Accept":        func() error { _, err := l.Accept(); return err },
		"ListenerClose": func() error { return l.Close() },
		"Read":          func() error { _, err := s.Read(make([]byte, 1)); return err },
		"Write":         func() error { _, err := s.Write(make([]byte, 1)); return err },
		"WriteAgain":    func() error { _, err := s.Write(make([]byte, 1)); return err },
		"ReadFrom":      func() error { _, err := s.ReadFrom(strings.NewReader("x")); return err },
		"WriteTo":       func() error { _, err := s.WriteTo(io.Discard); return err },
		"WriteBuffers":  func() error { _, err := s.WriteBuffers(&net.Buffers{{1}}); return err },
	} {
		if err := call(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after the stack's Close: %v", name, err)
		}
	}
	for i, call := range []func() error{
		w.server.Close,
		func() error { return w.server.Shutdown(context.Background()) },
		s.CloseRead, s.CloseWrite,
		func() error { return s.SetNoDelay(true) },
		func() error { return s.SetDeadline(time.Now().Add(time.Hour)) },
		s.Close,
	} {
		if err := call(); err != nil {
			t.Errorf("call %d after the stack's Close: %v", i, err)
		}
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading after both have closed: %v", err)
	}
	w.server.Stats()
	w.server.Links()
}

// More commands than the mailbox holds, to a shard that runs no more.
func TestClose_NobodyWaitsForAShardThatHasStopped(t *testing.T) {
	w, _, s := pair(t, WireConfig{})
	w.server.Close()
	within(t, "setting options", func() {
		for range 1 << 15 {
			s.SetNoDelay(true)
		}
	})
	w.server.Stats()
}

// Many goroutines use few connections, and end them at any moment: for the race
// detector, and for hangs.
func TestConn_AnyGoroutineMayUseAnyConnection(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	w := newWorld(t, WireConfig{Queues: 2}, nil)
	l := w.listen(t, ":80")
	for round := range rounds {
		c, s := w.connect(t, l)
		var all sync.WaitGroup
		for i := range 4 {
			for _, x := range []*Conn{c, s} {
				all.Go(func() {
					b := make([]byte, 1000)
					for n := 0; ; n++ {
						if _, err := x.Write(b); err != nil {
							return
						}
					}
				})
				all.Go(func() {
					b := make([]byte, 1000)
					for {
						if _, err := x.Read(b); err != nil && !errors.Is(err, syscall.Errno(0)) {
							if e, ok := err.(net.Error); ok && e.Timeout() {
								continue
							}
							return
						}
					}
				})
				all.Go(func() {
					for k := range 50 {
						x.SetReadDeadline(time.Now().Add(time.Duration(k%3) * time.Millisecond))
						x.SetNoDelay(k%2 == 0)
						x.LocalAddr()
						if i == 3 && k == 40 {
							x.CloseWrite()
						}
					}
					x.SetReadDeadline(time.Time{})
					switch (i + round) % 4 {
					case 0:
						x.Close()
					case 1:
						x.CloseRead()
					}
				})
			}
		}
		within(t, "everybody leaves", all.Wait)
		c.Close()
		s.Close()
	}
	eventually(t, "everything is given back", func() bool {
		for _, side := range []*Stack{w.client, w.server} {
			for _, st := range side.Stats() {
				if st.Connections != 0 || st.RingMemory != 0 {
					return false
				}
			}
		}
		return true
	})
}

func TestStats_CountAndForgetNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, nil)
		l := w.listen(t, ":80")
		const n = 20
		for range n {
			c, s := w.connect(t, l)
			transfer(t, c, s, 1000, 100_000)
			c.Close()
			s.Close()
		}
		synctest.Wait()
		c, s := w.client.Stats()[0], w.server.Stats()[0]
		if c.ActiveOpens != n || s.PassiveOpens != n {
			t.Errorf("%d active and %d passive opens of %d", c.ActiveOpens, s.PassiveOpens, n)
		}
		if c.OctetsOut != n*1000 || s.OctetsIn != n*1000 || s.OctetsOut != n*100_000 || c.OctetsIn != n*100_000 {
			t.Errorf("octets out %d and %d, in %d and %d", c.OctetsOut, s.OctetsOut, c.OctetsIn, s.OctetsIn)
		}
		if c.TxFrames != s.RxFrames || s.TxFrames != c.RxFrames || c.TxFrames == 0 {
			t.Errorf("client sent %d frames and received %d, server %d and %d", c.TxFrames, c.RxFrames, s.TxFrames, s.RxFrames)
		}
		if c.Connections != 0 || s.Connections != 0 || c.RingMemory != 0 || s.RingMemory != 0 || c.TimeWaits+s.TimeWaits < n {
			t.Errorf("held afterwards: %+v and %+v", c, s)
		}
		if s.Listeners != 1 {
			t.Errorf("%d listeners", s.Listeners)
		}
	})
}

func TestNew_CoresThatAreNotThere(t *testing.T) {
	checkLeaks(t)
	wire, err := NewWire(WireConfig{Queues: 2})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Link: wire.End(0), Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}, Cores: []int{0, 1023}}
	if _, err := New(c); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("pinned to core 1023: %v", err)
	}
}

func TestCores_ConnectionsWorkOnPinnedShards(t *testing.T) {
	w := newWorld(t, WireConfig{}, func(client, server *Config) {
		server.Cores, server.BusyPoll = []int{0}, true
	})
	c, s := w.connect(t, w.listen(t, ":80"))
	defer c.Close()
	defer s.Close()
	exchange(t, c, s)
}

// Shards that never sleep share the thread of their core, also with those of
// other stacks, and each can go without the others.
func TestCores_ShardsOfACoreShareItsThread(t *testing.T) {
	threads := func() int {
		b := make([]byte, 1<<20)
		return strings.Count(string(b[:runtime.Stack(b, true)]), "runner.(*seat).run(")
	}
	pinned := func(client, server *Config) {
		client.Cores, client.BusyPoll = []int{0}, true
		server.Cores, server.BusyPoll = []int{0}, true
	}
	w, other := newWorld(t, WireConfig{Queues: 2}, pinned), newWorld(t, WireConfig{}, pinned)
	if n := threads(); n != 1 {
		t.Errorf("six shards of core 0 have %d threads", n)
	}
	c, s := w.connect(t, w.listen(t, ":80"))
	exchange(t, c, s)
	d, e := other.connect(t, other.listen(t, ":80"))
	exchange(t, d, e)
	other.client.Close()
	other.server.Close()
	exchange(t, c, s)
	c.Close()
	s.Close()
	w.client.Close()
	w.server.Close()
	eventually(t, "the thread has ended", func() bool { return threads() == 0 })
	again := newWorld(t, WireConfig{}, pinned)
	f, g := again.connect(t, again.listen(t, ":80"))
	exchange(t, f, g)
	f.Close()
	g.Close()
}

// What a benchmark does without, all parts of its stacks do without.
func TestNew_TakesTheChosenTechniques(t *testing.T) {
	defer technique.Choose(technique.Choice{})
	want := technique.Choice{Without: technique.Colouring | technique.LIFO, Batch: 8}
	technique.Choose(want)
	w := newWorld(t, WireConfig{}, nil)
	_, shard := w.server.core.App(&sock.Accepted{})
	if got := shard.Config().Technique; got != want {
		t.Errorf("a shard without %v in batches of %d, want %v and %d", got.Without, got.Batch, want.Without, want.Batch)
	}
	if !(Memif{}).device(nil).Uncoloured {
		t.Error("memif's buffers are coloured")
	}
}
