// Urgent text (RFC 9293 §3.8.5, RFC 6093): it stays in line with the rest, and a
// pointer to the octet behind it runs ahead. New applications should not use it.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// MarkUrgent says that text before up is urgent (SND.UP), be it written already or
// not. Segments that begin before it say so, retransmissions too; one without
// text when the peer's window takes none.
func (e *Engine) MarkUrgent(t *TCB, up seq.Value) {
	r := e.rare(t)
	r.UrgentOut = t.CanSend() && up.Greater(t.sndUna)
	if !r.UrgentOut {
		return
	}
	r.UrgentEnd = uint32(up)
	if t.windowRoom(t.sndNxt) <= 0 {
		t.want |= WantAck
	}
	t.wantUnsent()
}

// isUrgent reports that the next new text is: Nagle's algorithm does not hold it.
func (e *Engine) isUrgent(t *TCB) bool {
	r := e.rare(t)
	return r.UrgentOut && seq.Value(r.UrgentEnd).Greater(t.sndNxt)
}

// putUrgent has a segment carry the pointer, while the text is not acknowledged.
// What the field cannot reach is announced by what follows (MUST-31).
func (e *Engine) putUrgent(t *TCB, h *wire.TCP) {
	r := e.rare(t)
	up := seq.Value(r.UrgentEnd)
	switch {
	case !up.Greater(t.sndUna):
		r.UrgentOut = false
	case up.Greater(h.Seq) && !h.Flags.HasAny(wire.SYN|wire.RST):
		h.Flags |= wire.URG
		h.Urgent = uint16(min(up.Minus(h.Seq), maxField))
	}
}

// stepURG is the sixth step. The application is told when there was no urgent
// text pending, and whenever there is more (MUST-32), also of what is still to
// come.
func (e *Engine) stepURG(t *TCB, s *Segment) {
	if !s.Flags.Has(wire.URG) || !t.state.in(receiving) || t.has(flagReadShut) {
		return
	}
	up := s.first.Add(seq.Size(s.Urgent))
	b := &e.blocks[t.slot]
	if mark, ok := b.Mark(); ok && !up.Greater(mark) || !up.Greater(e.rx(t).ReadPos()) {
		return
	}
	e.rare(t).UrgentIn = true
	b.MarkUrgent(up)
	t.verdict |= Readable
}

// forgetUrgent ends what is pending when it has been read, long before its
// position means another octet.
func (e *Engine) forgetUrgent(t *TCB, read seq.Value) {
	b := &e.blocks[t.slot]
	if mark, _ := b.Mark(); !mark.Greater(read) {
		e.rare(t).UrgentIn = false
		b.ForgetMark()
	}
}
