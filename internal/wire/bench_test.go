package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
)

// dataSegment is a whole frame of a bulk transfer: 1448 octets with timestamps.
func dataSegment() []byte {
	const segment = TCPHeaderLen + TimestampLen + 1448
	b := make([]byte, EthernetLen+IPv4HeaderLen+segment)
	PutEthernet(b, Ethernet{Dst: MAC{2, 1}, Src: MAC{2, 2}, Type: EtherTypeIPv4})
	PutIPv4(b[EthernetLen:], &IPv4Header{
		TotalLen: IPv4HeaderLen + segment, DF: true, TTL: 64, Proto: ProtoTCP, Src: addr("192.0.2.1"), Dst: addr("192.0.2.2"),
	})
	t := b[EthernetLen+IPv4HeaderLen:]
	PutTCP(t, &TCP{SrcPort: 443, DstPort: 50000, Seq: 1, Ack: 2, HeaderLen: TCPHeaderLen + TimestampLen, Flags: ACK, Window: 500})
	PutOptions(t[TCPHeaderLen:], &Options{Present: HasTimestamp, TSVal: 3, TSEcr: 4}, false)
	PutTCPChecksum(addr("192.0.2.1"), addr("192.0.2.2"), t)
	return b
}

// headers is what a shard reads from a frame.
type headers struct {
	link    Ethernet
	ip      IPv4Header
	tcp     TCP
	options Options
}

// parse reads all headers of a frame, as a shard does.
func (h *headers) parse(b []byte) bool {
	packet, ok := h.link.Parse(b)
	if !ok || h.link.Type != EtherTypeIPv4 {
		return false
	}
	segment, why := h.ip.Parse(packet)
	if why != drop.None {
		return false
	}
	opts, _, why := h.tcp.Parse(segment)
	return why == drop.None && ParseOptions(opts, &h.options)
}

func TestPacketPath_DoesNotAllocate(t *testing.T) {
	b := dataSegment()
	out := make([]byte, len(b))
	var h headers
	n := testing.AllocsPerRun(100, func() {
		if !h.parse(b) {
			t.Fatal("the segment is refused")
		}
		SumCopy(out, b, 0)
		PutTCP(out, &h.tcp)
		PutOptions(out[TCPHeaderLen:], &h.options, false)
		PutIPv4(out, &IPv4Header{})
		PutTCPChecksum(1, 2, out)
		a, _ := ParseARP(out)
		PutARP(out, &a)
		m, _, _ := ParseICMPv4(out)
		PutICMPv4(out, m)
		ParseIPv4Quote(out)
	})
	if n != 0 {
		t.Errorf("%v allocations per packet, want none", n)
	}
}

// sumLengths are those of a header, a small request, a full segment and text of
// a jumbo frame; the others show where assembly begins to pay.
var sumLengths = []int{20, 64, 96, 128, 192, 256, 1460, 8192}

// BenchmarkSum is what leastWideSum was chosen from.
func BenchmarkSum(b *testing.B) {
	for _, way := range []struct {
		name string
		sum  func([]byte, uint64) uint64
	}{{"portable", sumPortable}, {"avx2", sumWide}, {"chosen", Sum}} {
		for _, n := range sumLengths {
			b.Run(fmt.Sprintf("%s/%d", way.name, n), func(b *testing.B) {
				buf := make([]byte, n)
				b.SetBytes(int64(n))
				s := uint64(0)
				for b.Loop() {
					s = way.sum(buf, s)
				}
			})
		}
	}
}

// BenchmarkSumCopy sets a copy and then a sum against both at once.
func BenchmarkSumCopy(b *testing.B) {
	for _, way := range []struct {
		name string
		do   func(dst, src []byte, initial uint64) uint64
	}{
		{"portable", sumCopyPortable},
		{"copy+sum", func(dst, src []byte, initial uint64) uint64 {
			copy(dst, src)
			return Sum(src, initial)
		}},
		{"avx2", sumCopyWide},
		{"chosen", SumCopy},
	} {
		for _, n := range sumLengths {
			b.Run(fmt.Sprintf("%s/%d", way.name, n), func(b *testing.B) {
				src, dst := make([]byte, n), make([]byte, n)
				b.SetBytes(int64(n))
				s := uint64(0)
				for b.Loop() {
					s = way.do(dst, src, s)
				}
			})
		}
	}
}

// BenchmarkSumCopy_1460_OneLoop is the form that sumCopyPortable is not, and why.
func BenchmarkSumCopy_1460_OneLoop(b *testing.B) {
	src, dst := make([]byte, 1460), make([]byte, 1460)
	b.SetBytes(1460)
	s := uint64(0)
	for b.Loop() {
		s = sumCopyOneLoop(dst, src, s)
	}
}

func sumCopyOneLoop(dst, src []byte, initial uint64) uint64 {
	s, c := initial, uint64(0)
	for len(src) >= 32 && len(dst) >= 32 {
		p, q := (*[32]byte)(src), (*[32]byte)(dst)
		v0, v1 := binary.LittleEndian.Uint64(p[0:8]), binary.LittleEndian.Uint64(p[8:16])
		v2, v3 := binary.LittleEndian.Uint64(p[16:24]), binary.LittleEndian.Uint64(p[24:32])
		binary.LittleEndian.PutUint64(q[0:8], v0)
		binary.LittleEndian.PutUint64(q[8:16], v1)
		binary.LittleEndian.PutUint64(q[16:24], v2)
		binary.LittleEndian.PutUint64(q[24:32], v3)
		s, c = bits.Add64(s, v0, c)
		s, c = bits.Add64(s, v1, c)
		s, c = bits.Add64(s, v2, c)
		s, c = bits.Add64(s, v3, c)
		src, dst = src[32:], dst[32:]
	}
	copy(dst, src)
	s, c = bits.Add64(s, c, 0)
	return Sum(src, s+c)
}

func BenchmarkParseFrame(b *testing.B) {
	frame := dataSegment()
	var h headers
	for b.Loop() {
		if !h.parse(frame) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkPutHeaders(b *testing.B) {
	frame := dataSegment()
	o := Options{Present: HasTimestamp}
	h := TCP{HeaderLen: TCPHeaderLen + TimestampLen, Flags: ACK}
	ip := IPv4Header{TotalLen: 1500, DF: true, TTL: 64, Proto: ProtoTCP}
	for b.Loop() {
		PutEthernet(frame, Ethernet{Type: EtherTypeIPv4})
		PutIPv4(frame[EthernetLen:], &ip)
		PutTCP(frame[EthernetLen+IPv4HeaderLen:], &h)
		PutOptions(frame[EthernetLen+IPv4HeaderLen+TCPHeaderLen:], &o, false)
	}
}

func BenchmarkParseIPv4(b *testing.B) {
	packet := dataSegment()[EthernetLen:]
	var h IPv4Header
	for b.Loop() {
		if _, why := h.Parse(packet); why != drop.None {
			b.Fatal("refused")
		}
	}
}

func BenchmarkParseTCP(b *testing.B) {
	segment := dataSegment()[EthernetLen+IPv4HeaderLen:]
	var t TCP
	var o Options
	for b.Loop() {
		if opts, _, why := t.Parse(segment); why != drop.None || !ParseOptions(opts, &o) {
			b.Fatal("refused")
		}
	}
}
