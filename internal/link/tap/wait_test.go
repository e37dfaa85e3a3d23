package tap

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
)

// sleeper runs Wait in a goroutine of its own and says when it has returned.
func sleeper(q *Queue, d time.Duration) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.Wait(d)
	}()
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
			if strings.Contains(g, "[IO wait") && strings.Contains(g, "tap.(*Queue).Wait") {
				return
			}
		}
		runtime.Gosched()
	}
	t.Fatal("no goroutine is parked in Wait")
}

func returned(t *testing.T, done <-chan struct{}, why string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("Wait did not return: %s", why)
	}
}

// quiet fetches the kernel's own chatter after coming up.
func quiet(q *Queue) {
	var rx [8]link.Frame
	for {
		n := q.Recv(0, rx[:])
		if n == 0 {
			return
		}
		q.Release(rx[:n])
	}
}

func TestWait_ParksUntilAFrameArrives(t *testing.T) {
	w := newWorld(t, Config{})
	q, c := w.d.Queue(0), w.dial(t, stackIP, 9)
	quiet(q)
	for range 3 {
		done := sleeper(q, -1)
		parked(t)
		if _, err := c.Write([]byte("wake up")); err != nil {
			t.Fatal(err)
		}
		returned(t, done, "a frame arrived")
		collect(t, q, 1, isUDP)
	}
	if n := q.Counters().Waits; n != 3 {
		t.Errorf("%d waits counted", n)
	}
}

func TestWait_ReturnsAtOnceWhenThereIsAFrame(t *testing.T) {
	f := newFake(t)
	f.arrive(t, header{}, make([]byte, 60))
	f.Wait(-1)
	f.Wait(-1)
	if n := f.Counters().Waits; n != 0 {
		t.Errorf("slept %d times with a frame there", n)
	}
}

func TestWait_EndsByItself(t *testing.T) {
	f := newFake(t)
	for _, limit := range []time.Duration{0, 1, time.Millisecond} {
		returned(t, sleeper(f.Queue, limit), limit.String())
	}
}

func TestWake_EndsThePresentOrTheNextWait(t *testing.T) {
	w := newWorld(t, Config{Queues: 2})
	for i := range 2 {
		q := w.d.Queue(i)
		quiet(q)
		done := sleeper(q, -1)
		parked(t)
		q.Wake()
		returned(t, done, "Wake")
		q.Wake()
		returned(t, sleeper(q, -1), "Wake came before")
	}
}

func TestClose_EndsAWait(t *testing.T) {
	w := newWorld(t, Config{})
	q := w.d.Queue(0)
	quiet(q)
	done := sleeper(q, -1)
	parked(t)
	if err := w.d.Close(); err != nil {
		t.Fatal(err)
	}
	returned(t, done, "Close")
	q.Wake() // harmless
	if err := q.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestWait_EndsWhenTheInterfaceIsRemoved(t *testing.T) {
	w := newWorld(t, Config{})
	q := w.d.Queue(0)
	quiet(q)
	done := sleeper(q, -1)
	parked(t)
	w.remove(t)
	returned(t, done, "the interface was removed")
	var rx [1]link.Frame
	if n := q.Recv(0, rx[:]); n != 0 {
		t.Errorf("received %d frames from nothing", n)
	}
	before := q.Counters().Waits
	done = sleeper(q, -1)
	parked(t) // a loop does not spin
	q.Wake()
	returned(t, done, "Wake")
	if n := q.Counters().Waits - before; n != 1 {
		t.Errorf("%d waits counted", n)
	}
}
