// Sending to a device that has no room.

package shard

import "time"

// How long a shard may sleep whose device has no frame for what it has to send:
// nobody tells when there is one again, and whoever makes room may need the core.
const (
	stalledSleep = 100 * time.Microsecond
	downSleep    = 50 * time.Millisecond // nothing leaves: there is no hurry
)

// Stalled reports that nothing is to be done but to send, for which the device
// had no frame, and how long to wait for one.
func (s *Shard) Stalled() (time.Duration, bool) {
	is := s.isStalled && s.hasOutput() && s.nothingElse()
	if s.isDown {
		return downSleep, is
	}
	return stalledSleep, is
}
