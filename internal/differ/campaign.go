// A campaign: many sequences through both sides, and what came of it.

package differ

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// repeats is how often a difference must show again, alone, to count.
const repeats = 3

// A Report is what a campaign found.
type Report struct {
	Sequences       int
	Steps, Compared int            // compared: until the sides part
	States          map[string]int // sequences in which the kernel was in that state
	Explained       map[string]int // differences by reason
	Later           map[string]int // of them, those that showed in a later step
	Flaky           int            // differences that did not show again
	Differences     []*Difference  // without a reason, the shortest of each class

	reasons  []Reason
	shortest map[string]*Difference // by reason
	total    int                    // of differences without a reason
}

// Campaign runs the sequences of n seeds from first on, so many at a time. progress
// is called after every batch.
func (k *Kernel) Campaign(first uint64, n, batch int, progress func(*Report)) (*Report, error) {
	r := &Report{
		States: make(map[string]int), Explained: make(map[string]int), Later: make(map[string]int), reasons: Reasons(), shortest: make(map[string]*Difference),
	}
	for r.Sequences < n {
		all := make([]*Sequence, min(batch, n-r.Sequences, MaxBatch))
		for i := range all {
			all[i] = Generate(first + uint64(r.Sequences+i))
		}
		if err := k.round(r, all); err != nil {
			return r, err
		}
		r.Sequences += len(all)
		progress(r)
	}
	return r, nil
}

// round runs and compares one batch, and tries again where the sides part.
func (k *Kernel) round(r *Report, all []*Sequence) error {
	kernel, ours, err := k.both(all)
	if err != nil {
		return err
	}
	var doubtful []*Difference
	for i, s := range all {
		r.visit(kernel[i])
		d, n := Compare(s, kernel[i], ours[i], r.reasons, r.explain)
		r.Steps += len(s.Steps)
		r.Compared += n
		if d != nil {
			doubtful = append(doubtful, d)
		}
	}
	sure, err := k.again(r, doubtful)
	for _, d := range sure {
		r.add(d)
	}
	return err
}

// both runs sequences on both sides.
func (k *Kernel) both(all []*Sequence) (kernel, ours []Trace, err error) {
	if kernel, err = k.Run(all); err != nil {
		return nil, nil, err
	}
	ours = make([]Trace, len(all))
	for i, s := range all {
		if ours[i], err = RunOurs(s); err != nil {
			return nil, nil, err
		}
	}
	return kernel, ours, nil
}

// again returns the differences that show every time; the others are flaky.
func (k *Kernel) again(r *Report, doubtful []*Difference) ([]*Difference, error) {
	for range repeats {
		if len(doubtful) == 0 {
			return nil, nil
		}
		all := make([]*Sequence, len(doubtful))
		for i, d := range doubtful {
			all[i] = d.Sequence
		}
		kernel, ours, err := k.both(all)
		if err != nil {
			return nil, err
		}
		var kept []*Difference
		for i, was := range doubtful {
			d, _ := Compare(all[i], kernel[i], ours[i], r.reasons, func(*Reason, *Difference, bool) {})
			if d != nil && d.Class() == was.Class() {
				kept = append(kept, d)
			} else {
				r.Flaky++
			}
		}
		doubtful = kept
	}
	return doubtful, nil
}

// visit counts the states of a trace.
func (r *Report) visit(t Trace) {
	seen := map[string]bool{"CLOSED": true} // where every sequence begins
	for _, o := range t {
		seen[o.State] = true
	}
	for s := range seen {
		r.States[s]++
	}
}

func (r *Report) explain(why *Reason, d *Difference, later bool) {
	r.Explained[why.Name]++
	if later {
		r.Later[why.Name]++
		return
	}
	if had := r.shortest[why.Name]; had == nil || d.At < had.At {
		r.shortest[why.Name] = d
	}
}

// add keeps the shortest of each class.
func (r *Report) add(d *Difference) {
	r.total++
	for i, had := range r.Differences {
		if had.Class() == d.Class() {
			if d.At < had.At {
				r.Differences[i] = d
			}
			return
		}
	}
	r.Differences = append(r.Differences, d)
}

// String is the report in a few lines.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d sequences, %d of %d steps compared\n", r.Sequences, r.Compared, r.Steps)
	for _, s := range slices.Sorted(maps.Keys(r.States)) {
		fmt.Fprintf(&b, "%8d sequences in %s\n", r.States[s], s)
	}
	for i := range r.reasons {
		name := r.reasons[i].Name
		fmt.Fprintf(&b, "%8d %s", r.Explained[name], name)
		if n := r.Later[name]; n > 0 {
			fmt.Fprintf(&b, " (%d later)", n)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%8d flaky\n%8d without a reason, in %d classes\n", r.Flaky, r.total, len(r.Differences))
	return b.String()
}

// Table writes the reasons as rows of a document, each with the shortest way to it.
func (k *Kernel) Table(w io.Writer, r *Report) error {
	order := slices.Clone(r.reasons)
	slices.SortStableFunc(order, func(a, b Reason) int { return cmp.Compare(r.Explained[b.Name], r.Explained[a.Name]) })
	for _, why := range order {
		d := r.shortest[why.Name]
		if d == nil {
			continue
		}
		short, err := k.Shrink(d, r.reasons)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s |\n", why.Name, r.Explained[why.Name], short.way(), short.Kernel, short.Ours, why.Why)
	}
	return nil
}

// way is the way to a difference, with it.
func (d *Difference) way() string {
	words := make([]string, 0, d.At+1)
	for _, s := range d.Sequence.Steps[:d.At+1] {
		words = append(words, s.String())
	}
	return strings.Join(words, "; ")
}
