// The account of a connection's time: how long it was busy, and how long of that
// it waited for the peer's window (as Linux's TCP_INFO tells it).

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// waiting says what a connection does.
type waiting uint8

const (
	waitsNot    waiting = iota // nothing is unacknowledged or unsent
	waitsBusy                  // text is on its way
	waitsWindow                // or would be, if the peer's window took it
)

// drawUp books the time since the last call and begins with what is so now.
func (t *TCB) drawUp(w waiting, now mono.Time) {
	t.busy, t.limited = t.account(now)
	t.clockedAt, t.waits = now, w
}

// account returns the sums until now.
func (t *TCB) account(now mono.Time) (busy, limited time.Duration) {
	busy, limited = t.busy, t.limited
	if t.waits != waitsNot {
		busy += now.Sub(t.clockedAt)
	}
	if t.waits == waitsWindow {
		limited += now.Sub(t.clockedAt)
	}
	return busy, limited
}

// waitsFor draws up the account if w is news.
func (t *TCB) waitsFor(w waiting, now mono.Time) {
	if t.waits != w {
		t.drawUp(w, now)
	}
}
