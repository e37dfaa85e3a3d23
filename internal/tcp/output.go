// Output: the next segment that a TCB wants to send, written into a frame that
// exists.
//
//  1. RST, SYN, SYN-ACK.
//  2. Text and FIN: first what is lost, then what is new.
//  3. A window or keep-alive probe.
//  4. An ACK on its own; whatever went before has carried it.
//
// The shard calls until the answer is 0 or its budget is spent.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Output writes one whole TCP segment into b, which has room for the path's
// largest, and returns its length; 0 when t has nothing to send now. The
// checksum is left to the caller, who knows the device; with Config.Sums, Sum is
// what it is made of.
func (e *Engine) Output(t *TCB, b []byte, now mono.Time) int {
	e.ecn = wire.NotECT
	if t.want&WantControl != 0 {
		t.want &^= WantControl
		if n := e.putControl(t, b, now); n > 0 {
			return n
		}
	}
	if t.want&WantData != 0 {
		if p, ok := e.plan(t, now); ok {
			return e.putText(t, b, p, now)
		}
		t.want &^= WantData
	}
	if t.want&WantProbe != 0 {
		t.want &^= WantProbe
		if t.state >= Established {
			// One before the oldest unacknowledged: the peer must answer with
			// its window (as Linux does; no octet of text is risked, SHLD-12).
			return e.putAck(t, b, t.sndUna-1, now)
		}
	}
	if t.want&WantAck != 0 {
		if t.ackOwed > 0 {
			t.ackOwed--
		}
		if t.ackOwed == 0 {
			t.want &^= WantAck
		}
		if t.state > SynReceived || t.state == SynReceived && t.flight() > 0 { // not before our SYN
			e.Stats.PureAcksOut++
			return e.putAck(t, b, t.sndNxt, now)
		}
	}
	return 0
}

// putControl writes the RST, SYN or SYN-ACK.
func (e *Engine) putControl(t *TCB, b []byte, now mono.Time) int {
	switch {
	case t.has(flagRST):
		t.flags &^= flagRST
		t.verdict |= Finished
		t.want = 0
		e.Stats.ResetsOut++
		return e.putHeader(t, b, &wire.TCP{Seq: t.sndNxt, Ack: t.rcvNxt, Flags: wire.RST | wire.ACK}, now)
	case t.state == SynSent:
		return e.putSYN(t, b, wire.SYN|e.askECN(t, t.flight() > 0), now)
	case t.state == SynReceived:
		return e.putSYN(t, b, wire.SYN|wire.ACK|t.ecn.answer(), now)
	}
	return 0
}

// putSYN sends or repeats our SYN.
func (e *Engine) putSYN(t *TCB, b []byte, f wire.Flags, now mono.Time) int {
	if t.flight() == 0 {
		t.sndNxt++
		t.flags |= flagTiming
		t.rttSeq, t.rttAt = t.sndNxt, microClock(now)
	} else {
		e.Stats.Retransmits++
		t.flags &^= flagTiming
	}
	if t.rexmtAt == 0 {
		t.rexmtAt = now.Add(t.timeout())
		t.verdict |= TimersMoved
	}
	return e.putHeader(t, b, &wire.TCP{Seq: t.sndUna, Ack: t.rcvNxt, Flags: f}, now)
}

// A plan says which text goes into the next segment.
type plan struct {
	seq seq.Value
	n   seq.Size // octets of text
	how how
}

// how says what a plan's segment is, besides its text. Bits and not bools: a plan
// then is three words, which are returned in registers.
type how uint8

const (
	withFIN how = 1 << iota
	again       // a retransmission
	tail        // a tail loss probe
	small       // Nagle counts it: less than a full segment
	cut         // it ends where the peer's window does
)

func (p plan) is(h how) bool { return p.how&h != 0 }

// plan chooses the next text, or says that there is none to be sent now.
func (e *Engine) plan(t *TCB, now mono.Time) (plan, bool) {
	if !t.state.in(sending) {
		return plan{}, false
	}
	if t.flags&(flagTail|flagTailSent) == flagTail && t.lossAt == 0 {
		return e.planTail(t)
	}
	if t.recovery != recoveryOpen {
		if t.ecn.has(ecnWaits) {
			return plan{}, false
		}
		if p, ok, only := e.planForward(t, now); only {
			return p, ok
		}
		if hole := e.lostHole(t); !hole.IsEmpty() {
			return e.planAgain(t, hole) // nothing new before all is sent again
		}
	}
	return e.planNew(t, now)
}

// planAgain chooses lost text (NextSeg of RFC 6675 §4, rule 1).
func (e *Engine) planAgain(t *TCB, hole seq.Range) (plan, bool) {
	n := min(hole.Len(), seq.Size(e.textRoom(t)))
	if t.pipe > 0 && t.pipe+uint32(n) > t.cc.Cwnd {
		return plan{}, false
	}
	// The window may have shrunk; its first segment is sent even so (SHLD-16).
	if room := t.windowRoom(hole.First); hole.First != t.sndUna || room > 0 {
		if room <= 0 {
			return plan{}, false
		}
		n = min(n, seq.Size(room))
	}
	p := plan{seq: hole.First, n: n, how: again}
	// The FIN takes the place after the text.
	if t.has(flagFinSent) && hole.First.Add(n) == t.sndEnd+1 && !plantedFIN {
		p.n--
		p.how |= withFIN
	}
	return p, true
}

// windowRoom returns how many octets from v on the peer's window takes.
func (t *TCB) windowRoom(v seq.Value) int32 {
	return int32(t.sndUna.Add(seq.Size(t.sndWnd)) - v)
}

// planNew chooses unsent text: what the congestion window, the peer's window
// and the sense of proportion allow.
func (e *Engine) planNew(t *TCB, now mono.Time) (plan, bool) {
	if t.has(flagFinSent) {
		return plan{}, false
	}
	avail := t.sndEnd.Minus(t.sndNxt)
	if avail == 0 && !t.has(flagFinQueued) {
		return plan{}, false
	}
	e.restartAfterIdle(t, now)
	full := seq.Size(e.textRoom(t))
	room := t.windowRoom(t.sndNxt)
	p := plan{seq: t.sndNxt, n: min(avail, full)}
	if avail < full {
		p.how = small
	}
	if int64(p.n) > int64(room) {
		p.n, p.how = seq.Size(max(room, 0)), small|cut
	}
	if t.has(flagFinQueued) && p.n == avail && int64(room) > int64(p.n) && (p.n == 0 || !e.cfg.LoneFIN) {
		p.how |= withFIN
	}
	if p.n == 0 && !p.is(withFIN) || !t.worthSending(p, avail, full) && !e.isUrgent(t) {
		if p.n < min(avail, full) {
			e.waitsFor(t, waitsWindow, now)
		}
		if t.flight() == 0 {
			e.startPersist(t, now)
		}
		return plan{}, false
	}
	if t.pipe > 0 && p.n > 0 && t.pipe+uint32(p.n) > t.cc.Cwnd {
		t.validateWindow(true)
		return plan{}, false
	}
	return p, true
}

// worthSending is Nagle's algorithm in Minshall's form, and the sender's
// silly-window avoidance (RFC 9293 §3.7.4 and §3.8.6.2.1): a segment that is
// not full goes out only if it ends the text and may, or if it is half of the
// largest window that the peer ever had.
func (t *TCB) worthSending(p plan, avail, full seq.Size) bool {
	switch {
	case p.n == full, p.is(withFIN), t.has(flagForce):
		return true
	case p.n < avail: // the window cuts it short
		return uint32(p.n) >= t.sndMax/2
	case t.flags&(flagCork|flagMore) != 0 && !t.has(flagUncork):
		return false
	case t.flags&(flagNoDelay|flagUncork) != 0:
		return true
	default:
		return !t.minshall.InWindow(t.sndUna+1, seq.Size(t.flight())) // no small segment in flight
	}
}

// restartAfterIdle shrinks a congestion window that nothing confirms any more
// (RFC 5681 §4.1).
func (e *Engine) restartAfterIdle(t *TCB, now mono.Time) {
	if t.flight() > 0 || !t.sentAt.IsSet() {
		return
	}
	rto := t.timeout()
	if idle := now.Sub(t.sentAt); idle > rto {
		cc.OnIdle(&t.cc, now, idle, rto, t.segmentSize())
		t.sentAt = now
	}
}

// putText writes the planned segment and accounts for it.
func (e *Engine) putText(t *TCB, b []byte, p plan, now mono.Time) int {
	h := wire.TCP{Seq: p.seq, Ack: t.rcvNxt, Flags: wire.ACK | t.ecn.echo()}
	end := p.seq.Add(p.n)
	if t.ecn.has(ecnSends) && p.n > 0 && !p.is(again) {
		h.Flags |= e.markText(t)
	}
	if p.n > 0 && (end == t.sndEnd && !t.has(flagUnpushed) || p.is(cut)) {
		h.Flags |= wire.PSH // MUST-61: nothing follows for now, or nothing may
	}
	if p.is(withFIN) {
		h.Flags |= wire.FIN
		end++
	}
	if p.n > 0 && t.rcvNxt != t.rcvAcked {
		t.flags |= flagPingPong // the answer carries the ACK
	}
	n := e.putHeader(t, b, &h, now)
	e.putOctets(t, b[n:n+int(p.n)], p.seq)
	t.flags &^= flagForce
	before := t.sentAt
	inBurst := before == now
	t.sentAt = now
	if !p.is(again) {
		e.logSent(t, end, before, now)
	}
	if p.how&(tail|again) != tail|again { // what is repeated as a probe is in flight as it was
		t.pipe += uint32(end.Minus(p.seq))
	}
	switch {
	case p.is(tail):
		e.sentTail(t, p, end, now)
	case p.is(again):
		e.sentAgain(t, p, end, now)
	default:
		e.sentNew(t, p, end, now)
	}
	if t.inProportion() {
		t.words[prrOut] += uint32(end.Minus(p.seq))
	}
	switch {
	case p.is(again), h.Flags.Has(wire.PSH):
		t.bundle = 0
	case p.n > 0 && e.endsBundle(t, inBurst) && !t.has(flagUnpushed):
		b[tcpFlagsAt] |= byte(wire.PSH)
		e.sum = wire.SumFlags(e.sum, wire.PSH)
	}
	e.Stats.OctetsOut += uint64(p.n)
	return n + int(p.n)
}

// putOctets fills a segment behind its header from the send ring.
func (e *Engine) putOctets(t *TCB, text []byte, from seq.Value) {
	tx := e.tx(t)
	if !e.cfg.Sums {
		tx.CopyAt(from, text)
		return
	}
	sum, isOdd := e.sum, false
	for len(text) > 0 {
		piece := tx.LendAt(from, len(text))
		if sum = wire.SumCopy(text, piece, sum); len(piece)&1 != 0 {
			sum, isOdd = wire.Odd(sum), !isOdd
		}
		from, text = from.Add(seq.Size(len(piece))), text[len(piece):]
	}
	if isOdd {
		sum = wire.Odd(sum)
	}
	e.sum = sum
}

// Sum is the partial sum of the segment that Output has written last.
func (e *Engine) Sum() uint64 { return e.sum }

// endsBundle reports that the segment just sent ends a bundle of several. A
// receiver that merges segments hands them on with PSH, so Linux, which gives its
// devices bundles of at least two segments and of about a millisecond's worth,
// has PSH on the last segment of each; and so has this.
func (e *Engine) endsBundle(t *TCB, inBurst bool) bool {
	if e.cfg.NoBundles {
		return false
	}
	if !inBurst {
		t.bundle = 0
	}
	t.bundle++
	if uint32(t.bundle) < e.bundleGoal(t) && e.mayFollow(t) {
		return false
	}
	ends := t.bundle > 1
	t.bundle = 0
	return ends
}

// bundleGoal is how many segments make a bundle: a millisecond's worth at twice
// the present rate.
func (e *Engine) bundleGoal(t *TCB) uint32 {
	mss := uint64(t.segmentSize())
	if t.srtt == 0 {
		return maxBundle
	}
	perMilli := 2 * uint64(t.cc.Cwnd) * 8 * 1000 / uint64(t.srtt) // srtt is in µs × 8
	return uint32(min(max(perMilli/mss, 2), maxBundle))
}

// mayFollow reports that another full segment of new text can be sent at once.
func (e *Engine) mayFollow(t *TCB) bool {
	full := seq.Size(e.textRoom(t))
	return t.sndEnd.Minus(seq.Min(t.sndNxt, t.sndEnd)) > 0 && !t.has(flagFinSent) &&
		t.windowRoom(t.sndNxt) >= int32(min(full, t.sndEnd.Minus(t.sndNxt))) &&
		t.pipe+uint32(min(full, t.sndEnd.Minus(t.sndNxt))) <= t.cc.Cwnd
}

func (e *Engine) sentNew(t *TCB, p plan, end seq.Value, now mono.Time) {
	idle := t.flight() == 0
	t.sndNxt = end
	if p.is(withFIN) {
		t.flags |= flagFinSent
	}
	if p.is(small) {
		t.minshall = end
	}
	if end.GreaterEq(t.sndEnd) {
		t.flags &^= flagUncork
	}
	e.waitsFor(t, waitsBusy, now)
	t.validateWindow(false)
	if !t.has(flagTiming) {
		t.flags |= flagTiming
		t.rttSeq, t.rttAt = end, microClock(now)
	}
	if idle { // whatever the timer was set for
		t.flags &^= flagPersist
		t.rexmtAt = now.Add(t.timeout())
		t.verdict |= TimersMoved
	}
	e.armLoss(t, now)
}

func (e *Engine) sentAgain(t *TCB, p plan, end seq.Value, now mono.Time) {
	e.noteResent(t, seq.Range{First: p.seq, End: end}, now)
	t.highRxt = seq.Max(t.highRxt, end)
	t.flags &^= flagTiming // Karn: MUST-18
	if t.rexmtAt == 0 || t.recovery == recoveryFast {
		t.rexmtAt = now.Add(t.timeout())
		t.verdict |= TimersMoved
	}
}

// putAck writes a segment without text.
func (e *Engine) putAck(t *TCB, b []byte, at seq.Value, now mono.Time) int {
	return e.putHeader(t, b, &wire.TCP{Seq: at, Ack: t.rcvNxt, Flags: wire.ACK | t.ecn.echo()}, now)
}
