// The account of a connection's time: how long it was busy, and how long of that
// it waited for the peer's window (as Linux's TCP_INFO tells it).

package tcp

import "github.com/mtcp-go/mtcp/internal/mono"

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
	t.clockedAt, t.waits = milliClock(now), w
}

// account returns the sums until now, in milliseconds. What is shorter is not
// lost: the ticks of the clock that fall into it are counted.
func (t *TCB) account(now mono.Time) (busy, limited uint32) {
	busy, limited = t.busy, t.limited
	since := milliClock(now) - t.clockedAt
	if t.waits != waitsNot {
		busy += since
	}
	if t.waits == waitsWindow {
		limited += since
	}
	return busy, limited
}

// waitsFor draws up the account if w is news.
func (t *TCB) waitsFor(w waiting, now mono.Time) {
	if t.waits != w {
		t.drawUp(w, now)
	}
}
