package ring

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestDoorbell_LetsOneRingerThroughPerArming(t *testing.T) {
	var d Doorbell
	if d.Ring() {
		t.Error("rang before it was armed")
	}
	d.Arm()
	if !d.Ring() {
		t.Error("did not ring though it was armed")
	}
	if d.Ring() {
		t.Error("rang twice for one arming")
	}
	d.Arm()
	d.Disarm()
	if d.Ring() {
		t.Error("rang after it was disarmed")
	}
}

// sleeper takes total records, sleeping whenever it finds none; it returns how
// many it had when no wake-up came for a long time, or total.
func sleeper(d *Doorbell, r *MPSC[int], wake chan struct{}, total int, taken *atomic.Int64) int {
	watchdog := time.After(20 * time.Second)
	for got := 0; got < total; {
		var v int
		if r.Pop(&v) {
			got++
			taken.Store(int64(got))
			continue
		}
		d.Arm()
		if r.Empty() {
			select {
			case <-wake:
			case <-watchdog:
				return got
			}
		}
		d.Disarm()
	}
	return total
}

// ring wakes the sleeper if it must be.
func ring(d *Doorbell, wake chan struct{}) {
	if !d.Ring() {
		return
	}
	select {
	case wake <- struct{}{}:
	default: // one is pending already
	}
}

func TestDoorbell_WakesForEveryRecord(t *testing.T) {
	const total = 50_000
	var d Doorbell
	var taken atomic.Int64
	wake := make(chan struct{}, 1)
	r, _ := NewMPSC(nil, make([]Slot[int], 2))
	go func() {
		for n := 0; n < total; n++ { // the next only after the last was taken
			r.Push(&n)
			ring(&d, wake)
			for taken.Load() <= int64(n) {
				runtime.Gosched()
			}
		}
	}()
	if got := sleeper(&d, r, wake, total, &taken); got != total {
		t.Fatalf("asleep after %d records with one waiting", got) // the producer is left waiting
	}
}

func TestDoorbell_IsSafeForManyRingers(t *testing.T) {
	const producers, each = 3, 20_000
	var d Doorbell
	var taken atomic.Int64
	wake := make(chan struct{}, 1)
	r, _ := NewMPSC(nil, make([]Slot[int], 64))
	for range producers {
		go func() {
			for n := 0; n < each; {
				if !r.Push(&n) {
					runtime.Gosched()
					continue
				}
				n++
				ring(&d, wake)
			}
		}()
	}
	if got := sleeper(&d, r, wake, producers*each, &taken); got != producers*each {
		t.Fatalf("asleep after %d records with %d waiting", got, r.Len())
	}
}
