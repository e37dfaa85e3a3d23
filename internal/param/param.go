// What a parameter is.

package param

import (
	"strings"
	"unicode"
)

// A Kind is a parameter's type, in Go and in a file.
type Kind uint8

// The kinds.
const (
	Int      Kind = iota // an integer, of any Go type
	Octets               // an integer in Go; in a file also "512MiB"
	Duration             // a time.Duration; in a file "60s"
	Bool                 // a boolean, which is false at first
	Choice               // a string, one of Values; in Go also its number
	Name                 // a string
	Address              // a netip.Addr; in a file a string
	Prefixes             // a []netip.Prefix; in a file strings
	MAC                  // a net.HardwareAddr or [6]byte; in a file a string
	Ints                 // a slice of integers, each from Min to Max
)

// A Parameter is one field that a user may set. Only what its Kind needs is
// set: the numbers of Int, Octets and Duration, in octets and nanoseconds.
type Parameter struct {
	Name string // of the Go field
	Kind Kind

	Default  int64
	Min, Max int64
	Power    bool     // of two only
	Unit     string   // of an Int: what is counted
	Values   []string // of a Choice, the default first

	// Later says what else the default may be. A layer below puts it in place of
	// zero, since it depends on more than a table can say.
	Later string

	// Zero says what 0 or "" stands for when it is the default, and so may be
	// written in a file, too.
	Zero string

	Example string // of what has no default
	Text    string // the sentence that begins with the name
}

// Key returns the parameter's name in a file.
func (p *Parameter) Key() string { return Snake(p.Name) }

// IsNumber reports whether it has a range.
func (p *Parameter) IsNumber() bool { return p.Kind <= Duration }

// A Table is the parameters of one struct.
type Table struct {
	Path       string // "": Config itself; "tcp", "link.afxdp"
	Go         string // the struct's name, as users write it
	Text       string // a sentence about it
	Parameters []Parameter
	Relations  []Relation
}

// A Relation holds between two numbers: Times × Low ≤ High.
type Relation struct {
	Low   string
	Times int64
	High  string
}

// ByKey finds a parameter by its key.
func (t *Table) ByKey(key string) (*Parameter, bool) {
	for i := range t.Parameters {
		if t.Parameters[i].Key() == key {
			return &t.Parameters[i], true
		}
	}
	return nil, false
}

// find finds one by its Go name, which must be there.
func (t *Table) find(name string) *Parameter {
	for i := range t.Parameters {
		if t.Parameters[i].Name == name {
			return &t.Parameters[i]
		}
	}
	panic("param: no parameter " + name + " in " + t.Go)
}

// Tables returns the whole table, in the order of a file.
func Tables() []*Table { return []*Table{&Stack, &TCP, &IP, &AFXDP, &TAP, &Memif} }

// ByPath finds a table by its path.
func ByPath(path string) (*Table, bool) {
	for _, t := range Tables() {
		if t.Path == path {
			return t, true
		}
	}
	return nil, false
}

// Snake turns a Go name into a key: KeepAliveIdle into keep_alive_idle, RTOMin
// into rto_min.
func Snake(name string) string {
	var b strings.Builder
	r := []rune(name)
	for i, c := range r {
		begins := i > 0 && unicode.IsUpper(c) &&
			(!unicode.IsUpper(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1]))
		if begins {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
