package sim

// Many worlds, each from its seed. The command that repeats one that fails is
// in its message, with a capture of its frames beside it.

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
)

var (
	captureTo = flag.String("sim.pcap", "", "write the frames of the seeds that run to this file")
	seedCount = flag.Int("sim.seeds", 240, "how many seeds")
)

func TestSim(t *testing.T) {
	n := *seedCount
	if testing.Short() {
		n = min(n, 40)
	}
	for seed := uint64(1); seed <= uint64(n); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { runSeed(t, seed) })
	}
}

func runSeed(t *testing.T, seed uint64) {
	s := playSeed(seed, *captureTo)
	if n := s.segmentsIn(); n < 1000 && len(s.Problems()) == 0 {
		s.Problem("a world of only %d segments", n)
	}
	if len(s.Problems()) == 0 {
		return
	}
	path := *captureTo
	if path == "" {
		path = fmt.Sprintf("%s/sim-seed-%d.pcap", os.TempDir(), seed)
		playSeed(seed, path)
	}
	t.Errorf("seed %d, %v: capture in %s; again with:\n\tgo test ./internal/sim -run 'TestSim/seed=%d$' -sim.pcap=%s",
		seed, s.hardships, path, seed, path)
	for _, p := range s.Problems() {
		t.Error(p)
	}
}

// playSeed runs a scene; a panic is a problem like others.
func playSeed(seed uint64, path string) (s *scene) {
	var f *os.File
	if path != "" {
		var err error
		if f, err = os.Create(path); err != nil {
			panic(err)
		}
		defer f.Close()
		s = newScene(seed, f)
	} else {
		s = newScene(seed, nil)
	}
	defer func() {
		if x := recover(); x != nil {
			s.Problem("panic: %v\n%s", x, debug.Stack())
		}
		s.Close()
	}()
	s.run()
	return s
}
