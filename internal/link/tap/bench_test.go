package tap

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

// benchBatch is a shard's usual batch.
const benchBatch = 64

// blast sends one batch of copies of a frame.
func blast(q *Queue, tx []link.Frame, frame []byte) int {
	n := q.Reserve(tx)
	for i := range n {
		tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, frame)]
	}
	q.Send(0, tx[:n])
	return n
}

func perPacket(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/packet")
}

// BenchmarkTransmit sends packets that the kernel drops as soon as it has seen
// the address: the cost of the device, not of a receiver.
func BenchmarkTransmit(b *testing.B) {
	w := newWorld(b, Config{})
	q := w.d.Queue(0)
	other := stackMAC
	other[5] = 77
	for _, size := range []int{18, 1472} {
		frame := w.udp(7, 9, string(make([]byte, size)))
		copy(frame, other[:])
		b.Run(map[int]string{18: "60", 1472: "1514"}[size], func(b *testing.B) {
			var tx [benchBatch]link.Frame
			sent := 0
			for b.Loop() {
				sent += blast(q, tx[:], frame)
			}
			perPacket(b, sent)
		})
	}
}

// BenchmarkReceive fetches what a packet socket of the kernel's end sent; only
// the fetching is timed.
func BenchmarkReceive(b *testing.B) {
	for _, queues := range []int{1, 2} {
		w := newWorld(b, Config{Queues: queues})
		fd, frame := w.raw(b), w.udp(7, 9, string(make([]byte, 18)))
		copy(frame, stackMAC[:])
		b.Run(map[int]string{1: "one queue", 2: "of two"}[queues], func(b *testing.B) {
			var rx [benchBatch]link.Frame
			got := 0
			for b.Loop() {
				b.StopTimer()
				for range benchBatch {
					if _, err := unix.Write(fd, frame); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				for i := range queues {
					q := w.d.Queue(i)
					n := q.Recv(0, rx[:])
					q.Release(rx[:n])
					got += n
				}
			}
			perPacket(b, got)
		})
	}
}

// BenchmarkEcho sends batches of pings to the kernel's end and fetches its
// answers, on one goroutine: a packet of the figure has crossed twice, and the
// kernel has answered it.
func BenchmarkEcho(b *testing.B) {
	w := newWorld(b, Config{})
	q := w.d.Queue(0)
	ping := w.ping("octets to come back")
	var tx, rx [benchBatch]link.Frame
	got := 0
	for b.Loop() {
		blast(q, tx[:], ping)
		for {
			n := q.Recv(0, rx[:])
			q.Release(rx[:n])
			if n == 0 {
				break
			}
			got += n
		}
	}
	perPacket(b, got)
}
