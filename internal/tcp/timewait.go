// TIME-WAIT (RFC 9293 §3.6.1) in a compact record: what is needed to answer
// late segments, and to let a new incarnation begin early (RFC 6191).

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A TimeWaitRecord is all that remains of a connection for 2 MSL: one cache
// line. Records expire in the order in which they began, so a list suffices.
type TimeWaitRecord struct {
	Key            flow.Key4
	sndNxt, rcvNxt seq.Value
	tsRecent       uint32
	tsOffset       uint32
	Next, Prev     uint32 // shard: expiry list
	window         uint16 // last advertised, scaled
	hasTS          bool
	tos            uint8
	Until          mono.Time
	answeredAt     mono.Time // when a bare ACK was last answered
	_              [8]byte
}

// EnterTimeWait fills a record from t, which is then no longer needed.
func (e *Engine) EnterTimeWait(t *TCB, r *TimeWaitRecord, now mono.Time) {
	e.Stats.TimeWaits++
	*r = TimeWaitRecord{
		Key:      t.key,
		sndNxt:   t.sndNxt,
		rcvNxt:   t.rcvNxt,
		tsRecent: t.tsRecent,
		tsOffset: t.tsOffset,
		window:   uint16(min(uint32(t.rcvAdv.Minus(t.rcvNxt))>>t.rcvScale, maxField)),
		hasTS:    t.has(flagTS),
		tos:      t.tos,
		Until:    now.Add(e.cfg.TimeWait),
	}
	if t.want&WantAck != 0 { // for the peer's FIN
		e.answerTimeWait(r, t.ecn.echo(), now)
	}
}

// LeaveTCB ends the life of a TCB whose rest is a TIME-WAIT record.
func (e *Engine) LeaveTCB(t *TCB) {
	if t.state == TimeWait {
		e.setState(t, Closed)
	}
	t.want = 0
	t.verdict |= Finished
}

// inputLate is a segment for a TCB that is about to become a record: it came in
// the same batch as the FIN. Nothing may end TIME-WAIT early (RFC 1337).
func (e *Engine) inputLate(t *TCB, s *Segment) drop.Reason {
	switch {
	case s.Flags.Has(wire.RST):
		return e.drop(drop.TimeWaitRST)
	case s.length() == 0:
		return drop.None
	}
	t.want |= WantAck
	return e.drop(drop.TimeWaitOther)
}

// Doubts reports that s goes beyond what either side has sent: it may be of a
// new incarnation, that another shard has.
func (r *TimeWaitRecord) Doubts(s *Segment) bool {
	return s.isPlain() && (s.Seq.Greater(r.rcvNxt) || s.Ack.Greater(r.sndNxt))
}

// TimeWaitAnswer is what a segment does to a TIME-WAIT record.
type TimeWaitAnswer uint8

// The answers.
const (
	TWStay    TimeWaitAnswer = iota // nothing changes
	TWRestart                       // the 2 MSL begin again
	TWReuse                         // a SYN may open a new incarnation
	TWEnd                           // it is over
)

// InputTimeWait processes a segment for a record. The floor of a reuse is the
// sequence number that the new incarnation must begin beyond.
func (e *Engine) InputTimeWait(r *TimeWaitRecord, s *Segment, now mono.Time) (a TimeWaitAnswer, floor seq.Value) {
	e.Stats.SegmentsIn++
	f := s.Flags
	hasTS := r.hasTS && s.Options.Present.Has(wire.HasTimestamp)
	newer := hasTS && int32(s.Options.TSVal-r.tsRecent) > 0
	older := hasTS && int32(s.Options.TSVal-r.tsRecent) < 0
	switch {
	case f.Has(wire.RST) && e.cfg.TimeWaitRST && s.Seq == r.rcvNxt:
		return TWEnd, 0
	case f.Has(wire.RST): // RFC 1337: it must not end TIME-WAIT early
		e.drop(drop.TimeWaitRST)
		return TWStay, 0
	case f.Has(wire.SYN) && !f.Has(wire.ACK):
		// MAY-2 and RFC 6191 §2: timestamps decide, sequence numbers without.
		if newer || s.Seq.Greater(r.rcvNxt) && (!hasTS || s.Options.TSVal == r.tsRecent) {
			return TWReuse, r.sndNxt
		}
		e.answerTimeWait(r, 0, now)
		e.drop(drop.TimeWaitOther)
		return TWStay, 0
	case !f.Has(wire.ACK): // the fifth step; no TCP sends such a thing
		e.drop(drop.AckMissing)
		return TWStay, 0
	case s.length() == 0 && s.Seq == r.rcvNxt && !older:
		// An ordinary ACK that comes late, whatever it acknowledges.
		if newer {
			r.tsRecent = s.Options.TSVal
		}
		return TWStay, 0
	case s.length() == 0 && r.answeredAt.IsSet() && now.Sub(r.answeredAt) < lateAnswer:
		e.drop(drop.ChallengeLimit)
		return TWStay, 0
	case s.length() == 0:
		r.answeredAt = now
	}
	if f.Has(wire.FIN) && s.end() == r.rcvNxt { // the peer lost our last ACK
		if newer {
			r.tsRecent = s.Options.TSVal
		}
		e.answerTimeWait(r, 0, now)
		return TWRestart, 0
	}
	e.answerTimeWait(r, 0, now)
	e.drop(drop.TimeWaitOther)
	return TWStay, 0
}

// KeepTimeWait answers a SYN that might have opened a new incarnation if anybody
// listened: as any other segment that does not fit.
func (e *Engine) KeepTimeWait(r *TimeWaitRecord, now mono.Time) {
	e.answerTimeWait(r, 0, now)
	e.drop(drop.TimeWaitOther)
}

// answerTimeWait acknowledges once more. What had come marked is told only with the
// first of these ACKs; nobody sends to it any more.
func (e *Engine) answerTimeWait(r *TimeWaitRecord, echo wire.Flags, now mono.Time) {
	e.reply(Reply{
		Key: r.Key, Seq: r.sndNxt, Ack: r.rcvNxt, Flags: wire.ACK | echo, Window: r.window,
		HasTS: r.hasTS, TSVal: milliClock(now) + r.tsOffset, TSEcr: r.tsRecent,
	})
}

// PutReply writes a connectionless segment and returns its length.
func (e *Engine) PutReply(b []byte, r *Reply) int {
	var o wire.Options
	syn := r.Flags.Has(wire.SYN)
	if syn {
		o.Present, o.MSS, o.WScale = r.Offers, r.MSS, r.WScale
	}
	if r.HasTS {
		o.Present |= wire.HasTimestamp
		o.TSVal, o.TSEcr = r.TSVal, r.TSEcr
	}
	n := wire.TCPHeaderLen + putOptions(b[wire.TCPHeaderLen:], &o, syn)
	wire.PutTCP(b, &wire.TCP{
		SrcPort: r.Key.LocalPort, DstPort: r.Key.RemotePort,
		Seq: r.Seq, Ack: r.Ack, Flags: r.Flags, Window: r.Window, HeaderLen: uint8(n),
	})
	e.Stats.SegmentsOut++
	return n
}
