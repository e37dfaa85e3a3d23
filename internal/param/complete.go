// Defaults and bounds, for a struct that has the table's names.

package param

import (
	"fmt"
	"math"
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
			if number(f) == 0 {
				if p.Later != "" {
					continue
				}
				SetNumber(f, p.Default)
			}
			if err := p.Check(number(f)); err != nil {
				return fmt.Errorf("%s: %s %w", p.Name, p.Format(number(f)), err)
			}
		case p.Kind == Choice:
			if err := p.completeChoice(f); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		case p.Kind == Ints:
			for j := range f.Len() {
				if err := p.Check(number(f.Index(j))); err != nil {
					return fmt.Errorf("%s: %d %w", p.Name, number(f.Index(j)), err)
				}
			}
		}
	}
	_, err := t.Related(s, (*Parameter).goName)
	return err
}

func (p *Parameter) completeChoice(f reflect.Value) error {
	if f.Kind() != reflect.String {
		if n := number(f); n < 0 || n >= int64(len(p.Values)) {
			return fmt.Errorf("%d is none of %s", n, p.Range())
		}
		return nil
	}
	if f.String() == "" {
		f.SetString(p.Values[0])
	}
	if err := p.CheckChoice(f.String()); err != nil {
		return fmt.Errorf("%q %w", f.String(), err)
	}
	return nil
}

// number reads an integer of any type.
func number(f reflect.Value) int64 {
	if f.CanUint() {
		return int64(min(f.Uint(), math.MaxInt64))
	}
	return f.Int()
}

// SetNumber writes an integer of any type, in whose range v is.
func SetNumber(f reflect.Value, v int64) {
	if f.CanUint() {
		f.SetUint(uint64(v))
		return
	}
	f.SetInt(v)
}

func (p *Parameter) goName() string { return p.Name }

// Related checks how the numbers of a struct stand to each other. Zero is the
// default. When they do not fit it returns the two, and says so with the names
// that name gives them.
func (t *Table) Related(s any, name func(*Parameter) string) (pair []*Parameter, err error) {
	v := reflect.ValueOf(s).Elem()
	for _, r := range t.Relations {
		low, high := t.find(r.Low), t.find(r.High)
		a, b := number(v.FieldByName(r.Low)), number(v.FieldByName(r.High))
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
