// Values: one function for each kind.

package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtcp-go/mtcp/internal/param"
	"github.com/pelletier/go-toml/v2/unstable"
)

// set gives a field its value, or reports why not.
func (r *reader) set(field reflect.Value, p *param.Parameter, v *unstable.Node, at int, key string) {
	if v.Raw.Length > 0 { // of lists only the key's place is known
		at = int(v.Raw.Offset)
	}
	if p.Kind == param.Prefixes || p.Kind == param.Ints {
		r.setList(field, p, v, at, key)
		return
	}
	set := setters[p.Kind]
	if v.Kind != set.wants && (p.Kind != param.Octets || v.Kind != unstable.Integer) {
		r.fail(at, key, fmt.Sprintf("must be %s, not %s", set.like(p), kindName(v.Kind)))
		return
	}
	if err := set.set(field, p, v); err != nil {
		r.fail(at, key, shown(v)+" "+err.Error())
	}
}

// A setter says what TOML a kind of parameter wants, how that looks, and how it
// gets into the field.
type setter struct {
	wants unstable.Kind
	like  func(*param.Parameter) string
	set   func(reflect.Value, *param.Parameter, *unstable.Node) error
}

var setters = [...]setter{
	param.Int:      {unstable.Integer, likeNumber, setInt},
	param.Octets:   {unstable.String, likeOctets, setOctets},
	param.Duration: {unstable.String, likeDuration, setDuration},
	param.Bool:     {unstable.Bool, like("true or false"), setBool},
	param.Choice:   {unstable.String, likeChoice, setChoice},
	param.Name:     {unstable.String, likeExample, setName},
	param.Address:  {unstable.String, likeExample, setAddress},
	param.MAC:      {unstable.String, likeExample, setMAC},
}

func like(text string) func(*param.Parameter) string {
	return func(*param.Parameter) string { return text }
}

func likeNumber(p *param.Parameter) string  { return "an integer (" + p.Range() + ")" }
func likeChoice(p *param.Parameter) string  { return "a string (" + p.Range() + ")" }
func likeExample(p *param.Parameter) string { return fmt.Sprintf("a string such as %q", p.Example) }

func likeOctets(p *param.Parameter) string {
	return fmt.Sprintf("a size such as %q or %d (%s)", p.Format(p.Max), p.Max, p.Range())
}

func likeDuration(p *param.Parameter) string {
	return fmt.Sprintf("a string with its unit, such as %q (%s)", p.Format(p.Max), p.Range())
}

func setInt(f reflect.Value, p *param.Parameter, v *unstable.Node) error {
	n, err := strconv.ParseInt(string(v.Data), 0, 64)
	if err != nil { // the parser has seen to the syntax
		return errors.New("is out of range: " + p.Range())
	}
	return setNumber(f, p, n)
}

func setOctets(f reflect.Value, p *param.Parameter, v *unstable.Node) error {
	if v.Kind == unstable.Integer {
		return setInt(f, p, v)
	}
	n, err := param.ParseOctets(string(v.Data))
	if err != nil {
		return err
	}
	return setNumber(f, p, n)
}

func setDuration(f reflect.Value, p *param.Parameter, v *unstable.Node) error {
	d, err := time.ParseDuration(string(v.Data))
	if err != nil {
		return errors.New("is no duration, such as 60s, 200ms or 1h30m")
	}
	return setNumber(f, p, int64(d))
}

func setNumber(f reflect.Value, p *param.Parameter, n int64) error {
	if err := p.Check(n); err != nil {
		return err
	}
	param.SetNumber(f, n)
	return nil
}

func setBool(f reflect.Value, _ *param.Parameter, v *unstable.Node) error {
	f.SetBool(string(v.Data) == "true")
	return nil
}

func setChoice(f reflect.Value, p *param.Parameter, v *unstable.Node) error {
	if err := p.CheckChoice(string(v.Data)); err != nil {
		return err
	}
	if f.Kind() == reflect.String {
		f.SetString(string(v.Data))
	} else {
		param.SetNumber(f, int64(slices.Index(p.Values, string(v.Data))))
	}
	return nil
}

func setName(f reflect.Value, p *param.Parameter, v *unstable.Node) error {
	if len(v.Data) == 0 {
		return fmt.Errorf("names nothing: give a name such as %q", p.Example)
	}
	f.SetString(string(v.Data))
	return nil
}

func setAddress(f reflect.Value, p *param.Parameter, v *unstable.Node) error {
	a, err := netip.ParseAddr(string(v.Data))
	if err != nil || !a.Is4() {
		return errors.New("is no IPv4 address, such as " + p.Example)
	}
	f.Set(reflect.ValueOf(a))
	return nil
}

func setMAC(f reflect.Value, p *param.Parameter, v *unstable.Node) error {
	a, err := net.ParseMAC(string(v.Data))
	if err != nil || len(a) != 6 {
		return errors.New("is no Ethernet address, such as " + p.Example)
	}
	if f.Kind() == reflect.Array {
		reflect.Copy(f, reflect.ValueOf(a))
	} else {
		f.Set(reflect.ValueOf(a))
	}
	return nil
}

// setList sets a list, of addresses with their prefix lengths or of integers.
func (r *reader) setList(f reflect.Value, p *param.Parameter, v *unstable.Node, at int, key string) {
	element := element{unstable.String, setPrefix, fmt.Sprintf("%q", p.Example)}
	if p.Kind == param.Ints {
		element.wants, element.set, element.example = unstable.Integer, setInt, p.Example
	}
	if v.Kind != unstable.Array {
		r.fail(at, key, fmt.Sprintf("must be a list such as [%s], not %s", element.example, kindName(v.Kind)))
		return
	}
	list := reflect.MakeSlice(f.Type(), 0, 1)
	for c := v.Children(); c.Next() && !r.full(); {
		e, one := c.Node(), reflect.New(f.Type().Elem()).Elem()
		if e.Raw.Length > 0 {
			at = int(e.Raw.Offset)
		}
		if e.Kind != element.wants {
			r.fail(at, key, fmt.Sprintf("must be a list such as [%s], with nothing else in it: %s", element.example, kindName(e.Kind)))
		} else if err := element.set(one, p, e); err != nil {
			r.fail(at, key, shown(e)+" "+err.Error())
		}
		list = reflect.Append(list, one)
	}
	f.Set(list)
}

// An element is what a list may hold.
type element struct {
	wants   unstable.Kind
	set     func(reflect.Value, *param.Parameter, *unstable.Node) error
	example string
}

func setPrefix(f reflect.Value, p *param.Parameter, v *unstable.Node) error {
	a, err := netip.ParsePrefix(string(v.Data))
	if err != nil || !a.Addr().Is4() {
		return fmt.Errorf("is no IPv4 address with its prefix length, such as %q", p.Example)
	}
	f.Set(reflect.ValueOf(a))
	return nil
}

// shown is a value as an error quotes it.
func shown(v *unstable.Node) string {
	const most = 60
	text := string(v.Data)
	if v.Kind == unstable.Array || v.Kind == unstable.InlineTable {
		return kindName(v.Kind)
	}
	if len(text) > most {
		text = text[:most] + "..."
	}
	if v.Kind == unstable.String {
		return strconv.Quote(text)
	}
	return text
}

// kindName is what a TOML value is called.
func kindName(k unstable.Kind) string {
	switch k {
	case unstable.Integer:
		return "an integer"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	case unstable.LocalDate, unstable.LocalTime, unstable.LocalDateTime, unstable.DateTime:
		return "a time of day or date"
	default:
		return "a " + strings.ToLower(k.String())
	}
}
