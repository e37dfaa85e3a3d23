package afxdp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

// sendUnsummed sends a UDP packet whose checksum the device has to fill in.
func sendUnsummed(t *testing.T, q *Queue, packet []byte) {
	t.Helper()
	var tx [1]link.Frame
	if q.Reserve(tx[:]) != 1 {
		t.Fatal("no frame")
	}
	f := &tx[0]
	f.Bytes = f.Bytes[:copy(f.Bytes, packet)]
	binary.BigEndian.PutUint16(f.Bytes[40:], pseudo(packet))
	f.Flags, f.ChecksumStart, f.ChecksumOffset = link.WantChecksum, 34, 6
	q.Send(0, tx[:])
}

// TestSend_DeviceFillsInChecksums looks at the wire: our end's own offload is
// off, so that what arrives must be whole.
func TestSend_DeviceFillsInChecksums(t *testing.T) {
	for _, mode := range []Mode{ModeNative, ModeGeneric} {
		p := newPair(t, 1, func(e *[2]netconf.End) { e[0].ChecksumsFilled = true })
		d := open(t, p, 0, Config{Mode: mode, TxChecksum: On})
		r := openRaw(t, p, 1)
		for _, payload := range []string{"", "odd", "even", string(make([]byte, 1472))} {
			sendUnsummed(t, d.Queue(0), toPeer([]byte(payload)))
			got := r.next(t)
			if s := sum(got[34:], uint32(pseudo(got))); s != 0xffff {
				t.Errorf("mode %d: sum over a packet with %d octets is %#x, want 0xffff", mode, len(payload), s)
			}
			if field := binary.BigEndian.Uint16(got[40:]); field == pseudo(got) {
				t.Errorf("mode %d: the checksum was left as it was", mode)
			}
		}
	}
}

// TestSend_KernelAcceptsUnfilledChecksums is the usual case on a veth: the
// kernel at the other end knows that the sum was left to it.
func TestSend_KernelAcceptsUnfilledChecksums(t *testing.T) {
	p, d := device(t, Config{TxChecksum: On})
	var server net.PacketConn
	address := net.JoinHostPort(peerIP.String(), "9")
	if err := p.Ends[1].Do(func() (err error) { server, err = net.ListenPacket("udp", address); return err }); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	good := udp(stackIP, peerIP, peerMAC, stackMAC, 9, []byte("right"))
	bad := udp(stackIP, peerIP, peerMAC, stackMAC, 9, []byte("wrong"))
	binary.BigEndian.PutUint16(bad[40:], 1)
	emit(t, d.Queue(0), bad) // no request: its sum is checked, and it is dropped
	sendUnsummed(t, d.Queue(0), good)
	var b [64]byte
	n, from, err := server.ReadFrom(b[:])
	if err != nil || string(b[:n]) != "right" {
		t.Fatalf("the kernel received %q, %v", b[:n], err)
	}
	if got := from.(*net.UDPAddr).AddrPort().Addr(); got != netip.Addr(stackIP) {
		t.Errorf("from %v", got)
	}
}

func TestOpen_ChecksumsMayBeDeclined(t *testing.T) {
	_, d := device(t, Config{TxChecksum: Off})
	if d.Info().TxChecksum {
		t.Error("offers what was switched off")
	}
	sendUnsummed(t, d.Queue(0), toPeer(nil))
	if c := d.Queue(0).Counters(); c.TxDropped != 1 || c.TxFrames != 0 {
		t.Errorf("a request that cannot be met: %+v", c)
	}
}
