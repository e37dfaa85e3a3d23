package runner

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

func TestClock_NeverGivesTheZeroTimeAndRunsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		first := c.Now()
		if first == 0 {
			t.Fatal("the zero Time means: not set")
		}
		time.Sleep(90 * time.Minute)
		if got, want := c.Now().Sub(first), 90*time.Minute; got != want {
			t.Errorf("%v passed, want %v", got, want)
		}
		if got := c.Wall(c.Now()); !got.Equal(time.Now()) {
			t.Errorf("wall clock %v, want %v", got, time.Now())
		}
		if c.Wall(first).After(c.Wall(first + mono.Time(time.Second))) {
			t.Error("the wall clock runs backwards")
		}
	})
}
