package mem

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// packet is a frame of n octets with an IPv4 packet of the codepoint.
func packet(n int, ecn uint8) []byte {
	b := make([]byte, n)
	wire.PutEthernet(b, wire.Ethernet{Dst: wire.MAC{2, 0, 0, 0, 0, 2}, Src: wire.MAC{2, 0, 0, 0, 0, 1}, Type: wire.EtherTypeIPv4})
	wire.PutIPv4(b[wire.EthernetLen:], &wire.IPv4Header{TOS: 0xb8 | ecn, TotalLen: uint16(n - wire.EthernetLen), TTL: 64, Proto: wire.ProtoUDP, Src: 1, Dst: 2})
	return b
}

// The queue before a bottleneck is marked, not dropped, from a length on: only
// packets that say that they may be, and with a header that is right.
func TestMarkAbove_MarksWhatMayBeMarked(t *testing.T) {
	for _, ecn := range []uint8{wire.NotECT, wire.ECT1, wire.ECT0, wire.CE} {
		w := newWire(t, one(Impairment{Rate: 1_000_000, QueueLimit: 100_000, MarkAbove: 2500}))
		a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
		for range 5 {
			transmit(a, start, packet(1000, ecn))
		}
		n, marked := 0, 0
		for now := start; b.Due() != mono.Never; now = now.Add(time.Millisecond) {
			for _, f := range receive(b, now) {
				h, _, why := wire.ParseIPv4(f[wire.EthernetLen:])
				if why != 0 || h.TOS&^wire.ECNMask != 0xb8 {
					t.Fatalf("came out as %+v: %v", h, why)
				}
				n++
				if h.ECN() == wire.CE && ecn != wire.CE {
					marked++
				} else if h.ECN() != ecn {
					t.Errorf("%d became %d", ecn, h.ECN())
				}
			}
		}
		want := 0
		if ecn == wire.ECT0 || ecn == wire.ECT1 {
			want = 2 // 0, 1000, 2000 octets were before the others
		}
		if n != 5 || marked != want {
			t.Errorf("codepoint %d: %d came out, %d marked, want 5 and %d", ecn, n, marked, want)
		}
	}
}

func TestMark_LeavesOtherFramesAlone(t *testing.T) {
	for _, b := range [][]byte{{}, make([]byte, 20), numbered(1)[0], packet(1000, wire.ECT0)[:30]} {
		if mark(b) {
			t.Errorf("marked % x", b)
		}
	}
}
