package ring

import (
	"runtime"
	"sync"
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

func TestDoorbell_LosesNoWakeUp(t *testing.T) {
	const producers, each = 3, 30_000
	var d Doorbell
	wake := make(chan struct{}, 1)
	r, _ := NewMPSC(nil, make([]Slot[int], 64))
	var all sync.WaitGroup
	for range producers {
		all.Go(func() {
			for n := 0; n < each; {
				if !r.Push(&n) {
					runtime.Gosched()
					continue
				}
				n++
				if d.Ring() {
					select {
					case wake <- struct{}{}:
					default: // one is pending already
					}
				}
			}
		})
	}
	watchdog := time.After(time.Minute)
	for got := 0; got < producers*each; {
		var v int
		if r.Pop(&v) {
			got++
			continue
		}
		d.Arm()
		if r.Empty() {
			select {
			case <-wake:
			case <-watchdog:
				t.Fatalf("asleep after %d records with %d waiting", got, r.Len())
			}
		}
		d.Disarm()
	}
	all.Wait()
}
