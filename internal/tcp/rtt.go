// Round-trip time and retransmission time-out (RFC 6298, with Karn's rule and,
// when there is nothing else, timestamps by RFC 7323 §4).

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// sampleRTT measures on an acknowledgment that advances. One octet is timed at
// a time, to the microsecond; after a retransmission only the echoed timestamp
// tells which transmission was acknowledged, to the millisecond.
func (e *Engine) sampleRTT(t *TCB, ack seq.Value, o *wire.Options, now mono.Time) {
	switch {
	case t.has(flagTiming):
		if ack.GreaterEq(t.rttSeq) {
			t.flags &^= flagTiming
			e.measured(t, microClock(now)-t.rttAt)
		}
	case t.has(flagTS) && o.Present.Has(wire.HasTimestamp) && o.TSEcr != 0 && t.backoff > 0:
		if ms := t.timestamp(now) - o.TSEcr; ms < uint32(time.Hour.Milliseconds()) {
			e.measured(t, max(ms, 1)*1000)
		}
	}
}

// measured updates SRTT, RTTVAR and RTO. As in Linux the minimum applies to
// the variance term: RTO = SRTT + max(4·RTTVAR, RTOMin).
func (e *Engine) measured(t *TCB, rtt uint32) {
	r := min(max(rtt, 1), maxRTT)
	if a := &e.blocks[t.slot].Account; a.MinRTT == 0 || r < a.MinRTT {
		a.MinRTT = r
	}
	if t.srtt == 0 {
		t.srtt = r * 8
		t.rttVar = r * 2 // r/2, times 4
	} else {
		diff := int32(r) - int32(t.srtt/8)
		t.srtt = uint32(max(int32(t.srtt)+diff, 1))
		t.rttVar += uint32(max(diff, -diff)) - t.rttVar/4
	}
	t.rto = min(t.srtt/8+max(t.rttVar, micros(e.cfg.RTOMin)), micros(e.cfg.RTOMax))
}

// timeout is the RTO with back-off, without its bound.
func (t *TCB) timeout() time.Duration {
	return time.Duration(t.rto) * time.Microsecond << min(t.backoff, maxBackoff)
}
