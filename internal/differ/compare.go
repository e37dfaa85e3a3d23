// Differences: where two traces part, and which class that is.

package differ

import (
	"fmt"
	"regexp"
	"slices"
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

// Compare returns the first difference that no reason explains; nil if there is
// none. explained is called for every other; later says that the reason lies in an
// earlier step. compared counts the steps.
func Compare(s *Sequence, kernel, ours Trace, reasons []Reason, explained func(r *Reason, d *Difference, later bool)) (d *Difference, compared int) {
	before := "CLOSED"
	var latent *Reason
	drop := func(s string) string { return s }
	for i := range s.Steps {
		d := &Difference{s, i, before, kernel[i], ours[i], kernel, ours}
		d.Kernel.Sent, d.Ours.Sent = changed(d.Kernel.Sent, drop), changed(d.Ours.Sent, drop)
		before = kernel[i].State
		if at := slices.IndexFunc(reasons, func(r Reason) bool { return r.latent != nil && r.latent(d) }); at >= 0 {
			latent = &reasons[at]
		}
		if d.Kernel.equal(d.Ours) {
			continue
		}
		r, later := latent, true
		if at := slices.IndexFunc(reasons, func(r Reason) bool { return r.explains(d) }); at >= 0 {
			r, later = &reasons[at], false
		}
		if r == nil {
			return d, i
		}
		explained(r, d, later)
		was := drop
		switch {
		case later, r.then == stop:
			return nil, i
		case r.then == forgetEcho:
			drop = func(s string) string { return dropEcho(was(s)) }
		case r.then == forgetSACK:
			drop = func(s string) string { return dropBlocks(was(s)) }
		}
	}
	return nil, len(s.Steps)
}

var (
	numbers = regexp.MustCompile(`-?\d+`)
	blocks  = regexp.MustCompile(` \[[^,]+,[^)]+\)`)
	// An acknowledgment with its first block.
	firstBlock = regexp.MustCompile(`^(ACK -?\d+) \[[^)]*\)`)

	sending = regexp.MustCompile(`^(again|text|FIN) .*$`)
	text    = regexp.MustCompile(`^text \d+\.\.\d+$`)
	echo    = regexp.MustCompile(` ecr=-?\d+| ts`)
)

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
	return fmt.Sprintf("%s | %s | kernel: %s | ours: %s", d.Before, d.step().kind(), kind(d.Kernel), kind(d.Ours))
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
	fmt.Fprintf(&b, "  %2d %v\n       kernel: %v\n       ours:   %v\n", d.At, d.step(), d.Kernel, d.Ours)
	return b.String()
}
