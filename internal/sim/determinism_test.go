package sim

import (
	"fmt"
	"testing"
)

// The same seed gives the same frames at the same times: otherwise a seed that
// fails would be of no use.
func TestWorld_IsDeterministic(t *testing.T) {
	type outcome struct{ trace, frames, rounds uint64 }
	for seed := range uint64(len(hardships)) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			if raceEnabled && seed%5 != 0 {
				t.Skip("TestSim plays it under the race detector, and make test plays it twice without")
			}
			t.Parallel()
			var got [2]outcome
			for i := range got {
				w := playSeed(seed, nil)
				trace, frames := w.Trace()
				got[i] = outcome{trace, frames, w.rounds}
			}
			if got[0] != got[1] {
				t.Errorf("twice the same seed: %+v and %+v", got[0], got[1])
			}
		})
	}
}

// Other seeds give other worlds.
func TestWorld_DependsOnItsSeed(t *testing.T) {
	seen, n := map[uint64]uint64{}, uint64(20)
	if raceEnabled {
		n = 3 // all of them without the race detector, which makes each dear
	}
	for seed := range n {
		trace, _ := playSeed(1000+20*seed, nil).Trace()
		if other, ok := seen[trace]; ok {
			t.Errorf("seeds %d and %d give the same trace", seed, other)
		}
		seen[trace] = seed
	}
}
