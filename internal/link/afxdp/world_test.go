package afxdp

// The network of these tests: a veth whose first end is opened here and whose
// second end belongs to a kernel in another namespace.

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"golang.org/x/sys/unix"
)

var (
	stackIP  = netip.MustParseAddr("10.77.0.1") // ours
	kernelIP = netip.MustParseAddr("10.77.0.2") // of the kernel at our end
	peerIP   = netip.MustParseAddr("10.77.0.9") // of the kernel at the other end
	farIP    = netip.MustParseAddr("10.77.0.8") // at the other end, and not of its kernel: it stays silent

	stackMAC = [6]byte{2, 0, 0, 0, 0, 1}
	peerMAC  = [6]byte{2, 0, 0, 0, 0, 9}
)

// patience bounds waits for something that must happen; it is no measure of
// how long it takes.
const patience = 10 * time.Second

func requireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
}

func newPair(t testing.TB, queues int, change func(ends *[2]netconf.End)) *netconf.Pair {
	t.Helper()
	requireRoot(t)
	ends := [2]netconf.End{
		{
			MAC: stackMAC, Queues: queues,
			Addresses: []netip.Prefix{netip.PrefixFrom(kernelIP, 24)},
		},
		{
			MAC: peerMAC, Queues: queues,
			Addresses:  []netip.Prefix{netip.PrefixFrom(peerIP, 24)},
			Neighbours: []netconf.Neighbour{{IP: stackIP, MAC: stackMAC}},
		},
	}
	if change != nil {
		change(&ends)
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
	return p
}

// tryOpen opens one end of a pair.
func tryOpen(p *netconf.Pair, end int, c Config) (d *Device, err error) {
	c.Interface = p.Ends[end].Interface
	return d, p.Ends[end].Do(func() (err error) { d, err = Open(c); return err })
}

func open(t testing.TB, p *netconf.Pair, end int, c Config) *Device {
	t.Helper()
	d, err := tryOpen(p, end, c)
	var refused *ebpf.VerifierError // is no old kernel but a bad program
	if errors.Is(err, ErrKernel) && !errors.As(err, &refused) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// device is the usual case: our end of a one-queue veth.
func device(t testing.TB, c Config) (*netconf.Pair, *Device) {
	t.Helper()
	p := newPair(t, 1, nil)
	if c.Addresses == nil {
		c.Addresses = []netip.Addr{stackIP}
	}
	return p, open(t, p, 0, c)
}

// raw is a packet socket at the peer's end.
type raw struct{ fd int }

func openRaw(t testing.TB, p *netconf.Pair, end int) raw {
	t.Helper()
	var r raw
	err := p.Ends[end].Do(func() (err error) {
		r.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		protocol := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
		return unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: p.Ends[end].Info.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(r.fd) })
	limit := unix.NsecToTimeval(int64(patience))
	if err := unix.SetsockoptTimeval(r.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r raw) send(t testing.TB, frame []byte) {
	t.Helper()
	if _, err := unix.Write(r.fd, frame); err != nil {
		t.Fatal(err)
	}
}

// next returns the next frame that came from our end.
func (r raw) next(t testing.TB) []byte {
	t.Helper()
	b := make([]byte, 4096)
	for {
		n, from, err := unix.Recvfrom(r.fd, b, 0)
		if err != nil {
			t.Fatalf("no frame arrived at the peer: %v", err)
		}
		if l, ok := from.(*unix.SockaddrLinklayer); ok && l.Pkttype != unix.PACKET_OUTGOING {
			return b[:n]
		}
	}
}

// collect receives until it has n frames, and gives copies of them.
func collect(t testing.TB, q *Queue, n int) [][]byte {
	t.Helper()
	var got [][]byte
	limit := time.Now().Add(patience)
	var rx [32]link.Frame
	for len(got) < n {
		k := q.Recv(0, rx[:])
		for _, f := range rx[:k] {
			got = append(got, append([]byte(nil), f.Bytes...))
		}
		q.Release(rx[:k])
		if k == 0 {
			if time.Now().After(limit) {
				t.Fatalf("%d of %d frames arrived; %+v", len(got), n, q.Counters())
			}
			q.Wait(time.Second)
		}
	}
	return got
}

// emit sends frames through a queue, as many at a time as it has room for.
func emit(t testing.TB, q *Queue, frames ...[]byte) {
	t.Helper()
	var tx [32]link.Frame
	limit := time.Now().Add(patience)
	for len(frames) > 0 {
		n := q.Reserve(tx[:min(len(tx), len(frames))])
		for i := range n {
			tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, frames[i])]
		}
		q.Send(0, tx[:n])
		frames = frames[n:]
		if n == 0 && time.Now().After(limit) {
			t.Fatalf("no free frames; %+v", q.Counters())
		}
	}
}

// udp is a UDP packet in a frame, checksum left to the caller or none.
func udp(src, dst netip.Addr, dstMAC, srcMAC [6]byte, port uint16, payload []byte) []byte {
	b := make([]byte, 42, 42+len(payload))
	copy(b, dstMAC[:])
	copy(b[6:], srcMAC[:])
	e := binary.BigEndian
	e.PutUint16(b[12:], 0x0800)
	b[14] = 0x45
	e.PutUint16(b[16:], uint16(28+len(payload)))
	b[22], b[23] = 64, 17
	s, d := src.As4(), dst.As4()
	copy(b[26:], s[:])
	copy(b[30:], d[:])
	e.PutUint16(b[24:], ^sum(b[14:34], 0))
	e.PutUint16(b[34:], 7000)
	e.PutUint16(b[36:], port)
	e.PutUint16(b[38:], uint16(8+len(payload)))
	return append(b, payload...)
}

// toStack is a packet of the peer to our address.
func toStack(payload []byte) []byte { return udp(peerIP, stackIP, stackMAC, peerMAC, 9, payload) }

// toPeer is a packet the other way, which no kernel answers.
func toPeer(payload []byte) []byte { return udp(stackIP, farIP, peerMAC, stackMAC, 9, payload) }

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

// pseudo is the sum of the pseudo-header of a UDP packet made by udp.
func pseudo(b []byte) uint16 {
	return sum(b[26:34], 17+uint32(binary.BigEndian.Uint16(b[38:])))
}
