// The account of a connection's time: how long it was busy, and how long of that
// it waited for the peer's window (as Linux's TCP_INFO tells it).

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// waiting says what a connection does.
type waiting uint8

const (
	waitsNot    waiting = iota // nothing is unacknowledged or unsent
	waitsBusy                  // text is on its way
	waitsWindow                // or would be, if the peer's window took it
)

// drawUp books the time since the last call and begins with what is so now.
func (e *Engine) drawUp(t *TCB, w waiting, now mono.Time) {
	a := &e.blocks[t.slot].Account
	a.Busy, a.Limited = t.account(a, now)
	a.Since, t.waits = milliClock(now), w
}

// account returns the sums until now, in milliseconds. What is shorter is not
// lost: the ticks of the clock that fall into it are counted.
func (t *TCB) account(a *sock.Account, now mono.Time) (busy, limited uint32) {
	busy, limited = a.Busy, a.Limited
	since := milliClock(now) - a.Since
	if t.waits != waitsNot {
		busy += since
	}
	if t.waits == waitsWindow {
		limited += since
	}
	return busy, limited
}

// waitsFor draws up the account if w is news.
func (e *Engine) waitsFor(t *TCB, w waiting, now mono.Time) {
	if t.waits != w {
		e.drawUp(t, w, now)
	}
}
