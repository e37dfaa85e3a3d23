package runner

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
)

// TestPoller_KernelSocketsAreLookedAt has a goroutine that waits for a pipe beside
// a loop that is always ready to run, on the only processor.
func TestPoller_KernelSocketsAreLookedAt(t *testing.T) {
	oneProcessor(t)
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var got atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 1)
		for {
			if _, err := r.Read(b); err != nil {
				return
			}
			got.Add(1)
		}
	}()
	defer func() { r.Close(); <-done }()
	late := 0
	for i := range int32(100) {
		for range 3 {
			runtime.Gosched() // the reader waits
		}
		if _, err := w.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		p.poll()
		for range 3 {
			runtime.Gosched() // the reader was readied, or it would not run
		}
		if got.Load() != i+1 {
			late++
			for got.Load() != i+1 {
				p.poll()
			}
		}
	}
	if late > 10 { // the runtime may have been looking itself just then
		t.Errorf("after %d of 100 polls the pipe's reader had not been readied", late)
	}
}
