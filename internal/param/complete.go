// Defaults and bounds, for a struct that has the table's names.

package param

import (
	"fmt"
	"reflect"
)

// Complete gives every field of the struct that s points to its default where
// it is zero, and refuses values that are out of range.
func (t *Table) Complete(s any) error {
	v := reflect.ValueOf(s).Elem()
	for i := range t.Parameters {
		p := &t.Parameters[i]
		f := v.FieldByName(p.Name)
		switch {
		case p.IsNumber():
			if f.Int() == 0 {
				f.SetInt(p.Default)
			}
			if err := p.Check(f.Int()); err != nil {
				return fmt.Errorf("%s: %s %w", p.Name, p.Format(f.Int()), err)
			}
		case p.Kind == Choice:
			if f.String() == "" {
				f.SetString(p.Values[0])
			}
			if err := p.CheckChoice(f.String()); err != nil {
				return fmt.Errorf("%s: %q %w", p.Name, f.String(), err)
			}
		}
	}
	_, err := t.Related(s, (*Parameter).goName)
	return err
}

func (p *Parameter) goName() string { return p.Name }

// Related checks how the numbers of a struct stand to each other. Zero is the
// default. When they do not fit it returns the two, and says so with the names
// that name gives them.
func (t *Table) Related(s any, name func(*Parameter) string) (pair []*Parameter, err error) {
	v := reflect.ValueOf(s).Elem()
	for _, r := range t.Relations {
		low, high := t.find(r.Low), t.find(r.High)
		a, b := v.FieldByName(r.Low).Int(), v.FieldByName(r.High).Int()
		if a == 0 {
			a = low.Default
		}
		if b == 0 {
			b = high.Default
		}
		if r.Times*a > b {
			return []*Parameter{low, high}, fmt.Errorf("%s of %s does not fit %s of %s: at most %s is possible",
				name(low), low.Format(a), name(high), high.Format(b), low.Format(b/r.Times))
		}
	}
	return nil, nil
}
