// The receive window: what is promised, and when the peer hears of it (RFC 9293
// §3.8.6, RFC 7323 §2).

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
)

// windowLimit is the furthest right edge that the buffer allows now. A scaled
// window is rounded when it is advertised, so a little less than the buffer is
// promised.
func (t *TCB) windowLimit(read seq.Value) seq.Value {
	slack := uint32(1)<<t.rcvScale - 1
	return read.Add(seq.Size(t.rcvBuf - slack))
}

// silly is the smallest step by which the right edge moves (MUST-39).
func (t *TCB) silly() seq.Size {
	return seq.Size(min(t.rcvBuf/2, uint32(t.mss)))
}

// advertise returns the window field of the segment about to be sent, and
// makes the promise. The right edge never moves left (SHLD-14): where scaling
// would round it down, it is rounded up.
func (e *Engine) advertise(t *TCB, now mono.Time) uint16 {
	read := e.rx(t).ReadPos()
	e.tuneReceive(t, read, now)
	edge := t.rcvAdv
	if limit := t.windowLimit(read); limit.Greater(edge) && limit.Minus(edge) >= t.silly() {
		edge = limit
	}
	wnd := uint32(edge.Minus(t.rcvNxt))
	field := min(wnd>>t.rcvScale, 65535)
	if t.rcvNxt.Add(seq.Size(field << t.rcvScale)).Less(t.rcvAdv) {
		field = min((wnd+1<<t.rcvScale-1)>>t.rcvScale, 65535)
	}
	t.rcvAdv = seq.Max(t.rcvAdv, t.rcvNxt.Add(seq.Size(field<<t.rcvScale)))
	e.setNotify(t)
	return uint16(field)
}

// setNotify tells the application when its reading is of interest: only when
// the peer is about to run out of window, since acknowledgments of what comes
// carry the window anyway.
func (e *Engine) setNotify(t *TCB) {
	left := t.rcvAdv.Minus(t.rcvNxt)
	at := t.rcvNxt.Add(1 << 30)
	if left < seq.Size(t.rcvBuf/2) {
		// The read position from which windowLimit is a step beyond rcvAdv.
		at = t.rcvAdv.Add(t.silly()).Sub(t.windowLimit(0).Minus(0))
	}
	e.blocks[t.slot].SetNotify(at)
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
	if !t.has(flagTuning) {
		t.flags |= flagTuning
		t.tuneSeq, t.tuneAt = read, now
		return
	}
	if now.Sub(t.tuneAt) < t.SRTT() {
		return
	}
	if copied := uint32(read.Minus(t.tuneSeq)); copied > t.rcvBuf/2 && t.rcvBuf < uint32(e.cfg.RcvBufMax) {
		// One step at a time: the ring for the larger window replaces the
		// present one, which must have been left first.
		if rx := e.rx(t); rx.CanOffer() || !rx.HasRing() {
			t.rcvBuf = min(2*max(copied, t.rcvBuf), uint32(e.cfg.RcvBufMax))
		}
	}
	t.tuneSeq, t.tuneAt = read, now
}
