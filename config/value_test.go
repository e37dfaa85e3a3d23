package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/param"
)

// Fields may be of any integer type, of numbered choices, arrays and lists.
func TestSet_FitsTheTypesOfGo(t *testing.T) {
	type role uint8
	var s struct {
		Small uint16
		Wide  uint32
		Role  role
		MAC   [6]byte
		Ports []uint16
		Cores []int
	}
	table := param.Table{Go: "s", Parameters: []param.Parameter{
		{Name: "Small", Kind: param.Int, Default: 7, Min: 1, Max: 65535},
		{Name: "Wide", Kind: param.Int, Default: 7, Min: 1, Max: 1<<32 - 1, Later: "more"},
		{Name: "Role", Kind: param.Choice, Values: []string{"master", "slave"}},
		{Name: "MAC", Kind: param.MAC, Example: "02:00:00:00:00:02"},
		{Name: "Ports", Kind: param.Ints, Min: 1, Max: 65535, Example: "80, 443"},
		{Name: "Cores", Kind: param.Ints, Min: 0, Max: 1023, Example: "2, 3"},
	}}
	if err := table.Complete(&s); err != nil || s.Small != 7 || s.Wide != 0 {
		t.Errorf("completed to %+v, %v", s, err)
	}
	read := func(text string) string {
		r := newReader("x", []byte(text))
		for r.parser.NextExpression() {
			at, keys := r.key(r.parser.Expression())
			p, _ := table.ByKey(keys[0])
			r.set(reflect.ValueOf(&s).Elem().FieldByName(p.Name), p, r.parser.Expression().Value(), at, keys[0])
		}
		if len(r.errors) == 0 {
			return ""
		}
		return r.errors.Error()
	}
	if err := read("small = 65535\nwide = 4294967295\nrole = 'slave'\nmac = '02:00:00:00:00:09'\nports = [80, 443]\ncores = [0, 3]\n"); err != "" {
		t.Fatal(err)
	}
	if s.Small != 65535 || s.Wide != 1<<32-1 || s.Role != 1 || s.MAC != [6]byte{2, 0, 0, 0, 0, 9} ||
		!reflect.DeepEqual(s.Ports, []uint16{80, 443}) || !reflect.DeepEqual(s.Cores, []int{0, 3}) {
		t.Errorf("read as %+v", s)
	}
	for text, want := range map[string]string{
		"small = 65536":        "65536 is out of range: 1 to 65535",
		"wide = 0":             "0 is out of range",
		"role = 'peer'":        `"peer" is not known: use master or slave`,
		"ports = [80, 65536]":  "x:1:14: ports: 65536 is out of range: 1 to 65535",
		"ports = 80":           "must be a list such as [80, 443], not an integer",
		"ports = ['80']":       "must be a list such as [80, 443], with nothing else in it: a string",
		"cores = [-1]":         "-1 is out of range: 0 to 1023",
		"mac = '02:00:00:00'":  "no Ethernet address",
		"cores = [0, 1, 1024]": "x:1:16: cores: 1024",
	} {
		if err := read(text); !strings.Contains(err, want) {
			t.Errorf("%s: %q does not say %q", text, err, want)
		}
	}
	for _, c := range []struct {
		change func()
		says   string
	}{
		{func() { s.Role = 2 }, "Role: 2 is none of master or slave"},
		{func() { s.Role, s.Ports, s.Cores = 0, nil, []int{5, 2000} }, "Cores: 2000 is out of range"},
		{func() { s.Cores = nil; s.Ports = []uint16{0} }, "Ports: 0 is out of range"},
	} {
		c.change()
		if err := table.Complete(&s); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v does not say %q", err, c.says)
		}
	}
}

func TestDefaults_LeaveOutWhatDependsOnMore(t *testing.T) {
	p := &param.Parameter{Name: "Connections", Kind: param.Int, Default: 7, Min: 1, Max: 9, Later: "more"}
	if text, ok := defaultOf(p); text != "7" || ok {
		t.Errorf("%s, %v", text, ok)
	}
}
