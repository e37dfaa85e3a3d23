// The states of a neighbour and the one place where they change.
//
//	          Lookup            answer               0.5..1.5 × 30 s
//	  Free ───────────▶ Incomplete ──────▶ Reachable ──────────────────▶ Stale
//	    │                 │    ▲               ▲  ▲                      │  │ 60 s
//	    │ asked us        │ 3  │ Lookup,       │  │ answer, Confirm      │  ▼
//	    ▼                 ▼    │ after a hold  │  │             use      │ Free
//	  Stale              Failed ◀───────── Probe ◀───── Delay ◀──────────┘
//	                       │      3 times          5 s
//	                       ▼ 60 s
//	                     Free

package neigh

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// State is what we know of a neighbour.
type State uint8

// The states, as in Linux.
const (
	Free       State = iota // a slot without a neighbour
	Incomplete              // asked, no answer yet
	Failed                  // no answer
	Reachable               // answered, or proven alive, lately
	Stale                   // answered some time ago
	Delay                   // stale and used: about to be asked
	Probe                   // asked again, by unicast
	Static                  // set by hand
)

var stateNames = [...]string{"free", "incomplete", "failed", "reachable", "stale", "delay", "probe", "static"}

// String names the state.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// IsUsable reports whether packets may be sent in this state.
func (s State) IsUsable() bool { return s >= Reachable }

// entry is one neighbour.
type entry struct {
	used       mono.Time // last MAC or Lookup; zero: nobody ever sent to it
	confirmed  mono.Time // last Confirm since Reachable began or was prolonged; zero: none
	updated    mono.Time // when mac was learnt
	retryAt    mono.Time // Failed: until then the failure is the answer
	eventAt    uint32    // place of its event in the queue, if hasEvent
	ip         wire.IPv4
	generation uint16
	mac        wire.MAC
	state      State
	asked      uint8 // requests since the state began
	hasEvent   bool
	isProven   bool // Outside: what is to be said is that it is there
}

// setState moves an entry to a state and starts that state's timer.
func (t *Table) setState(i slot, s State, now mono.Time) {
	e := &t.entries[i]
	t.leave(i, e.state)
	e.state, e.asked = s, 0
	if s.IsUsable() {
		t.resolved++
	}
	switch s {
	case Free:
		t.setDue(i, mono.Never)
	case Incomplete:
		t.incomplete.pushBack(i)
		t.ask(i, now)
	case Failed:
		t.failed.pushBack(i)
		e.retryAt = now.Add(t.cfg.FailedHold)
		t.setDue(i, now.Add(t.cfg.StaleKeep))
	case Reachable:
		t.prolong(i, now)
	case Stale:
		t.setDue(i, now.Add(t.cfg.StaleKeep))
	case Delay:
		t.setDue(i, now.Add(t.cfg.DelayFirst))
	case Probe:
		t.ask(i, now)
	case Static:
		t.setDue(i, mono.Never)
	}
}

// leave takes an entry out of what its state had put it into.
func (t *Table) leave(i slot, s State) {
	switch s {
	case Incomplete:
		t.incomplete.remove(i)
		t.wants.remove(i)
	case Failed:
		t.failed.remove(i)
	case Probe:
		t.wants.remove(i)
	case Free, Reachable, Stale, Delay, Static:
	}
	if s.IsUsable() {
		t.resolved--
	}
}

// ask queues one more request and starts the wait for its answer.
func (t *Table) ask(i slot, now mono.Time) {
	t.entries[i].asked++
	t.wants.pushBack(i)
	t.setDue(i, now.Add(t.cfg.Retransmit))
}

// use notes that a packet is to go to the neighbour.
func (t *Table) use(i slot, now mono.Time) {
	e := &t.entries[i]
	e.used = now
	switch e.state {
	case Stale:
		t.setState(i, Delay, now)
	case Failed:
		if !now.Before(e.retryAt) {
			t.setState(i, Incomplete, now)
		}
	case Free, Incomplete, Reachable, Delay, Probe, Static:
	}
}

// expire ends a state whose time has come.
func (t *Table) expire(i slot, now mono.Time) {
	e := &t.entries[i]
	switch e.state {
	case Incomplete, Probe:
		if int(e.asked) < t.cfg.Requests {
			t.ask(i, now)
			return
		}
		t.stats.Failed++
		t.setState(i, Failed, now)
		t.tell(i, Unreachable)
	case Reachable:
		t.expireReachable(i, now)
	case Delay:
		if t.cfg.Outside {
			t.setState(i, Reachable, now)
			t.remind(i, false)
			return
		}
		t.setState(i, Probe, now)
	case Stale, Failed:
		if !t.canRelease(i) {
			t.setDue(i, now.Add(scanInterval)) // nobody reads events now
			return
		}
		t.release(i, now)
	case Free, Static:
		t.setDue(i, mono.Never)
	}
}

// prolong makes an entry reachable for a while after the last proof of it.
func (t *Table) prolong(i slot, since mono.Time) {
	t.entries[i].confirmed = 0
	t.setDue(i, since.Add(t.random(t.cfg.Reachable/2, t.cfg.Reachable*3/2)))
}

// expireReachable asks whether the entry was confirmed since its timer began,
// or whether it is in use and so should be asked soon.
func (t *Table) expireReachable(i slot, now mono.Time) {
	e := &t.entries[i]
	if e.confirmed.IsSet() {
		t.prolong(i, e.confirmed)
		if t.cfg.Outside {
			t.remind(i, true)
		}
		if now.Before(t.due[i]) {
			return
		}
	}
	switch {
	case e.used.IsSet() && now.Before(e.used.Add(t.cfg.DelayFirst)):
		t.setState(i, Delay, now)
	default:
		t.setState(i, Stale, now)
	}
}
