package wheel

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

func BenchmarkScheduleCancel(b *testing.B) {
	w := New(1024, epoch)
	id := uint32(1)
	for b.Loop() {
		w.Schedule(id, epoch.Add(200*time.Millisecond))
		w.Cancel(id)
		id = id&1023 + 1
	}
}

// BenchmarkReschedule moves a timer on by a millisecond, as an ACK does.
func BenchmarkReschedule(b *testing.B) {
	w := New(1024, epoch)
	now := epoch
	id := uint32(1)
	for b.Loop() {
		w.Schedule(id, now.Add(200*time.Millisecond))
		id = id&1023 + 1
		now += Tick / 64
	}
}

// BenchmarkAdvanceIdle is a shard's loop with nothing due.
func BenchmarkAdvanceIdle(b *testing.B) {
	w := New(1024, epoch)
	w.Schedule(1, epoch.Add(1e6*time.Hour))
	now := epoch
	var out [64]uint32
	for b.Loop() {
		w.Advance(now, out[:])
		now += 1000
	}
}

// BenchmarkExpire counts one timer set at random within four seconds and going
// off, all sorting included, with 100,000 set.
func BenchmarkExpire(b *testing.B) {
	const timers = 100_000
	w := New(timers, epoch)
	r := rand.New(rand.NewPCG(1, 2))
	now := epoch
	set := func(id uint32) { w.Schedule(id, now+mono.Time(1+r.Int64N(int64(4*time.Second)))) }
	for id := uint32(1); id <= timers; id++ {
		set(id)
	}
	var out [64]uint32
	n, i := 0, 0
	for b.Loop() {
		for i == n {
			now = max(now, w.Next())
			n, i = w.Advance(now, out[:]), 0
		}
		set(out[i])
		i++
	}
}
