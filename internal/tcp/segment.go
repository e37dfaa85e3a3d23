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
