package memif

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
)

// parked waits until a goroutine stands in a queue's Wait, held by the
// runtime's poller.
func parked(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for limit := time.Now().Add(patience); time.Now().Before(limit); runtime.Gosched() {
		for _, g := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(g, "[IO wait") && strings.Contains(g, "memif.(*Queue).Wait") {
				return
			}
		}
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

func running(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	return done
}

func TestWait_SleepsUntilThePeerSends(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(a, b)
		for range 3 {
			done := running(func() { b.Wait(-1) })
			parked(t)
			transmit(a, make([]byte, 60))
			returned(t, done, "a frame came")
			fetch(t, b, 1)
		}
		if n := a.Counters().TxKicks; n != 3 {
			t.Errorf("%d kicks for three sleeps", n)
		}
	})
}

func TestSend_DoesNotRingForAPeerThatPolls(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(a, b)
		for range 10 {
			transmit(a, make([]byte, 60))
			fetch(t, b, 1)
		}
		if n := a.Counters().TxKicks; n != 0 {
			t.Errorf("%d kicks for a receiver that was awake", n)
		}
	})
}

// eachCallAfterSend has a frame sent to a peer that polls, and then each of the
// calls that a sender may make next.
func eachCallAfterSend(t *testing.T, test func(t *testing.T, from, to *end, next func())) {
	var frames [1]link.Frame
	for name, call := range map[string]func(q *Queue){
		"Recv":    func(q *Queue) { q.Recv(clock, frames[:]) },
		"Reserve": func(q *Queue) { q.Reserve(frames[:]) },
		"Wait":    func(q *Queue) { q.Wait(0) },
	} {
		t.Run(name, func(t *testing.T) {
			directions(t, nil, func(t *testing.T, from, to *end) {
				a := from.Queue(0)
				settled(a, to.Queue(0))
				transmit(a, make([]byte, 60))
				test(t, from, to, func() { call(a) })
			})
		})
	}
}

// The peer may go to sleep in the moment in which Send publishes, and neither see
// what came nor be seen asleep: whatever the sender does next looks again.
func TestSend_RingsLaterForAPeerThatHasJustGoneToSleep(t *testing.T) {
	eachCallAfterSend(t, func(t *testing.T, from, to *end, next func()) {
		a := from.Queue(0)
		to.Queue(0).pair.rx.mask(false)
		next()
		if n := a.Counters().TxKicks; n != 1 {
			t.Fatalf("%d kicks for a peer that sleeps", n)
		}
		if next(); a.Counters().TxKicks != 1 {
			t.Error("it was rung for twice")
		}
	})
}

// Nobody is rung for whose memory has gone since.
func TestSend_DoesNotRingForAPeerThatHasGone(t *testing.T) {
	eachCallAfterSend(t, func(t *testing.T, from, to *end, next func()) {
		to.Close()
		from.expect(false)
		next()
		next() // Wait lets go of nobody
		a := from.Queue(0)
		a.Reserve(make([]link.Frame, 1))
		if a.peer != nil || a.kickDue {
			t.Errorf("peer %v, to be rung for: %v", a.peer, a.kickDue)
		}
	})
}

func TestWait_DoesNotSleepWhenThereIsSomething(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(a, b)
		transmit(a, make([]byte, 60))
		for range 3 {
			returned(t, running(func() { b.Wait(-1) }), "it is there already")
		}
		if n := b.Counters().Waits; n != 0 {
			t.Errorf("%d sleeps", n)
		}
	})
}

// TestWait_NoArrivalIsLost: each side answers by a frame, and sleeps without a
// limit; one wake-up that is lost stops the game.
func TestWait_NoArrivalIsLost(t *testing.T) {
	master, slave := newPair(t, nil)
	qs := [2]*Queue{master.Queue(0), slave.Queue(0)}
	settled(qs[0], qs[1])
	const rounds = 5000
	var all sync.WaitGroup
	for i, q := range qs {
		all.Go(func() {
			var rx [8]link.Frame
			for n := 0; n < rounds; {
				if i == 0 {
					transmit(q, make([]byte, 60))
				}
				k := 0
				for k == 0 {
					if k = q.Recv(clock, rx[:]); k == 0 {
						q.Wait(-1)
					}
				}
				q.Release(rx[:k])
				n += k
				if i == 1 {
					transmit(q, make([]byte, 60))
				}
			}
		})
	}
	returned(t, running(all.Wait), "a wake-up was lost")
}

func TestWait_EndsWhenThePeerComesAndGoes(t *testing.T) {
	path := socketPath(t)
	m := newEnd(t, Config{Socket: path})
	q := m.Queue(0)
	done := running(func() { q.Wait(-1) })
	parked(t)
	s := newEnd(t, Config{Socket: path, Role: Slave})
	returned(t, done, "the peer came")
	settled(q)
	done = running(func() { q.Wait(-1) })
	parked(t)
	s.Close()
	returned(t, done, "the peer went")
	settled(q)
	returned(t, running(func() { q.Wait(time.Millisecond) }), "its time")
}

func TestWake_EndsAWait(t *testing.T) {
	m := newEnd(t, Config{Socket: socketPath(t)})
	done := running(func() { m.Queue(0).Wait(-1) })
	parked(t)
	m.Queue(0).Wake()
	returned(t, done, "Wake")
}

func TestClose_EndsAWait(t *testing.T) {
	m, s := newPair(t, nil)
	q := m.Queue(0)
	settled(q)
	done := running(func() { q.Wait(-1) })
	parked(t)
	go s.Close()
	returned(t, done, "the peer closed")
}
