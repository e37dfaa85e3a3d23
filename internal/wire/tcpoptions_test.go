package wire

import (
	"bytes"
	"testing"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// meaningful returns o with the fields that Present does not vouch for cleared.
func meaningful(o Options) Options {
	out := Options{Present: o.Present}
	if o.Present.Has(HasMSS) {
		out.MSS = o.MSS
	}
	if o.Present.Has(HasWScale) {
		out.WScale = o.WScale
	}
	if o.Present.Has(HasTimestamp) {
		out.TSVal, out.TSEcr = o.TSVal, o.TSEcr
	}
	if o.Present.Has(HasSACK) {
		out.NumSACK = o.NumSACK
		copy(out.SACK[:o.NumSACK], o.SACK[:])
	}
	return out
}

func TestParseOptions_ReadsLists(t *testing.T) {
	ts := Options{Present: HasTimestamp, TSVal: 0x01020304, TSEcr: 0x05060708}
	tests := []struct {
		name string
		b    []byte
		want Options
		ok   bool
	}{
		{"nothing", nil, Options{}, true},
		{"timestamp, usual form", []byte{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, ts, true},
		{"timestamp, other alignment", []byte{8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1}, ts, true},
		{"timestamp, after a NOP", []byte{1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0}, ts, true},
		{"usual SYN", []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 8}, Options{
			Present: HasMSS | HasSACKPermitted | HasTimestamp | HasWScale,
			MSS:     1460, TSVal: 0x01020304, TSEcr: 0x05060708, WScale: 8}, true},
		{"two blocks", []byte{1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 9}, Options{
			Present: HasSACK, NumSACK: 2, SACK: [4]seq.Range{{First: 1, End: 2}, {First: 5, End: 9}}}, true},
		{"window scale of 15 is taken as 14", []byte{3, 3, 15, 0}, Options{Present: HasWScale, WScale: 14}, true},
		{"MSS of zero is none", []byte{2, 4, 0, 0}, Options{}, true},
		{"the last of two counts", []byte{2, 4, 0, 9, 2, 4, 0, 8}, Options{Present: HasMSS, MSS: 8}, true},
		{"End stops", []byte{0, 2, 4, 0, 9}, Options{}, true},
		{"End hides a malformed rest", []byte{1, 0, 99, 0}, Options{}, true},
		{"unknown option is skipped", []byte{254, 4, 9, 9, 2, 4, 0, 8}, Options{Present: HasMSS, MSS: 8}, true},
		{"wrong length of MSS", []byte{2, 3, 9, 3, 3, 7}, Options{Present: HasWScale, WScale: 7}, true},
		{"wrong length of window scale", []byte{3, 4, 7, 7}, Options{}, true},
		{"wrong length of SACK permitted", []byte{4, 3, 0, 0}, Options{}, true},
		{"wrong length of timestamp", []byte{8, 9, 0, 0, 0, 0, 0, 0, 0, 0}, Options{}, true},
		{"SACK without blocks", []byte{5, 2}, Options{}, true},
		{"SACK with half a block", []byte{5, 6, 0, 0, 0, 1}, Options{}, true},
		{"length 0", []byte{2, 4, 0, 8, 99, 0}, Options{Present: HasMSS, MSS: 8}, false},
		{"length 1", []byte{99, 1, 0, 0}, Options{}, false},
		{"length past the end", []byte{2, 5, 0, 8}, Options{}, false},
		{"kind without length", []byte{1, 1, 1, 2}, Options{}, false},
	}
	for _, tt := range tests {
		// What an earlier segment left behind must not show.
		o := Options{Present: 0xff, MSS: 1, WScale: 1, NumSACK: 4, TSVal: 1, TSEcr: 1}
		if ok := ParseOptions(tt.b, &o); ok != tt.ok {
			t.Errorf("%s: %v, want %v", tt.name, ok, tt.ok)
		}
		if got := meaningful(o); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestParseOptions_FastPathEqualsTheWalk(t *testing.T) {
	b := []byte{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}
	for i := range b {
		for v := range 256 {
			c := bytes.Clone(b)
			c[i] = byte(v)
			var fast, slow Options
			if ParseOptions(c, &fast) != parseOptionList(c, &slow) || meaningful(fast) != meaningful(slow) {
				t.Fatalf("% x: %+v, the walk says %+v", c, fast, slow)
			}
		}
	}
}

func FuzzParseOptions(f *testing.F) {
	f.Add([]byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 8}, true)
	f.Add([]byte{1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 9}, false)
	f.Fuzz(func(t *testing.T, b []byte, syn bool) {
		if len(b) > TCPMaxOptionsLen {
			b = b[:TCPMaxOptionsLen]
		}
		var o Options
		if !ParseOptions(b, &o) {
			return
		}
		if o.NumSACK > MaxSACKBlocks || o.WScale > MaxWScale {
			t.Fatalf("out of range: %+v", o)
		}
		var buf [TCPMaxOptionsLen]byte
		n := PutOptions(buf[:], &o, syn)
		var again Options
		if !ParseOptions(buf[:n], &again) {
			t.Fatalf("we refuse what we wrote: % x", buf[:n])
		}
		if want := written(o, syn); meaningful(again) != want {
			t.Fatalf("%+v came back as %+v", want, meaningful(again))
		}
	})
}
