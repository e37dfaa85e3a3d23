// What can be asked of a difference.

package differ

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/wire"
)

func (d *Difference) step() *Step { return &d.Sequence.Steps[d.At] }

func (d *Difference) seg() *Segment { return &d.step().Seg }

func (d *Difference) facts() *Facts { return &d.Kernel.Facts }

// isSegment reports a segment that has all flags of one set and none of the other.
func (d *Difference) isSegment(has, hasNot wire.Flags) bool {
	s := d.step()
	return s.Op == Inject && s.Seg.Flags.Has(has) && !s.Seg.Flags.HasAny(hasNot)
}

// sameState reports that both end in one of the states, or in any when none is given.
func (d *Difference) sameState(of ...string) bool {
	return d.Kernel.State == d.Ours.State && (len(of) == 0 || slices.Contains(of, d.Kernel.State))
}

func (d *Difference) kernelSilent() bool { return len(d.Kernel.Sent) == 0 }
func (d *Difference) oursSilent() bool   { return len(d.Ours.Sent) == 0 }

// isText reports a segment with text; end is the number after it.
func (d *Difference) isText() bool { return d.step().Op == Inject && d.seg().Len > 0 }

func (d *Difference) end() int32 {
	end := d.facts().Seq + int32(d.seg().Len)
	for _, f := range []wire.Flags{wire.SYN, wire.FIN} {
		if d.seg().Flags.Has(f) {
			end++
		}
	}
	return end
}

// anyIn reports that a segment that came in a state is like that.
func (d *Difference) anyIn(state string, is func(*Step, *Facts) bool) bool {
	for i := 1; i < d.At; i++ {
		if s := &d.Sequence.Steps[i]; s.Op == Inject && d.Kernels[i-1].State == state && is(s, &d.Kernels[i].Facts) {
			return true
		}
	}
	return false
}

// any reports that a segment up to here is like that.
func (d *Difference) any(is func(*Step, *Facts) bool) bool {
	for i := range d.At + 1 {
		if s := &d.Sequence.Steps[i]; s.Op == Inject && is(s, &d.Kernels[i].Facts) {
			return true
		}
	}
	return false
}

// did reports that the call was made.
func (d *Difference) did(op Op) bool {
	return slices.ContainsFunc(d.Sequence.Steps[:d.At], func(s Step) bool { return s.Op == op })
}

// isOld reports a timestamp that goes back.
func (d *Difference) isOld() bool {
	return d.seg().Stamp == StampOld || d.any(func(s *Step, _ *Facts) bool { return s.Seg.Stamp == StampFuture })
}

// sentBefore reports that the kernel has sent such a thing in the present state.
func (d *Difference) sentBefore(what string) bool {
	for i := d.At - 1; i >= 0 && d.Kernels[i].State == d.Before; i-- {
		if only(d.Kernels[i].Sent, what) {
			return true
		}
	}
	return false
}

func only(sent []string, what string) bool { return len(sent) == 1 && strings.HasPrefix(sent[0], what) }

// wasIn reports that the connection has been in one of the states.
func (d *Difference) wasIn(states ...string) bool {
	for _, o := range d.Kernels[:d.At] {
		if slices.Contains(states, o.State) {
			return true
		}
	}
	return false
}

// sameBut reports that both sent the same when change is made to all of it.
func (d *Difference) sameBut(change func(string) string) bool {
	if d.any(ackIsOld) { // the echo has its own reason
		was := change
		change = func(s string) string { return dropEcho(was(s)) }
	}
	return d.Kernel.Result == d.Ours.Result &&
		slices.Equal(changed(d.Kernel.Sent, change), changed(d.Ours.Sent, change))
}

func ackIsOld(s *Step, f *Facts) bool { return s.Seg.Flags.Has(wire.ACK) && f.Ack < f.Old }

// changed makes a change to everything; what is empty then is left out.
func changed(in []string, change func(string) string) (out []string) {
	for _, s := range in {
		if s = change(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func dropWords(words ...string) func(string) string {
	return func(s string) string {
		for _, w := range words {
			s = strings.ReplaceAll(s, w, "")
		}
		return s
	}
}

// dropBlocks leaves out SACK blocks, dropEcho the timestamp echo.
func dropBlocks(s string) string { return blocks.ReplaceAllString(s, "") }

// dropText leaves out how far text goes, dropSending all of it and its
// acknowledgment.
func dropText(s string) string { return text.ReplaceAllString(s, "text") }

func dropSending(s string) string { return sending.ReplaceAllString(s, "") }

func dropEcho(s string) string { return echo.ReplaceAllString(s, "") }

// otherBlocks reports that the SACK blocks are not the same, and all else is.
func (d *Difference) otherBlocks() bool {
	return d.sameBut(dropBlocks) && !slices.Equal(changed(d.Kernel.Sent, dropEcho), changed(d.Ours.Sent, dropEcho))
}

// sackBlocks returns the SACK blocks of the single acknowledgment that each side has
// sent.
func (d *Difference) sackBlocks() (kernel, ours []string) {
	if only(d.Kernel.Sent, "ACK") && only(d.Ours.Sent, "ACK") {
		kernel, ours = blocks.FindAllString(d.Kernel.Sent[0], -1), blocks.FindAllString(d.Ours.Sent[0], -1)
	}
	return kernel, ours
}

// ahead returns by how many octets the kernel has sent more new text than we.
func (d *Difference) ahead() int { return textEnd(d.Kernel) - textEnd(d.Ours) }

// textEnd returns how far new text goes.
func textEnd(o Observation) (end int) {
	for _, s := range o.Sent {
		var first int
		_, _ = fmt.Sscanf(s, "text %d..%d", &first, &end) // other things leave it as it was
	}
	return end
}

// sameSending reports that the sides part only in what they send of their text and
// FIN. An acknowledgment that only goes with it does not count, unless it acknowledges
// something.
func (d *Difference) sameSending() bool {
	if !d.sameState() || d.Kernel.Result != d.Ours.Result {
		return false
	}
	kernel, ours := changed(d.Kernel.Sent, dropSending), changed(d.Ours.Sent, dropSending)
	if slices.Equal(kernel, ours) {
		return true
	}
	news := ""
	if d.step().Op == Inject {
		news = fmt.Sprintf("ACK %d", d.facts().Next)
	}
	kernel, ours = withoutACK(kernel, news, len(d.Kernel.Sent)), withoutACK(ours, news, len(d.Ours.Sent))
	return slices.Equal(kernel, ours)
}

// withoutACK leaves out the acknowledgment if something else, of n in all, was
// sent with it, and it says what the one before said.
func withoutACK(sent []string, before string, n int) []string {
	if len(sent) == 1 && n > 1 && (before == "" || strings.HasPrefix(sent[0]+" ", before+" ")) {
		return nil
	}
	return sent
}

func sends(o Observation, what string) bool {
	return slices.ContainsFunc(o.Sent, func(s string) bool { return strings.HasPrefix(s, what) })
}

// sentAgain reports that something was sent again before.
func (d *Difference) sentAgain() bool {
	return slices.ContainsFunc(d.Kernels[:d.At], func(o Observation) bool { return sends(o, "again") })
}

// shrinksAlone reports a smaller window in a segment that is neither newer than the
// one before nor acknowledges anything new.
func shrinksAlone(s *Step, f *Facts) bool {
	return s.Seg.Flags.Has(wire.ACK) && s.Seg.Window > 0 && s.Seg.Window < normalWindow && !f.NewSeq && f.Ack <= f.Old
}

func hasSACK(s *Step, _ *Facts) bool { return len(s.Seg.SACK) > 0 }
