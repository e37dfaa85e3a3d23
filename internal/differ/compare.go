// Differences: where two traces part, and which class that is.

package differ

import (
	"fmt"
	"regexp"
	"strings"
)

// A Difference is the first step of a sequence at which the sides part.
type Difference struct {
	Sequence     *Sequence
	At           int
	Before       string // the state in which both were
	Kernel, Ours Observation
	Kernels      Trace // the whole way of each
	Us           Trace
}

// Step is the step at which they part.
func (d *Difference) Step() *Step { return &d.Sequence.Steps[d.At] }

// Compare returns the first difference that tolerate does not accept; nil if there
// is none. Where it is accepted the comparison goes on.
func Compare(s *Sequence, kernel, ours Trace, tolerate func(*Difference) bool) *Difference {
	before := "CLOSED"
	for i := range s.Steps {
		if !kernel[i].equal(ours[i]) {
			d := &Difference{s, i, before, kernel[i], ours[i], kernel, ours}
			if tolerate == nil || !tolerate(d) {
				return d
			}
		}
		before = kernel[i].State
	}
	return nil
}

var numbers = regexp.MustCompile(`-?\d+`)

// kind is an observation without its numbers.
func kind(o Observation) string {
	s := numbers.ReplaceAllString(strings.Join(o.Sent, "; "), "n")
	if s == "" {
		s = "nothing"
	}
	if o.Result != "" {
		s = o.Result + "; " + s
	}
	return s + " -> " + o.State
}

// Class is the signature of a difference.
func (d *Difference) Class() string {
	return fmt.Sprintf("%s | %s | kernel: %s | ours: %s", d.Before, d.Step().kind(), kind(d.Kernel), kind(d.Ours))
}

// kind is a step without what rarely matters.
func (s *Step) kind() string {
	if s.Op != Inject {
		return opNames[s.Op]
	}
	return numbers.ReplaceAllString(s.Seg.String(), "n")
}

// Tell writes a difference with the way to it.
func (d *Difference) Tell() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, peer offers %v\n", d.Sequence.Seed, d.Sequence.Profile)
	for i := range d.At {
		fmt.Fprintf(&b, "  %2d %v\n       %v\n", i, d.Sequence.Steps[i], d.Kernels[i])
		if !d.Kernels[i].equal(d.Us[i]) {
			fmt.Fprintf(&b, "       ours (explained): %v\n", d.Us[i])
		}
	}
	fmt.Fprintf(&b, "  %2d %v\n       kernel: %v\n       ours:   %v\n", d.At, d.Step(), d.Kernel, d.Ours)
	return b.String()
}
