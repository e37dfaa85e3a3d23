package afxdp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
)

// benchBatch is a shard's usual batch.
const benchBatch = 64

func benchPair(b *testing.B) (here, there *Queue) {
	p := newPair(b, 1, nil)
	here = open(b, p, 0, Config{Addresses: []netip.Addr{stackIP}}).Queue(0)
	there = open(b, p, 1, Config{Addresses: []netip.Addr{farIP}}).Queue(0)
	return here, there
}

// blast sends one batch of copies of a frame and returns how many.
func blast(q *Queue, tx []link.Frame, frame []byte) int {
	n := q.Reserve(tx)
	for i := range n {
		tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, frame)]
	}
	q.Send(0, tx[:n])
	return n
}

// BenchmarkTransmit sends to a peer whose kernel drops everything.
func BenchmarkTransmit(b *testing.B) {
	_, d := device(b, Config{})
	q, frame := d.Queue(0), toPeer(make([]byte, 18))
	var tx [benchBatch]link.Frame
	sent := 0
	for b.Loop() {
		sent += blast(q, tx[:], frame)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sent), "ns/packet")
	b.ReportMetric(float64(sent)/float64(q.counters.TxKicks), "packets/call")
}

// BenchmarkOneWay sends from one socket to another and fetches, all on one
// goroutine: both costs together.
func BenchmarkOneWay(b *testing.B) {
	here, there := benchPair(b)
	frame := toStack(make([]byte, 18))
	var tx, rx [benchBatch]link.Frame
	got := 0
	for b.Loop() {
		blast(there, tx[:], frame)
		for {
			n := here.Recv(0, rx[:])
			if n == 0 {
				break
			}
			here.Release(rx[:n])
			got += n
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(got), "ns/packet")
}

// BenchmarkEcho sends a batch there and back, on one goroutine: a packet of the
// figure has crossed the wire twice.
func BenchmarkEcho(b *testing.B) {
	here, there := benchPair(b)
	question, answer := toStack(make([]byte, 18)), toPeer(make([]byte, 18))
	var tx, rx [benchBatch]link.Frame
	got := 0
	for b.Loop() {
		blast(there, tx[:], question)
		n := here.Recv(0, rx[:])
		here.Release(rx[:n])
		blast(here, tx[:n], answer)
		n = there.Recv(0, rx[:])
		there.Release(rx[:n])
		got += n
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(got), "ns/packet")
}

// BenchmarkQueue is the cost without a kernel: rings and frames only.
func BenchmarkQueue(b *testing.B) {
	f := newFake()
	packet := make([]byte, 60)
	var rx, tx [fakeFrames]link.Frame
	for b.Loop() {
		for range fakeFrames {
			f.arrive(b, packet)
		}
		n := f.Recv(0, rx[:])
		f.Release(rx[:n])
		n = f.Reserve(tx[:])
		f.Send(0, tx[:n])
		for f.ktx.ready(1) > 0 {
			*f.kcompletion.slot(0) = f.ktx.slot(0).Addr
			f.ktx.advance(1)
			f.kcompletion.advance(1)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*fakeFrames), "ns/packet")
}

// BenchmarkFilter is the program's verdict alone, as the kernel's own loop over
// it measures: for each kind of packet, exclusive and shared.
func BenchmarkFilter(b *testing.B) {
	const repeat = 100_000
	for _, bb := range []struct {
		name   string
		shared bool
		packet []byte
	}{
		{"exclusive/ours", false, tcp(ourPort).frame()},
		{"shared/ours", true, tcp(ourPort).frame()},
		{"shared/kernels", true, tcp(sshPort).frame()},
		{"shared/error", true, icmp(3, sent(ourPort)).frame()},
		{"shared/first fragment", true, piece(ourPort, 7, moreFragments).frame()},
		{"shared/later fragment", true, piece(ourPort, 7, 3).frame()},
		{"shared/ARP", true, arp(1, kernelIP)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			_, d := device(b, Config{Shared: bb.shared, Addresses: []netip.Addr{kernelIP}})
			if bb.shared {
				takePorts(b, d)
			}
			verdict(b, d, piece(ourPort, 7, moreFragments).frame())
			var total time.Duration
			for b.Loop() {
				_, each, err := d.program.prog.Benchmark(bb.packet, repeat, nil)
				if err != nil {
					b.Fatal(err)
				}
				total += each
			}
			b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns/packet")
		})
	}
}
