// Headers of what is sent: ports, window, options. Every segment but a SYN
// carries an acknowledgment, so writing one settles the ACK that was owed. Not
// so a probe: the peer refuses it and reads no more of it than that.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// segmentSize is the effective MSS: text of a segment with the options that
// every segment carries (RFC 9293 §3.7.1, RFC 6691).
func (t *TCB) segmentSize() uint16 {
	if t.has(flagTS) {
		return t.mss - wire.TimestampLen
	}
	return t.mss
}

// Segments guesses how many segments t would send now if no window were in the
// way: one more than its text fills, and many while it repeats some.
func (t *TCB) Segments() int {
	unsent, size := int(t.sndEnd.Minus(seq.Min(t.sndNxt, t.sndEnd))), max(int(t.segmentSize()), 1)
	switch {
	case !t.isLossless():
		return 1 << 16
	case unsent <= size:
		return 2
	}
	return unsent/size + 2
}

// textRoom is segmentSize less what SACK blocks take right now.
func (e *Engine) textRoom(t *TCB) int {
	room := int(t.segmentSize())
	if blocks := e.sackBlocks(t); blocks > 0 {
		room -= 4 + 8*blocks
	}
	return max(room, 1)
}

// sackBlocks is how many blocks the next segment will carry.
func (e *Engine) sackBlocks(t *TCB) int {
	if !t.has(flagSACK) {
		return 0
	}
	n := 0
	if t.ooo != 0 {
		n = int(e.ranges.At(t.ooo).n)
	}
	if t.has(flagDSACK) {
		n++
	}
	most := wire.MaxSACKBlocks
	if t.has(flagTS) {
		most--
	}
	return min(n, most)
}

// putHeader writes the TCP header and its options, and returns their length.
// Ports, window and the option list come from t.
func (e *Engine) putHeader(t *TCB, b []byte, h *wire.TCP, now mono.Time) int {
	syn := h.Flags.Has(wire.SYN)
	probe := h.Seq == t.sndUna-1
	if h.Flags.Has(wire.ACK) && !probe {
		t.acknowledged(h.Flags) // before advertise, which may find that another is due
	}
	switch {
	case syn && h.Flags.Has(wire.ACK):
		h.Window = uint16(min(t.rcvAdv.Minus(t.rcvNxt), maxField)) // never scaled in a SYN
	case syn:
		h.Window = uint16(min(t.rcvBuf, maxField))
	case probe:
		h.Window = t.promise(e.rx(t).ReadPos(), t.rcvAdv)
	default:
		h.Window = e.advertise(t, now)
	}
	if e.rare(t).UrgentOut {
		e.putUrgent(t, h)
	}
	e.Stats.SegmentsOut++
	if t.flags&(flagTS|flagDSACK) == flagTS && t.ooo == 0 && !syn && h.Urgent == 0 && len(b) >= wire.StampedLen { // as nearly always
		e.sum = wire.PutTCPStamped((*[wire.StampedLen]byte)(b), t.key.LocalPort, t.key.RemotePort, h.Seq, h.Ack, h.Flags, h.Window, t.timestamp(now), t.tsRecent)
		return wire.StampedLen
	}
	return e.putOther(t, b, h, now)
}

// putOther writes a header with any options.
func (e *Engine) putOther(t *TCB, b []byte, h *wire.TCP, now mono.Time) int {
	var o wire.Options
	syn := h.Flags.Has(wire.SYN)
	if syn {
		e.synOptions(t, &o, h.Flags.Has(wire.ACK), now)
	} else {
		e.options(t, &o, h.Flags.Has(wire.RST), now)
	}
	n := wire.TCPHeaderLen + putOptions(b[wire.TCPHeaderLen:], &o, syn)
	h.SrcPort, h.DstPort, h.HeaderLen = t.key.LocalPort, t.key.RemotePort, uint8(n)
	e.sum = wire.Sum(b[wire.TCPHeaderLen:n], wire.PutTCP(b, h))
	return n
}

// putOptions writes options into b, which on a path with a tiny MTU may not have
// the room that all of them would take.
func putOptions(b []byte, o *wire.Options, syn bool) int {
	if len(b) >= wire.TCPMaxOptionsLen {
		return wire.PutOptions(b[:wire.TCPMaxOptionsLen], o, syn)
	}
	var all [wire.TCPMaxOptionsLen]byte
	return copy(b, all[:wire.PutOptions(all[:], o, syn)])
}

// acknowledged settles the ACK that was owed.
func (t *TCB) acknowledged(f wire.Flags) {
	t.rcvAcked = t.rcvNxt
	t.ackAt = 0
	if t.ackOwed == 0 {
		t.want &^= WantAck
	}
	if t.quick > 0 && !f.Has(wire.SYN) {
		t.quick--
	}
}

// synOptions offers, or in a SYN-ACK mirrors, what the connection can do.
func (e *Engine) synOptions(t *TCB, o *wire.Options, answer bool, now mono.Time) {
	o.Present = wire.HasMSS
	o.MSS = t.ourMSS
	offer := func(f flag, off bool, p wire.OptionMask) {
		if answer && t.has(f) || !answer && !off {
			o.Present |= p
		}
	}
	offer(flagSACK, e.cfg.NoSACK, wire.HasSACKPermitted)
	offer(flagTS, e.cfg.NoTimestamps, wire.HasTimestamp)
	offer(flagWS, e.cfg.NoScaling, wire.HasWScale)
	o.WScale = t.rcvScale
	o.TSVal, o.TSEcr = t.timestamp(now), t.tsRecent
}

// options are those of an ordinary segment: timestamps, and SACK when there
// is something to report.
func (e *Engine) options(t *TCB, o *wire.Options, reset bool, now mono.Time) {
	if t.has(flagTS) {
		o.Present |= wire.HasTimestamp
		o.TSVal, o.TSEcr = t.timestamp(now), t.tsRecent
	}
	if n := e.sackBlocks(t); n > 0 && !reset {
		o.Present |= wire.HasSACK
		e.fillSACK(t, o, n)
	}
}

// fillSACK lists blocks, no more than most: first a duplicate (RFC 2883 §4),
// then the range that changed last and those reported before it (RFC 2018 §4),
// then others.
func (e *Engine) fillSACK(t *TCB, o *wire.Options, most int) {
	if t.has(flagDSACK) {
		t.flags &^= flagDSACK
		e.Stats.DSACKsOut++
		o.SACK[0] = seq.Range{First: t.dsackAt, End: t.dsackAt.Add(seq.Size(t.dsackLen))}
		o.NumSACK = 1
	}
	if t.ooo == 0 {
		return
	}
	set := e.ranges.At(t.ooo)
	first := o.NumSACK
	add := func(r seq.Range) {
		for _, have := range o.SACK[first:o.NumSACK] {
			if have == r {
				return
			}
		}
		if int(o.NumSACK) < most {
			o.SACK[o.NumSACK] = r
			o.NumSACK++
		}
	}
	for _, v := range set.recent {
		if r, ok := set.find(v); ok {
			add(r)
		}
	}
	for i := int(set.n) - 1; i >= 0 && int(o.NumSACK) < most; i-- {
		add(set.r[i])
	}
}
