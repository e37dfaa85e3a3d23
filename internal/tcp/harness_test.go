package tcp

import "testing"

func TestHarness_ReachesEveryState(t *testing.T) {
	for s := Closed; s < numStates; s++ {
		t.Run(s.String(), func(t *testing.T) { reach(t, s).is(s) })
	}
}
