package cc

import (
	"testing"
	"time"
)

func BenchmarkOnAck(b *testing.B) {
	for _, id := range both {
		b.Run(id.String(), func(b *testing.B) {
			s := in(id, 1000)
			OnLoss(&s, start, s.Cwnd, mss)
			OnRecovered(&s, start, mss)
			a := ack(start, 2*mss)
			a.SRTT = 20 * time.Millisecond
			for b.Loop() {
				a.Now += 2000
				OnAck(&s, a)
			}
		})
	}
}
