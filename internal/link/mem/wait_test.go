package mem

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// clock is the stack's clock inside a bubble, where time is fake.
func clock() func() mono.Time {
	begun := time.Now()
	return func() mono.Time { return start.Add(time.Since(begun)) }
}

// waits runs Wait in a bubble on side 1 and returns how long it took, while f
// does something on the other side.
func waits(t *testing.T, c Config, d time.Duration, f func(w *Wire, now func() mono.Time)) time.Duration {
	t.Helper()
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		w, now := newWire(t, c), clock()
		q := w.Side(1).Queue(0)
		done := make(chan time.Duration)
		go func() {
			q.Recv(now(), nil)
			begun := time.Now()
			q.Wait(d)
			done <- time.Since(begun)
		}()
		synctest.Wait()
		f(w, now)
		took = <-done
	})
	return took
}

func TestWait_EndsForItsReasons(t *testing.T) {
	delayed := Config{Impair: [2]Impairment{{Delay: time.Second}}}
	send := func(w *Wire, now func() mono.Time) {
		time.Sleep(3 * time.Second)
		transmit(w.Side(0).Queue(0), now(), numbered(1)...)
	}
	tests := []struct {
		why  string
		c    Config
		d    time.Duration
		f    func(*Wire, func() mono.Time)
		want time.Duration
	}{
		{"a frame", Config{}, -1, send, 3 * time.Second},
		{"a frame on a delayed path: to know of it", delayed, -1, send, 3 * time.Second},
		{"the time is up", Config{}, 2 * time.Second, send, 2 * time.Second},
		{"not at all", Config{}, 0, func(*Wire, func() mono.Time) {}, 0},
		{"woken", Config{}, -1, func(w *Wire, _ func() mono.Time) { w.Side(1).Queue(0).Wake() }, 0},
		{"closed", Config{}, -1, func(w *Wire, _ func() mono.Time) { w.Side(1).Queue(0).Close() }, 0},
	}
	for _, tt := range tests {
		if got := waits(t, tt.c, tt.d, tt.f); got != tt.want {
			t.Errorf("%s: waited %v, want %v", tt.why, got, tt.want)
		}
	}
}

func TestWait_SleepsUntilTheFirstDelayedFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := newWire(t, Config{Impair: [2]Impairment{{Delay: time.Second}}}), clock()
		q := w.Side(1).Queue(0)
		transmit(w.Side(0).Queue(0), now(), numbered(1)...)
		begun := time.Now()
		for range 3 { // a timer is used again
			for len(receive(q, now())) == 0 {
				q.Wait(time.Hour)
			}
			if got := time.Since(begun); got != time.Second {
				t.Errorf("the frame came after %v, want 1s", got)
			}
			transmit(w.Side(0).Queue(0), now(), numbered(1)...)
			begun = time.Now()
		}
	})
}

func TestWait_WhatCameBeforeIsNotSlept(t *testing.T) {
	for kind, c := range kinds {
		synctest.Test(t, func(t *testing.T) {
			w, now := newWire(t, c), clock()
			q := w.Side(1).Queue(0)
			transmit(w.Side(0).Queue(0), now()-1, numbered(1)...)
			q.Recv(now(), nil)
			begun := time.Now()
			q.Wait(-1)
			receive(q, now())
			q.Wake()
			q.Wait(-1)
			q.Close()
			q.Wait(-1)
			q.Wait(-1) // and so for ever
			if got := time.Since(begun); got != 0 {
				t.Errorf("%s: slept %v", kind, got)
			}
			if q.Counters().Waits != 4 {
				t.Errorf("%s: %d waits counted, want 4", kind, q.Counters().Waits)
			}
		})
	}
}
