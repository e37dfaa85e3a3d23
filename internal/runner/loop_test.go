package runner

import (
	"runtime"
	"testing"
	"time"
)

// A shard on a thread of its own lets others run when they may find no processor,
// and no sooner than they have waited for a while.
func TestOthersWait_WhereLoopsHaveAllProcessors(t *testing.T) {
	r := &Runner{}
	start := NewClock().Now()
	r.loop.begin(start, true)
	for _, c := range []struct {
		awake int
		after time.Duration
		want  bool
	}{
		{runtime.GOMAXPROCS(0), yieldEvery, true},
		{runtime.GOMAXPROCS(0), yieldEvery - 1, false},
		{runtime.GOMAXPROCS(0) - 1, time.Hour, false},
	} {
		awake.Add(int32(c.awake))
		r.loop.now = start.Add(c.after)
		if got := r.othersWait(); got != c.want {
			t.Errorf("%d loops awake, %v after the last yield: %v", c.awake, c.after, got)
		}
		awake.Add(-int32(c.awake))
	}
}
