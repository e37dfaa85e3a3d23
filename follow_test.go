package mtcp

// What changes around a stack while it runs.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/vishvananda/netlink"
)

// eachOwner runs a test with an address of the stack's own and with the kernel's.
func eachOwner(t *testing.T, f func(t *testing.T, w *kernelWorld, log *heard)) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared=%v", shared), func(t *testing.T) {
			log := &heard{}
			f(t, newKernelWorld(t, kernelOptions{link: AFXDP{Shared: shared}, change: func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(log, nil))
			}}), log)
		})
	}
}

// served is a connection of the kernel's to the stack, which echoes.
func (w *kernelWorld) served(t *testing.T) *session {
	t.Helper()
	l, err := w.ours.Listen(context.Background(), "tcp4", ":80")
	if err != nil {
		t.Fatal(err)
	}
	echoAll(t, l)
	return mustSession(t, func() (net.Conn, error) { return w.kernelDial(context.Background(), "tcp4", oursIP+":80") })
}

// heard is a log that tests wait for.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) has(s string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.text.String(), s)
}

// Either end goes down in the middle of a transfer from the stack, whose device is
// full of frames then, for longer than the first retransmissions.
func TestFollow_ConnectionsOutliveTheLinkGoingDown(t *testing.T) {
	for end, who := range []string{"ours", "the peer's"} {
		t.Run(who, func(t *testing.T) {
			eachOwner(t, func(t *testing.T, w *kernelWorld, log *heard) { goDown(t, w, log, end) })
		})
	}
}

func goDown(t *testing.T, w *kernelWorld, log *heard, end int) {
	l, err := w.ours.Listen(context.Background(), "tcp4", ":80")
	if err != nil {
		t.Fatal(err)
	}
	c := mustDialKernel(t, w)
	s := mustAccept(t, l)
	defer s.Close()
	text := pattern(8 << 20)
	var writing sync.WaitGroup
	writing.Go(func() {
		if _, err := s.Write(text); err != nil {
			t.Errorf("writing: %v", err)
		}
	})
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got[:1<<20]); err != nil {
		t.Fatal(err)
	}
	w.at(t, end, netlink.LinkSetDown)
	eventually(t, "the stack hears of it", func() bool { return log.has("link down") })
	before := w.ours.core.Stats()[0]
	time.Sleep(700 * time.Millisecond) // how long it is down
	after := w.ours.core.Stats()[0]
	if n := after.Link.Waits - before.Link.Waits; n > 300 {
		t.Errorf("the shard slept %d times while there was nothing to do", n)
	}
	if n := after.TxStalls - before.TxStalls; n > 10_000 {
		t.Errorf("the shard spun: %d rounds without a frame", n)
	}
	if w.ours.share == nil { // the kernel's routes go with the link
		eventually(t, "a shard that knows that the link is down loses a segment", func() bool {
			return w.ours.core.Stats()[0].Drops[drop.LinkDown] > 0
		})
	}
	w.at(t, end, netlink.LinkSetUp)
	within(t, "the rest", func() {
		if _, err := io.ReadFull(c, got[1<<20:]); err != nil || !bytes.Equal(got, text) {
			t.Errorf("when the link is up again: %v, equal: %v", err, bytes.Equal(got, text))
		}
		writing.Wait()
	})
	exchange(t, c, s)
}

// The kernel's end drops what is larger than its MTU: what arrives has followed.
func TestFollow_SegmentsFollowTheMTU(t *testing.T) {
	eachOwner(t, func(t *testing.T, w *kernelWorld, log *heard) {
		l, err := w.ours.Listen(context.Background(), "tcp4", ":80")
		if err != nil {
			t.Fatal(err)
		}
		var pairs [2][2]net.Conn // from before the change
		for i := range pairs {
			c, err := w.kernelDial(context.Background(), "tcp4", oursIP+":80")
			if err != nil {
				t.Fatal(err)
			}
			pairs[i] = [2]net.Conn{c, mustAccept(t, l)}
			defer c.Close()
		}
		setMTU := func(mtu int) {
			for end := range 2 {
				w.at(t, end, func(l netlink.Link) error { return netlink.LinkSetMTU(l, mtu) })
			}
		}
		setMTU(1200)
		eventually(t, "the stack hears of 1200", func() bool { return log.has("mtu=1200") })
		within(t, "a transfer in small segments", func() { transfer(t, pairs[0][0], pairs[0][1], 1<<20, 1<<20) })
		setMTU(1500)
		eventually(t, "the stack hears of 1500", func() bool { return log.has("mtu=1500") })
		before := w.ours.Stats()[0]
		within(t, "a transfer in full segments", func() { transfer(t, pairs[1][0], pairs[1][1], 0, 1<<20) })
		after := w.ours.Stats()[0]
		if n := (1 << 20) / (after.SegmentsOut - before.SegmentsOut); n < 1300 {
			t.Errorf("%d octets a segment: the connection does not grow back with its link", n)
		}
		setMTU(2000)
		eventually(t, "the stack says what it cannot", func() bool { return log.has("close it and open it again") && log.has("frames=1500") })
		exchange(t, mustDialKernel(t, w), mustAccept(t, l))
	})
}

func mustDialKernel(t *testing.T, w *kernelWorld) net.Conn {
	t.Helper()
	c, err := w.kernelDial(context.Background(), "tcp4", oursIP+":80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The interface's own Ethernet address changes; whoever speaks ARP for the stack's
// addresses announces it.
func TestFollow_TheInterfacesMAC(t *testing.T) {
	eachOwner(t, func(t *testing.T, w *kernelWorld, _ *heard) {
		s := w.served(t)
		mac := net.HardwareAddr{2, 0, 0, 0, 0, 0x77}
		w.here(t, func(l netlink.Link) error {
			return netlink.LinkSetHardwareAddr(l, mac)
		})
		if w.ours.share != nil { // the kernel announces nothing by itself
			w.here(t, func(l netlink.Link) error { return announce(l, oursIP) })
		}
		if err := s.line(); err != nil {
			t.Errorf("after the change: %v", err)
		}
	})
}

// An address that the kernel loses is lost to the stack, and when it is back its
// connections go on; one that it gets is the stack's, too.
func TestFollow_AddressesFollowTheKernel(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: shared})
	s := w.served(t)
	address := func(ip string) *netlink.Addr {
		a, err := netlink.ParseAddr(ip + "/24")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	const another = "10.77.0.2"
	w.here(t, func(l netlink.Link) error { return netlink.AddrAdd(l, address(another)) })
	eventually(t, "the stack serves at an address that came later", func() bool {
		c, err := w.kernelDial(context.Background(), "tcp4", another+":80")
		if err == nil {
			err = (&session{c: c}).line()
			c.Close()
		}
		return err == nil
	})
	w.here(t, func(l netlink.Link) error { // both: the second is a secondary of the first
		return errors.Join(netlink.AddrDel(l, address(another)), netlink.AddrDel(l, address(oursIP)))
	})
	eventually(t, "the stack has no address", func() bool { return len(w.ours.Addresses()) == 0 })
	if _, err := w.ours.Dial("tcp4", kernelIP+":22"); err == nil {
		t.Error("a stack without an address dials")
	}
	w.here(t, func(l netlink.Link) error { return netlink.AddrAdd(l, address(oursIP)) })
	if err := s.line(); err != nil {
		t.Errorf("a connection whose address was away: %v", err)
	}
	if k, err := w.besideListen(oursIP + ":80"); err == nil {
		k.Close()
		t.Error("the port is not held at the address that came back")
	}
}

// openFiles counts this process's descriptors and the stack's memory maps.
func openFiles(t *testing.T) (files, maps int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return len(all), strings.Count(string(b), "/memfd:mtcp")
}

func TestFollow_TheStackEndsWithItsInterface(t *testing.T) {
	eachOwner(t, func(t *testing.T, w *kernelWorld, _ *heard) {
		testRemoval(t, w.ours, w.served, func() {
			w.here(t, netlink.LinkDel)
		})
	})
}

func TestFollow_TheStackEndsWithItsTAP(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	checkLeaks(t)
	place, err := netconf.NewNamespace("")
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	name := netconf.UniqueName("mt")
	var s *Stack
	err = place.Do(func() (err error) {
		s, err = New(Config{
			Link:        TAP{Interface: name, Peer: []netip.Prefix{netip.MustParsePrefix(kernelIP + "/24")}},
			Addresses:   []netip.Prefix{netip.MustParsePrefix(oursIP + "/24")},
			Connections: 100, TimeWaits: 100, RingMemory: 4 << 20,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := &kernelWorld{pair: &netconf.Pair{Ends: [2]netconf.Place{{}, {Namespace: place, Interface: name}}}, kernelAt: place, ours: s}
	testRemoval(t, s, w.served, func() { w.there(t, netlink.LinkDel) })
}

// testRemoval takes the interface away from under a stack in use.
func testRemoval(t *testing.T, s *Stack, serve func(*testing.T) *session, remove func()) {
	serve(t)
	l, err := s.Listen(context.Background(), "tcp4", ":81")
	if err != nil {
		t.Fatal(err)
	}
	self, err := s.Dial("tcp4", oursIP+":80")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := openFiles(t)
	errs := make(chan error, 2)
	go func() { _, err := l.Accept(); errs <- err }()
	go func() { _, err := self.Read(make([]byte, 1)); errs <- err }()
	if s.Err() != nil {
		t.Errorf("a stack that runs says %v", s.Err())
	}
	remove()
	within(t, "the end", func() { <-s.Done() })
	if err := s.Err(); !errors.Is(err, ErrLinkGone) || !strings.Contains(err.Error(), s.Links()[0].Name) {
		t.Errorf("the stack ended with %v", err)
	}
	within(t, "those who waited", func() {
		for range 2 {
			if err := <-errs; !errors.Is(err, ErrLinkGone) {
				t.Errorf("somebody waited and was told %v", err)
			}
		}
	})
	for range 2 { // it stays so
		if _, err := self.Write([]byte("x")); !errors.Is(err, ErrLinkGone) {
			t.Errorf("writing: %v", err)
		}
	}
	if _, err := s.Dial("tcp4", kernelIP+":22"); !errors.Is(err, ErrLinkGone) {
		t.Errorf("dialling: %v", err)
	}
	if _, err := s.Listen(context.Background(), "tcp4", ":82"); !errors.Is(err, ErrLinkGone) {
		t.Errorf("listening: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, ErrLinkGone) {
		t.Errorf("accepting: %v", err)
	}
	self.Close()
	if err := s.Close(); err != nil {
		t.Errorf("closing what has ended: %v", err)
	}
	eventually(t, "descriptors and memory are given back", func() bool {
		now, maps := openFiles(t)
		return now < files && maps == 0
	})
}

// A stuckLink has no frame to send with while it is stuck.
type stuckLink struct {
	Link
	stuck *atomic.Bool
}

func (l stuckLink) open(c *Config) (openLink, error) {
	o, err := l.Link.open(c)
	for i, q := range o.queues {
		o.queues[i] = stuckQueue{q, l.stuck}
	}
	return o, err
}

type stuckQueue struct {
	link.Queue
	stuck *atomic.Bool
}

func (q stuckQueue) Reserve(tx []link.Frame) int {
	if q.stuck.Load() {
		return 0
	}
	return q.Queue.Reserve(tx)
}

// A device that takes nothing for a while does not keep a processor busy.
func TestStalledDevice_IsWaitedFor(t *testing.T) {
	var stuck atomic.Bool
	w := newWorld(t, WireConfig{}, func(client, _ *Config) { client.Link = stuckLink{client.Link, &stuck} })
	c, s := w.connect(t, w.listen(t, ":80"))
	defer c.Close()
	defer s.Close()
	exchange(t, c, s)
	stuck.Store(true)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // how long it is stuck
	n := w.client.core.Stats()[0].TxStalls
	t.Logf("%d rounds without a frame", n)
	if n == 0 || n > 200_000 {
		t.Errorf("%d rounds without a frame: was it stuck, or did the shard spin?", n)
	}
	stuck.Store(false)
	got := make([]byte, 5)
	s.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != "hello" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

// More memory than any machine has of huge pages: the stack works without, and
// the log says why.
func TestHugePages_FallBackIsReported(t *testing.T) {
	log := &heard{}
	w := newWorld(t, WireConfig{}, func(client, _ *Config) {
		client.HugePages, client.RingMemory = true, 64<<30
		client.Logger = slog.New(slog.NewTextHandler(log, nil))
		if raceEnabled {
			client.RingMemory = 32 << 20 // on the Go heap, where the memory is real
		}
	})
	if !log.has("no huge pages") || !log.has("why=") {
		t.Errorf("says: %s", log.text.String())
	}
	c, s := w.connect(t, w.listen(t, ":80"))
	defer c.Close()
	defer s.Close()
	exchange(t, c, s)
}

// Huge pages that are taken away from the machine while a stack has them stay its
// own until it is closed; then they are gone.
func TestHugePages_TakenAwayWhileInUse(t *testing.T) {
	const knob, pages = "/proc/sys/vm/nr_hugepages", 32
	if raceEnabled {
		t.Skip("race builds have the stack's memory on the Go heap")
	}
	before, err := os.ReadFile(knob)
	if err != nil {
		t.Skipf("no huge pages in this kernel: %v", err)
	}
	had, _ := strconv.Atoi(strings.TrimSpace(string(before)))
	set := func(n int) error { return os.WriteFile(knob, strconv.AppendInt(nil, int64(n), 10), 0) }
	if err := set(had + pages); err != nil {
		t.Skipf("reserving huge pages needs root: %v", err)
	}
	defer set(had)
	now, err := os.ReadFile(knob)
	if n, _ := strconv.Atoi(strings.TrimSpace(string(now))); err != nil || n < had+pages {
		t.Skipf("the machine has %d huge pages for %d: its memory is in pieces", n-had, pages)
	}
	log := &heard{}
	w := newWorld(t, WireConfig{}, func(client, _ *Config) {
		client.HugePages, client.RingMemory, client.Connections = true, 16<<20, 64
		client.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	if log.has("no huge pages") {
		t.Fatalf("there were some: %s", log.text.String())
	}
	c, s := w.connect(t, w.listen(t, ":80"))
	defer s.Close()
	exchange(t, c, s)
	if err := set(had); err != nil {
		t.Fatal(err)
	}
	exchange(t, c, s)
	c.Close()
	if err := w.client.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the machine has as many as before", func() bool {
		now, err := os.ReadFile(knob)
		return err == nil && strings.TrimSpace(string(now)) == strconv.Itoa(had)
	})
}
