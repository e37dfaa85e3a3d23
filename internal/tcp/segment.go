package tcp

import (
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A Segment is a parsed segment whose checksum was right. Payload belongs to
// the frame, and is gone after the call.
type Segment struct {
	wire.TCP
	Options wire.Options
	Payload []byte
	ECN     uint8 // codepoint of its packet

	// What the segment was before the steps cut it to the window.
	first seq.Value // SEG.SEQ
	text  bool      // it had text
	bare  bool      // it had a SYN, so its window is not scaled (RFC 7323 §2.2)
	cut   bool      // text beyond the window was cut off
}

// note remembers what the steps may change.
func (s *Segment) note() {
	s.first, s.text, s.bare, s.cut = s.Seq, len(s.Payload) > 0, s.Flags.Has(wire.SYN), false
}

// isPlain reports that the segment is of the ordinary course of a connection:
// it acknowledges, and neither begins nor breaks anything.
func (s *Segment) isPlain() bool {
	return s.Flags&(wire.ACK|wire.SYN|wire.RST) == wire.ACK
}

// unusual are the flags, and one more if the packet was marked: a CE is 3, and
// shifted over itself it leaves a bit that is SYN's.
func (s *Segment) unusual() wire.Flags { return s.Flags | wire.Flags(s.ECN&(s.ECN<<1)) }

// window is the peer's window in octets.
func (s *Segment) window(scale uint8) uint32 {
	if s.bare {
		return uint32(s.Window)
	}
	return uint32(s.Window) << scale
}

// length is SEG.LEN: text, SYN and FIN.
func (s *Segment) length() seq.Size {
	n := seq.Size(len(s.Payload))
	if s.Flags.Has(wire.SYN) {
		n++
	}
	if s.Flags.Has(wire.FIN) {
		n++
	}
	return n
}

// end is the sequence number after the segment.
func (s *Segment) end() seq.Value { return s.Seq.Add(s.length()) }

// textEnd is the sequence number after the text; a SYN comes before it.
func (s *Segment) textEnd() seq.Value {
	v := s.Seq.Add(seq.Size(len(s.Payload)))
	if s.Flags.Has(wire.SYN) {
		v++
	}
	return v
}
