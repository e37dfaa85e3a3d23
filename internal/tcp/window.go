// The receive window: what is promised, and when the peer hears of it (RFC 9293
// §3.8.6, RFC 7323 §2).

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
)

// windowLimit is the furthest right edge that the buffer allows now. A scaled
// window is rounded when it is advertised, so a little less than the buffer is
// promised.
func (t *TCB) windowLimit(read seq.Value) seq.Value {
	slack := uint32(1)<<t.rcvScale - 1
	return read.Add(seq.Size(t.rcvBuf - slack))
}

// windowScale is the shift that t offers: no more than a buffer needs that the
// application fixed before.
func (e *Engine) windowScale(t *TCB) uint8 {
	s := uint8(e.cfg.WindowScale)
	for t.has(flagRcvBufSet) && s > 0 && t.rcvBuf>>(s-1) <= maxField {
		s--
	}
	return s
}

// silly is the smallest step by which the right edge moves (MUST-39): a segment,
// by the RFC's measure of what we send, and as in Linux not less than what the peer
// has sent, which it would wait to fill; and no less than the window field can show.
func (t *TCB) silly() seq.Size {
	segment := uint32(max(t.mss, t.rcvMSS))
	return seq.Size(max(min(t.rcvBuf/2, segment), 1<<t.rcvScale))
}

// minRcvBuf is the least buffer with which a window can open and close.
func (t *TCB) minRcvBuf() uint32 { return max(leastBuf, uint32(2)<<t.rcvScale) }

// maxRcvBuf is the largest buffer that makes sense.
func (e *Engine) maxRcvBuf(t *TCB) uint32 {
	return max(min(uint32(e.cfg.RcvBufMax), uint32(maxField+1)<<t.rcvScale), t.minRcvBuf())
}

// advertise returns the window field of the segment about to be sent, and
// makes the promise.
func (e *Engine) advertise(t *TCB, now mono.Time) uint16 {
	read := e.rx(t).ReadPos()
	if e.rare(t).UrgentIn {
		e.forgetUrgent(t, read)
	}
	e.tuneReceive(t, read, now)
	edge := t.rcvAdv
	limit := t.windowLimit(read)
	// A SYN-ACK that is sent again could not repeat a scaled promise.
	if t.state > SynReceived && limit.Greater(edge) && limit.Minus(edge) >= t.silly() {
		edge = limit
	}
	field := t.promise(read, edge)
	e.setNotify(t)
	return field
}

// promise returns the window up to edge as it stands in a header. It is rounded
// up where rounding down would take back what was promised (SHLD-14), but not
// beyond the buffer: otherwise a peer that sends octet by octet would push the
// edge along for ever. So the last unit of a window that closes may be taken
// back in the header, as RFC 7323 §2.4 describes, and is honoured all the same.
func (t *TCB) promise(read, edge seq.Value) uint16 {
	unit := seq.Size(1) << t.rcvScale
	field := min(edge.Minus(t.rcvNxt)>>t.rcvScale, maxField)
	shown := t.rcvNxt.Add(field << t.rcvScale)
	if shown.Less(t.rcvAdv) && field < maxField && !shown.Add(unit).Greater(read.Add(seq.Size(t.rcvBuf))) {
		field++
	}
	t.rcvAdv = seq.Max(t.rcvAdv, t.rcvNxt.Add(field<<t.rcvScale))
	return uint16(field)
}

// farAhead is a read position that is not reached before the next notify
// position is set.
const farAhead = 1 << 30

// setNotify tells the application when its reading is of interest: only when
// the peer is about to run out of window, since acknowledgments of what comes
// carry the window anyway.
func (e *Engine) setNotify(t *TCB) {
	b := &e.blocks[t.slot]
	if t.rcvAdv.Minus(t.rcvNxt) >= seq.Size(t.rcvBuf/2) || !t.state.in(receiving) {
		// Each store of the position costs an order among all stores.
		if n := b.Notify().Minus(t.rcvNxt); n < farAhead/2 || n > farAhead {
			b.SetNotify(t.rcvNxt.Add(farAhead))
		}
		return
	}
	// The read position from which windowLimit is a step beyond rcvAdv.
	at := t.rcvAdv.Add(t.silly()).Sub(t.windowLimit(0).Minus(0))
	b.SetNotify(at)
	// It may have read past it while it still saw the old position.
	if e.rx(t).ReadPos().GreaterEq(at) {
		t.want |= WantAck
	}
}

// windowOpened is the application's word that it has read: an ACK tells the
// peer if the edge moves by a worthwhile step.
func (e *Engine) windowOpened(t *TCB) {
	rx := e.rx(t)
	if r := rx.Drained(); r != 0 {
		e.pool.Put(r)
	}
	limit := t.windowLimit(rx.ReadPos())
	if t.state.in(receiving) && limit.Greater(t.rcvAdv) && limit.Minus(t.rcvAdv) >= t.silly() {
		t.want |= WantAck
	}
}

// tuneReceive doubles the buffer when the application has read more than half
// of it within a round-trip time: dynamic right-sizing, as Linux does, so that
// the window and not the buffer limits the peer.
func (e *Engine) tuneReceive(t *TCB, read seq.Value, now mono.Time) {
	if t.has(flagRcvBufSet) || t.srtt == 0 {
		return
	}
	clock := microClock(now)
	if !t.has(flagTuning) {
		t.flags |= flagTuning
		t.tuneSeq, t.tuneAt = read, clock
		return
	}
	if clock-t.tuneAt < t.srtt/8 {
		return
	}
	if copied := uint32(read.Minus(t.tuneSeq)); copied > t.rcvBuf/2 && t.rcvBuf < e.maxRcvBuf(t) {
		// One step at a time: the ring for the larger window replaces the
		// present one, which must have been left first.
		if rx := e.rx(t); rx.CanOffer() || !rx.HasRing() {
			t.rcvBuf = min(2*max(min(copied, ring.MaxSize), t.rcvBuf), e.maxRcvBuf(t))
		}
	}
	t.tuneSeq, t.tuneAt = read, clock
}
