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

	"golang.org/x/net/nettest"
)

// kinds are the worlds that differ on the way of a packet.
var kinds = []struct {
	name string
	vethOptions
}{
	{"Native", vethOptions{}},
	{"Generic", vethOptions{generic: true, whole: true}},
	{"ChecksumsFilled", vethOptions{filled: true}},
	{"TwoShards", vethOptions{queues: 2}},
	{"Shared", vethOptions{shared: true}},
}

// eachKind runs a test in every kind of world and both roles.
func eachKind(t *testing.T, f func(t *testing.T, w *vethWorld, h *host)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			w := newVethWorld(t, k.vethOptions)
			w.eachRole(t, func(t *testing.T, h *host) { f(t, w, h) })
		})
	}
}

func TestInterop_ConnPassesNettest(t *testing.T) {
	eachKind(t, func(t *testing.T, _ *vethWorld, h *host) {
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
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			w := newVethWorld(t, k.vethOptions)
			testListener(t, func(testing.TB) *host { return w.serving() })
		})
	}
}

func TestInterop_ErrorsAreThoseOfPackageNet(t *testing.T) {
	w, theirs := newVethWorld(t, vethOptions{}), kernelHost(t)
	w.eachRole(t, func(t *testing.T, h *host) { compareErrors(t, h, theirs) })
}

func TestInterop_TransfersBothWays(t *testing.T) {
	eachKind(t, func(t *testing.T, w *vethWorld, h *host) {
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
	eachKind(t, func(t *testing.T, w *vethWorld, h *host) {
		_, c, s := h.open(t)
		within(t, "the transfer", func() { transfer(t, c, s, large(), large()+1) })
		reportDrops(t, w)
	})
}

// reportDrops logs what was dropped: nothing but what belongs to other hosts.
func reportDrops(t *testing.T, w *vethWorld) {
	t.Helper()
	for _, s := range w.ours.Stats() {
		t.Logf("%d segments in and %d out, %d again, %d handed over, unfilled checksums %d, drops %v, by the device %d and %d",
			s.SegmentsIn, s.SegmentsOut, s.Retransmits, s.HandedOver, s.ChecksumsUnfilled, s.Drops, s.RxDropped, s.TxDropped)
	}
}

func TestInterop_ManyInParallel(t *testing.T) {
	eachKind(t, func(t *testing.T, w *vethWorld, h *host) {
		const n = 50
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
					b := pattern(i * 5000)
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
		if len(w.ours.Links()) == 2 && h.ip == oursIP {
			for i, s := range w.ours.Stats() {
				if s.PassiveOpens == 0 {
					t.Errorf("shard %d got none of %d connections", i, n)
				}
			}
		}
	})
}

func TestInterop_HalfCloseEachWay(t *testing.T) {
	w := newVethWorld(t, vethOptions{})
	w.eachRole(t, func(t *testing.T, h *host) {
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
	w := newVethWorld(t, vethOptions{})
	w.eachRole(t, func(t *testing.T, h *host) {
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
	w := newVethWorld(t, vethOptions{})
	w.eachRole(t, func(t *testing.T, h *host) {
		if _, err := h.dial(context.Background(), "tcp", h.ip+":9"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialling a port that nobody listens on: %v", err)
		}
	})
}

func TestInterop_Unreachable(t *testing.T) {
	w := newVethWorld(t, vethOptions{change: func(c *Config) { c.Gateway = netip.MustParseAddr(kernelIP) }})
	if err := w.pair.Ends[1].Sysctl("net.ipv4.ip_forward", "1"); err != nil {
		t.Fatal(err)
	}
	within(t, "finding out", func() {
		if _, err := w.ours.Dial("tcp", "10.77.0.77:80"); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("dialling a neighbour that is not there: %v", err)
		}
		// The gateway, a router without a route, says so by ICMP.
		if _, err := w.ours.Dial("tcp", "192.0.2.1:80"); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("dialling a network that is not there: %v", err)
		}
	})
}

func TestInterop_IdleThenData(t *testing.T) {
	w := newVethWorld(t, vethOptions{})
	var ends [][2]stream
	for _, h := range []*host{w.serving(), w.dialling()} {
		_, c, s := h.open(t)
		exchange(t, c, s)
		ends = append(ends, [2]stream{c, s})
	}
	time.Sleep(3 * time.Second) // rings go back, neighbours are doubted
	if used := w.ours.Stats()[0].RingMemory; used != 0 {
		t.Errorf("idle connections hold %d octets of rings", used)
	}
	for _, e := range ends {
		within(t, "the transfer", func() { transfer(t, e[0], e[1], 1<<20, 1<<20) })
	}
}

func TestInterop_LossBothWays(t *testing.T) {
	w := newVethWorld(t, vethOptions{loss: 0.01})
	n := large() / 16
	w.eachRole(t, func(t *testing.T, h *host) {
		var all sync.WaitGroup
		for i := range 4 {
			_, c, s := h.open(t) // the handshake may lose something, too
			all.Go(func() { transfer(t, c, s, n+i, n-i) })
		}
		within(t, "the transfers", all.Wait)
		reportDrops(t, w)
	})
	if w.ours.Stats()[0].Retransmits == 0 {
		t.Error("nothing was sent again: is there loss?")
	}
}

func TestInterop_FullBacklogMakesClientsWait(t *testing.T) {
	w := newVethWorld(t, vethOptions{change: func(c *Config) { c.Backlog = 4 }})
	h := w.serving()
	h.backlog = 4
	h.full = func(t *testing.T) {
		eventually(t, "somebody is turned away", func() bool { return w.ours.Stats()[0].Drops["accept_queue_full"] > 0 })
	}
	within(t, "everybody", func() { backlogFull(t, h) })
}

func TestInterop_HTTP(t *testing.T) {
	w := newVethWorld(t, vethOptions{})
	big := pattern(8 << 20)
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
}

// When the stack closes, the kernel's connections are reset, and the interface
// is the kernel's again.
func TestInterop_CloseResetsAndLeavesNoProgram(t *testing.T) {
	w := newVethWorld(t, vethOptions{})
	_, c, _ := w.serving().open(t)
	if err := w.ours.Close(); err != nil {
		t.Fatal(err)
	}
	within(t, "the peer's read", func() {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer of a closed stack reads %v", err)
		}
	})
	err := w.pair.Ends[0].Do(func() error {
		s, err := New(Config{
			Link:        AFXDP{Interface: w.pair.Ends[0].Interface},
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
}
