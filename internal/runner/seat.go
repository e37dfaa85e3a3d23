// Shards that never sleep and have the same core, of one stack or of several,
// take turns on one thread: two that spin on a core of their own accord would
// each wait for the other's time slice.

package runner

import (
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A seat is the thread of a core.
type seat struct {
	core    int
	members []*Runner   // under seats; replaced, never changed
	changed atomic.Bool // members is another than the thread has
}

// seats are the seats of the process by core.
var seats struct {
	sync.Mutex
	at map[int]*seat
}

// sit has the thread of its core run r, and makes one if there is none. An error
// is that of the pinning.
func sit(r *Runner) error {
	seats.Lock()
	defer seats.Unlock()
	s := seats.at[r.opt.Core]
	if s == nil {
		s = &seat{core: r.opt.Core}
		started := make(chan error)
		go s.run(started)
		if err := <-started; err != nil {
			return err
		}
		if seats.at == nil {
			seats.at = map[int]*seat{}
		}
		seats.at[s.core] = s
	}
	s.members = append(slices.Clip(s.members), r)
	s.changed.Store(true)
	return nil
}

// run runs the rounds of all members by turns until the last has left.
func (s *seat) run(started chan<- error) {
	if err := Pin(s.core); err != nil {
		started <- err
		return
	}
	started <- nil
	awake.Add(1)
	defer awake.Add(-1)
	var members []*Runner
	for {
		if members == nil || s.changed.Load() {
			if members = s.seated(); members == nil {
				return
			}
		}
		for _, r := range members {
			switch {
			case r.stop.Load():
				s.leave(r)
			case len(members) > 1:
				pprof.SetGoroutineLabels(r.labels)
				r.round(0)
			default:
				r.round(0)
			}
		}
	}
}

// seated returns who is to be run. If that is nobody the seat is gone.
func (s *seat) seated() []*Runner {
	seats.Lock()
	defer seats.Unlock()
	s.changed.Store(false)
	if len(s.members) == 0 {
		delete(seats.at, s.core)
		return nil
	}
	pprof.SetGoroutineLabels(s.members[0].labels)
	return s.members
}

// leave takes a member out that has been stopped.
func (s *seat) leave(r *Runner) {
	seats.Lock()
	s.members = slices.DeleteFunc(slices.Clone(s.members), func(m *Runner) bool { return m == r })
	s.changed.Store(true)
	seats.Unlock()
	close(r.done)
}

// Pin gives the goroutine a thread, and the thread a core. The thread ends with
// the goroutine, so nobody else comes to run on it. An error says which core cannot
// be had.
func Pin(core int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("runner: core %d: %w", core, err)
	}
	return nil
}
