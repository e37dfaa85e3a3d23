package wire

import (
	"encoding/binary"
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

// parseFrame reads all headers of a frame, as a shard does.
func parseFrame(b []byte, o *Options) (TCP, bool) {
	e, packet, ok := ParseEthernet(b)
	if !ok || e.Type != EtherTypeIPv4 {
		return TCP{}, false
	}
	_, segment, why := ParseIPv4(packet)
	if why != drop.None {
		return TCP{}, false
	}
	t, opts, _, why := ParseTCP(segment)
	return t, why == drop.None && ParseOptions(opts, o)
}

func TestPacketPath_DoesNotAllocate(t *testing.T) {
	b := dataSegment()
	out := make([]byte, len(b))
	var o Options
	n := testing.AllocsPerRun(100, func() {
		h, ok := parseFrame(b, &o)
		if !ok {
			t.Fatal("the segment is refused")
		}
		SumCopy(out, b, 0)
		PutTCP(out, &h)
		PutOptions(out[TCPHeaderLen:], &o, false)
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

func benchmarkSum(b *testing.B, n int) {
	buf := make([]byte, n)
	b.SetBytes(int64(n))
	s := uint64(0)
	for b.Loop() {
		s = Sum(buf, s)
	}
}

func BenchmarkSum_20(b *testing.B)   { benchmarkSum(b, 20) }
func BenchmarkSum_64(b *testing.B)   { benchmarkSum(b, 64) }
func BenchmarkSum_1460(b *testing.B) { benchmarkSum(b, 1460) }

func BenchmarkSumCopy_1460(b *testing.B) {
	src, dst := make([]byte, 1460), make([]byte, 1460)
	b.SetBytes(1460)
	s := uint64(0)
	for b.Loop() {
		s = SumCopy(dst, src, s)
	}
}

// BenchmarkSumCopy_1460_OneLoop is the form that SumCopy is not, and why.
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
		for i := 0; i < 32; i += 8 {
			v := binary.LittleEndian.Uint64(p[i : i+8])
			binary.LittleEndian.PutUint64(q[i:i+8], v)
			s, c = bits.Add64(s, v, c)
		}
		src, dst = src[32:], dst[32:]
	}
	copy(dst, src)
	return Sum(src, endAround(s, c))
}

func BenchmarkParseFrame(b *testing.B) {
	frame := dataSegment()
	var o Options
	for b.Loop() {
		if _, ok := parseFrame(frame, &o); !ok {
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
