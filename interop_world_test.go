package mtcp

// The network of the interop tests: our stack over AF_XDP at one end of a veth,
// the kernel's TCP in a namespace of its own at the other.

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"golang.org/x/sys/unix"
)

const (
	oursIP   = "10.77.0.1"
	kernelIP = "10.77.0.9"
)

// A vethWorld is a stack and a kernel.
type vethWorld struct {
	pair   *netconf.Pair
	ours   *Stack
	filter []unix.SockFilter // on every socket of the kernel
}

// vethOptions say what kind of world; the zero value is the usual one.
type vethOptions struct {
	queues  int
	generic bool
	filled  bool    // the kernel fills checksums in
	whole   bool    // the kernel cuts its own segments: no TSO, no GSO
	loss    float64 // each way
	shared  bool    // our address is the kernel's, too
	change  func(c *Config)
}

func newVethWorld(t testing.TB, o vethOptions) *vethWorld {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	checkLeaks(t)
	w := &vethWorld{}
	var err error
	ours := netconf.End{Queues: o.queues}
	if o.shared {
		ours.Addresses = []netip.Prefix{netip.MustParsePrefix(oursIP + "/24")}
	}
	w.pair, err = netconf.NewPair(
		ours,
		netconf.End{
			Queues: o.queues, ChecksumsFilled: o.filled,
			Addresses: []netip.Prefix{netip.MustParsePrefix(kernelIP + "/24")},
		})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.pair.Close(); err != nil {
			t.Error(err)
		}
	})
	if o.whole {
		w.cutSegments(t)
	}
	c := Config{
		Link:        AFXDP{Interface: w.pair.Ends[0].Interface, Generic: o.generic},
		Addresses:   []netip.Prefix{netip.MustParsePrefix(oursIP + "/24")},
		Connections: 1 << 10,
		TimeWaits:   1 << 10,
		RingMemory:  64 << 20,
		Seed:        1,
	}
	if o.shared {
		c.Link = AFXDP{Interface: w.pair.Ends[0].Interface, Generic: o.generic, Shared: true, DialPorts: 256}
		c.Addresses = nil
	}
	if o.loss > 0 {
		c.Link = lossyLink{c.Link, o.loss}
		w.filter = losing(o.loss)
	}
	if o.change != nil {
		o.change(&c)
	}
	err = w.pair.Ends[0].Do(func() (err error) {
		w.ours, err = New(c)
		return err
	})
	if errors.Is(err, afxdp.ErrKernel) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.ours.Close(); err != nil {
			t.Errorf("closing the stack: %v", err)
		}
	})
	return w
}

// cutSegments has the kernel cut its own segments. Native mode brings that
// about by itself; in generic mode its peers must be asked to, or their large
// ones do not fit into a frame.
func (w *vethWorld) cutSegments(t testing.TB) {
	t.Helper()
	err := w.pair.Ends[1].Do(func() error {
		for _, feature := range []string{"tx-tcp-segmentation", "tx-generic-segmentation"} {
			if err := netconf.SetFeature(w.pair.Ends[1].Interface, feature, false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// attach puts the world's filter onto a socket before it is used.
func (w *vethWorld) attach(_, _ string, raw syscall.RawConn) error {
	if w.filter == nil {
		return nil
	}
	var err error
	control := raw.Control(func(fd uintptr) {
		program := unix.SockFprog{Len: uint16(len(w.filter)), Filter: &w.filter[0]}
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
	})
	return errors.Join(control, err)
}

// kernelDial and kernelListen are package net's, inside the kernel's namespace.
func (w *vethWorld) kernelDial(ctx context.Context, network, address string) (c net.Conn, err error) {
	d := net.Dialer{Control: w.attach}
	if broken := w.pair.Ends[1].Do(func() error {
		c, err = d.DialContext(ctx, network, address)
		return nil
	}); broken != nil {
		panic(broken) // no error of the call: those are compared
	}
	return c, err
}

func (w *vethWorld) kernelListen(ctx context.Context, network, address string) (l net.Listener, err error) {
	c := net.ListenConfig{Control: w.attach}
	if broken := w.pair.Ends[1].Do(func() error {
		l, err = c.Listen(ctx, network, address)
		return nil
	}); broken != nil {
		panic(broken)
	}
	return l, err
}

// serving is the host whose listeners are ours and whose clients the kernel's;
// dialling is the other way round.
func (w *vethWorld) serving() *host {
	return &host{ip: oursIP, listen: w.ours.Listen, dial: w.kernelDial, shards: len(w.ours.Links())}
}

func (w *vethWorld) dialling() *host {
	return &host{ip: kernelIP, listen: w.kernelListen, dial: w.ours.DialContext}
}

// eachRole runs a test with either side as the one that listens.
func (w *vethWorld) eachRole(t *testing.T, f func(t *testing.T, h *host)) {
	t.Run("WeListen", func(t *testing.T) { f(t, w.serving()) })
	t.Run("WeDial", func(t *testing.T) { f(t, w.dialling()) })
}

// losing is a socket filter that drops a share of what arrives at a socket of
// the kernel: after its IP, before its TCP.
func losing(share float64) []unix.SockFilter {
	const (
		random = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM
		all    = 0xffffffff
	)
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: random},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: uint32(share * (1 << 32)), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: all},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
}

// A lossyLink loses a share of the frames that arrive at our side, the same
// ones every time.
type lossyLink struct {
	Link
	share float64
}

func (l lossyLink) open(c *Config) (openLink, error) {
	o, err := l.Link.open(c)
	for i, q := range o.queues {
		o.queues[i] = &lossyQueue{Queue: q, share: l.share, chance: rand.New(rand.NewPCG(1, uint64(i)))}
	}
	return o, err
}

type lossyQueue struct {
	link.Queue
	share  float64
	chance *rand.Rand
}

// Recv gives what it loses back at once, and only the rest to the shard.
func (q *lossyQueue) Recv(now mono.Time, rx []link.Frame) int {
	n := q.Queue.Recv(now, rx)
	kept := 0
	for i := range n {
		if q.chance.Float64() < q.share {
			continue
		}
		rx[kept], rx[i] = rx[i], rx[kept]
		kept++
	}
	if kept < n {
		q.Queue.Release(rx[kept:n])
	}
	return kept
}
