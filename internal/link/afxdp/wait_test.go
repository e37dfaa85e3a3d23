package afxdp

import (
	"runtime"
	"strings"
	"sync"
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
			if strings.Contains(g, "[IO wait") && strings.Contains(g, "afxdp.(*Queue).Wait") {
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

func TestWait_ParksUntilAFrameArrives(t *testing.T) {
	for _, c := range []Config{{}, {Mode: ModeGeneric}} {
		p, d := device(t, c)
		r, q := openRaw(t, p, 1), d.Queue(0)
		for range 3 {
			done := sleeper(q, -1)
			parked(t)
			r.send(t, toStack(nil))
			returned(t, done, "a frame arrived")
			collect(t, q, 1)
		}
		if n := q.Counters().Waits; n < 3 {
			t.Errorf("%d waits counted", n)
		}
	}
}

func TestWait_ReturnsAtOnceWhenThereIsAFrame(t *testing.T) {
	p, d := device(t, Config{})
	r, q := openRaw(t, p, 1), d.Queue(0)
	r.send(t, toStack(nil))
	q.Wait(-1) // the first may sleep, until it has arrived
	before := q.Counters().Waits
	q.Wait(-1)
	if q.Counters().Waits != before {
		t.Error("slept with a frame in the ring")
	}
}

func TestWait_EndsByItself(t *testing.T) {
	_, d := device(t, Config{})
	q := d.Queue(0)
	for _, limit := range []time.Duration{0, 1, time.Millisecond} {
		returned(t, sleeper(q, limit), limit.String())
	}
}

func TestWake_EndsThePresentWait(t *testing.T) {
	_, d := device(t, Config{})
	q := d.Queue(0)
	for range 3 {
		done := sleeper(q, -1)
		parked(t)
		q.Wake()
		returned(t, done, "Wake")
	}
	if n := q.Counters().Waits; n != 3 {
		t.Errorf("%d sleeps, want 3: Wait must sleep once and stay asleep", n)
	}
}

func TestWake_EndsTheNextWait(t *testing.T) {
	_, d := device(t, Config{})
	q := d.Queue(0)
	q.Wake()
	q.Wake()
	returned(t, sleeper(q, -1), "Wake came before")
	done := sleeper(q, -1)
	parked(t) // two calls of Wake end one Wait
	q.Wake()
	returned(t, done, "Wake")
}

// TestWake_IsNeverLost answers every Wake by another, so one that is lost stops
// the game.
func TestWake_IsNeverLost(t *testing.T) {
	p := newPair(t, 2, nil)
	d := open(t, p, 0, Config{})
	rounds := 2000
	var turn [2]chan struct{}
	for i := range turn {
		turn[i] = make(chan struct{}, 1)
	}
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			me, other := d.Queue(i), d.Queue(1-i)
			for range rounds {
				if i == 0 {
					turn[1] <- struct{}{}
					other.Wake()
				}
				for len(turn[i]) == 0 {
					me.Wait(-1)
				}
				<-turn[i]
				if i == 1 {
					turn[0] <- struct{}{}
					other.Wake()
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	returned(t, done, "a Wake was lost")
}

func TestClose_EndsAWait(t *testing.T) {
	_, d := device(t, Config{})
	q := d.Queue(0)
	done := sleeper(q, -1)
	parked(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	returned(t, done, "Close")
	q.Wake() // harmless
	if err := q.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestWait_DoesNotAllocate(t *testing.T) {
	_, d := device(t, Config{})
	q := d.Queue(0)
	if n := testing.AllocsPerRun(20, func() {
		q.Wait(time.Microsecond)
		q.Wake()
		q.Wait(-1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWait_LooksAfterFramesInFlight(t *testing.T) {
	f := newFake()
	if got := f.limit(-1); got != -1 {
		t.Errorf("with all frames free it would sleep %v", got)
	}
	var tx [fakeFrames]link.Frame
	f.Send(0, tx[:f.Reserve(tx[:])])
	if got := f.limit(time.Second); got != stuckWait {
		t.Errorf("with all frames in flight it would sleep %v", got)
	}
	if got := f.limit(time.Microsecond); got != time.Microsecond {
		t.Errorf("asked for a microsecond it would sleep %v", got)
	}
	f.transmitted()
	if got := f.limit(-1); got != -1 {
		t.Errorf("with all frames sent it would sleep %v", got)
	}
}

func TestSend_FramesOfADownInterfaceLeaveLater(t *testing.T) {
	p, d := device(t, Config{})
	r, q := openRaw(t, p, 1), d.Queue(0)
	setUp(t, p, 0, false)
	emit(t, q, toPeer([]byte("late")))
	if !q.stuck {
		t.Fatal("the interface took a frame while down")
	}
	if got := q.limit(-1); got != downWait {
		t.Errorf("Wait would sleep %v with a frame left to send and nobody to take it", got)
	}
	setUp(t, p, 0, true)
	var rx [1]link.Frame
	limit := time.Now().Add(patience)
	for q.stuck && time.Now().Before(limit) {
		q.Release(rx[:q.Recv(0, rx[:])])
	}
	if q.down {
		t.Error("it takes the interface for down still")
	}
	if got := r.next(t); string(got[42:]) != "late" {
		t.Errorf("the peer received %x", got)
	}
}
