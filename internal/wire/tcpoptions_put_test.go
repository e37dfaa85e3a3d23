package wire

import (
	"bytes"
	"testing"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// written returns what of o a segment can say.
func written(o Options, syn bool) Options {
	o = meaningful(o)
	if syn {
		o.Present &^= HasSACK
	} else {
		o.Present &= HasSACK | HasTimestamp
		if o.Present.Has(HasTimestamp) {
			o.NumSACK = min(o.NumSACK, 3)
		}
	}
	return meaningful(o)
}

func TestPutOptions_FollowsLinuxOrderAndAlignment(t *testing.T) {
	all := Options{
		MSS: 1460, WScale: 8, TSVal: 0x0a0b0c0d, TSEcr: 0x01020304,
		NumSACK: 4, SACK: [4]seq.Range{{First: 1, End: 2}, {First: 3, End: 4}, {First: 5, End: 6}, {First: 7, End: 8}},
	}
	mss := []byte{2, 4, 5, 0xb4}
	ts := []byte{8, 10, 10, 11, 12, 13, 1, 2, 3, 4}
	nops := []byte{1, 1}
	ws := []byte{1, 3, 3, 8}
	block := func(n byte) []byte { return []byte{0, 0, 0, 2*n + 1, 0, 0, 0, 2*n + 2} }
	cat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name    string
		present OptionMask
		syn     bool
		want    []byte
	}{
		{"no option", 0, true, nil},
		{"SYN with all", HasMSS | HasSACKPermitted | HasTimestamp | HasWScale, true, cat(mss, []byte{4, 2}, ts, ws)},
		{"SYN without timestamps", HasMSS | HasSACKPermitted | HasWScale, true, cat(mss, nops, []byte{4, 2}, ws)},
		{"SYN without SACK", HasMSS | HasTimestamp | HasWScale, true, cat(mss, nops, ts, ws)},
		{"SYN with MSS alone", HasMSS, true, mss},
		{"SYN with MSS and scale", HasMSS | HasWScale, true, cat(mss, ws)},
		{"SYN never carries blocks", HasMSS | HasSACK, true, mss},
		{"segment", HasTimestamp, false, cat(nops, ts)},
		{"segment never carries SYN options", HasMSS | HasSACKPermitted | HasWScale | HasTimestamp, false, cat(nops, ts)},
		{"blocks alone", HasSACK, false, cat(nops, []byte{5, 34}, block(0), block(1), block(2), block(3))},
		{"blocks with timestamps", HasSACK | HasTimestamp, false, cat(nops, ts, nops, []byte{5, 26}, block(0), block(1), block(2))},
	}
	for _, tt := range tests {
		o := all
		o.Present = tt.present
		var b [TCPMaxOptionsLen]byte
		n := PutOptions(b[:], &o, tt.syn)
		if !bytes.Equal(b[:n], tt.want) {
			t.Errorf("%s:\n% x, want\n% x", tt.name, b[:n], tt.want)
		}
		if got := OptionsLen(&o, tt.syn); got != n {
			t.Errorf("%s: OptionsLen %d, written %d", tt.name, got, n)
		}
	}
}

func TestPutOptions_EveryCombinationRoundTripsAligned(t *testing.T) {
	for present := range 32 {
		for blocks := range 5 {
			for _, syn := range []bool{false, true} {
				o := Options{Present: OptionMask(present), MSS: 536, WScale: 14, TSVal: 1, TSEcr: 2, NumSACK: uint8(blocks)}
				if blocks == 0 {
					o.Present &^= HasSACK
				}
				var b [TCPMaxOptionsLen]byte
				n := PutOptions(b[:], &o, syn)
				var again Options
				if n%4 != 0 || n != OptionsLen(&o, syn) || !ParseOptions(b[:n], &again) || meaningful(again) != written(o, syn) {
					t.Errorf("%05b, %d blocks, syn %v: %d octets, %+v", present, blocks, syn, n, meaningful(again))
				}
			}
		}
	}
}

func TestPutOptions_NeverWritesAnImpossibleScale(t *testing.T) {
	var b [TCPMaxOptionsLen]byte
	PutOptions(b[:], &Options{Present: HasWScale, WScale: 200}, true)
	if b[3] != MaxWScale {
		t.Errorf("scale %d written, want %d at most", b[3], MaxWScale)
	}
}
