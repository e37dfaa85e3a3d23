package park

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds waits for something that must happen; it is no measure of
// how long it takes.
const patience = 10 * time.Second

// A bed is a Sleeper on a pipe, whose other end the test writes to.
type bed struct {
	*Sleeper
	in, out int
	asked   int // calls of limit
	cut     time.Duration
}

// anything asks the kernel whether fd is readable, or has failed.
func anything(fd int) bool {
	set := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(set[:], 0)
	return n != 0 && err == nil
}

func newBed(t testing.TB) *bed {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	b := &bed{in: fds[1], out: fds[0], cut: -1}
	var err error
	b.Sleeper, err = New(b.out, func() bool { return anything(b.out) }, func(d time.Duration) time.Duration {
		b.asked++
		if b.cut >= 0 {
			return b.cut
		}
		return d
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close() // some tests have done so
		unix.Close(b.in)
		unix.Close(b.out)
	})
	return b
}

func (b *bed) arrive(t testing.TB) {
	t.Helper()
	if _, err := unix.Write(b.in, []byte{1}); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) fetch(t testing.TB) {
	t.Helper()
	if _, err := unix.Read(b.out, make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
}

// start runs Wait in a goroutine of its own and says what it has returned.
func (b *bed) start(d time.Duration) <-chan bool {
	done := make(chan bool, 1)
	go func() { done <- b.Wait(d) }()
	return done
}

// parked waits until a goroutine stands in Wait, held by the runtime's poller:
// no thread runs or blocks for it.
func parked(t *testing.T) {
	t.Helper()
	limit := time.Now().Add(patience)
	stacks := make([]byte, 1<<20)
	for time.Now().Before(limit) {
		all := string(stacks[:runtime.Stack(stacks, true)])
		for _, g := range strings.Split(all, "\n\n") {
			if strings.Contains(g, "[IO wait") && strings.Contains(g, "park.(*Sleeper).Wait") {
				return
			}
		}
		runtime.Gosched()
	}
	t.Fatal("no goroutine is parked in Wait")
}

func returned(t *testing.T, done <-chan bool, slept bool, why string) {
	t.Helper()
	select {
	case got := <-done:
		if got != slept {
			t.Errorf("Wait reports slept = %v, want %v: %s", got, slept, why)
		}
	case <-time.After(patience):
		t.Fatalf("Wait did not return: %s", why)
	}
}

func TestWait_ParksUntilSomethingArrives(t *testing.T) {
	b := newBed(t)
	for range 3 {
		done := b.start(-1)
		parked(t)
		b.arrive(t)
		returned(t, done, true, "something arrived")
		b.fetch(t)
	}
}

func TestWait_DoesNotSleepWhenThereIsSomething(t *testing.T) {
	b := newBed(t)
	b.arrive(t)
	for range 3 {
		returned(t, b.start(-1), false, "it is there already")
	}
	if b.asked != 0 {
		t.Error("limit was asked without a sleep")
	}
}

func TestWait_EndsByItself(t *testing.T) {
	b := newBed(t)
	returned(t, b.start(0), false, "no time to sleep")
	for _, d := range []time.Duration{1, time.Millisecond} {
		returned(t, b.start(d), true, d.String())
	}
}

func TestWait_LimitShortensTheSleep(t *testing.T) {
	b := newBed(t)
	b.cut = time.Microsecond
	returned(t, b.start(-1), true, "limit said a microsecond")
	if b.asked != 1 {
		t.Errorf("limit was asked %d times", b.asked)
	}
}

func TestWake_EndsThePresentWait(t *testing.T) {
	b := newBed(t)
	for range 3 {
		done := b.start(-1)
		parked(t)
		b.Wake()
		returned(t, done, true, "Wake")
	}
	if b.asked != 3 {
		t.Errorf("%d sleeps, want 3: Wait must sleep once and stay asleep", b.asked)
	}
}

func TestWake_EndsTheNextWaitOnly(t *testing.T) {
	b := newBed(t)
	b.Wake()
	b.Wake()
	returned(t, b.start(-1), false, "Wake came before")
	done := b.start(-1)
	parked(t) // two calls of Wake end one Wait
	b.Wake()
	returned(t, done, true, "Wake")
}

// TestWake_IsNeverLost answers every Wake by another, so one that is lost stops
// the game.
func TestWake_IsNeverLost(t *testing.T) {
	beds := [2]*bed{newBed(t), newBed(t)}
	var turn [2]chan struct{}
	for i := range turn {
		turn[i] = make(chan struct{}, 1)
	}
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			for range 2000 {
				if i == 0 {
					turn[1] <- struct{}{}
					beds[1].Wake()
				}
				for len(turn[i]) == 0 {
					beds[i].Wait(-1)
				}
				<-turn[i]
				if i == 1 {
					turn[0] <- struct{}{}
					beds[0].Wake()
				}
			}
		})
	}
	done := make(chan bool, 1)
	go func() { all.Wait(); done <- true }()
	returned(t, done, true, "a Wake was lost")
}

// TestWait_NoArrivalIsLost is the same game with octets.
func TestWait_NoArrivalIsLost(t *testing.T) {
	beds := [2]*bed{newBed(t), newBed(t)}
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			for range 2000 {
				if i == 0 {
					beds[1].arrive(t)
				}
				for !anything(beds[i].out) {
					beds[i].Wait(-1)
				}
				beds[i].fetch(t)
				if i == 1 {
					beds[0].arrive(t)
				}
			}
		})
	}
	done := make(chan bool, 1)
	go func() { all.Wait(); done <- true }()
	returned(t, done, true, "an arrival was lost")
}

func TestWait_SleepsOnWhenTheDeviceSaysSo(t *testing.T) {
	b := newBed(t)
	b.ready = func() bool { return false } // as a device says when it has failed
	b.arrive(t)
	done := b.start(-1)
	parked(t)
	b.Wake()
	returned(t, done, true, "Wake")
	returned(t, b.start(time.Microsecond), true, "its time")
	if b.asked != 2 {
		t.Errorf("%d sleeps, want 2", b.asked)
	}
}

func TestClose_EndsAWaitAndAllLaterOnes(t *testing.T) {
	b := newBed(t)
	done := b.start(-1)
	parked(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	returned(t, done, true, "Close")
	b.ready = nil // what it looked at is gone
	returned(t, b.start(-1), false, "closed")
	b.Wake() // harmless
}

func TestNew_RefusesWhatCannotBeWatched(t *testing.T) {
	if s, err := New(-1, nil, nil); err == nil {
		s.Close()
		t.Error("a bad descriptor was accepted")
	}
}

func TestWait_DoesNotAllocate(t *testing.T) {
	b := newBed(t)
	if n := testing.AllocsPerRun(20, func() {
		b.Wait(time.Microsecond)
		b.Wake()
		b.Wait(-1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkWait is the cost of a sleep that an arrival ends at once: arming and
// the way through the poller, without waiting for anybody.
func BenchmarkWait(b *testing.B) {
	s := newBed(b)
	for b.Loop() {
		s.Wait(1)
	}
}

// BenchmarkWake is the cost of waking somebody who is awake.
func BenchmarkWake(b *testing.B) {
	s := newBed(b)
	for b.Loop() {
		s.Wake()
		s.Wait(-1)
	}
}
