// What a peer knows of a side, from the side's own packets: enough to turn a step
// into a packet, and a packet into numbers that can be compared.

package differ

import (
	"encoding/binary"
	"slices"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

const (
	normalWindow = 65535
	peerPort     = 40000
	nearEdge     = 5000 // less than any window that is not shut
)

// ends are the addresses of a connection, side and peer.
type ends struct {
	side, peer         wire.IPv4
	sidePort, peerPort uint16
}

type view struct {
	ends
	p Profile

	step int // the clock of timestamps

	// Of the peer: what its last SYN offered, and what the side has answered to.
	lastTS, lastScale       bool
	lastSeq                 uint32 // the highest of its ACKs
	hasSeq                  bool
	offeredTS, offeredScale bool

	// Of the side.
	known   bool     // it has sent a SYN
	iss     uint32   // of its last SYN
	max     uint32   // one beyond the last octet it has sent
	old     uint32   // what the peer has acknowledged
	heard   bool     // it has acknowledged something
	next    uint32   // what it acknowledged last
	cuts    []uint32 // where its segments begin
	edge    uint32
	edges   []uint32 // those that steps have counted from
	scale   uint8
	hasTS   bool
	stamp   uint32 // its last timestamp
	synSeen bool
}

func newView(p Profile, e ends) *view {
	return &view{
		ends: e, p: p, iss: p.SideISS, max: p.SideISS + 1, old: p.SideISS,
		next: p.ISS + 1, edge: p.ISS + 1 + normalWindow,
	}
}

// Facts are the numbers of a segment in a side's terms, and what was known of the
// side before. They are not compared: reasons are stated in them.
type Facts struct {
	Seq, Ack   int32 // relative to where the streams begin
	Next, Edge int32 // what the side acknowledged last, and its window
	Old, All   int32 // what the peer had acknowledged, and all that was sent
	Stamps     bool  // timestamps are agreed on
	HasStamp   bool
	Stamp      int32 // since step 0
	Ragged     bool  // a SACK block covers a part of a segment
	Flight     int   // segments that are not acknowledged
	NewSeq     bool  // its number is beyond that of every ACK before
}

func (v *view) facts(g *Segment) Facts {
	f := Facts{
		Seq: int32(v.seqOf(g) - v.p.ISS), Next: int32(v.next - v.p.ISS), Edge: int32(v.edge - v.p.ISS),
		Old: int32(v.old - v.iss), All: int32(v.max - v.iss), Stamps: v.stampsAgreed(),
	}
	if g.Flags.Has(wire.ACK) {
		f.Ack = int32(v.base(g.Ack) + uint32(g.AckOff) - v.iss)
	}
	for _, at := range v.cuts {
		if int32(at-v.old) >= 0 && int32(at-v.max) < 0 {
			f.Flight++
		}
	}
	f.NewSeq = !v.hasSeq || int32(v.seqOf(g)-v.lastSeq) > 0
	for _, b := range g.SACK {
		for _, off := range []int32{b.First, b.End} {
			at := v.base(b.Base) + uint32(off)
			f.Ragged = f.Ragged || int32(at-v.old) > 0 && int32(at-v.max) < 0 && !slices.Contains(v.cuts, at)
		}
	}
	stamp, ok := v.stampOf(g)
	f.Stamp, f.HasStamp = int32(stamp-v.p.Clock), ok
	return f
}

// seqOf is the segment's number. That of a SYN does not count from the window,
// which the sides choose.
func (v *view) seqOf(g *Segment) uint32 {
	if g.Seq == AtEdge && (g.Flags.Has(wire.SYN) || abs(g.SeqOff) > nearEdge) {
		return v.next + uint32(g.SeqOff)
	}
	return map[SeqBase]uint32{AtNext: v.next, AtISS: v.p.ISS, AtEdge: v.edge}[g.Seq] + uint32(g.SeqOff)
}

// packet builds the packet of a segment.
func (v *view) packet(g *Segment) []byte {
	at := v.seqOf(g)
	ack := v.base(g.Ack) + uint32(g.AckOff)
	if !g.Flags.Has(wire.ACK) {
		ack = 0
	}
	if g.Seq == AtEdge {
		v.edges = append(v.edges, v.edge)
	}
	opts := v.options(g)
	n := wire.IPv4HeaderLen + wire.TCPHeaderLen + len(opts) + int(g.Len)
	b := make([]byte, n)
	wire.PutIPv4(b, &wire.IPv4Header{
		TOS: g.ECN, TotalLen: uint16(n), HeaderLen: wire.IPv4HeaderLen, ID: uint16(v.step + 1), TTL: 64, Proto: wire.ProtoTCP, Src: v.peer, Dst: v.ends.side,
	})
	t := b[wire.IPv4HeaderLen:]
	wire.PutTCP(t, &wire.TCP{
		SrcPort: v.peerPort, DstPort: v.sidePort, Seq: seq.Value(at), Ack: seq.Value(ack),
		HeaderLen: uint8(wire.TCPHeaderLen + len(opts)), Flags: g.Flags, Window: g.Window, Urgent: g.Urgent,
	})
	if g.Reserved {
		t[12] |= 0x0e
	}
	copy(t[wire.TCPHeaderLen:], opts)
	first := at
	if g.Flags.Has(wire.SYN) {
		first++
	}
	fillPattern(t[wire.TCPHeaderLen+len(opts):], first-v.p.ISS-1)
	wire.PutTCPChecksum(v.peer, v.ends.side, t)
	if g.BadSum {
		t[16] ^= 0x55
	} else {
		v.sent(g, ack)
	}
	return b
}

func (v *view) base(b AckBase) uint32 {
	return map[AckBase]uint32{AckAll: v.max, AckOld: v.old, AckISS: v.iss}[b]
}

// sent notes what a segment tells the side.
func (v *view) sent(g *Segment, ack uint32) {
	if g.Flags&(wire.SYN|wire.RST) == wire.SYN {
		_, v.lastTS = v.stampOf(g)
		v.lastScale = v.p.Scale >= 0
	}
	switch at := v.seqOf(g); {
	case g.Flags.Has(wire.RST), int32(ack-v.max) > 0, g.Stamp == StampOld: // refused, or nothing to do with windows
	case g.Flags.Has(wire.SYN):
		if !v.heard {
			v.lastSeq, v.hasSeq = at, true
		}
	case g.Flags.Has(wire.ACK) && v.heard && int32(at-v.next) <= 0 && (!v.hasSeq || int32(at-v.lastSeq) > 0):
		v.lastSeq, v.hasSeq = at, true
	}
	if g.Flags.Has(wire.ACK) && int32(ack-v.old) > 0 && int32(ack-v.max) <= 0 {
		v.old = ack
	}
}

// stampsAgreed reports that both have offered timestamps.
func (v *view) stampsAgreed() bool { return v.offeredTS && v.hasTS }

func (v *view) options(g *Segment) []byte {
	var b []byte
	be := binary.BigEndian
	if g.Flags.Has(wire.SYN) {
		if v.p.MSS >= 0 {
			b = be.AppendUint16(append(b, 2, 4), uint16(v.p.MSS))
		}
		if v.p.Scale >= 0 {
			b = append(b, 1, 3, 3, byte(v.p.Scale))
		}
		if v.p.SACK {
			b = append(b, 1, 1, 4, 2)
		}
	}
	if val, ok := v.stampOf(g); ok {
		b = be.AppendUint32(append(b, 1, 1, 8, 10), val)
		b = be.AppendUint32(b, v.stamp)
	}
	b = appendExtra(b, g.Extra)
	if n := min(len(g.SACK), (wire.TCPMaxOptionsLen-len(b)-4)/8); n > 0 {
		b = append(b, 1, 1, 5, byte(2+8*n))
		for _, x := range g.SACK[:n] {
			b = be.AppendUint32(b, v.base(x.Base)+uint32(x.First))
			b = be.AppendUint32(b, v.base(x.Base)+uint32(x.End))
		}
	}
	for len(b)%4 != 0 {
		b = append(b, 1)
	}
	return b
}

func appendExtra(b []byte, x Extra) []byte {
	switch x {
	case ExtraUnknown:
		return append(b, 77, 6, 1, 2, 3, 4, 1, 1)
	case ExtraZeroLen:
		return append(b, 77, 0, 1, 1)
	case ExtraLongLen:
		return append(b, 77, 39, 1, 1)
	case ExtraKnownLen:
		return append(b, 2, 5, 1, 2, 3, 1, 1, 1)
	case ExtraEnd:
		return append(b, 0, 77, 0, 3)
	case ExtraMSS:
		return append(b, 2, 4, 1, 200)
	}
	return b
}

// stampOf returns the timestamp of a segment.
func (v *view) stampOf(g *Segment) (uint32, bool) {
	now := v.p.Clock + 10*uint32(v.step)
	agreed := v.stampsAgreed()
	if g.Flags.Has(wire.SYN) {
		agreed = v.p.TS
	}
	switch g.Stamp {
	case StampForced:
		return now, true
	case StampOld:
		now -= 5000
	case StampSame:
		now -= 10
	case StampFuture:
		now += 100_000
	case StampNone:
		return 0, false
	}
	return now, agreed
}

// pattern is the octet at a place of either stream.
func pattern(at uint32) byte { return byte(at ^ at>>7 ^ at>>13) }

func fillPattern(b []byte, at uint32) {
	for i := range b {
		b[i] = pattern(at + uint32(i))
	}
}

func followsPattern(b []byte, at uint32) bool {
	for i := range b {
		if b[i] != pattern(at+uint32(i)) {
			return false
		}
	}
	return true
}

// An answer is a segment of the side, its numbers relative to where the
// streams begin.
type answer struct {
	flags    wire.Flags
	seq, ack uint32
	n        uint32 // octets of text
	isNew    bool   // nothing of it was sent before
	corrupt  bool
	fromZero bool // a RST with the number 0 itself
	window   uint16
	ecn      uint8
	o        wire.Options
	atOnce   bool // before anything else happened
	other    string
}

// take reads a packet of the side.
func (v *view) take(b []byte) answer {
	h, payload, why := wire.ParseIPv4(b)
	if why != 0 || h.Proto != wire.ProtoTCP {
		return answer{other: "a packet that is not TCP"}
	}
	if !wire.TCPChecksumOK(h.Src, h.Dst, payload) {
		return answer{other: "a bad checksum"}
	}
	t, opts, text, why := wire.ParseTCP(payload)
	a := answer{flags: t.Flags, n: uint32(len(text)), window: t.Window, ecn: h.ECN()}
	if why != 0 || !wire.ParseOptions(opts, &a.o) {
		return answer{other: "a malformed segment"}
	}
	if t.Flags.Has(wire.SYN) {
		if !v.known || v.iss != uint32(t.Seq) {
			v.known, v.iss, v.max, v.old = true, uint32(t.Seq), uint32(t.Seq)+1, uint32(t.Seq)
			v.heard = false
		}
		v.hasTS = a.o.Present.Has(wire.HasTimestamp)
		v.scale = 0
		if a.o.Present.Has(wire.HasWScale) {
			v.scale = a.o.WScale
		}
	}
	a.seq = uint32(t.Seq) - v.iss
	if t.Flags.Has(wire.ACK) {
		a.ack = uint32(t.Ack) - v.p.ISS
	}
	if t.Flags.Has(wire.RST) {
		a.fromZero = t.Seq == 0
		return a
	}
	if len(text) > 0 {
		first := a.seq
		if !t.Flags.Has(wire.SYN) {
			first--
		}
		a.corrupt = !followsPattern(text, first)
	}
	end := uint32(t.Seq) + uint32(len(text))
	if t.Flags.HasAny(wire.FIN) {
		end++
	}
	if len(text) > 0 || t.Flags.Has(wire.FIN) {
		v.cuts = append(v.cuts, uint32(t.Seq))
	}
	a.isNew = int32(uint32(t.Seq)-v.max) >= 0
	if int32(end-v.max) > 0 {
		v.max = end
	}
	v.noteAck(&t, &a)
	return a
}

func (v *view) noteAck(t *wire.TCP, a *answer) {
	if a.o.Present.Has(wire.HasTimestamp) {
		v.stamp = a.o.TSVal
	}
	if !t.Flags.Has(wire.ACK) {
		return
	}
	if !v.heard {
		v.heard, v.offeredTS, v.offeredScale = true, v.lastTS, v.lastScale
	}
	v.next = uint32(t.Ack)
	w := uint32(t.Window)
	if !t.Flags.Has(wire.SYN) && v.offeredScale {
		w <<= v.scale
	}
	v.edge = v.next + w
}
