// Time: one scan over the ends of all states when the earliest has come.

package neigh

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// scanInterval is how long two scans are apart at least, so that many entries
// with a time each do not cost a scan each. A timer may be late by this much.
const scanInterval = 10 * time.Millisecond

// schedule is when to scan.
type schedule struct {
	next     mono.Time // no entry and no address is due before
	notUntil mono.Time // end of the pause after the last scan
}

// note makes sure that the next scan is not later than at, save the pause.
func (s *schedule) note(at mono.Time) {
	if at.Before(s.notUntil) {
		at = s.notUntil
	}
	if at.Before(s.next) {
		s.next = at
	}
}

// setDue sets when an entry's state ends. The scan may come too early after
// that, never too late.
func (t *Table) setDue(i slot, at mono.Time) {
	t.due[i] = at
	t.timers.note(at)
}

// Next returns when Advance has something to do.
func (t *Table) Next() mono.Time { return t.timers.next }

// Advance tells the table what time it is, once per batch.
func (t *Table) Advance(now mono.Time) {
	t.now = now
	if now.Before(t.timers.next) {
		return
	}
	t.timers = schedule{next: mono.Never, notUntil: now.Add(scanInterval)}
	for i, at := range t.due {
		switch {
		case !now.Before(at):
			t.expire(slot(i), now) // below maxEntriesLimit
		case at != mono.Never:
			t.timers.note(at)
		}
	}
	for i := range t.addresses[:t.nAddresses] {
		t.advanceAddress(&t.addresses[i], now)
	}
}
