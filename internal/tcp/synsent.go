// Segment arrival in SYN-SENT (RFC 9293 §3.10.7.3), in the RFC's order.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func (e *Engine) inputSynSent(t *TCB, s *Segment, now mono.Time) drop.Reason {
	// First, the ACK bit.
	hasAck := s.Flags.Has(wire.ACK)
	if hasAck && (s.Ack != t.sndNxt || t.flight() == 0) { // flight 0: our SYN has not left yet
		if !s.Flags.Has(wire.RST) {
			e.replyReset(s, t.key)
		}
		return e.drop(drop.AckUnacceptable)
	}
	// Second, the RST bit; without an acceptable ACK anybody could have sent it.
	if s.Flags.Has(wire.RST) {
		if !hasAck {
			return e.drop(drop.RSTOutside)
		}
		e.Stats.ResetsIn++
		e.fail(t, sock.Refused)
		return drop.None
	}
	// Third, security: not implemented, as RFC 9293 §3.10.7.4 allows.
	// Fourth, the SYN bit.
	if !s.Flags.Has(wire.SYN) {
		return e.drop(drop.SeqUnacceptable)
	}
	e.takeSYN(t, s, now)
	if !hasAck {
		return e.simultaneousOpen(t, s)
	}
	t.sndWnd = uint32(s.Window)
	t.sndMax = t.sndWnd
	t.sndWL1, t.sndWL2 = s.Seq, s.Ack
	e.establish(t, now)
	e.advance(t, s.Ack, &s.Options, now)
	t.want |= WantAck
	// Fifth: text and FIN beside the SYN are taken as if they came after it.
	if len(s.Payload) > 0 || s.Flags.Has(wire.FIN) {
		s.Seq++
		s.Flags &^= wire.SYN
		return e.inputSteps(t, s, now)
	}
	return drop.None
}

// simultaneousOpen answers a SYN that crossed ours (MUST-10).
func (e *Engine) simultaneousOpen(t *TCB, s *Segment) drop.Reason {
	e.setState(t, SynReceived)
	t.sndWnd = uint32(s.Window)
	t.sndMax = t.sndWnd
	t.want |= WantControl // the SYN once more, now with an ACK
	return drop.None
}

// establish enters ESTABLISHED, and goes on to FIN-WAIT-1 when the application
// has closed meanwhile.
func (e *Engine) establish(t *TCB, now mono.Time) {
	e.setState(t, Established)
	t.ourMSS = t.mss // announced, and answered: now it is what LinkMTU may go back to
	e.blocks[t.slot].Account.DataAt = milliClock(now)
	t.verdict |= Opened
	if t.ecn.has(ecnEchoes) {
		e.Stats.ECNOpens++
	}
	t.ecn &^= ecnSays
	t.want &^= WantControl
	if t.has(flagKeepAlive) && !t.has(flagOrphan) {
		t.keepAt = now.Add(fromSeconds(e.rare(t).KeepIdle))
		t.verdict |= TimersMoved
	}
	e.doubtHandshake(t)
	if t.has(flagFinQueued) {
		e.setState(t, FinWait1)
	}
	if t.sndEnd != t.sndNxt || t.has(flagFinQueued) {
		t.want |= WantData
	}
}

// doubtHandshake draws the conclusions from a SYN or SYN-ACK that had to be sent
// again: the RTO begins at three seconds unless a timestamp has measured the
// path (RFC 6298 §5.7), and after a second loss the window at one segment (RFC
// 5681 §3.1; after the first it does not, as in Linux).
func (e *Engine) doubtHandshake(t *TCB) {
	if t.backoff == 0 {
		return
	}
	t.rto = min(max(t.rto, micros(rtoAfterSYN)), micros(e.cfg.RTOMax))
	if t.backoff > 1 {
		cc.Init(&t.cc, e.cfg.Congestion, t.segmentSize(), uint32(t.segmentSize()))
	}
}
