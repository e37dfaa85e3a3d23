// Tables and keys: where each stands, which parameter it is, and whether it was
// there before.

package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/param"
	"github.com/pelletier/go-toml/v2/unstable"
)

// reader is one reading of a file.
type reader struct {
	name    string
	parser  unstable.Parser
	newline []int // offsets of the lines' ends
	file    *File
	errors  Errors

	structs map[string]reflect.Value // by table, pointers to what the file fills
	headers map[string]int           // lines of tables by their headers, or first keys
	link    string                   // the table of the link; "": none yet
	table   []string                 // the present one
	skip    bool                     // it is not known, and was reported
}

func newReader(name string, text []byte) *reader {
	f := &File{Lines: map[string]int{}}
	r := &reader{
		name: name,
		file: f,
		structs: map[string]reflect.Value{
			"":           reflect.ValueOf(&f.Config),
			"tcp":        reflect.ValueOf(&f.Config.TCP),
			"ip":         reflect.ValueOf(&f.Config.IP),
			"link.afxdp": reflect.ValueOf(&mtcp.AFXDP{}),
			"link.tap":   reflect.ValueOf(&mtcp.TAP{}),
			"link.memif": reflect.ValueOf(&mtcp.Memif{}),
		},
		headers: map[string]int{},
	}
	for i, c := range text {
		if c == '\n' {
			r.newline = append(r.newline, i)
		}
	}
	r.parser.Reset(text)
	return r
}

// read goes through the file. The parser stops at what is no TOML; everything
// else that is wrong is collected.
func (r *reader) read() {
	for r.parser.NextExpression() {
		switch e := r.parser.Expression(); e.Kind {
		case unstable.Table:
			r.openTable(e)
		case unstable.ArrayTable:
			at, keys := r.key(e)
			r.fail(at, join(keys), fmt.Sprintf("lists of tables mean nothing here: write [%s]", join(keys)))
			r.skip = true
		case unstable.KeyValue:
			if !r.skip {
				r.assign(e, r.table)
			}
		}
		if r.full() {
			return
		}
	}
	var bad *unstable.ParserError
	switch err := r.parser.Error(); {
	case errors.As(err, &bad):
		r.fail(int(r.parser.Range(bad.Highlight).Offset), "", bad.Message)
	case err != nil:
		r.fail(0, "", err.Error())
	}
	r.relate()
	if r.link != "" {
		r.file.Config.Link = r.structs[r.link].Elem().Interface().(mtcp.Link)
	}
}

// openTable begins the table that a header names.
func (r *reader) openTable(e *unstable.Node) {
	at, keys := r.key(e)
	path := join(keys)
	r.table, r.skip = keys, false
	if _, ok := param.ByPath(path); !ok && path != "link" {
		r.skip = true
		r.fail(at, "["+path+"]", "unknown table"+nearestTable(path))
		return
	}
	if line := r.headers[path]; line != 0 {
		r.skip = true
		r.fail(at, "["+path+"]", fmt.Sprintf("stands already in line %d", line))
		return
	}
	r.enter(path, at)
}

// enter notes a table at its first appearance, and refuses a second link.
func (r *reader) enter(path string, at int) {
	if r.headers[path] != 0 {
		return
	}
	r.headers[path], _ = r.place(at)
	switch {
	case !strings.HasPrefix(path, "link."):
	case r.link == "":
		r.link = path
	default:
		r.fail(at, "["+path+"]", fmt.Sprintf("a stack has one link, and [%s] stands in line %d", r.link, r.headers[r.link]))
	}
}

// assign gives a key its value. A dotted key and an inline table name tables,
// too.
func (r *reader) assign(e *unstable.Node, table []string) {
	at, keys := r.key(e)
	full := append(slices.Clone(table), keys...)
	value := e.Value()
	if value.Kind == unstable.InlineTable && len(full) < 4 {
		for c := value.Children(); c.Next() && !r.full(); {
			r.assign(c.Node(), full)
		}
		return
	}
	path, last := join(full[:len(full)-1]), full[len(full)-1]
	t, ok := param.ByPath(path)
	if !ok {
		r.fail(at, join(full), "unknown table"+nearestTable(path))
		return
	}
	p, ok := t.ByKey(last)
	if !ok {
		r.fail(at, join(full), "unknown key"+nearestKey(t, last))
		return
	}
	key := join(full)
	if line := r.file.Lines[key]; line != 0 {
		r.fail(at, key, fmt.Sprintf("stands already in line %d", line))
		return
	}
	r.file.Lines[key], _ = r.place(at)
	r.enter(path, at)
	field := r.structs[path].Elem().FieldByName(p.Name)
	r.set(field, p, value, at, key)
}

// relate checks what must hold between two values of a table. The line is that
// of the one that comes last.
func (r *reader) relate() {
	for _, t := range param.Tables() {
		pair, err := t.Related(r.structs[t.Path].Interface(), (*param.Parameter).Key)
		if err == nil {
			continue
		}
		e := &Error{File: r.name, Column: 1, Text: err.Error()}
		for _, p := range pair {
			key := strings.TrimPrefix(t.Path+"."+p.Key(), ".")
			if line := r.file.Lines[key]; line > e.Line {
				e.Line, e.Key = line, key
			}
		}
		r.add(e)
	}
	if !r.full() { // what was found last may stand first
		slices.SortStableFunc(r.errors, func(a, b *Error) int { return a.Line - b.Line })
	}
}

// key returns where the key of an expression begins, and its parts.
func (r *reader) key(e *unstable.Node) (at int, parts []string) {
	for k := e.Key(); k.Next(); {
		if parts == nil {
			at = int(k.Node().Raw.Offset)
		}
		parts = append(parts, part(string(k.Node().Data)))
	}
	return at, parts
}

// part is a piece of a key as it can be printed. No parameter needs quotes.
func part(s string) string {
	bare := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
	}
	if s != "" && strings.IndexFunc(s, func(c rune) bool { return !bare(c) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}

func join(keys []string) string { return strings.Join(keys, ".") }

// place returns the line and the column of an offset.
func (r *reader) place(at int) (line, column int) {
	line = sort.SearchInts(r.newline, at)
	if line == 0 {
		return 1, at + 1
	}
	return line + 1, at - r.newline[line-1]
}

// fail takes note of what is wrong; of too much it says only that there is more.
func (r *reader) fail(at int, key, text string) {
	line, column := r.place(at)
	r.add(&Error{File: r.name, Line: line, Column: column, Key: key, Text: text})
}

func (r *reader) add(e *Error) {
	switch {
	case r.full():
	case len(r.errors) == maxErrors:
		r.errors = append(r.errors, &Error{File: r.name, Text: "there is more: mend these errors first"})
	default:
		r.errors = append(r.errors, e)
	}
}

func (r *reader) full() bool { return len(r.errors) > maxErrors }
