// Timers (RFC 9293 §3.10.8 and §3.8). A TCB keeps its deadlines; the shard's
// wheel holds the earliest of them. Deadlines that move later are noticed when
// the old one expires, so that the ordinary case costs no wheel operation.

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// NextTimer returns when Timeout wants to be called; Never if it does not.
func (t *TCB) NextTimer() mono.Time {
	// One that is off is 0: less one, as a number without a sign, it is the last.
	next := min(
		uint64(t.rexmtAt)-1,
		uint64(t.ackAt)-1,
		uint64(t.keepAt)-1,
		uint64(t.idleAt)-1,
		uint64(t.lossAt)-1,
	)
	return mono.Time(min(next, uint64(mono.Never)-1) + 1)
}

// due reports a timer that has expired and switches it off.
func due(at *mono.Time, now mono.Time) bool {
	if *at == 0 || now.Before(*at) {
		return false
	}
	*at = 0
	return true
}

// Timeout runs the timers of t that are due.
func (e *Engine) Timeout(t *TCB, now mono.Time) {
	t.verdict |= TimersMoved
	if due(&t.ackAt, now) {
		t.want |= WantAck
		t.flags &^= flagPingPong // the application did not answer in time
	}
	if due(&t.lossAt, now) {
		e.onLossTimer(t, now)
	}
	if due(&t.rexmtAt, now) {
		switch {
		case t.has(flagPersist):
			e.onPersist(t, now)
		case t.ecn.has(ecnWaits):
			e.onMarkTimer(t)
		default:
			e.onRTO(t, now)
		}
	}
	if t.state != Closed && due(&t.keepAt, now) {
		if t.has(flagOrphan) {
			e.onLife(t)
		} else {
			e.onKeepAlive(t, now)
		}
	}
	if t.state != Closed && due(&t.idleAt, now) {
		e.onIdle(t, now)
	}
}

// onRTO retransmits, or gives up (MUST-20: R1 has the neighbour looked up
// again, R2 ends the connection).
func (e *Engine) onRTO(t *TCB, now mono.Time) {
	e.Stats.RTOs++
	if t.backoff == 0 {
		t.stalledAt = milliClock(now) - t.rto/1000 // when the timer was started
	}
	if e.gaveUp(t, now) {
		e.fail(t, e.giveUpReason(t))
		return
	}
	t.backoff += uint8(min(1, 255-int(t.backoff)))
	if t.backoff == r1 {
		t.neighbour = 0
	}
	t.rexmtAt = now.Add(e.patience(t, now))
	switch {
	case t.state == SynSent, t.state == SynReceived:
		t.flags &^= flagTiming
		t.want |= WantControl
	case t.flight() == 0: // nothing has left yet: see Unreachable
		t.rexmtAt = 0
		t.wantUnsent()
	default:
		e.enterLoss(t, now)
	}
}

// patience is the RTO with back-off and its bounds: RTOMax, and what is left of
// the user time-out, so that it is kept to the millisecond.
func (e *Engine) patience(t *TCB, now mono.Time) time.Duration {
	wait := min(t.timeout(), e.cfg.RTOMax)
	if e.rare(t).UserTimeout != 0 {
		left := fromMillis(e.rare(t).UserTimeout) - t.stalledFor(now)
		wait = min(wait, max(left, time.Millisecond))
	}
	return wait
}

// stalledFor is how long there has been no progress.
func (t *TCB) stalledFor(now mono.Time) time.Duration {
	return fromMillis(milliClock(now) - t.stalledAt)
}

// gaveUp is R2: by number of retransmissions, or by time if the application
// set one. A peer whose window is shut and who still answers is not given up
// (MUST-37, SHLD-17).
func (e *Engine) gaveUp(t *TCB, now mono.Time) bool {
	limit := e.cfg.Retries
	switch {
	case t.state == SynSent:
		limit = e.cfg.SynRetries
	case t.state == SynReceived && t.has(flagPassive):
		limit = e.cfg.SynAckRetries
	case t.state == SynReceived: // our SYN, too: MUST-23
		limit = e.cfg.SynRetries
	case t.has(flagOrphan):
		limit = min(limit, e.cfg.OrphanRetries)
	}
	if t.sndWnd == 0 && t.state.in(sending) && now.Sub(t.rcvAt) < 2*e.cfg.RTOMax {
		return false
	}
	if e.rare(t).UserTimeout != 0 && t.stalledFor(now) >= fromMillis(e.rare(t).UserTimeout) {
		return true
	}
	if e.rare(t).UserTimeout != 0 && t.state >= Established {
		return false
	}
	return int(t.backoff) >= limit
}

// giveUpReason is the soft error that was reported last, if any (MUST-47).
func (e *Engine) giveUpReason(t *TCB) sock.Errno {
	if t.has(flagSoft) {
		return sock.Errno(e.rare(t).Soft)
	}
	return sock.TimedOut
}

// onPersist probes a window that is shut, or sends what is too little to be
// sent gladly (RFC 9293 §3.8.6.1 and §3.8.6.2.1).
func (e *Engine) onPersist(t *TCB, now mono.Time) {
	if e.probedEnough(t, now) {
		e.fail(t, e.giveUpReason(t))
		return
	}
	if t.sndWnd > 0 { // room for something: the override time-out
		t.flags |= flagForce
		t.flags &^= flagUnpushed
		t.want |= WantData
		t.flags &^= flagPersist
		return
	}
	t.probes++
	t.backoff = min(t.backoff+1, maxBackoff)
	t.rexmtAt = now.Add(e.patience(t, now))
	e.Stats.Probes++
	t.want |= WantProbe
}

// probedEnough gives up a peer that does not answer window probes. One that
// does is probed for ever (MUST-37), but not for a connection that nobody owns
// any more.
func (e *Engine) probedEnough(t *TCB, now mono.Time) bool {
	if t.has(flagOrphan) && int(t.backoff) >= e.cfg.OrphanRetries {
		return true
	}
	if e.rare(t).UserTimeout != 0 && t.probes > 0 {
		return t.stalledFor(now) >= fromMillis(e.rare(t).UserTimeout)
	}
	return int(t.probes) >= e.cfg.Retries
}

// startPersist arms the window probe (SHLD-29: the first after one RTO).
func (e *Engine) startPersist(t *TCB, now mono.Time) {
	if t.rexmtAt != 0 {
		return
	}
	t.flags |= flagPersist
	t.stalledAt = milliClock(now)
	t.rexmtAt = now.Add(e.patience(t, now))
	t.verdict |= TimersMoved
}

func (t *TCB) stopPersist() {
	t.flags &^= flagPersist
	t.rexmtAt, t.backoff, t.probes = 0, 0, 0
}

// onKeepAlive probes an idle peer (RFC 9293 §3.8.4).
func (e *Engine) onKeepAlive(t *TCB, now mono.Time) {
	if !t.has(flagKeepAlive) || t.state < Established {
		return
	}
	idle, want := now.Sub(t.rcvAt), fromSeconds(e.rare(t).KeepIdle)
	switch { // MUST-26
	case t.flight() > 0 || t.has(flagPersist): // other timers watch the peer
		t.keepAt = now.Add(want)
		return
	case idle < want:
		t.probes = 0
		t.keepAt = now.Add(want - idle)
		return
	}
	if t.probes >= e.rare(t).KeepCount || e.rare(t).UserTimeout != 0 && t.probes > 0 && idle >= fromMillis(e.rare(t).UserTimeout) {
		e.sendReset(t, e.giveUpReason(t))
		return
	}
	t.probes++
	e.Stats.KeepAlives++
	t.want |= WantProbe
	t.keepAt = now.Add(fromSeconds(e.rare(t).KeepIntvl))
}

// onLife ends a connection whose application has gone and whose peer takes
// too long: FIN-WAIT-2 without a FIN, or the linger time.
func (e *Engine) onLife(t *TCB) {
	if t.state == FinWait2 {
		e.finish(t)
		return
	}
	e.sendReset(t, sock.Aborted)
}

// onIdle gives the rings of a quiet connection back.
func (e *Engine) onIdle(t *TCB, now mono.Time) {
	if t.has(flagStarved) {
		t.flags &^= flagStarved
		e.WantTx(t, firstRing, now)
		if t.idleAt != 0 {
			return // with a ring, or to be asked again
		}
	}
	quiet := now.Sub(max(t.rcvAt, t.sentAt))
	if quiet < e.cfg.IdleRings {
		t.idleAt = now.Add(e.cfg.IdleRings - quiet)
		return
	}
	if t.flight() == 0 {
		e.releaseSent(t) // no D-SACK comes any more
	}
	if t.flight() == 0 && t.ooo == 0 {
		e.detachRings(t)
	}
	// Octets that nobody has read or sent yet keep their ring: it is looked at
	// less and less often.
	if e.rx(t).HasRing() || e.tx(t).HasRing() {
		t.idleAt = now.Add(min(quiet, idleLooks*e.cfg.IdleRings))
	}
}
