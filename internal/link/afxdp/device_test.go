package afxdp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

func TestOpen_DescribesWhatItObtained(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config Config
		mode   string
		why    string
	}{
		{"auto", Config{}, "native, copy", "no zero-copy"},
		{"native copy", Config{Mode: ModeNative, Copy: CopyAlways}, "native, copy", "asked for"},
		{"generic", Config{Mode: ModeGeneric}, "generic, copy", "asked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, d := device(t, tt.config)
			i := d.Queue(0).Info()
			if i.Mode != tt.mode || !strings.Contains(i.Why, tt.why) {
				t.Errorf("mode %q because %q, want %q because %q", i.Mode, i.Why, tt.mode, tt.why)
			}
			if i.MAC != stackMAC || i.MTU != 1500 || i.Queues != 1 || !i.LocalPeer {
				t.Errorf("%+v", i)
			}
		})
	}
}

func TestOpen_FallsBackToGenericAndSaysWhy(t *testing.T) {
	p := newPair(t, 1, func(e *[2]netconf.End) { e[1].MTU = 9000 })
	if _, err := tryOpen(p, 0, Config{Mode: ModeNative}); !errors.Is(err, ErrNotOffered) {
		t.Errorf("native mode only: got %v, want ErrNotOffered", err)
	}
	d := open(t, p, 0, Config{})
	i := d.Info()
	if i.Mode != "generic, copy" || !strings.Contains(i.Why, "MTU of the veth's peer") {
		t.Errorf("mode %q because %q", i.Mode, i.Why)
	}
}

func TestOpen_RefusesLessThanIsRequired(t *testing.T) {
	large := func(e *[2]netconf.End) { e[1].MTU = 9000 } // no native mode
	for _, tt := range []struct {
		name   string
		change func(*[2]netconf.End)
		config Config
		says   []string // none: it opens
	}{
		{"native is there", nil, Config{Require: RequireNative}, nil},
		{"native is not", large, Config{Require: RequireNative},
			[]string{"native mode is required", "obtained generic, copy", "MTU of the veth's peer", "mend: ip link set PEER mtu"}},
		{"zero-copy is not", nil, Config{Require: RequireZeroCopy},
			[]string{"zero-copy is required", "obtained native, copy", "driver veth has no zero-copy", "mend: an interface whose driver has zero-copy"}},
		{"nor native", large, Config{Require: RequireZeroCopy}, []string{"native mode is required", "obtained generic, copy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t, 1, tt.change)
			d, err := tryOpen(p, 0, tt.config)
			if err == nil {
				d.Close()
			}
			if tt.says == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrNotOffered) {
				t.Fatalf("got %v, want ErrNotOffered", err)
			}
			for _, text := range tt.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("does not say %q: %v", text, err)
				}
			}
			again := open(t, p, 0, Config{}) // nothing was left behind
			again.Close()
		})
	}
}

func TestDevice_BothWays(t *testing.T) {
	for _, c := range []Config{{}, {Mode: ModeGeneric}, {FrameSize: 4096}, {TxChecksum: Off}, {BusyPoll: 1000}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			p, d := device(t, c)
			r, q := openRaw(t, p, 1), d.Queue(0)
			for _, size := range []int{0, 1, 18, 100, 1471, 1472} { // 1472: the whole MTU
				payload := bytes.Repeat([]byte{byte(size)}, size)
				r.send(t, toStack(payload))
				if got := collect(t, q, 1)[0]; !bytes.Equal(got, toStack(payload)) {
					t.Errorf("payload of %d came in as %x", size, got)
				}
				emit(t, q, toPeer(payload))
				if got := r.next(t); !bytes.Equal(got, toPeer(payload)) {
					t.Errorf("payload of %d went out as %x", size, got)
				}
			}
		})
	}
}

func TestDevice_ManyMoreFramesThanThereAre(t *testing.T) {
	p := newPair(t, 1, nil)
	small := Config{Frames: minFrames}
	small.Addresses = []netip.Addr{stackIP}
	a := open(t, p, 0, small).Queue(0)
	b := open(t, p, 1, small).Queue(0)
	const rounds, batch = 100, 24
	for round := range rounds {
		var frames [][]byte
		for i := range batch {
			frames = append(frames, toStack(binary.BigEndian.AppendUint32(nil, uint32(round*batch+i))))
		}
		emit(t, b, frames...)
		for i, got := range collect(t, a, batch) {
			if !bytes.Equal(got, frames[i]) {
				t.Fatalf("round %d, frame %d: out of order or damaged", round, i)
			}
		}
	}
	b.reclaim()
	if len(b.free) != minFrames/2 {
		t.Errorf("%d transmit frames are free, want all %d", len(b.free), minFrames/2)
	}
	if n := a.fill.untaken() + (a.rx.ready(1)); n > minFrames/2 {
		t.Errorf("%d receive frames, more than there are", n)
	}
	ca, cb := a.Counters(), b.Counters()
	if ca.RxFrames != rounds*batch || cb.TxFrames != rounds*batch || ca.RxDropped+cb.TxDropped != 0 {
		t.Errorf("receiver %+v, sender %+v", ca, cb)
	}
	if ca.RxOctets != rounds*batch*46 || cb.TxOctets != rounds*batch*46 {
		t.Errorf("octets: receiver %d, sender %d", ca.RxOctets, cb.TxOctets)
	}
}

func TestSend_OneCallTakesTheWholeRing(t *testing.T) {
	_, d := device(t, Config{Frames: 8192})
	q := d.Queue(0)
	tx := make([]link.Frame, 4096)
	if n := q.Reserve(tx); n != len(tx) {
		t.Fatalf("reserved %d", n)
	}
	for i := range tx {
		tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, toPeer(nil))]
	}
	q.Send(0, tx)
	if q.stuck || q.tx.untaken() != 0 {
		t.Errorf("%d frames left in the ring", q.tx.untaken())
	}
	budget := uint32(skbBudget)
	if err := setOption(q.fd, unix.XDP_MAX_TX_SKB_BUDGET, &budget); err != nil {
		t.Skip("this kernel always sends 32 packets a call")
	}
	if n := q.Counters().TxKicks; n > 2*uint64(len(tx))/skbBudget {
		t.Errorf("%d system calls for %d packets", n, len(tx))
	}
}

func TestDevice_EveryQueueIsBound(t *testing.T) {
	p := newPair(t, 2, nil)
	a := open(t, p, 0, Config{Queues: 2, Addresses: []netip.Addr{stackIP}})
	b := open(t, p, 1, Config{Addresses: []netip.Addr{farIP}})
	if a.Queues() != 2 || b.Queues() != 2 || a.Info().Queues != 2 {
		t.Fatalf("%d and %d queues", a.Queues(), b.Queues())
	}
	for i := range 2 {
		frame := toStack([]byte{byte(i)})
		emit(t, b.Queue(i), frame)
		if got := collect(t, a.Queue(i), 1)[0]; !bytes.Equal(got, frame) {
			t.Errorf("queue %d received %x", i, got)
		}
		emit(t, a.Queue(i), toPeer([]byte{byte(i)}))
		if got := collect(t, b.Queue(i), 1)[0]; !bytes.Equal(got, toPeer([]byte{byte(i)})) {
			t.Errorf("queue %d of the peer received %x", i, got)
		}
	}
}

func TestDevice_KernelKeepsItsOwnAddress(t *testing.T) {
	p, d := device(t, Config{})
	exchange(t, p) // also resolves kernelIP by ARP, past the program
	if c := d.Queue(0).Counters(); c.RxFrames != 0 || d.Queue(0).rx.ready(1) != 0 {
		t.Errorf("packets of the kernel came here: %+v", c)
	}
	openRaw(t, p, 1).send(t, toStack(nil))
	collect(t, d.Queue(0), 1)
}

// exchange sends a datagram from the peer's kernel to the kernel at our end,
// and its answer.
func exchange(t *testing.T, p *netconf.Pair) {
	t.Helper()
	address := net.JoinHostPort(kernelIP.String(), "7")
	var server net.PacketConn
	var client net.Conn
	if err := p.Ends[0].Do(func() (err error) { server, err = net.ListenPacket("udp", address); return err }); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := p.Ends[1].Do(func() (err error) { client, err = net.Dial("udp", address); return err }); err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	var b [64]byte
	_, from, err := server.ReadFrom(b[:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.WriteTo([]byte("answer"), from); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(b[:]); err != nil || string(b[:n]) != "answer" {
		t.Fatalf("kernel to kernel: %q, %v", b[:n], err)
	}
}

func TestDevice_AddressesComeAndGo(t *testing.T) {
	p, d := device(t, Config{Addresses: []netip.Addr{}})
	r, q := openRaw(t, p, 1), d.Queue(0)
	other := netip.MustParseAddr("10.77.0.5")
	toOther := func(n byte) []byte { return udp(peerIP, other, stackMAC, peerMAC, 9, []byte{n}) }
	r.send(t, toOther(1))
	if err := d.AddAddress(other); err != nil {
		t.Fatal(err)
	}
	r.send(t, toOther(2))
	if got := collect(t, q, 1)[0]; !bytes.Equal(got, toOther(2)) {
		t.Errorf("received %x, want only what came after the address", got)
	}
	if err := d.RemoveAddress(other); err != nil {
		t.Fatal(err)
	}
	r.send(t, toOther(3))
	if err := d.AddAddress(stackIP); err != nil {
		t.Fatal(err)
	}
	r.send(t, toStack([]byte{4}))
	if got := collect(t, q, 1)[0]; !bytes.Equal(got, toStack([]byte{4})) {
		t.Errorf("received %x after the address had gone", got)
	}
	if err := d.AddAddress(netip.MustParseAddr("::1")); !errors.Is(err, ErrConfig) {
		t.Errorf("an IPv6 address: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.AddAddress(other); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestClose_LeavesNothing(t *testing.T) {
	p := newPair(t, 2, nil)
	c := Config{Addresses: []netip.Addr{stackIP}}
	open(t, p, 1, c).Close() // whatever the runtime opens once is open now
	before := holdings(t)
	for range 3 {
		d := open(t, p, 0, c)
		if !attached(t, p, 0) || xdpLinks(t) != 1 {
			t.Fatalf("no XDP program attached while open, or %d links", xdpLinks(t))
		}
		exchange(t, p)
		for range 2 {
			if err := d.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if attached(t, p, 0) {
			t.Error("an XDP program is attached after Close")
		}
	}
	if after := holdings(t); after != before {
		t.Errorf("descriptors, mappings, links: %v after Close, %v before", after, before)
	}
}

// attached reports whether an end of a pair has an XDP program, or this process
// a bpf_link. Other processes of the machine may have theirs.
func attached(t *testing.T, p *netconf.Pair, end int) bool {
	t.Helper()
	found := xdpLinks(t) > 0
	err := p.Ends[end].Do(func() error {
		l, err := netlink.LinkByName(p.Ends[end].Interface)
		if err == nil && l.Attrs().Xdp != nil {
			found = found || l.Attrs().Xdp.Attached
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// xdpLinks counts the XDP links that this process holds.
func xdpLinks(t *testing.T) int {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range all {
		b, err := os.ReadFile(name) // that of the directory is gone by now
		if err == nil && bytes.Contains(b, []byte("link_type:\txdp")) {
			n++
		}
	}
	return n
}

// holdings are what a leak would leave in this process.
func holdings(t *testing.T) [2]int {
	t.Helper()
	runtime.GC()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return [2]int{len(fds), bytes.Count(maps, []byte("socket:["))}
}

func TestOpen_SecondIsRefused(t *testing.T) {
	p, first := device(t, Config{})
	for _, mode := range []Mode{ModeAuto, ModeGeneric} {
		_, err := tryOpen(p, 0, Config{Mode: mode})
		if !errors.Is(err, ErrAttached) || !strings.Contains(err.Error(), "ip link set dev "+p.Ends[0].Interface+" xdp off") {
			t.Errorf("mode %d: got %v, want ErrAttached and its mend", mode, err)
		}
	}
	openRaw(t, p, 1).send(t, toStack(nil))
	collect(t, first.Queue(0), 1) // the first is unharmed
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, p, 0, Config{})
}

func TestOpen_RefusesWithAReason(t *testing.T) {
	p := newPair(t, 2, func(e *[2]netconf.End) { e[1].MTU = 3000 })
	name := p.Ends[1].Interface
	tests := []struct {
		name   string
		config Config
		want   error
		text   string
	}{
		{"missing", Config{Interface: "nosuch0"}, ErrNoInterface, "there are: lo, " + name},
		{"not Ethernet", Config{Interface: "lo"}, ErrConfig, "Ethernet"},
		{"MTU", Config{Interface: name}, ErrMTU, "frames of 4096"},
		{"fewer queues", Config{Interface: name, FrameSize: 4096, Queues: 1}, ErrQueues, "ethtool -L " + name + " combined 1"},
		{"more queues", Config{Interface: name, FrameSize: 4096, Queues: 3}, ErrQueues, "it has 2"},
		{"zero-copy", Config{Interface: name, FrameSize: 4096, Copy: CopyNever}, ErrNotOffered, "zero-copy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := p.Ends[1].Do(func() error {
				d, err := Open(tt.config)
				if err == nil {
					d.Close()
				}
				return err
			})
			if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
			if strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("more than a line: %q", err)
			}
		})
	}
	if attached(t, p, 1) {
		t.Error("a refused Open left a program behind")
	}
}

func TestOpen_DownIsRefused(t *testing.T) {
	p := newPair(t, 1, nil)
	setUp(t, p, 0, false)
	if _, err := tryOpen(p, 0, Config{}); !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "up") {
		t.Errorf("got %v, want ErrDown and its mend", err)
	}
}

func setUp(t *testing.T, p *netconf.Pair, end int, up bool) {
	t.Helper()
	set := netlink.LinkSetDown
	if up {
		set = netlink.LinkSetUp
	}
	err := p.Ends[end].Do(func() error {
		l, err := netlink.LinkByName(p.Ends[end].Interface)
		if err != nil {
			return err
		}
		return set(l)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpen_RightsAreNamed(t *testing.T) {
	p := newPair(t, 1, nil)
	for _, tt := range []struct {
		name string
		drop []uint
		want error
		text string
	}{
		{"no program", []uint{unix.CAP_BPF, unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN}, ErrRights, "CAP_BPF"},
		{"no socket", []uint{unix.CAP_NET_RAW}, ErrRights, "CAP_NET_RAW"},
		{"locked memory", []uint{unix.CAP_IPC_LOCK}, ErrMemlock, "ulimit -l"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lowerMemlock(t)
			var err error
			done := make(chan struct{})
			go func() { // its thread ends with it, and its rights
				defer close(done)
				runtime.LockOSThread()
				err = openWithout(p, tt.drop)
			}()
			<-done
			if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
}

// openWithout opens our end after giving up some rights of the present thread.
func openWithout(p *netconf.Pair, drop []uint) error {
	var result error
	err := p.Ends[0].Do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var caps [2]unix.CapUserData
		if err := unix.Capget(&header, &caps[0]); err != nil {
			return err
		}
		full := caps
		for _, c := range drop {
			caps[c/32].Effective &^= 1 << (c % 32)
		}
		if err := unix.Capset(&header, &caps[0]); err != nil {
			return err
		}
		d, err := Open(Config{Interface: p.Ends[0].Interface})
		if err == nil {
			d.Close()
		}
		result = err
		return unix.Capset(&header, &full[0]) // to be able to leave the namespace
	})
	return errors.Join(result, err)
}

func lowerMemlock(t *testing.T) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 64 << 10, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old) })
}

func TestOpen_QueueOfAnotherSocketIsRefused(t *testing.T) {
	p, d := device(t, Config{})
	if err := d.attach.close(); err != nil { // the sockets stay
		t.Fatal(err)
	}
	if _, err := tryOpen(p, 0, Config{}); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "queue 0") {
		t.Errorf("got %v, want ErrBusy of queue 0", err)
	}
	d.attach.link = nil
}
