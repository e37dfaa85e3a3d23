package mono

import (
	"math"
	"time"
)

// Time is a point on a monotonic clock, in nanoseconds since an epoch that the
// owner of the clock chose. The zero Time means "not set" in timer fields, so
// clocks start above zero.
type Time int64

// Never is later than every other Time.
const Never Time = math.MaxInt64

// Add returns the time d after t. Never stays Never.
func (t Time) Add(d time.Duration) Time {
	if t == Never {
		return Never
	}
	return t + Time(d)
}

// Sub returns how long t is after u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Before reports whether t is earlier than u.
func (t Time) Before(u Time) bool { return t < u }

// IsSet reports whether t was ever assigned.
func (t Time) IsSet() bool { return t != 0 }
