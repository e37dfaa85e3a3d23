// Sleeping until somebody has published work, without losing a wake-up.
//
//	sleeper                          ringer
//	Arm                              publish the work
//	look at all queues again         Ring: if it says so, wake the sleeper
//	nothing: sleep
//	Disarm
//
// Who writes what: the sleeper sets armed; a ringer or the sleeper clears it.
//
// Why no wake-up is lost: arming and looking, publishing and ringing are all
// sequentially consistent. Of the four, either the publishing came before the
// looking: then the sleeper finds the work. Or the looking came before the
// publishing, so the arming came before the ringing: then this ringer, or an
// earlier one, finds the bell armed and wakes.
//
// Of several ringers the swap lets one through, so one wake-up is made for one
// sleep. A sleeper that found work on looking again may be woken all the same,
// later: what it sleeps on must bear a wake-up without cause, and must keep one
// that comes before the sleep.

package ring

import "sync/atomic"

// A Doorbell belongs to one sleeper; anyone may ring. It is pointer-free and
// fills a cache line. The zero Doorbell is not armed.
type Doorbell struct {
	armed atomic.Uint32
	_     [cacheLine - 4]byte
}

// Arm asks for a wake-up. The sleeper must look at its queues again before it
// sleeps.
func (d *Doorbell) Arm() { d.armed.Store(1) }

// Disarm ends the wish for a wake-up: the sleeper calls it when it goes back to
// work, whatever woke it.
func (d *Doorbell) Disarm() { d.armed.Store(0) }

// Ring reports whether the caller must wake the sleeper. It is called after
// the work was published. The usual answer costs one load of a line that
// nobody writes while the sleeper works.
func (d *Doorbell) Ring() bool {
	return d.armed.Load() != 0 && d.armed.Swap(0) != 0
}
