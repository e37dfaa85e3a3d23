// Segment text (RFC 9293 §3.10.7.4, seventh step): into the receive ring at its
// own place, in order or not.
//
//	        rcvNxt
//	──in order──┤    ├─range─┤   ├─range─┤      ┤ rcvAdv
//	            └ hole
//
// Octets beyond rcvNxt stand in the ring unpublished; only their ranges are
// kept. When the hole is filled nothing is copied again.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
)

func (e *Engine) stepText(t *TCB, s *Segment, now mono.Time) drop.Reason {
	switch {
	case len(s.Payload) == 0 || !t.state.in(receiving):
		return drop.None
	case t.has(flagOrphan):
		// Nobody will read it: the peer must know (RFC 9293 §3.6.1).
		e.replyReset(s, t.key) // with the number that the peer expects, whatever it has of ours
		e.fail(t, sock.Aborted)
		return e.drop(drop.DataAfterClose)
	case s.Seq == t.rcvNxt:
		return e.receiveInOrder(t, s.Payload, now)
	}
	return e.receiveOutOfOrder(t, s, now)
}

func (e *Engine) receiveInOrder(t *TCB, p []byte, now mono.Time) drop.Reason {
	rx, hadHole := e.rx(t), t.ooo != 0
	isThere := !hadHole && (rx.Append(p) || !rx.HasRing() && e.enlarge(t, rx, len(p)) && rx.Append(p))
	if !isThere && !e.store(t, t.rcvNxt, p) {
		return e.drop(drop.NoRing) // not acknowledged, so it comes again
	}
	t.rcvNxt = t.rcvNxt.Add(seq.Size(len(p)))
	t.ackOwed = 0 // duplicates of an acknowledgment that moves on say nothing
	if hadHole {
		e.noteOverlap(t, seq.Range{First: t.rcvNxt.Sub(seq.Size(len(p))), End: t.rcvNxt})
		e.closeHoles(t)
	}
	if !isThere {
		rx.Publish(t.rcvNxt)
	}
	if t.has(flagReadShut) {
		rx.Advance(t.rcvNxt) // nobody reads: see ShutdownRead
	}
	e.Stats.OctetsIn += uint64(len(p))
	e.blocks[t.slot].Account.DataAt = milliClock(now)
	t.verdict |= Readable
	e.scheduleAck(t, len(p), hadHole, now)
	return drop.None
}

// store copies text to its place in the receive ring, which it attaches or
// enlarges if need be. It is false when there is no memory.
func (e *Engine) store(t *TCB, pos seq.Value, p []byte) bool {
	rx := e.rx(t)
	need := pos.Add(seq.Size(len(p))).Minus(rx.ReadPos())
	if need > rx.Size() && !e.enlarge(t, rx, int(need)) {
		return false
	}
	rx.WriteAt(pos, p)
	return true
}

// enlarge makes room for need octets. An empty ring makes way for one of the
// right size: 512 octets, or 4 KiB, are enough for most requests. One that is
// not empty stays until it is read, and the next is for the whole window,
// because there cannot be a third meanwhile.
func (e *Engine) enlarge(t *TCB, rx ring.Stream, need int) bool {
	if t.ooo == 0 {
		e.detach(rx)
	}
	if !rx.HasRing() {
		ref := e.pool.Get(max(need, firstRing))
		if ref == 0 {
			return false
		}
		rx.Attach(ref)
		e.armIdle(t, t.rcvAt)
		return true
	}
	if r := rx.Drained(); r != 0 {
		e.pool.Put(r)
	}
	if !rx.CanOffer() {
		return false // the reader has yet to leave the one before
	}
	ref := e.pool.Get(max(need, int(t.rcvBuf)))
	if ref == 0 {
		return false
	}
	if !rx.Offer(ref) {
		e.pool.Put(ref)
		return false
	}
	var stored []seq.Range
	if t.ooo != 0 {
		set := e.ranges.At(t.ooo)
		stored = set.r[:set.n]
	}
	rx.SwitchCopy(stored)
	return true
}

// closeHoles moves rcvNxt over what had come early.
func (e *Engine) closeHoles(t *TCB) {
	set := e.ranges.At(t.ooo)
	for set.n > 0 && set.r[0].First.LessEq(t.rcvNxt) {
		before := t.rcvNxt
		t.rcvNxt = seq.Max(t.rcvNxt, set.r[0].End)
		e.Stats.OctetsIn += uint64(t.rcvNxt.Minus(before))
		set.trim(t.rcvNxt)
		if plantedHoles {
			break
		}
	}
	if set.n == 0 {
		e.releaseRanges(&t.ooo)
	}
}

// scheduleAck decides when n octets in order are acknowledged (RFC 9293
// §3.8.6.3, RFC 5681 §4.2): at once at the start of a connection and while
// there are holes, else with the second full segment, else after the delay.
// "At once" is with the next Output, so an application that answers in the
// same round has its answer carry the ACK.
func (e *Engine) scheduleAck(t *TCB, n int, hole bool, now mono.Time) {
	if n > int(t.rcvMSS) {
		t.rcvMSS = uint16(min(n, maxMSS))
	}
	if !t.has(flagFirstData) {
		t.flags |= flagFirstData
		if !e.cfg.DelayFirstAck {
			t.quick = uint8(min(max(t.rcvBuf/(2*uint32(t.rcvMSS)), minQuickAcks), maxQuickAcks))
		}
	}
	switch {
	case hole,
		t.quick > 0 && !t.has(flagPingPong),
		t.rcvNxt.Minus(t.rcvAcked) > seq.Size(t.rcvMSS):
		t.want |= WantAck
	case t.ackAt == 0:
		t.ackAt = now.Add(e.cfg.AckDelay)
		t.verdict |= TimersMoved
	}
}

func (e *Engine) receiveOutOfOrder(t *TCB, s *Segment, now mono.Time) drop.Reason {
	t.oweAck()
	x := seq.Range{First: s.Seq, End: s.Seq.Add(seq.Size(len(s.Payload)))}
	if t.ooo == 0 && !e.attachRanges(&t.ooo) {
		return drop.ReassemblyFull // counted there
	}
	set := e.ranges.At(t.ooo)
	known := set.covers(x)
	if !known && set.n == maxRanges {
		// One more hole than we keep track of; it may still touch a range.
		if _, touches := set.find(x.First); !touches {
			return e.drop(drop.ReassemblyFull)
		}
	}
	if !known && !e.store(t, x.First, s.Payload) {
		if set.n == 0 {
			e.releaseRanges(&t.ooo)
		}
		return e.drop(drop.NoRing)
	}
	e.noteOverlap(t, x)
	merged, _, ok := set.add(x)
	if !ok {
		return e.drop(drop.ReassemblyFull)
	}
	set.note(merged)
	e.Stats.OutOfOrder++
	return drop.None
}

// oweAck acknowledges what came out of order at once (MAY-13), so that the sender
// learns of the hole; without SACK the number of ACKs is news, too.
func (t *TCB) oweAck() {
	t.want |= WantAck
	if !t.has(flagSACK) {
		t.ackOwed = min(t.ackOwed+1, maxOwedAcks)
	}
}

// noteDuplicate remembers octets that came twice, for a D-SACK (RFC 2883).
func (e *Engine) noteDuplicate(t *TCB, x seq.Range) {
	if t.has(flagSACK) && !x.IsEmpty() {
		t.dsackAt, t.dsackLen = x.First, uint16(min(x.Len(), 1<<16-1)) // a segment's worth at most
		t.flags |= flagDSACK
	}
}

// noteOverlap notes the first stretch of x that is there already (RFC 2883 §4: one
// contiguous sequence), unless an older one is yet to be reported.
func (e *Engine) noteOverlap(t *TCB, x seq.Range) {
	if t.has(flagDSACK) {
		return
	}
	set := e.ranges.At(t.ooo)
	for _, r := range set.r[:set.n] {
		if overlap(r, x) > 0 {
			e.noteDuplicate(t, seq.Range{First: seq.Max(r.First, x.First), End: seq.Min(r.End, x.End)})
			return
		}
	}
}
