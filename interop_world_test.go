package mtcp

// The network of the interop tests: our stack at one end of a veth or a TAP
// interface, the kernel's TCP in a namespace of its own at the other.

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/link/tap"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"golang.org/x/sys/unix"
)

const (
	oursIP   = "10.77.0.1"
	kernelIP = "10.77.0.9"
)

// A kernelWorld is a stack, the kernel as its neighbour, and a link between them.
type kernelWorld struct {
	ours     *Stack
	pair     *netconf.Pair      // nil on a TAP
	link     Link               // of ours, to open it again
	oursAt   *netconf.Namespace // where it was opened
	kernelAt *netconf.Namespace
	iface    string            // the kernel's end
	filter   []unix.SockFilter // on every socket of the kernel
}

// kernelOptions say what kind of world. The link's Interface, and a TAP's Peer,
// are filled in.
type kernelOptions struct {
	link   Link
	queues int     // of the veth
	filled bool    // the kernel fills checksums in
	whole  bool    // the kernel cuts its own segments: no TSO, no GSO
	loss   float64 // each way
	mtu    int     // of the veth; 0: 1500
	change func(c *Config)
}

// isShared reports that our address is the kernel's, too.
func (o *kernelOptions) isShared() bool { return isShared(o.link) }
func (w *kernelWorld) isShared() bool   { return isShared(w.link) }

func isShared(l Link) bool {
	x, ok := l.(AFXDP)
	return ok && x.Shared
}

// newKernelWorld makes a world, or skips the test where the kernel has no such
// link.
func newKernelWorld(t testing.TB, o kernelOptions) *kernelWorld {
	t.Helper()
	w, missing := tryKernelWorld(t, o)
	if missing != nil {
		t.Skip(missing)
	}
	return w
}

func tryKernelWorld(t testing.TB, o kernelOptions) (w *kernelWorld, missing error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	checkLeaks(t)
	w = &kernelWorld{}
	switch l := o.link.(type) {
	case AFXDP:
		w.onVeth(t, l, &o)
	case TAP:
		w.onTAP(t, l)
	default:
		t.Fatalf("no world for a %T", l)
	}
	if o.whole {
		w.cutSegments(t)
	}
	c := Config{
		Link:        w.link,
		Addresses:   []netip.Prefix{netip.MustParsePrefix(oursIP + "/24")},
		Connections: 1 << 10,
		TimeWaits:   1 << 10,
		RingMemory:  64 << 20,
		Seed:        1,
	}
	if w.isShared() {
		c.Addresses = nil
	}
	if o.loss > 0 {
		c.Link = lossyLink{c.Link, o.loss}
		w.filter = losing(o.loss)
	}
	if o.change != nil {
		o.change(&c)
	}
	err := w.oursAt.Do(func() (err error) {
		w.ours, err = New(c)
		return err
	})
	if errors.Is(err, afxdp.ErrKernel) || errors.Is(err, tap.ErrNoTun) {
		return nil, err
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.ours.Close(); err != nil {
			t.Errorf("closing the stack: %v", err)
		}
	})
	return w, nil
}

// onVeth puts the kernel at the other end of a veth.
func (w *kernelWorld) onVeth(t testing.TB, l AFXDP, o *kernelOptions) {
	t.Helper()
	ends := [2]netconf.End{{Queues: o.queues, MTU: o.mtu}, {Queues: o.queues, MTU: o.mtu, ChecksumsFilled: o.filled, Addresses: prefixes(kernelIP)}}
	if l.Shared {
		ends[0].Addresses = prefixes(oursIP)
		l.DialPorts = 256
	}
	p, err := netconf.NewPair(ends[0], ends[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	w.pair, l.Interface = p, p.Ends[0].Interface
	w.link, w.oursAt, w.kernelAt, w.iface = l, p.Ends[0].Namespace, p.Ends[1].Namespace, p.Ends[1].Interface
}

// onTAP puts the kernel at the other end of a TAP interface.
func (w *kernelWorld) onTAP(t testing.TB, l TAP) {
	t.Helper()
	n, err := netconf.NewNamespace("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var left []string
		err := n.Do(func() (err error) { left, err = netconf.Names(); return err })
		if err = errors.Join(err, n.Close()); err != nil || len(left) != 1 {
			t.Errorf("interfaces after the stack: %v, %v", left, err)
		}
	})
	l.Interface, l.Peer = "tap", prefixes(kernelIP)
	w.link, w.oursAt, w.kernelAt, w.iface = l, n, n, l.Interface
}

func prefixes(ip string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(ip + "/24")} }

// cutSegments has the kernel cut its own segments. Native mode brings that
// about by itself; in generic mode its peers must be asked to, or their large
// ones do not fit into a frame.
func (w *kernelWorld) cutSegments(t testing.TB) {
	t.Helper()
	err := w.kernelAt.Do(func() error {
		for _, feature := range []string{"tx-tcp-segmentation", "tx-generic-segmentation"} {
			if err := netconf.SetFeature(w.iface, feature, false); err != nil {
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
func (w *kernelWorld) attach(_, _ string, raw syscall.RawConn) error {
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
func (w *kernelWorld) kernelDial(ctx context.Context, network, address string) (c net.Conn, err error) {
	d := net.Dialer{Control: w.attach}
	if broken := w.kernelAt.Do(func() error {
		c, err = d.DialContext(ctx, network, address)
		return nil
	}); broken != nil {
		panic(broken) // no error of the call: those are compared
	}
	return c, err
}

func (w *kernelWorld) kernelListen(ctx context.Context, network, address string) (l net.Listener, err error) {
	c := net.ListenConfig{Control: w.attach}
	if broken := w.kernelAt.Do(func() error {
		l, err = c.Listen(ctx, network, address)
		return nil
	}); broken != nil {
		panic(broken)
	}
	return l, err
}

// serving is the host whose listeners are ours and whose clients the kernel's;
// dialling is the other way round.
func (w *kernelWorld) serving() *host {
	return &host{ip: oursIP, listen: w.ours.Listen, dial: w.kernelDial, shards: len(w.ours.Links())}
}

func (w *kernelWorld) dialling() *host {
	return &host{ip: kernelIP, listen: w.kernelListen, dial: w.ours.DialContext}
}

// count adds up a counter of our shards.
func (w *kernelWorld) count(f func(s *ShardStats) uint64) (n uint64) {
	for _, s := range w.ours.Stats() {
		n += f(&s)
	}
	return n
}

// eachRole runs a test with either side as the one that listens.
func (w *kernelWorld) eachRole(t *testing.T, f func(t *testing.T, h *host)) {
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

// kernelResets counts the kernel's connections that ended at once when they were
// established, by a RST or by abort.
func (w *kernelWorld) kernelResets(t *testing.T) (n int) {
	t.Helper()
	err := w.kernelAt.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		var names []string
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if f[0] != "Tcp:" {
				continue
			}
			if names == nil {
				names = f
				continue
			}
			n, err = strconv.Atoi(f[slices.Index(names, "EstabResets")])
			return err
		}
		return errors.New("no line of TCP")
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
