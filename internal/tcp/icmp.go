// What ICMP and the next hop say about a connection (RFC 9293 §3.9.2.2, RFC 1191,
// RFC 5927): the shard has found the connection, the engine judges.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// InFlight reports whether at is an octet that is in flight: what an ICMP error
// must quote to be believed (RFC 5927 §4.1).
func (e *Engine) InFlight(t *TCB, at seq.Value) bool {
	return at.InWindow(t.sndUna, seq.Size(t.flight()))
}

// ICMPError notes an error that may pass (MUST-56): it is reported only if the
// connection gives up. During the handshake a hard error ends it at once
// (SHLD-26; RFC 5461 §4: not later).
func (e *Engine) ICMPError(t *TCB, why sock.Errno, hard bool, at seq.Value) bool {
	if !at.InWindow(t.sndUna, seq.Size(t.flight())) { // RFC 5927 §4.1
		return false
	}
	if hard && (t.state == SynSent || t.state == SynReceived) {
		e.fail(t, why)
		return true
	}
	e.softError(t, why)
	return true
}

// softError notes an error that may pass: the next acknowledgment refutes it.
func (e *Engine) softError(t *TCB, why sock.Errno) {
	e.rare(t).Soft = uint8(why) // there are few
	t.flags |= flagSoft
}

// SoftError is what stands in the way while the connection goes on: what was
// reported last and not refuted (MUST-47), or that R1 was passed by what has to be
// acknowledged, or by probes (SHLD-9); OK if nothing is known. That a window is shut
// is no error.
func (e *Engine) SoftError(t *TCB) sock.Errno {
	switch {
	case t.has(flagSoft):
		return sock.Errno(e.rare(t).Soft)
	case t.probes >= r1, t.backoff >= r1 && t.sndWnd > 0:
		return sock.TimedOut
	}
	return sock.OK
}

// Unreachable says that the next hop does not answer. During the handshake that
// ends the attempt; later it is a soft error, and the retransmission timer asks
// again.
func (e *Engine) Unreachable(t *TCB, why sock.Errno, now mono.Time) {
	if t.state == SynSent || t.state == SynReceived {
		e.fail(t, why)
		return
	}
	if t.state == Closed {
		if t.has(flagRST) { // nobody will hear it
			t.flags &^= flagRST
			t.want = 0
			t.verdict |= Finished
		}
		return
	}
	e.softError(t, why)
	t.want = 0
	if t.rexmtAt == 0 && (t.flight() > 0 || t.sndEnd.Greater(t.sndNxt) || t.has(flagFinQueued) && !t.has(flagFinSent)) {
		t.rexmtAt = now.Add(min(t.timeout(), e.cfg.RTOMax))
		t.verdict |= TimersMoved
	}
}

// LinkMTU follows a link or a route whose MTU has changed, either way; segments
// become no larger than both ends agreed on in the handshake. What is in flight
// is cut anew only if it has to be sent again.
func (e *Engine) LinkMTU(t *TCB, mtu int) {
	limit := t.mss
	if t.state >= Established {
		limit = t.ourMSS
	}
	t.mss = min(mssFor(mtu), limit)
}

// PathMTU lowers the segment size to a path's MTU (RFC 1191); what was too
// large is sent again.
func (e *Engine) PathMTU(t *TCB, mtu int, at seq.Value, now mono.Time) bool {
	if !at.InWindow(t.sndUna, seq.Size(t.flight())) {
		return false
	}
	mss := max(mssFor(mtu), min(minMSS, t.mss)) // anybody can claim a tiny MTU
	if mss >= t.mss {
		return true
	}
	t.mss = mss
	if t.state >= Established {
		t.endFast()
		t.recovery = recoveryLoss // not congestion: the window stays
		t.recover, t.lostEnd, t.highRxt = t.sndNxt, t.sndNxt, t.sndUna
		t.ecn &^= ecnMarked
		t.flags &^= flagTiming
		e.setPipe(t, now)
		t.want |= WantData
	}
	return true
}
