// TCP options: writing, in Linux's order and alignment, so that the headers of
// this stack look familiar to peers, middleboxes and people:
//
//	SYN with timestamps     mss, sackOK, TS, nop, wscale
//	SYN without             mss, nop, nop, sackOK, nop, wscale
//	other segments          nop, nop, TS, nop, nop, sack

package wire

import "encoding/binary"

// PutOptions writes the options of o that belong into a segment with or without
// SYN, and returns their length, a multiple of four. b must have room for
// TCPMaxOptionsLen octets. SACK blocks that do not fit are left out: with
// timestamps there is room for three.
func PutOptions(b []byte, o *Options, syn bool) int {
	p := (*[TCPMaxOptionsLen]byte)(b)
	if syn {
		return putSYNOptions(p, o)
	}
	n := 0
	if o.Present&HasTimestamp != 0 {
		n = putTimestamp(p, 0, optTimestampWord, o)
	}
	if blocks := o.sackBlocks(); blocks > 0 {
		n = putSACK(p, n, o, blocks)
	}
	return n
}

// OptionsLen returns how long the options of o are in a segment with or without SYN.
func OptionsLen(o *Options, syn bool) int {
	if !syn {
		n := 0
		if o.Present&HasTimestamp != 0 {
			n = TimestampLen
		}
		if blocks := o.sackBlocks(); blocks > 0 {
			n += 4 + blocks*optSACKBlockLen
		}
		return n
	}
	n := 0
	if o.Present&HasMSS != 0 {
		n += 4
	}
	switch {
	case o.Present&HasTimestamp != 0:
		n += TimestampLen
	case o.Present&HasSACKPermitted != 0:
		n += 4
	}
	if o.Present&HasWScale != 0 {
		n += 4
	}
	return n
}

// sackBlocks is how many blocks there are and fit.
func (o *Options) sackBlocks() int {
	if o.Present&HasSACK == 0 {
		return 0
	}
	if o.Present&HasTimestamp != 0 {
		return min(int(o.NumSACK), MaxSACKBlocks-1)
	}
	return min(int(o.NumSACK), MaxSACKBlocks)
}

func putSYNOptions(p *[TCPMaxOptionsLen]byte, o *Options) int {
	n := 0
	if o.Present&HasMSS != 0 {
		n = putWord(p, n, optMSS<<24|optMSSLen<<16|uint32(o.MSS))
	}
	// sackOK takes the place of the two NOPs before a timestamp when there is one.
	const sackOK = optSACKPermitted<<8 | optSACKPermitLen
	switch o.Present & (HasTimestamp | HasSACKPermitted) {
	case HasTimestamp | HasSACKPermitted:
		n = putTimestamp(p, n, sackOK<<16|optTimestamp<<8|optTimestampLen, o)
	case HasTimestamp:
		n = putTimestamp(p, n, optTimestampWord, o)
	case HasSACKPermitted:
		n = putWord(p, n, optNop<<24|optNop<<16|sackOK)
	}
	if o.Present&HasWScale != 0 {
		n = putWord(p, n, optNop<<24|optWScale<<16|optWScaleLen<<8|uint32(min(o.WScale, MaxWScale)))
	}
	return n
}

func putTimestamp(p *[TCPMaxOptionsLen]byte, n int, head uint32, o *Options) int {
	n = putWord(p, n, head)
	n = putWord(p, n, o.TSVal)
	return putWord(p, n, o.TSEcr)
}

func putSACK(p *[TCPMaxOptionsLen]byte, n int, o *Options, blocks int) int {
	length := uint32(2 + blocks*optSACKBlockLen) // at most 34
	n = putWord(p, n, optNop<<24|optNop<<16|optSACK<<8|length)
	for _, r := range o.SACK[:blocks] {
		n = putWord(p, n, uint32(r.First))
		n = putWord(p, n, uint32(r.End))
	}
	return n
}

// putWord writes four octets at n and returns the place after them.
func putWord(p *[TCPMaxOptionsLen]byte, n int, v uint32) int {
	binary.BigEndian.PutUint32(p[n:n+4], v)
	return n + 4
}
