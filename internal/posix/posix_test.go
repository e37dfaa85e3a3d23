package posix

import (
	"syscall"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func newHost(t *testing.T) *Host {
	t.Helper()
	h, err := New(Config{Address: wire.IPv4Prefix{Addr: 10<<24 | 2, Bits: 24}, Gateway: 10<<24 | 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestClock_MovesOnlyWhenItIsMoved(t *testing.T) {
	h := newHost(t)
	was := h.Now()
	h.Socket(-1)
	if h.Now() != was {
		t.Error("a call moved the clock")
	}
	h.Advance(was + time.Hour)
	if h.Now() != was+time.Hour {
		t.Errorf("the clock is at %v", h.Now()-was)
	}
}

func TestDescriptors_AreTheLowestFree(t *testing.T) {
	h := newHost(t)
	for want := 3; want < 6; want++ {
		if got, _ := h.Socket(-1).Result(); got != want {
			t.Errorf("descriptor %d, want %d", got, want)
		}
	}
	h.CloseFD(4)
	if got, _ := h.Socket(-1).Result(); got != 4 {
		t.Errorf("descriptor %d, want 4", got)
	}
	for range maxFiles {
		h.Socket(-1)
	}
	if _, e := h.Socket(-1).Result(); e != syscall.EMFILE {
		t.Errorf("error %v, want EMFILE", e)
	}
}

func TestCalls_OnWhatIsNoSocket(t *testing.T) {
	h := newHost(t)
	for name, c := range map[string]*Call{
		"bind": h.Bind(9, Addr{}), "listen": h.Listen(9, 1), "accept": h.Accept(9, -1, nil), "connect": h.Connect(9, Addr{}),
		"read": h.Read(9, nil, 0), "write": h.Write(9, nil, 0), "close": h.CloseFD(9), "shutdown": h.Shutdown(9, 1),
		"epoll_wait": h.EpollWait(9, 1, 0, nil),
	} {
		if _, e := c.Result(); e != syscall.EBADF {
			t.Errorf("%s: %v, want EBADF", name, e)
		}
	}
	ep, _ := h.EpollCreate(-1).Result()
	if _, e := h.Listen(ep, 1).Result(); e != syscall.ENOTSOCK {
		t.Errorf("listen on an epoll: %v", e)
	}
}

// newPair is a host with a listener at an address of its own, and a socket that may
// connect to it.
func newPair(t *testing.T) (h *Host, at Addr, l, c int) {
	h, at = newHost(t), Addr{10<<24 | 2, 80}
	l, _ = h.Socket(-1).Result()
	h.Bind(l, at)
	h.Listen(l, 1)
	c, _ = h.Socket(-1).Result()
	return h, at, l, c
}

// A connection to ourselves goes through everything but the wire.
func TestLoop_WritesAndReads(t *testing.T) {
	h, at, l, c := newPair(t)
	if n, e := h.Connect(c, at).Result(); n != 0 {
		t.Fatal(e)
	}
	s, e := h.Accept(l, -1, nil).Result()
	if e != 0 {
		t.Fatal(e)
	}
	text := make([]byte, 100_000)
	for i := range text {
		text[i] = byte(i * 7)
	}
	sent := h.Write(c, text, 0)
	var got []byte
	for len(got) < len(text) {
		b := make([]byte, 5000)
		r := h.Read(s, b, 0)
		for !r.Done {
			h.Advance(h.Next())
		}
		got = append(got, b[:r.N]...)
	}
	if !sent.Done || string(got) != string(text) {
		t.Error("not what was written")
	}
	if n, e := h.Option(c, syscall.IPPROTO_TCP, syscall.TCP_INFO, new([]byte)).Result(); n != 0 {
		t.Error(e)
	}
	h.CloseFD(c)
	if n, _ := h.Read(s, make([]byte, 1), 0).Result(); n != 0 {
		t.Error("no end of file")
	}
}

func TestPoll_TimesOut(t *testing.T) {
	h := newHost(t)
	l, _ := h.Socket(-1).Result()
	h.Bind(l, Addr{0, 80})
	h.Listen(l, 1)
	fds := []PollFD{{FD: l, Events: PollIn}}
	c := h.Poll(fds, time.Second)
	if c.Done {
		t.Fatal("poll did not wait")
	}
	was := h.Now()
	if h.Advance(was + time.Minute); !c.Done || h.Now() != was+time.Second {
		t.Errorf("done %v after %v", c.Done, h.Now()-was)
	}
	if n, e := c.Result(); n != 0 || e != 0 {
		t.Errorf("%d, %v", n, e)
	}
}

func TestSettings_OfLinux(t *testing.T) {
	c := Config{}
	c.Apply(func(name string) string {
		return map[string]string{
			"net.ipv4.tcp_rmem": "4096 540000 15728640", "net.ipv4.tcp_sack": "0", "net.ipv4.tcp_syn_retries": "5",
			"net.ipv4.tcp_timestamps": "nonsense",
		}[name]
	})
	if c.TCP.WindowScale != 8 || c.TCP.RcvBuf != 270000 || !c.TCP.NoSACK || c.TCP.SynRetries != 5 || c.TCP.NoTimestamps {
		t.Errorf("%+v", c.TCP)
	}
}

// As in Linux the port that bind chooses is known at once, and is never one that a
// socket has.
func TestBind_ChoosesAPort(t *testing.T) {
	h := newHost(t)
	seen := make(map[uint16]bool)
	for range 3 {
		fd, _ := h.Socket(-1).Result()
		h.Bind(fd, Addr{})
		var a Addr
		if _, e := h.Name(fd, &a).Result(); e != 0 || a.Port < firstPort || a.Port > lastPort || seen[a.Port] {
			t.Errorf("%v, port %d", e, a.Port)
		}
		seen[a.Port] = true
		h.lastPort = firstPort - 1 // round once
	}
	if _, e := h.Name(99, new(Addr)).Result(); e != syscall.EBADF {
		t.Errorf("the name of nothing: %v", e)
	}
}

func TestInterrupt_EndsABlockedCall(t *testing.T) {
	h := newHost(t)
	l, _ := h.Socket(-1).Result()
	h.Bind(l, Addr{0, 80})
	h.Listen(l, 1)
	first, second := h.Accept(l, -1, nil), h.Poll([]PollFD{{FD: l, Events: PollIn}}, time.Second)
	h.Interrupt(first)
	if _, e := first.Result(); !first.Done || e != syscall.EINTR {
		t.Errorf("done %v, %v", first.Done, e)
	}
	h.Interrupt(first) // again: nothing
	if h.Advance(h.Now() + time.Minute); !second.Done || second.Errno != 0 {
		t.Errorf("the other one: done %v, %v", second.Done, second.Errno)
	}
}

// Behind a device a host has the device's address, and whoever steps it hears how
// long nothing will happen.
func TestStep_DrivesAHostBehindADevice(t *testing.T) {
	w, err := mem.New(mem.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Config{Address: wire.IPv4Prefix{Addr: 10<<24 | 2, Bits: 24}, Link: w.Side(0).Queue(0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	fd, _ := h.Socket(-1).Result()
	c := h.Connect(fd, Addr{10<<24 | 1, 80})
	peer := w.Side(1).Queue(0)
	frames := make([]link.Frame, 64)
	asked := 0
	for range 100 {
		n := peer.Recv(mono.Time(h.Now()), frames)
		for i := range n {
			var eth wire.Ethernet
			body, _ := eth.Parse(frames[i].Bytes)
			if a, ok := wire.ParseARP(body); ok && eth.Type == wire.EtherTypeARP && a.TargetIP == 10<<24|1 {
				asked++
				if eth.Src != h.cfg.Link.Info().MAC {
					t.Errorf("asked as %v", eth.Src)
				}
			}
		}
		peer.Release(frames[:n])
		if c.Done {
			break
		}
		d := h.Step(h.Now())
		if d <= 0 {
			t.Fatalf("nothing to do, and sleeps for %v", d)
		}
		h.Step(h.Now() + d)
	}
	if _, e := c.Result(); asked == 0 || e != syscall.EHOSTUNREACH {
		t.Errorf("%d questions, then %v", asked, e)
	}
}

func TestShutdown_OfAnAttemptToConnectIsAReset(t *testing.T) {
	h := newHost(t)
	c, _ := h.Socket(-1).Result()
	h.Fcntl(c, syscall.F_SETFL, syscall.O_NONBLOCK)
	h.Connect(c, Addr{10<<24 | 3, 80})
	h.Shutdown(c, syscall.SHUT_WR)
	if _, e := h.Read(c, make([]byte, 1), 0).Result(); e != syscall.ECONNRESET {
		t.Errorf("error %v, want ECONNRESET as in Linux", e)
	}
}

func TestState_IsKnownWithoutADescriptor(t *testing.T) {
	h, at, l, c := newPair(t)
	h.Connect(c, at)
	var from Addr
	s, _ := h.Accept(l, -1, &from).Result()
	states := func() [2]tcp.State { return [2]tcp.State{h.State(from, at), h.State(at, from)} }
	for _, x := range []struct {
		close int
		want  [2]tcp.State
	}{
		{-1, [2]tcp.State{tcp.Established, tcp.Established}},
		{c, [2]tcp.State{tcp.FinWait2, tcp.CloseWait}},
		{s, [2]tcp.State{tcp.TimeWait, tcp.Closed}},
	} {
		h.CloseFD(x.close)
		h.Advance(h.Now() + 100*time.Millisecond)
		if got := states(); got != x.want {
			t.Errorf("%v, want %v", got, x.want)
		}
	}
}
