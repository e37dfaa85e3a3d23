// Shrinking: steps are left out as long as the difference stays what it is.

package differ

import "slices"

// Shrink returns the difference with as few steps before it as it needs.
func (k *Kernel) Shrink(d *Difference, reasons []Reason) (*Difference, error) {
	name, _ := nameOf(d, reasons)
	for {
		var tries []*Sequence
		for i := range d.At {
			s := *d.Sequence
			s.Steps = slices.Delete(slices.Clone(d.Sequence.Steps[:d.At+1]), i, i+1)
			tries = append(tries, &s)
		}
		if len(tries) == 0 {
			return d, nil
		}
		kernel, ours, err := k.both(tries)
		if err != nil {
			return nil, err
		}
		was := d
		for i, s := range tries {
			if x := last(s, kernel[i], ours[i], reasons); x != nil && x.At == len(s.Steps)-1 {
				if n, ok := nameOf(x, reasons); ok && n == name {
					d = x
					break
				}
			}
		}
		if d == was {
			return d, nil
		}
	}
}

// last returns the last difference of two traces, explained or not.
func last(s *Sequence, kernel, ours Trace, reasons []Reason) (d *Difference) {
	found, _ := Compare(s, kernel, ours, reasons, func(_ *Reason, x *Difference, _ bool) { d = x })
	if found != nil {
		return found
	}
	return d
}

// nameOf is what a difference is called: by its reason, or by its class.
func nameOf(d *Difference, reasons []Reason) (string, bool) {
	if d.Kernel.equal(d.Ours) {
		return "", false
	}
	for i := range reasons {
		if reasons[i].explains(d) {
			return reasons[i].Name, true
		}
	}
	return d.Class(), true
}
