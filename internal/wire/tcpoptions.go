// TCP options: reading (RFC 9293 §3.2, RFC 7323, RFC 2018).

package wire

import (
	"encoding/binary"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// OptionMask says which options are present.
type OptionMask uint8

// The options that we understand.
const (
	HasMSS OptionMask = 1 << iota
	HasWScale
	HasSACKPermitted
	HasTimestamp
	HasSACK
)

// Has reports whether all bits of want are present.
func (m OptionMask) Has(want OptionMask) bool { return m&want == want }

// Limits of options.
const (
	MaxWScale     = 14 // RFC 7323 §2.3: larger shifts are taken as 14
	MaxSACKBlocks = 4
	TimestampLen  = 12 // NOP NOP TS: what timestamps take from every segment
)

// Options is what a segment's options say. A field has a meaning only where
// Present says so: ParseOptions leaves the others as they were.
type Options struct {
	SACK         [MaxSACKBlocks]seq.Range // the first NumSACK
	TSVal, TSEcr uint32
	MSS          uint16
	Present      OptionMask
	WScale       uint8 // 0..MaxWScale
	NumSACK      uint8
}

// Kinds and lengths of options.
const (
	optEnd, optNop                     = 0, 1
	optMSS, optMSSLen                  = 2, 4
	optWScale, optWScaleLen            = 3, 3
	optSACKPermitted, optSACKPermitLen = 4, 2
	optSACK, optSACKBlockLen           = 5, 8
	optTimestamp, optTimestampLen      = 8, 10
)

// optTimestampWord is NOP NOP TS 10: how a segment of nearly every peer begins
// its options.
const optTimestampWord = optNop<<24 | optNop<<16 | optTimestamp<<8 | optTimestampLen

// ParseOptions reads an option list. It is false when the list is malformed: a
// length below two, or past the end (MUST-7); o holds what stood before that.
// Unknown options are skipped by their length (MUST-6), and so are known ones
// of a wrong length, as Linux does. When an option is repeated the last one counts.
func ParseOptions(b []byte, o *Options) bool {
	o.Present, o.NumSACK = 0, 0
	if len(b) == TimestampLen && binary.BigEndian.Uint32(b) == optTimestampWord {
		p := (*[TimestampLen]byte)(b)
		o.TSVal, o.TSEcr = binary.BigEndian.Uint32(p[4:8]), binary.BigEndian.Uint32(p[8:12])
		o.Present = HasTimestamp
		return true
	}
	return parseOptionList(b, o)
}

// parseOptionList walks any list, option by option.
func parseOptionList(b []byte, o *Options) bool {
	for len(b) > 0 {
		switch b[0] {
		case optEnd:
			return true
		case optNop:
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			return false
		}
		n := int(b[1])
		if n < 2 || n > len(b) {
			return false
		}
		o.take(b[0], b[2:n])
		b = b[n:]
	}
	return true
}

// take reads one option's value; a value of the wrong length changes nothing.
func (o *Options) take(kind byte, v []byte) {
	switch {
	case kind == optMSS && len(v) == optMSSLen-2:
		o.takeMSS(binary.BigEndian.Uint16(v))
	case kind == optWScale && len(v) == optWScaleLen-2:
		o.WScale = min(v[0], MaxWScale)
		o.Present |= HasWScale
	case kind == optSACKPermitted && len(v) == optSACKPermitLen-2:
		o.Present |= HasSACKPermitted
	case kind == optTimestamp && len(v) == optTimestampLen-2:
		o.TSVal, o.TSEcr = binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
		o.Present |= HasTimestamp
	case kind == optSACK && len(v) > 0 && len(v)%optSACKBlockLen == 0:
		o.takeSACK(v)
	}
}

// takeMSS ignores a size of zero, which would let nothing be sent; so does Linux.
func (o *Options) takeMSS(mss uint16) {
	if mss != 0 {
		o.MSS = mss
		o.Present |= HasMSS
	}
}

// takeSACK reads blocks as they are: whether they make sense is for the engine.
func (o *Options) takeSACK(v []byte) {
	n := min(len(v)/optSACKBlockLen, MaxSACKBlocks)
	for i := range n {
		block := (*[optSACKBlockLen]byte)(v[i*optSACKBlockLen:])
		o.SACK[i] = seq.Range{
			First: seq.Value(binary.BigEndian.Uint32(block[0:4])),
			End:   seq.Value(binary.BigEndian.Uint32(block[4:8])),
		}
	}
	o.NumSACK = uint8(n) // at most MaxSACKBlocks
	o.Present |= HasSACK
}
