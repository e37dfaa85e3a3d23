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
	seen := map[uint64]uint64{}
	for seed := range uint64(20) {
		trace, _ := playSeed(1000+20*seed, nil).Trace()
		if other, ok := seen[trace]; ok {
			t.Errorf("seeds %d and %d give the same trace", seed, other)
		}
		seen[trace] = seed
	}
}
