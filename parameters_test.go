package mtcp

// The table of parameters and the Go options are the same: every field has a
// row and every row a field, whose comment is the row's text; every setting of
// the layers below can be reached; and the table's defaults are theirs.

import (
	"go/ast"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/link/memif"
	"github.com/mtcp-go/mtcp/internal/link/tap"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/mtcp-go/mtcp/internal/param"
	"github.com/mtcp-go/mtcp/internal/stack"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// options are the structs that a table describes, by its path.
func options() map[string]any {
	return map[string]any{"": &Config{}, "tcp": &TCP{}, "ip": &IP{}, "link.afxdp": &AFXDP{}, "link.tap": &TAP{}, "link.memif": &Memif{}}
}

// notInTheTable are the options that no file can have, and why.
var notInTheTable = map[string]string{
	"Config.Link":    "the link's own table",
	"Config.TCP":     "the table tcp",
	"Config.IP":      "the table ip",
	"Config.Capture": "a writer of the program; the command has --pcap",
	"Config.Logger":  "a logger of the program",
	"Config.Seed":    "for simulations: no file may make a stack's secrets known",
}

func TestParameters_EveryOptionHasARowAndEveryRowAnOption(t *testing.T) {
	tables := options()
	for _, table := range param.Tables() {
		s, ok := tables[table.Path]
		if !ok {
			t.Errorf("no struct for the table %q", table.Path)
			continue
		}
		typ := reflect.TypeOf(s).Elem()
		if table.Go != "mtcp."+typ.Name() {
			t.Errorf("the table %q is of %s, and says %s", table.Path, typ.Name(), table.Go)
		}
		var rows []string
		for i := range table.Parameters {
			p := &table.Parameters[i]
			rows = append(rows, p.Name)
			if f, ok := typ.FieldByName(p.Name); !ok {
				t.Errorf("%s has no field %s", table.Go, p.Name)
			} else if want := goTypes[p.Kind]; !slices.Contains(want, f.Type) {
				t.Errorf("%s.%s is a %v, want one of %v", table.Go, p.Name, f.Type, want)
			}
		}
		for i := range typ.NumField() {
			name := typ.Field(i).Name
			if !slices.Contains(rows, name) && notInTheTable[typ.Name()+"."+name] == "" {
				t.Errorf("%s.%s is not in the table", table.Go, name)
			}
		}
		delete(tables, table.Path)
	}
	for path := range tables {
		t.Errorf("no table %q", path)
	}
}

var goTypes = map[param.Kind][]reflect.Type{
	param.Int:      {reflect.TypeFor[int](), reflect.TypeFor[uint32]()},
	param.Octets:   {reflect.TypeFor[int]()},
	param.Duration: {reflect.TypeFor[time.Duration]()},
	param.Bool:     {reflect.TypeFor[bool]()},
	param.Choice:   {reflect.TypeFor[string](), reflect.TypeFor[MemifRole]()},
	param.Name:     {reflect.TypeFor[string]()},
	param.Address:  {reflect.TypeFor[netip.Addr]()},
	param.Prefixes: {reflect.TypeFor[[]netip.Prefix]()},
	param.MAC:      {reflect.TypeFor[net.HardwareAddr](), reflect.TypeFor[[6]byte]()},
	param.Ints:     {reflect.TypeFor[[]int](), reflect.TypeFor[[]uint16]()},
}

// Links that a file can choose are structs with an open method; each has its
// table. A Wire is no such link: it lives in one process.
func TestParameters_EveryLinkStructHasATable(t *testing.T) {
	link := reflect.TypeFor[Link]()
	known := map[string]bool{"wireEnd": true}
	for _, s := range options() {
		if typ := reflect.TypeOf(s).Elem(); typ.Implements(link) {
			known[typ.Name()] = true
		}
	}
	for _, s := range sources(t) {
		if s.pkg != "." {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "open" {
				continue
			}
			if name, ok := f.Recv.List[0].Type.(*ast.Ident); ok && !known[name.Name] {
				t.Errorf("the link %s has no table", name.Name)
			}
		}
	}
}

func TestParameters_CommentsSayWhatTheTableSays(t *testing.T) {
	comments := fieldComments(t)
	for _, table := range param.Tables() {
		for i := range table.Parameters {
			p := &table.Parameters[i]
			name := strings.TrimPrefix(table.Go, "mtcp.") + "." + p.Name
			want := strings.TrimSpace(p.Name + " " + p.Text + " " + p.Limits())
			if got := comments[name]; !strings.HasPrefix(got, want) {
				t.Errorf("%s has the comment\n\t%s\nwant\n\t%s", name, got, want)
			}
		}
	}
}

// fieldComments returns the comments of the root package's structs on a line each.
func fieldComments(t *testing.T) map[string]string {
	out := map[string]string{}
	for _, s := range sources(t) {
		if s.pkg != "." {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, name := range f.Names {
						out[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return out
}

// others are values that are not the default, for a field of this type; one of
// them fits the defaults of all the rest.
func others(p *param.Parameter, typ reflect.Type) (out []reflect.Value) {
	add := func(v any) { out = append(out, reflect.ValueOf(v).Convert(typ)) }
	switch p.Kind {
	case param.Int, param.Octets, param.Duration:
		for _, v := range []int64{p.Min, p.Max, p.Default / 2} {
			if v != p.Default {
				add(v)
			}
		}
	case param.Bool:
		add(true)
	case param.Choice:
		if last := len(p.Values) - 1; typ.Kind() == reflect.String {
			add(p.Values[last])
		} else {
			add(last)
		}
	case param.Name:
		add("other")
	case param.Address:
		add(netip.MustParseAddr("10.9.9.9"))
	case param.Prefixes:
		add([]netip.Prefix{netip.MustParsePrefix("10.9.9.8/24")})
	case param.MAC:
		add(net.HardwareAddr{2, 3, 4, 5, 6, 7})
	case param.Ints:
		list := reflect.MakeSlice(typ, 1, 1)
		param.SetNumber(list.Index(0), p.Max)
		out = append(out, list)
	}
	return out
}

// changed names the fields in which two structs differ, those of structs in
// them included.
func changed(a, b reflect.Value, prefix string) []string {
	var out []string
	for i := range a.NumField() {
		f := a.Type().Field(i)
		switch {
		case f.Type.Kind() == reflect.Func || !f.IsExported():
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[netip.Addr]():
			out = append(out, changed(a.Field(i), b.Field(i), prefix+f.Name+".")...)
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			out = append(out, prefix+f.Name)
		}
	}
	return out
}

// below translates the options of a table to the layer below.
func below(s any) (reflect.Value, error) {
	var c Config
	switch s := s.(type) {
	case *Config:
		c = *s
	case *TCP:
		c.TCP = *s
	case *IP:
		c.IP = *s
	case *AFXDP:
		x := *s
		err := param.AFXDP.Complete(&x)
		return reflect.ValueOf(x.device(c.Addresses)), err
	case *TAP:
		x := *s
		if err := param.TAP.Complete(&x); err != nil {
			return reflect.Value{}, err
		}
		d, err := x.device()
		return reflect.ValueOf(d), err
	case *Memif:
		x := *s
		err := param.Memif.Complete(&x)
		return reflect.ValueOf(x.device(nil)), err
	}
	err := c.complete()
	return reflect.ValueOf(c.stackConfig()), err
}

// sets returns the names of the settings that a parameter changes below.
func sets(t *testing.T, table *param.Table, p *param.Parameter, layer string) []string {
	t.Helper()
	was, err := below(options()[table.Path])
	if err != nil {
		t.Fatal(err)
	}
	field, _ := reflect.TypeOf(options()[table.Path]).Elem().FieldByName(p.Name)
	for _, v := range others(p, field.Type) {
		s := options()[table.Path]
		reflect.ValueOf(s).Elem().FieldByName(p.Name).Set(v)
		if is, err := below(s); err == nil {
			return changed(was, is, layer)
		}
	}
	t.Errorf("no value but the default fits %s.%s", table.Go, p.Name)
	return nil
}

// notReached are settings of the layers below that no option sets, and why.
var notReached = map[string]string{
	"stack.Queues":   "the link's",
	"stack.Seed":     "Config.Seed",
	"stack.Host.MTU": "the link's",

	"stack.Host.Seed": "Config.Seed",
	"afxdp.Addresses": "Config.Addresses",
	"afxdp.Queues":    "all of the interface's, always",
	"tap.Up":          "always",
	"tap.Settle":      "always",
	"memif.Changed":   "to the log",

	"stack.TCP.Sums": "whether the link fills in checksums",

	"stack.TCP.LoneFIN":       "for benchmarks",
	"stack.Technique.Without": "for benchmarks",
	"stack.Technique.Batch":   "for benchmarks",
	"memif.Uncoloured":        "for benchmarks",

	"stack.ListenMemory": "of Config.Memory",
	"stack.Ports":        "AFXDP.DialPorts: those that were obtained",
	"stack.Ask":          "AFXDP.Shared",
	"stack.Keeper":       "AFXDP.Shared",
}

// elsewhere are options that are no setting of a layer below, and who takes them.
var elsewhere = map[string]string{
	"mtcp.Config.Backlog":  "Listen hands it on",
	"mtcp.AFXDP.Ports":     "openShare: nobody else may listen",
	"mtcp.AFXDP.DialPorts": "openShare takes as many",
}

// arp is the same for all but the size of the table.
const arp = "stack.Neighbours." // times are those of RFC 1122, RFC 4861 and RFC 5227

func TestParameters_EachReachesItsSettingAndEverySettingIsReached(t *testing.T) {
	layers := map[string]string{"link.afxdp": "afxdp.", "link.tap": "tap.", "link.memif": "memif."}
	reached := map[string]bool{}
	for _, table := range param.Tables() {
		layer := layers[table.Path]
		if layer == "" {
			layer = "stack."
		}
		for i := range table.Parameters {
			p := &table.Parameters[i]
			names := sets(t, table, p, layer)
			if len(names) != 1 && elsewhere[table.Go+"."+p.Name] == "" {
				t.Errorf("%s.%s sets %v, want one setting", table.Go, p.Name, names)
			}
			for _, n := range names {
				if reached[n] {
					t.Errorf("%s.%s sets %s, and so does another", table.Go, p.Name, n)
				}
				reached[n] = true
			}
		}
	}
	for layer, typ := range map[string]reflect.Type{
		"stack.": reflect.TypeFor[stack.Config](),
		"afxdp.": reflect.TypeFor[afxdp.Config](),
		"tap.":   reflect.TypeFor[tap.Config](),
		"memif.": reflect.TypeFor[memif.Config](),
	} {
		for _, name := range leaves(typ, layer) {
			if !reached[name] && notReached[name] == "" && !strings.HasPrefix(name, arp) {
				t.Errorf("no option sets %s", name)
			}
		}
	}
}

func leaves(typ reflect.Type, prefix string) []string {
	var out []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[netip.Addr]() {
			out = append(out, leaves(f.Type, prefix+f.Name+".")...)
			continue
		}
		out = append(out, prefix+f.Name)
	}
	return out
}

// The defaults of the device and of IP and ARP are compared in their packages.
func TestParameters_DefaultsAreThoseOfTheLayersBelow(t *testing.T) {
	var c Config
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	have, want := c.stackConfig(), tcp.DefaultConfig()
	// What package net makes of the kernel's TCP.
	want.NoDelay, want.KeepAlive, want.KeepIdle, want.KeepInterval = true, true, keepPeriod, keepPeriod
	if names := changed(reflect.ValueOf(want), reflect.ValueOf(have.TCP), ""); names != nil || want.KeepCount != keepProbes {
		t.Errorf("the table differs from tcp.DefaultConfig in %v", names)
	}
	defaults := map[string]int{
		"Connections": stack.DefaultConnections, "TimeWaits": stack.DefaultTimeWaits, "RingMemory": stack.DefaultRingMemory, "Backlog": defaultBacklog,
	}
	for i := range param.Stack.Parameters {
		p := &param.Stack.Parameters[i]
		if want, ok := defaults[p.Name]; ok && p.Default != int64(want) {
			t.Errorf("the table has %d for %s, and the stack %d", p.Default, p.Name, want)
		}
	}
	if p, _ := param.AFXDP.ByKey("dial_ports"); p.Default != defaultDialPorts || p.Max != netconf.MaxReservedPorts {
		t.Errorf("the table has %d ports to dial from, at most %d", p.Default, p.Max)
	}
	if have.Connections != 0 || have.TimeWaits != 0 || have.RingMemory != 0 { // or Memory could not divide
		t.Errorf("the stack is asked for what nobody asked for: %+v", have)
	}
	if have.PortFirst != stack.DefaultPortFirst || have.PortLast != stack.DefaultPortLast {
		t.Errorf("the table differs from the stack's defaults: %+v", have)
	}
}
