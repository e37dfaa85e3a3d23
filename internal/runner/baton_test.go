package runner

import (
	"runtime"
	"slices"
	"testing"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// oneProcessor makes the order of goroutines a matter of queues alone.
func oneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// waiters are goroutines that note their number when they are readied.
func waiters(n int, ran *[]int) (ready []chan struct{}) {
	for i := range n {
		c := make(chan struct{}, 1)
		ready = append(ready, c)
		go func() {
			for range c {
				*ran = append(*ran, i)
			}
		}()
	}
	for range 10 { // until they wait
		runtime.Gosched()
	}
	return ready
}

// TestBaton_AllWhoWereReadiedRunFirst has a loop ready some goroutines, pass the
// baton, and look who has run.
func TestBaton_AllWhoWereReadiedRunFirst(t *testing.T) {
	if raceDetector {
		t.Skip("with the race detector the scheduler shuffles its queues")
	}
	oneProcessor(t)
	for _, hold := range []bool{true, false} { // the last of them
		testAllRunFirst(t, hold)
	}
}

func testAllRunFirst(t *testing.T, hold bool) {
	for n := range 6 {
		var ran []int
		ready := waiters(n, &ran)
		b := newBaton()
		seen := make(chan []int, 1)
		go b.idler()
		go func() {
			if b.wait(1) {
				seen <- slices.Clone(ran) // as the loop goes on
				b.pass(1, nil, 0)
			}
			b.turn[0] <- struct{}{}
		}()
		for range 10 {
			runtime.Gosched()
		}
		held := n
		if hold && n > 0 {
			held = n - 1
		}
		for _, c := range ready[:held] {
			c <- struct{}{}
		}
		var last *sock.Waiter
		if held < n {
			last = &sock.Waiter{Read: ready[held]}
		}
		b.pass(0, last, sock.ReadParked)
		if got := len(<-seen); got != n {
			t.Errorf("%d of %d had run when the loop went on (the last held back: %v)", got, n, hold)
		}
		b.end(0)
		for _, c := range ready {
			close(c)
		}
	}
}

// TestBaton_EndLetsAllReturn: neither of the two goroutines stays, nor the idle one.
func TestBaton_EndLetsAllReturn(t *testing.T) {
	b := newBaton()
	done := make(chan string, 2)
	go func() { b.idler(); done <- "idler" }()
	go func() {
		if b.wait(1) {
			t.Error("the loop went on after its end")
		}
		done <- "other"
	}()
	b.end(0)
	<-done
	<-done
}
