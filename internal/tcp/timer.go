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
	next := mono.Never
	for _, at := range [...]mono.Time{t.rexmtAt, t.ackAt, t.keepAt, t.lifeAt, t.idleAt} {
		if at != 0 && at < next {
			next = at
		}
	}
	return next
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
	if due(&t.rexmtAt, now) {
		if t.has(flagPersist) {
			e.onPersist(t, now)
		} else {
			e.onRTO(t, now)
		}
	}
	if t.state != Closed && due(&t.keepAt, now) {
		e.onKeepAlive(t, now)
	}
	if t.state != Closed && due(&t.lifeAt, now) {
		e.onLife(t)
	}
	if t.state != Closed && due(&t.idleAt, now) {
		e.onIdle(t, now)
	}
}

// onRTO retransmits, or gives up (MUST-20: R1 has the neighbour looked up
// again, R2 ends the connection).
func (e *Engine) onRTO(t *TCB, now mono.Time) {
	e.Stats.RTOs++
	if e.gaveUp(t, now) {
		e.fail(t, t.giveUpReason())
		return
	}
	t.backoff++
	if t.backoff == r1 {
		t.neighbour = 0
	}
	t.rexmtAt = now.Add(min(t.timeout(), e.cfg.RTOMax))
	switch t.state {
	case SynSent, SynReceived:
		t.flags &^= flagTiming
		t.want |= WantControl
	default:
		e.enterLoss(t, now)
	}
}

// gaveUp is R2: by number of retransmissions, or by time if the application
// set one. A peer whose window is shut and who still answers is not given up
// (MUST-37, SHLD-17).
func (e *Engine) gaveUp(t *TCB, now mono.Time) bool {
	limit := e.cfg.Retries
	switch {
	case t.state == SynSent:
		limit = e.cfg.SynRetries
	case t.state == SynReceived:
		limit = e.cfg.SynAckRetries
	case t.has(flagOrphan):
		limit = min(limit, e.cfg.OrphanRetries)
	}
	if t.sndWnd == 0 && t.state.in(sending) && now.Sub(t.rcvAt) < e.cfg.RTOMax {
		return false
	}
	if t.userTimeout != 0 && t.state >= Established {
		return now.Sub(t.stalledAt) >= time.Duration(t.userTimeout)*time.Millisecond
	}
	return int(t.backoff) >= limit
}

// giveUpReason is the soft error that was reported last, if any (MUST-47).
func (t *TCB) giveUpReason() sock.Errno {
	if t.soft != sock.OK {
		return t.soft
	}
	return sock.TimedOut
}

// onPersist probes a window that is shut, or sends what is too little to be
// sent gladly (RFC 9293 §3.8.6.1 and §3.8.6.2.1).
func (e *Engine) onPersist(t *TCB, now mono.Time) {
	limit := e.cfg.Retries
	if t.has(flagOrphan) {
		limit = min(limit, e.cfg.OrphanRetries)
	}
	if int(t.probes) >= limit || t.userTimeout != 0 && t.probes > 0 &&
		now.Sub(t.stalledAt) >= time.Duration(t.userTimeout)*time.Millisecond {
		e.fail(t, t.giveUpReason())
		return
	}
	if t.sndWnd > t.flight() { // room for something: the override time-out
		t.flags |= flagForce
		t.want |= WantData
		t.flags &^= flagPersist
		return
	}
	t.probes++
	t.backoff = min(t.backoff+1, maxBackoff)
	t.rexmtAt = now.Add(min(t.timeout(), e.cfg.RTOMax))
	e.Stats.Probes++
	t.want |= WantProbe
}

// startPersist arms the window probe (SHLD-29: the first after one RTO).
func (e *Engine) startPersist(t *TCB, now mono.Time) {
	if t.rexmtAt != 0 {
		return
	}
	t.flags |= flagPersist
	t.stalledAt = now
	t.rexmtAt = now.Add(min(t.timeout(), e.cfg.RTOMax))
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
	idle := now.Sub(t.rcvAt)
	if want := keepDuration(t.keepIdle); t.flight() > 0 || idle < want {
		t.probes = 0
		t.keepAt = now.Add(max(want-idle, time.Millisecond)) // MUST-26
		if t.flight() > 0 {
			t.keepAt = now.Add(want)
		}
		return
	}
	if t.probes >= t.keepCount || t.userTimeout != 0 && t.probes > 0 && idle >= keepDuration(t.userTimeout) {
		e.Stats.ResetsOut++
		t.flags |= flagRST | flagRSTAck
		t.want |= WantControl
		e.fail(t, t.giveUpReason())
		return
	}
	t.probes++
	e.Stats.KeepAlives++
	t.want |= WantProbe
	t.keepAt = now.Add(keepDuration(t.keepIntvl))
}

func keepDuration(ms uint32) time.Duration { return time.Duration(ms) * time.Millisecond }

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
		if t.has(flagStarved) {
			return
		}
		e.armIdle(t)
	}
	if t.flight() > 0 || t.ooo != 0 {
		return
	}
	if quiet := now.Sub(max(t.rcvAt, t.sentAt)); quiet < e.cfg.IdleRings {
		t.idleAt = now.Add(e.cfg.IdleRings - quiet)
		return
	}
	e.detachRings(t)
}
