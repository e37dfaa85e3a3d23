package mtcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"golang.org/x/net/nettest"
)

// kinds are the worlds that differ on the way of a packet. A row here is all
// that another way needs.
var kinds = []kind{
	{"Native", kernelOptions{link: AFXDP{}}},
	{"Generic", kernelOptions{link: AFXDP{Generic: true}, whole: true}},
	{"ChecksumsFilled", kernelOptions{link: AFXDP{}, filled: true}},
	{"TwoShards", kernelOptions{link: AFXDP{}, queues: 2}},
	{"Shared", kernelOptions{link: AFXDP{Shared: true}}},
	{"TAP", kernelOptions{link: TAP{}}},
	{"TAPTwoQueues", kernelOptions{link: TAP{Queues: 2}}},
}

type kind struct {
	name string
	kernelOptions
}

// skip says why a kind is left out, "" if it is not. Without the race detector,
// make test runs all of them.
func (k *kind) skip() string {
	if l, _ := k.link.(TAP); raceEnabled && !k.isShared() && k.queues < 2 && l.Queues < 2 {
		return "two shards show the race detector all that one does"
	}
	return ""
}

// eachKind runs a test in every kind of world; change, which may be nil, edits
// what kind.
func eachKind(t *testing.T, change func(o *kernelOptions), f func(t *testing.T, w *kernelWorld)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			if why := k.skip(); why != "" {
				t.Skip(why)
			}
			o := k.kernelOptions
			if change != nil {
				change(&o)
			}
			f(t, newKernelWorld(t, o))
		})
	}
}

// everyKind makes all kinds of worlds at once, for tests that mostly wait.
func everyKind(t *testing.T, change func(o *kernelOptions)) map[string]*kernelWorld {
	t.Helper()
	worlds := make(map[string]*kernelWorld)
	for _, k := range kinds {
		if why := k.skip(); why != "" {
			t.Run(k.name, func(t *testing.T) { t.Skip(why) })
			continue
		}
		o := k.kernelOptions
		if change != nil {
			change(&o)
		}
		w, missing := tryKernelWorld(t, o)
		if missing != nil {
			t.Run(k.name, func(t *testing.T) { t.Skip(missing) })
			continue
		}
		worlds[k.name] = w
	}
	return worlds
}

// eachKindAndRole runs a test in every kind of world with either side as the
// one that listens.
func eachKindAndRole(t *testing.T, f func(t *testing.T, w *kernelWorld, h *host)) {
	eachKind(t, nil, func(t *testing.T, w *kernelWorld) {
		w.eachRole(t, func(t *testing.T, h *host) { f(t, w, h) })
	})
}

func TestInterop_ConnPassesNettest(t *testing.T) {
	eachKindAndRole(t, func(t *testing.T, _ *kernelWorld, h *host) {
		l := h.mustListen(t, h.ip+":0")
		nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
			c, err := h.dial(context.Background(), "tcp", l.Addr().String())
			if err != nil {
				return nil, nil, nil, err
			}
			s, err := l.Accept()
			if err != nil {
				return nil, nil, nil, err
			}
			return c, s, func() { c.Close(); s.Close() }, nil
		})
	})
}

func TestInterop_ListenerKeepsTheRules(t *testing.T) {
	eachKind(t, nil, func(t *testing.T, w *kernelWorld) {
		testListener(t, func(testing.TB) *host { return w.serving() })
	})
}

func TestInterop_ErrorsAreThoseOfPackageNet(t *testing.T) {
	eachKindAndRole(t, func(t *testing.T, _ *kernelWorld, h *host) { compareErrors(t, h, kernelHost(t)) })
}

func TestInterop_TransfersBothWays(t *testing.T) {
	eachKindAndRole(t, func(t *testing.T, w *kernelWorld, h *host) {
		sizes := []int{0, 1, 1447, 1448, 1449, 65_535, 65_537, 1 << 20}
		for i, n := range sizes {
			_, c, s := h.open(t)
			within(t, fmt.Sprint(n, " octets"), func() { transfer(t, c, s, n, sizes[len(sizes)-1-i]) })
		}
		reportDrops(t, w)
	})
}

// large is the size of the largest transfer.
func large() int {
	if raceEnabled || testing.Short() {
		return 8 << 20
	}
	return 64 << 20
}

func TestInterop_LargeTransfersBothWays(t *testing.T) {
	eachKindAndRole(t, func(t *testing.T, w *kernelWorld, h *host) {
		_, c, s := h.open(t)
		within(t, "the transfer", func() { transfer(t, c, s, large(), large()+1) })
		reportDrops(t, w)
	})
}

// reportDrops logs what was dropped: nothing but what belongs to other hosts.
func reportDrops(t *testing.T, w *kernelWorld) {
	t.Helper()
	for _, s := range w.ours.Stats() {
		t.Logf("%d segments in and %d out, %d again, %d handed over, unfilled checksums %d, drops %v, by the device %d and %d",
			s.SegmentsIn, s.SegmentsOut, s.Retransmits, s.HandedOver, s.ChecksumsUnfilled, s.Drops, s.RxDropped, s.TxDropped)
	}
}

func TestInterop_ManyInParallel(t *testing.T) {
	eachKindAndRole(t, func(t *testing.T, w *kernelWorld, h *host) {
		const n = 50
		parallelEchoes(t, h, n, 5000)
		if len(w.ours.Links()) == 2 && h.ip == oursIP {
			for i, s := range w.ours.Stats() {
				if s.PassiveOpens == 0 {
					t.Errorf("shard %d got none of %d connections", i, n)
				}
			}
		}
	})
}

// parallelEchoes makes n connections at once; each sends some multiple of step
// octets, which must all come back.
func parallelEchoes(t *testing.T, h *host, n, step int) {
	t.Helper()
	l := h.mustListen(t, h.ip+":0")
	within(t, "all transfers", func() {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				c, err := h.dial(context.Background(), "tcp", l.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				b := pattern(i * step)
				all.Go(func() {
					c.Write(b)
					c.(stream).CloseWrite()
				})
				if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, b) {
					t.Errorf("%d octets came back of %d, or they differ; %v", len(got), len(b), err)
				}
			})
		}
		for range n {
			s := mustAccept(t, l)
			all.Go(func() {
				io.Copy(s, s)
				s.Close()
			})
		}
		all.Wait()
	})
}

func TestInterop_HalfCloseEachWay(t *testing.T) {
	eachKindAndRole(t, func(t *testing.T, _ *kernelWorld, h *host) {
		for _, listenerFirst := range []bool{false, true} {
			_, a, b := h.open(t)
			if listenerFirst {
				a, b = b, a
			}
			within(t, "the conversation", func() {
				a.Write([]byte("question"))
				a.CloseWrite()
				if got, err := io.ReadAll(b); err != nil || string(got) != "question" {
					t.Errorf("read %q, %v", got, err)
				}
				for range 3 { // segments after the peer's FIN
					b.Write([]byte("answer"))
					io.ReadFull(a, make([]byte, 6))
				}
				b.Close()
				if got, err := io.ReadAll(a); err != nil || len(got) != 0 {
					t.Errorf("read %q, %v", got, err)
				}
				a.Close()
			})
		}
	})
}

func TestInterop_ResetEachWay(t *testing.T) {
	eachKindAndRole(t, func(t *testing.T, _ *kernelWorld, h *host) {
		for _, listenerFirst := range []bool{false, true} {
			_, a, b := h.open(t)
			if listenerFirst {
				a, b = b, a
			}
			within(t, "the conversation", func() {
				a.Write([]byte("data"))
				if _, err := io.ReadFull(b, make([]byte, 4)); err != nil {
					t.Error(err)
				}
				a.SetLinger(0)
				a.Close()
				if _, err := b.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the peer of a reset reads %v", err)
				}
			})
		}
	})
}

func TestInterop_Refused(t *testing.T) {
	eachKindAndRole(t, func(t *testing.T, _ *kernelWorld, h *host) {
		if _, err := h.dial(context.Background(), "tcp", h.ip+":9"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialling a port that nobody listens on: %v", err)
		}
	})
}

func TestInterop_Unreachable(t *testing.T) {
	worlds := everyKind(t, func(o *kernelOptions) {
		if !o.isShared() { // whose gateway is the kernel's: see shared_test.go
			o.change = func(c *Config) { c.Gateway = netip.MustParseAddr(kernelIP) }
		}
	})
	failed := make(map[string]chan error)
	for name, w := range worlds {
		result := make(chan error, 1)
		failed[name] = result
		go func() {
			_, err := w.ours.Dial("tcp", "10.77.0.77:80")
			result <- err
		}()
	}
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			within(t, "finding out", func() {
				if err := <-failed[name]; !errors.Is(err, syscall.EHOSTUNREACH) {
					t.Errorf("dialling a neighbour that is not there: %v", err)
				}
			})
			if w.isShared() {
				return
			}
			if err := w.kernelAt.Sysctl("net.ipv4.ip_forward", "1"); err != nil {
				t.Fatal(err)
			}
			// The gateway, a router without a route, says so by ICMP.
			within(t, "being told", func() {
				if _, err := w.ours.Dial("tcp", "192.0.2.1:80"); !errors.Is(err, syscall.ENETUNREACH) {
					t.Errorf("dialling a network that is not there: %v", err)
				}
			})
		})
	}
}

// Rings go back, neighbours are doubted, and the kernel forgets the queue of a
// flow on a TAP interface, which it does after three quiet seconds.
func TestInterop_IdleThenData(t *testing.T) {
	const each = 8 // connections of a role: more than one, for the queues
	worlds, ends := everyKind(t, nil), make(map[string][][2]stream)
	for name, w := range worlds {
		for _, h := range []*host{w.serving(), w.dialling()} {
			for range each {
				_, c, s := h.open(t)
				exchange(t, c, s)
				ends[name] = append(ends[name], [2]stream{c, s})
			}
		}
	}
	time.Sleep(3500 * time.Millisecond)
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			for i, s := range w.ours.Stats() {
				if s.RingMemory != 0 {
					t.Errorf("idle connections of shard %d hold %d octets of rings", i, s.RingMemory)
				}
			}
			for i, e := range ends[name] {
				first, second := e[i%2], e[1-i%2] // either side may break the silence
				within(t, "the transfer", func() {
					exchange(t, first, second)
					transfer(t, first, second, 1<<18, 1<<18)
				})
			}
			reportDrops(t, w)
		})
	}
}

func TestInterop_LossBothWays(t *testing.T) {
	n := large() / 64
	eachKind(t, func(o *kernelOptions) { o.loss = 0.01 }, func(t *testing.T, w *kernelWorld) {
		w.eachRole(t, func(t *testing.T, h *host) {
			var all sync.WaitGroup
			for i := range 4 {
				_, c, s := h.open(t) // the handshake may lose something, too
				all.Go(func() { transfer(t, c, s, n+i, n-i) })
			}
			within(t, "the transfers", all.Wait)
			reportDrops(t, w)
		})
		if w.count(func(s *ShardStats) uint64 { return s.Retransmits }) == 0 {
			t.Error("nothing was sent again: is there loss?")
		}
	})
}

func TestInterop_FullBacklogMakesClientsWait(t *testing.T) {
	eachKind(t, func(o *kernelOptions) { o.change = func(c *Config) { c.Backlog = 4 } }, func(t *testing.T, w *kernelWorld) {
		h := w.serving()
		h.backlog = 4
		h.full = func(t *testing.T) {
			eventually(t, "somebody is turned away", func() bool {
				return w.count(func(s *ShardStats) uint64 { return s.Drops["accept_queue_full"] }) > 0
			})
		}
		within(t, "everybody", func() { backlogFull(t, h) })
	})
}

func TestInterop_HTTP(t *testing.T) {
	big := pattern(8 << 20)
	eachKind(t, nil, func(t *testing.T, w *kernelWorld) {
		serve(t, w.ours, ":80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "big") {
				w.Write(big)
				return
			}
			echo(w, r)
		}), nil)
		tr := &http.Transport{DialContext: w.kernelDial, MaxIdleConnsPerHost: 16}
		defer tr.CloseIdleConnections()
		c := &http.Client{Transport: tr, Timeout: patience}
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for range 10 {
					ask(t, c, "http://"+oursIP+"/", pattern(i*1000))
				}
			})
		}
		all.Wait()
		r, err := c.Get("http://" + oursIP + "/big")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, big) {
			t.Errorf("%d octets arrived of %d, or they differ; %v", len(got), len(big), err)
		}
	})
}

// When the stack closes, the kernel's connections are reset, and the interface
// is the kernel's again, or gone.
func TestInterop_CloseResetsAndLeavesNothing(t *testing.T) {
	eachKind(t, nil, func(t *testing.T, w *kernelWorld) {
		_, c, _ := w.serving().open(t)
		if err := w.ours.Close(); err != nil {
			t.Fatal(err)
		}
		within(t, "the peer's read", func() {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the peer of a closed stack reads %v", err)
			}
		})
		err := w.oursAt.Do(func() error {
			s, err := New(Config{
				Link:        w.link,
				Addresses:   []netip.Prefix{netip.MustParsePrefix(oursIP + "/24")},
				Connections: 100, TimeWaits: 100, RingMemory: 4 << 20,
			})
			if err != nil {
				return err
			}
			return s.Close()
		})
		if err != nil {
			t.Errorf("opening again: %v", err)
		}
	})
}

// A flow comes to the queue that it was last sent from, which the kernel learns
// a packet late, and otherwise to one that it chooses by a hash.
func TestInterop_FlowsThatChangeQueues(t *testing.T) {
	w := newKernelWorld(t, kernelOptions{link: TAP{Queues: 2}})
	const rounds, n = 5, 100
	w.eachRole(t, func(t *testing.T, h *host) {
		for range rounds { // the same ports again, and what the kernel remembers of them
			parallelEchoes(t, h, n, 700)
		}
		reportDrops(t, w)
	})
	for i, s := range w.ours.Stats() {
		if s.ActiveOpens == 0 || s.PassiveOpens == 0 || s.HandedOver == 0 {
			t.Errorf("shard %d: %d active opens, %d passive ones, %d segments handed over: none must be 0",
				i, s.ActiveOpens, s.PassiveOpens, s.HandedOver)
		}
		// What was sent again on a slow machine may be acknowledged twice, the
		// second time when the connection has gone: the kernel is then in
		// TIME-WAIT, and the reset is as in RFC 9293 §3.10.7.1.
		if s.ResetsOut > s.Retransmits || s.Drops["frame_handover_full"] != 0 {
			t.Errorf("shard %d: %d resets sent, drops %v", i, s.ResetsOut, s.Drops)
		}
	}
	if n := w.kernelResets(t); n != 0 {
		t.Errorf("%d connections of the kernel's were reset", n)
	}
}

func TestInterop_PacketsLargerThanTheUsualFrames(t *testing.T) {
	o := kernelOptions{link: AFXDP{FrameSize: 4096}, mtu: 3000}
	w := newKernelWorld(t, o)
	if mtu := w.ours.Links()[0].MTU; mtu != o.mtu {
		t.Errorf("MTU %d, want %d", mtu, o.mtu)
	}
	w.eachRole(t, func(t *testing.T, h *host) {
		_, c, s := h.open(t)
		within(t, "the transfer", func() { transfer(t, c, s, 4<<20, 4<<20) })
		reportDrops(t, w)
	})
	for _, s := range w.ours.Stats() {
		if s.OctetsIn/s.SegmentsIn < 1500 {
			t.Errorf("%d octets in %d segments: they are no larger than usual", s.OctetsIn, s.SegmentsIn)
		}
	}
	for size, want := range map[int]string{0: afxdp.ErrMTU.Error(), 3000: "FrameSize: 3000 is out of range"} {
		l := w.link.(AFXDP)
		l.FrameSize = size
		err := w.oursAt.Do(func() error {
			_, err := New(Config{Link: l, Addresses: prefixes("10.77.0.2")})
			return err
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("frames of %d: %v, want %q", size, err, want)
		}
	}
}
