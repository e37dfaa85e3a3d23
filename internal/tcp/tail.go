// Tail loss probes (RFC 8985 §7): when nothing arrives any more, the end of a flight
// is sent once more, before the RTO, so that something does.

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// probeTimeout is PTO: two round trips, and when only one segment is in flight the
// time for which its acknowledgment may be delayed.
func (e *Engine) probeTimeout(t *TCB) time.Duration {
	if t.srtt == 0 {
		return e.cfg.RTOInitial
	}
	pto := max(2*t.SRTT(), minProbe) // a peer that was not scheduled at once has lost nothing
	if t.flight() <= uint32(t.segmentSize()) {
		pto += e.cfg.RTOMin // as Linux, for RFC 8985's 200 ms
	}
	return pto
}

// planTail chooses the probe (RFC 8985 §7.3): new text if the peer's window takes
// it, else the last segment once more. A FIN stands alone.
func (e *Engine) planTail(t *TCB) (plan, bool) {
	t.flags &^= flagTail
	if t.flight() == 0 || t.recovery != recoveryOpen {
		return plan{}, false
	}
	full := seq.Size(e.textRoom(t))
	if t.sndEnd.Greater(t.sndNxt) && !t.has(flagFinSent) {
		n := min(t.sndEnd.Minus(t.sndNxt), full)
		if int64(n) <= int64(t.windowRoom(t.sndNxt)) {
			p := plan{seq: t.sndNxt, n: n, how: tail}
			if n < full {
				p.how |= small
			}
			return p, true
		}
	}
	if t.has(flagFinSent) {
		return plan{seq: t.sndEnd, how: withFIN | again | tail}, true
	}
	n := min(seq.Size(t.flight()), full)
	if t.sndNxt == t.sndEnd && t.flight() > uint32(n) {
		if rest := t.sndEnd.Minus(t.sndUna) % full; rest != 0 { // the end of a flight of full segments
			n = rest
		}
	}
	return plan{seq: t.sndNxt.Sub(n), n: n, how: again | tail}, true
}

// sentTail accounts for the probe. The RTO begins anew.
func (e *Engine) sentTail(t *TCB, p plan, end seq.Value, now mono.Time) {
	e.Stats.TailProbes++
	t.flags |= flagTailSent
	t.flags &^= flagTailAgain
	if p.is(again) {
		t.flags |= flagTailAgain
		t.flags &^= flagTiming // Karn
		e.noteResent(t, seq.Range{First: p.seq, End: end}, now)
	} else {
		e.sentNew(t, p, end, now)
	}
	t.words[tailEnd] = uint32(t.sndNxt)
	t.rexmtAt = now.Add(t.timeout())
	t.verdict |= TimersMoved
}

// tailProbed draws the conclusion from a probe once its end is acknowledged (RFC
// 8985 §7.4): if text was repeated and nobody says that it came twice, it had been
// lost, and the window is reduced as for any loss.
func (e *Engine) tailProbed(t *TCB, s *Segment, in *ackNews, now mono.Time) {
	end := seq.Value(t.words[tailEnd])
	if !t.has(flagTailSent) || t.sndUna.Less(end) {
		return
	}
	lost := false
	_, twice := duplicateOf(s)
	switch {
	case !t.has(flagTailAgain), twice:
	case s.Ack.Greater(end):
		lost = true
	case in.advanced || in.sacked > 0:
		return // the next acknowledgment tells
	}
	t.flags &^= flagTailSent | flagTailAgain
	if lost && t.recovery == recoveryOpen {
		e.cannotUndo(t)
		cc.OnLoss(&t.cc, now, in.flight, t.segmentSize())
		cc.OnRecovered(&t.cc, now, t.segmentSize())
		t.tellReduced()
	}
}
