package sim

// Many worlds, each from its seed, and some that were thought out. The command
// that repeats one that fails is in its message, with a capture of its frames
// beside it. Together they must reach all that there is to be reached.

import (
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
)

var (
	captureTo = flag.String("sim.pcap", "", "write the frames of what runs to this file")
	seedCount = flag.Int("sim.seeds", seeds(), "how many seeds")
)

// seeds is how many make test plays. Under the race detector each hardship has its
// turn twice: a world is one goroutine, and all are played without it, too.
func seeds() int {
	if raceEnabled {
		return 2 * len(hardships)
	}
	return 220
}

func TestSim(t *testing.T) {
	n := *seedCount
	if testing.Short() {
		n = min(n, 40)
	}
	all := &reached{want: n + len(scenarios), short: testing.Short() || n < 200}
	t.Cleanup(func() { all.check(t) }) // after everything that runs in parallel
	for seed := uint64(1); seed <= uint64(n); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			play(t, all, func(w io.Writer) *World { return playSeed(seed, w) })
		})
	}
	for _, s := range scenarios {
		t.Run("scenario="+s.name, func(t *testing.T) {
			t.Parallel()
			play(t, all, func(w io.Writer) *World { return s.run(t, w) })
		})
	}
}

// play runs a world. If it fails, it runs again with a capture.
func play(t *testing.T, all *reached, run func(io.Writer) *World) {
	path := *captureTo
	if path == "" {
		w := run(nil)
		if len(w.Problems()) == 0 && !t.Failed() {
			all.add(w)
			return
		}
		path = filepath.Join(os.TempDir(), filepath.Base(t.Name())+".pcap")
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := run(f)
	if len(w.Problems()) == 0 && !t.Failed() {
		all.add(w)
		return
	}
	t.Errorf("%s: capture in %s; again with:\n\tgo test ./internal/sim -run '%s$' -sim.pcap=%s", w.Name, path, t.Name(), path)
	for _, p := range w.Problems() {
		t.Error(p)
	}
}

// playSeed runs a scene.
func playSeed(seed uint64, capture io.Writer) *World {
	s := newScene(seed, capture)
	s.Name = fmt.Sprintf("seed %d, %v", seed, s.hardships)
	s.guarded(func() {
		s.run()
		if n := s.segmentsIn(); n < 1000 && len(s.Problems()) == 0 {
			s.Problem("a world of only %d segments", n)
		}
	})
	return s.World
}

// guarded calls f; a panic is a problem like others.
func (w *World) guarded(f func()) {
	defer func() {
		if x := recover(); x != nil {
			w.Problem("panic: %v\n%s", x, debug.Stack())
		}
		w.Close()
	}()
	f()
}

// A scenario is a world in which everything is laid down, but for chance that
// must not matter.
type scenario struct {
	name string
	play func(*testing.T, *World)
}

// scenarios are all of them, file by file.
var scenarios = slices.Concat(frameScenarios, attackScenarios, closeScenarios, timerScenarios, limitScenarios, memoryScenarios, markScenarios)

// run plays it, lets the world come to rest, and audits it.
func (s *scenario) run(t *testing.T, capture io.Writer) *World {
	h := fnv.New64a()
	h.Write([]byte(s.name))
	w := New(Options{Seed: h.Sum64(), Capture: capture})
	w.Name = s.name
	w.guarded(func() {
		s.play(t, w)
		w.EndAll()
		w.Audit()
	})
	return w
}
