// What is compared: the answers to a step, without what may differ.

package differ

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// An Observation is what a side did in one step.
type Observation struct {
	State  string   // afterwards
	Result string   // of the call
	Sent   []string // see normalise
	Marks  string   // see marksOf
	Facts  Facts    // of the segment
}

// A Trace is a side's way through a sequence.
type Trace []Observation

func (o Observation) equal(x Observation) bool {
	return o.State == x.State && o.Result == x.Result && slices.Equal(o.Sent, x.Sent) && o.Marks == x.Marks
}

func (o Observation) String() string {
	s := strings.Join(o.Sent, "; ")
	if s == "" {
		s = "nothing"
	}
	s += o.Marks
	if o.Result != "" {
		s = o.Result + "; " + s
	}
	return s + " -> " + o.State
}

// normalise says what answers amount to. What may differ is left out: initial
// sequence numbers, window sizes, the clock of timestamps, how text is cut into
// segments, PSH, and how many times the same acknowledgment is sent.
//
//	SYN, SYN-ACK   with which options
//	RST            with which numbers
//	text           new, or again, from where to where
//	FIN            its number
//	ACK            the last one: its number, SACK blocks and timestamp echo
func (v *view) normalise(step *Step, in []answer) []string {
	var out []string
	add := func(format string, args ...any) {
		s := fmt.Sprintf(format, args...)
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for i := range in {
		a := &in[i]
		switch {
		case a.other != "":
			add("%s", a.other)
		case a.flags.Has(wire.SYN):
			if a.seq == 0 && v.synSeen && (!a.atOnce || !a.flags.Has(wire.ACK) || v.repeats(step)) {
				continue // by its timer
			}
			v.synSeen = true
			add("%s", v.describeSYN(a))
		case a.flags.Has(wire.RST):
			add("%s", v.describeRST(step, a))
		}
		if a.corrupt {
			add("text that was not written")
		}
	}
	for _, again := range []bool{false, true} {
		for _, r := range textOf(in, again) {
			word := "text"
			if again {
				word = "again"
			}
			add("%s %d..%d", word, r[0], r[1])
		}
	}
	for i := range in {
		if a := &in[i]; a.flags&(wire.FIN|wire.RST|wire.SYN) == wire.FIN && a.other == "" {
			add("FIN %d", a.seq+a.n)
		}
	}
	if s := v.lastACK(in); s != "" {
		add("%s", s)
	}
	return out
}

// marksOf says what of the answer may be marked on the way, and whether it says that
// the window was reduced. How much text there was does not matter.
func marksOf(in []answer) string {
	news, again, bare, cwr := "", "", "", ""
	for i := range in {
		a := &in[i]
		switch {
		case a.ecn == wire.NotECT:
		case a.n == 0:
			bare = " ect without text"
		case !a.isNew:
			again = " ect again"
		default:
			news = fmt.Sprintf(" ect%d", a.ecn&1)
		}
		if a.flags&(wire.CWR|wire.SYN) == wire.CWR {
			cwr = " cwr"
		}
	}
	return news + again + bare + cwr
}

// repeats reports that a SYN in the answer to the step can only be one that was
// sent before.
func (v *view) repeats(step *Step) bool {
	return step.Op != Connect && !(step.Op == Inject && step.Seg.Flags.Has(wire.SYN))
}

func (v *view) describeSYN(a *answer) string {
	s := "SYN"
	if a.flags.Has(wire.ACK) {
		s = fmt.Sprintf("SYN-ACK %d", int32(a.ack))
	}
	if a.flags.HasAny(wire.ECE | wire.CWR) {
		s += " ecn"
	}
	if a.o.Present.Has(wire.HasMSS) {
		s += fmt.Sprintf(" mss=%d", a.o.MSS)
	}
	for _, x := range []struct {
		bit  wire.OptionMask
		name string
	}{{wire.HasSACKPermitted, " sack"}, {wire.HasWScale, " ws"}} {
		if a.o.Present.Has(x.bit) {
			s += x.name
		}
	}
	return s + v.echo(a)
}

func (v *view) describeRST(step *Step, a *answer) string {
	switch {
	case a.flags.Has(wire.ACK) && a.fromZero && step.Op == Inject && step.Seg.Seq == AtEdge:
		return "RST-ACK seq=zero" // the number comes from a window
	case a.flags.Has(wire.ACK) && a.fromZero:
		return fmt.Sprintf("RST-ACK seq=zero ack=%d", int32(a.ack))
	case a.flags.Has(wire.ACK):
		return fmt.Sprintf("RST-ACK seq=%d ack=%d", int32(a.seq), int32(a.ack))
	}
	return fmt.Sprintf("RST seq=%d", int32(a.seq))
}

// echo is the timestamp echo, as the peer's clock said.
func (v *view) echo(a *answer) string {
	switch {
	case !a.o.Present.Has(wire.HasTimestamp):
		return ""
	case a.o.TSEcr == 0:
		return " ts"
	}
	return fmt.Sprintf(" ecr=%d", int32(a.o.TSEcr-v.p.Clock))
}

// textOf returns the ranges of text, new or again, joined.
func textOf(in []answer, again bool) (out [][2]uint32) {
	for i := range in {
		a := &in[i]
		if a.n == 0 || a.flags.HasAny(wire.RST) || a.other != "" || a.isNew == again {
			continue
		}
		if k := len(out); k > 0 && out[k-1][1] == a.seq {
			out[k-1][1] = a.seq + a.n
			continue
		}
		out = append(out, [2]uint32{a.seq, a.seq + a.n})
	}
	return out
}

// place writes a number of the peer's stream. One near a window's edge counts from
// there, since the sides choose their windows.
func (v *view) place(n uint32) string {
	if int32(n-v.next) > nearEdge {
		for i, e := range v.edges {
			if d := int32(n - e); abs(d) <= nearEdge {
				return fmt.Sprintf("edge%d%+d", i, d)
			}
		}
	}
	return fmt.Sprint(int32(n - v.p.ISS))
}

// lastACK describes the acknowledgment that remains.
func (v *view) lastACK(in []answer) string {
	for i := len(in) - 1; i >= 0; i-- {
		a := &in[i]
		if a.other != "" || a.flags.HasAny(wire.RST|wire.SYN) || !a.flags.Has(wire.ACK) {
			continue
		}
		s := fmt.Sprintf("ACK %d", int32(a.ack))
		for _, r := range a.o.SACK[:a.o.NumSACK] {
			s += fmt.Sprintf(" [%s,%s)", v.place(uint32(r.First)), v.place(uint32(r.End)))
		}
		if a.window == 0 {
			s += " win0"
		}
		if a.flags.Has(wire.ECE) {
			s += " ece"
		}
		return s + v.echo(a)
	}
	return ""
}
