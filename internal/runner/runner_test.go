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

// A wall clock that is stepped, by hand or by NTP, must not matter: the runner's
// clock reads the monotonic one, and the times of captures follow from that.
func TestClock_DoesNotFollowTheWallClock(t *testing.T) {
	c := NewClock()
	if c.start == c.start.Round(0) { // Round strips the monotonic reading
		t.Fatal("the clock has no monotonic reading: a step of the wall clock would move it")
	}
	last, lastWall := c.Now(), c.Wall(c.Now())
	for range 1000 {
		now := c.Now()
		wall := c.Wall(now)
		if now.Before(last) || wall.Before(lastWall) {
			t.Fatalf("%v after %v, %v after %v", now, last, wall, lastWall)
		}
		if got, want := wall.Sub(lastWall), now.Sub(last); last > 0 && lastWall == c.Wall(last) && got != want {
			t.Fatalf("a capture's clock moved by %v while the runner's moved by %v", got, want)
		}
		last, lastWall = now, wall
	}
}
