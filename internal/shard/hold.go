// ACKs that wait for an answer. In one round a request is received, its reader
// readied, and Output called; where the Go scheduler runs the reader on another
// processor, or it takes longer than the yield, the answer is not there yet.
// So the ACK of a lone segment is held for some rounds, to ride on the answer;
// what must not wait (a second segment, a hole, a duplicate) is not held.

package shard

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// An ACK is held until nothing has arrived for so many rounds, some
// microseconds, and in a busy shard no longer than the time. Both bounds are
// far below any peer's notion of a delayed ACK; rounds bound it where a
// virtual clock stands still.
const (
	holdRounds = 32
	holdTime   = 50 * time.Microsecond
)

// releaseHeld moves ACKs that have waited long enough to their ready list.
func (s *Shard) releaseHeld(now mono.Time) {
	for {
		i := s.lists[listHeld-1].head
		if i == 0 {
			return
		}
		t := s.tcbs.At(i)
		if s.quiet < holdRounds && now.Sub(t.LastArrival()) < holdTime {
			return
		}
		s.unlist(t)
		s.enlist(t, s.lanes[listAck])
	}
}
