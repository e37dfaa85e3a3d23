package tap

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// remove takes the interface away under the device.
func (w world) remove(t *testing.T) {
	t.Helper()
	w.do(t, func() error {
		l, err := netlink.LinkByName(w.kernel.Name)
		if err != nil {
			return err
		}
		return netlink.LinkDel(l)
	})
}

func (w world) setMTU(t *testing.T, mtu int) {
	t.Helper()
	w.do(t, func() error { return netconf.Settle(w.kernel.Name, mtu, nil, false) })
}

// names lists the interfaces of a namespace but its loopback.
func names(t *testing.T, n *netconf.Namespace) []string {
	t.Helper()
	var all []string
	if err := n.Do(func() (err error) { all, err = netconf.Names(); return err }); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "lo" })
}

// descriptors counts this process's descriptors of the driver.
func descriptors(t *testing.T) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range links {
		if target, err := os.Readlink(l); err == nil && target == control {
			n++
		}
	}
	return n
}

func TestOpen_MakesTheInterfaceAndCloseRemovesIt(t *testing.T) {
	w := newWorld(t, Config{Interface: "mine", Queues: 3, MTU: 1400})
	i := w.d.Info()
	want := link.Info{Name: "mine", Mode: "tap", MAC: stackMAC, MTU: 1400, TxChecksum: true, LocalPeer: true, Queues: 3, Memory: framesSize(1419) + framesSize(1414)}
	if !reflect.DeepEqual(i, want) || !reflect.DeepEqual(w.d.Queue(2).Info(), want) {
		t.Errorf("%+v", i)
	}
	k := w.kernel
	if k.Driver != "tun" || k.MTU != 1400 || !k.Up || !slices.Equal(k.Addresses, []netip.Prefix{netip.PrefixFrom(kernelIP, 24)}) {
		t.Errorf("the kernel's end: %+v", k)
	}
	for range 2 {
		if err := w.d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if left := names(t, w.Namespace); len(left) != 0 || descriptors(t) != 0 {
		t.Errorf("left behind: %v, %d descriptors", left, descriptors(t))
	}
}

func TestOpen_PatternsAreFilledInByTheKernel(t *testing.T) {
	n := namespace(t)
	a := open(t, n, Config{Interface: "pat%d", Queues: 2})
	b := open(t, n, Config{Interface: "pat%d"})
	if a.Info().Name != "pat0" || b.Info().Name != "pat1" {
		t.Errorf("names %q and %q", a.Info().Name, b.Info().Name)
	}
}

func TestOpen_MACIsMadeUpAndNotTheKernels(t *testing.T) {
	n := namespace(t)
	d := open(t, n, Config{Interface: "mine"})
	mac := d.Info().MAC
	if mac[0]&3 != 2 {
		t.Errorf("%x is not local, or a group's", mac)
	}
	if err := n.Do(func() error {
		k, err := netconf.Interface("mine")
		if k.MAC == mac {
			t.Error("both ends have the same")
		}
		if !errors.Is(err, netconf.ErrDown) {
			t.Errorf("%v: nobody asked for it to be up", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestPersist_InterfaceStaysAndIsAttachedTo(t *testing.T) {
	for _, queues := range []int{1, 2} {
		n := namespace(t)
		first := open(t, n, Config{Interface: "stay", Queues: queues, Persist: true, MTU: 1300})
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if got := names(t, n); !slices.Equal(got, []string{"stay"}) {
			t.Fatalf("after Close there is %v", got)
		}
		second := open(t, n, Config{Interface: "stay", Queues: queues})
		if i := second.Info(); i.MTU != 1300 || i.Queues != queues {
			t.Errorf("%+v", i)
		}
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
		if got := names(t, n); !slices.Equal(got, []string{"stay"}) {
			t.Errorf("what was not ours went away: %v", got)
		}
	}
}

func TestAttach_OneQueueOfAnInterfaceMadeForMany(t *testing.T) {
	n := namespace(t)
	if err := open(t, n, Config{Interface: "stay", Queues: 2, Persist: true}).Close(); err != nil {
		t.Fatal(err)
	}
	if d := open(t, n, Config{Interface: "stay"}); d.Queues() != 1 {
		t.Errorf("%d queues", d.Queues())
	}
}

func TestOpen_Refusals(t *testing.T) {
	n := namespace(t)
	if err := open(t, n, Config{Interface: "one", Persist: true}).Close(); err != nil {
		t.Fatal(err)
	}
	open(t, n, Config{Interface: "held"})
	open(t, n, Config{Interface: "held2", Queues: 2})
	if err := n.Do(func() error {
		fd, err := openControl(control, "tun")
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		_, err = tie(fd, "tun", unix.IFF_TUN|unix.IFF_NO_PI)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	veth, err := netconf.NewPair(netconf.End{Namespace: n, Interface: "veth"}, netconf.End{})
	if err != nil {
		t.Fatal(err)
	}
	defer veth.Close()
	before, were := names(t, n), descriptors(t)
	failing := errors.New("settling failed")
	tests := []struct {
		name string
		c    Config
		want error
		text string
	}{
		{"loopback", Config{Interface: "lo"}, ErrKind, "another name"},
		{"veth", Config{Interface: "veth"}, ErrKind, "veth"},
		{"tun", Config{Interface: "tun"}, ErrKind, "TUN"},
		{"held by a process", Config{Interface: "held"}, ErrBusy, "stop the process"},
		{"queues held by a process", Config{Interface: "held2", Queues: 2}, ErrBusy, "2 of its queues"},
		{"made for one queue", Config{Interface: "one", Queues: 2}, ErrQueues, "multi_queue"},
		{"more than the kernel has", Config{Interface: "new", Queues: 257}, ErrConfig, "256"},
		{"a name that cannot be", Config{Interface: ".."}, ErrConfig, "no name"},
		{"the kernel's end fails", Config{Interface: "new", Up: true, Settle: func(string, int, []netip.Prefix, bool) error { return failing }}, failing, "settle"},
		{"an address twice as wide", Config{Interface: "new", Queues: 2, PeerAddresses: []netip.Prefix{netip.PrefixFrom(kernelIP, 33)}}, ErrConfig, "address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := tryOpen(n, tt.c)
			if d != nil {
				d.Close()
			}
			if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.text) || !strings.HasPrefix(fmt.Sprint(err), "tap: ") {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
			if after := names(t, n); !slices.Equal(after, before) || descriptors(t) != were {
				t.Errorf("left behind: %v, %d descriptors; were %v, %d", after, descriptors(t), before, were)
			}
		})
	}
}

func TestOpen_KernelsMACIsRefused(t *testing.T) {
	n := namespace(t)
	if err := open(t, n, Config{Interface: "stay", Persist: true}).Close(); err != nil {
		t.Fatal(err)
	}
	var k netconf.Info
	_ = n.Do(func() (err error) { k, err = netconf.Interface("stay"); return err })
	if _, err := tryOpen(n, Config{Interface: "stay", MAC: k.MAC}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v, want ErrConfig", err)
	}
}

func TestOpen_WithoutRights(t *testing.T) {
	n := namespace(t)
	if err := open(t, n, Config{Interface: "stay", Persist: true, MTU: 1400, Up: true}).Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		c    Config
		want error
	}{
		{"a new interface", Config{Interface: "new"}, ErrRights},
		{"one that exists, and is as it should be", Config{Interface: "stay", MTU: 1400, Up: true}, nil},
		{"one that exists, to be changed", Config{Interface: "stay", MTU: 1401}, unix.EPERM},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			done := make(chan struct{})
			go func() { // its thread ends with it, and its rights
				defer close(done)
				runtime.LockOSThread()
				err = openWithout(n, tt.c, unix.CAP_NET_ADMIN)
			}()
			<-done
			if !errors.Is(err, tt.want) || tt.want != nil && !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// openWithout opens and closes after giving up a right of the present thread.
func openWithout(n *netconf.Namespace, c Config, right uint) error {
	c.Settle = netconf.Settle
	var result error
	err := n.Do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var caps [2]unix.CapUserData
		if err := unix.Capget(&header, &caps[0]); err != nil {
			return err
		}
		full := caps
		caps[right/32].Effective &^= 1 << (right % 32)
		if err := unix.Capset(&header, &caps[0]); err != nil {
			return err
		}
		d, err := Open(c)
		if err == nil {
			err = d.Close()
		}
		result = err
		return unix.Capset(&header, &full[0]) // to be able to leave the namespace
	})
	return errors.Join(result, err)
}

func TestOpenControl_MissingDriverSaysTheMend(t *testing.T) {
	_, err := openControl(filepath.Join(t.TempDir(), "tun"), "mine")
	if !errors.Is(err, ErrNoTun) || !strings.Contains(err.Error(), "modprobe tun") || !strings.Contains(err.Error(), "mknod") {
		t.Errorf("got %v, want ErrNoTun", err)
	}
}

func TestGone_IsToldOnceAndCounted(t *testing.T) {
	w := newWorld(t, Config{Queues: 2})
	if err := w.d.Err(); err != nil {
		t.Fatalf("before: %v", err)
	}
	w.remove(t)
	var rx, tx [4]link.Frame
	for range 3 {
		for i := range 2 {
			q := w.d.Queue(i)
			if n := q.Recv(0, rx[:]); n != 0 {
				t.Errorf("received %d frames", n)
			}
			blast(q, tx[:], make([]byte, 60))
		}
	}
	select {
	case <-w.d.Gone():
	default:
		t.Error("nobody was told")
	}
	if err := w.d.Err(); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "tap-test") {
		t.Errorf("got %v, want ErrGone", err)
	}
	for i, s := range w.d.Stats() {
		if s != (QueueStats{TxDown: 12, Gone: 1}) {
			t.Errorf("queue %d: %+v", i, s)
		}
		if c := w.d.Queue(i).Counters(); c.TxKicks != 0 || c.TxDropped != 12 {
			t.Errorf("queue %d: %+v", i, c)
		}
	}
}

func TestGone_IsSeenBySending(t *testing.T) {
	w := newWorld(t, Config{})
	w.remove(t)
	var tx [4]link.Frame
	blast(w.d.Queue(0), tx[:], make([]byte, 60))
	if c := w.d.Queue(0).Counters(); !errors.Is(w.d.Err(), ErrGone) || c.TxKicks != 1 || c.TxDropped != 4 {
		t.Errorf("%v, %+v", w.d.Err(), c)
	}
}
