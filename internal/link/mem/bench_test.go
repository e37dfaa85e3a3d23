package mem

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
)

// BenchmarkBatch32 moves full frames from one end to the other and back on one
// goroutine: what the device itself costs.
func BenchmarkBatch32(b *testing.B) {
	for kind, c := range kinds {
		for _, size := range []int{60, 1514} {
			b.Run(fmt.Sprintf("%s/%d", kind, size), func(b *testing.B) {
				w := newWire(b, c)
				q, r := w.Side(0).Queue(0), w.Side(1).Queue(0)
				var tx, rx [32]link.Frame
				now := start
				for b.Loop() {
					now += 2
					n := q.Reserve(tx[:])
					for i := range n {
						tx[i].Bytes = tx[i].Bytes[:size]
					}
					q.Send(now, tx[:n])
					r.Release(rx[:r.Recv(now+1, rx[:])])
				}
				b.ReportMetric(float64(b.N)*32/b.Elapsed().Seconds(), "frames/s")
			})
		}
	}
}

// BenchmarkTwoCores sends from one goroutine to another that only counts.
func BenchmarkTwoCores(b *testing.B) {
	w := newWire(b, Config{})
	q, r := w.Side(0).Queue(0), w.Side(1).Queue(0)
	done := make(chan uint64)
	go func() {
		var rx [32]link.Frame
		for !r.sleep.closed.Load() {
			n := r.Recv(start, rx[:])
			r.Release(rx[:n])
			if n == 0 {
				r.Wait(-1)
			}
		}
		done <- r.Counters().RxFrames
	}()
	var tx [32]link.Frame
	for b.Loop() {
		n := q.Reserve(tx[:])
		for i := range n {
			tx[i].Bytes = tx[i].Bytes[:1514]
		}
		for q.out[0].Free() < n {
			runtime.Gosched()
		}
		q.Send(start, tx[:n])
	}
	elapsed := b.Elapsed().Seconds()
	r.Close()
	b.ReportMetric(float64(<-done)/elapsed, "frames/s")
}
