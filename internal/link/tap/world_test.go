package tap

// The network of these tests: a TAP interface in a namespace, whose kernel's
// end has an address and knows a neighbour, the stack.

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	stackIP  = netip.MustParseAddr("10.78.0.1")
	kernelIP = netip.MustParseAddr("10.78.0.9")
	shyIP    = netip.MustParseAddr("10.78.0.2") // of the stack, too; the kernel has to ask for it

	stackMAC = [6]byte{2, 0, 0, 0, 0, 1}
)

// patience bounds waits for something that must happen; it is no measure of
// how long it takes.
const patience = 10 * time.Second

func namespace(t testing.TB) *netconf.Namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	n, err := netconf.NewNamespace("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// tryOpen opens a device in a namespace.
func tryOpen(n *netconf.Namespace, c Config) (d *Device, err error) {
	if c.Settle == nil {
		c.Settle = netconf.Settle
	}
	return d, n.Do(func() (err error) { d, err = Open(c); return err })
}

func open(t testing.TB, n *netconf.Namespace, c Config) *Device {
	t.Helper()
	d, err := tryOpen(n, c)
	if err != nil {
		if _, missing := os.Stat(control); missing != nil {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// A world is a device and the kernel's end of its wire.
type world struct {
	*netconf.Namespace
	d      *Device
	kernel netconf.Info
}

// newWorld is the usual case: a new interface, up, with the kernel's address
// and the stack as its neighbour.
func newWorld(t testing.TB, c Config) world {
	t.Helper()
	n := namespace(t)
	if c.Interface == "" {
		c.Interface = "tap-test"
	}
	c.MAC, c.Up = stackMAC, true
	c.PeerAddresses = []netip.Prefix{netip.PrefixFrom(kernelIP, 24)}
	w := world{Namespace: n, d: open(t, n, c)}
	w.do(t, func() (err error) {
		if w.kernel, err = netconf.Interface(c.Interface); err != nil {
			return err
		}
		return netlink.NeighSet(&netlink.Neigh{
			LinkIndex: w.kernel.Index, State: netlink.NUD_PERMANENT,
			IP: stackIP.AsSlice(), HardwareAddr: stackMAC[:],
		})
	})
	return w
}

func (w world) do(t testing.TB, f func() error) {
	t.Helper()
	if err := w.Do(f); err != nil {
		t.Fatal(err)
	}
}

// listen opens a UDP socket of the kernel's end, dial one to the stack.
func (w world) listen(t testing.TB, port uint16) net.PacketConn {
	t.Helper()
	var c net.PacketConn
	at := netip.AddrPortFrom(kernelIP, port)
	w.do(t, func() (err error) { c, err = net.ListenPacket("udp4", at.String()); return err })
	t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func (w world) dial(t testing.TB, ip netip.Addr, port uint16) net.Conn {
	t.Helper()
	var c net.Conn
	to := netip.AddrPortFrom(ip, port)
	w.do(t, func() (err error) { c, err = net.Dial("udp4", to.String()); return err })
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// raw is a packet socket at the kernel's end: what it sends leaves through the
// interface without a look at it, as from a bridge.
func (w world) raw(t testing.TB) int {
	t.Helper()
	var fd int
	w.do(t, func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: w.kernel.Index})
	})
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// A packet is a copy of a received frame.
type packet struct {
	bytes []byte
	link.Frame
}

// collect receives until it has n frames that are wanted.
func collect(t testing.TB, q *Queue, n int, wanted func(b []byte) bool) []packet {
	t.Helper()
	var got []packet
	limit := time.Now().Add(patience)
	var rx [32]link.Frame
	for len(got) < n {
		k := q.Recv(0, rx[:])
		for _, f := range rx[:k] {
			if wanted == nil || wanted(f.Bytes) {
				got = append(got, packet{append([]byte(nil), f.Bytes...), f})
			}
		}
		q.Release(rx[:k])
		if k == 0 {
			if time.Now().After(limit) {
				t.Fatalf("%d of %d frames arrived; %+v %+v", len(got), n, q.Counters(), q.device.Stats())
			}
			q.Wait(time.Second)
		}
	}
	return got
}

// emit sends frames through a queue.
func emit(t testing.TB, q *Queue, frames ...[]byte) {
	t.Helper()
	var tx [framesPerDirection]link.Frame
	for len(frames) > 0 {
		n := q.Reserve(tx[:min(len(tx), len(frames))])
		if n == 0 {
			t.Fatal("no free frames")
		}
		for i := range n {
			tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, frames[i])]
		}
		q.Send(0, tx[:n])
		frames = frames[n:]
	}
}

// ip is an IPv4 packet in a frame, from the stack to the kernel's end.
func (w world) ip(src, dst netip.Addr, proto byte, body []byte) []byte {
	b := make([]byte, 34, 34+len(body))
	copy(b, w.kernel.MAC[:])
	copy(b[6:], stackMAC[:])
	e := binary.BigEndian
	e.PutUint16(b[12:], 0x0800)
	b[14] = 0x45
	e.PutUint16(b[16:], uint16(20+len(body)))
	b[22], b[23] = 64, proto
	s, d := src.As4(), dst.As4()
	copy(b[26:], s[:])
	copy(b[30:], d[:])
	e.PutUint16(b[24:], ^sum(b[14:34], 0))
	return append(b, body...)
}

// udp is a datagram to the kernel's end, without a checksum.
func (w world) udp(from, to uint16, payload string) []byte {
	body := make([]byte, 8, 8+len(payload))
	e := binary.BigEndian
	e.PutUint16(body, from)
	e.PutUint16(body[2:], to)
	e.PutUint16(body[4:], uint16(8+len(payload)))
	return w.ip(stackIP, kernelIP, unix.IPPROTO_UDP, append(body, payload...))
}

// sum is the Internet checksum before its complement, the plain way.
func sum(b []byte, start uint32) uint16 {
	for i, v := range b {
		start += uint32(v) << (8 * uint(1-i&1))
	}
	for start > 0xffff {
		start = start&0xffff + start>>16
	}
	return uint16(start)
}

// pseudo is the sum of the pseudo-header of the packet in a frame.
func pseudo(b []byte) uint16 {
	length := uint32(binary.BigEndian.Uint16(b[16:])) - 20
	return sum(b[26:34], uint32(b[23])+length)
}

// isUDP and isTCP tell packets of a protocol from the kernel's other chatter.
func isUDP(b []byte) bool { return isIP(b, unix.IPPROTO_UDP) }
func isTCP(b []byte) bool { return isIP(b, unix.IPPROTO_TCP) }

func isIP(b []byte, proto byte) bool {
	return len(b) >= 42 && b[12] == 8 && b[13] == 0 && b[23] == proto
}
