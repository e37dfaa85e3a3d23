package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/param"
)

// parse reads what must be right.
func parse(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("x.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// complete fills in the defaults of all of a configuration.
func complete(t *testing.T, c *mtcp.Config) {
	t.Helper()
	err := errors.Join(param.Stack.Complete(c), param.TCP.Complete(&c.TCP), param.IP.Complete(&c.IP))
	switch l := c.Link.(type) {
	case mtcp.AFXDP:
		err = errors.Join(err, param.AFXDP.Complete(&l))
		c.Link = l
	case mtcp.TAP:
		err = errors.Join(err, param.TAP.Complete(&l))
		c.Link = l
	case mtcp.Memif:
		err = errors.Join(err, param.Memif.Complete(&l))
		c.Link = l
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDefaults_ReadBackAreTheDefaults(t *testing.T) {
	f := parse(t, Defaults())
	want := mtcp.Config{Link: mtcp.AFXDP{}}
	complete(t, &want)
	if !reflect.DeepEqual(f.Config, want) {
		t.Errorf("read back\n%+v\nwant\n%+v", f.Config, want)
	}
	for _, table := range param.Tables() {
		for i := range table.Parameters {
			p := &table.Parameters[i]
			if _, ok := defaultOf(p); ok && table != &param.TAP && table != &param.Memif && f.Lines[keyOf(table, p)] == 0 {
				t.Errorf("%s is not set", keyOf(table, p))
			}
		}
	}
}

// The links that are commented out are right, too, once they are not.
func TestDefaults_OtherLinksReadBack(t *testing.T) {
	for path, want := range map[string]mtcp.Link{
		"link.tap": mtcp.TAP{
			Interface: "tap0", Queues: 1,
			Peer: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")},
			MAC:  net.HardwareAddr{2, 0, 0, 0, 0, 2},
		},
		"link.memif": mtcp.Memif{
			Socket: "/run/mtcp.sock", Secret: "open sesame", Queues: 1, RingSize: 1024, BufferSize: 2048, MTU: 1500,
			MAC: [6]byte{2, 0, 0, 0, 0, 2},
		},
	} {
		_, rest, ok := strings.Cut(Defaults(), "# ["+path+"]\n")
		if !ok {
			t.Fatalf("no table %s", path)
		}
		rest, _, _ = strings.Cut(rest, "# [link.")
		text := "[" + path + "]\n"
		for line := range strings.Lines(rest) {
			if strings.Contains(line, " = ") {
				text += strings.TrimPrefix(line, "# ")
			}
		}
		if f := parse(t, text); !reflect.DeepEqual(f.Config.Link, want) {
			t.Errorf("read back %+v, want %+v", f.Config.Link, want)
		}
	}
}

func keyOf(t *param.Table, p *param.Parameter) string {
	return strings.TrimPrefix(t.Path+"."+p.Key(), ".")
}

// sample is a value as a file has it, and in Go for a field of this type; not a
// zero one.
func sample(p *param.Parameter, typ reflect.Type) (text string, value any) {
	n := max(p.Min, p.Default)
	as := func(v any) any { return reflect.ValueOf(v).Convert(typ).Interface() }
	switch p.Kind {
	case param.Int:
		return p.Format(n), as(n)
	case param.Octets, param.Duration:
		return fmt.Sprintf("%q", p.Format(n)), as(n)
	case param.Bool:
		return "true", true
	case param.Choice:
		last := len(p.Values) - 1
		if text = fmt.Sprintf("%q", p.Values[last]); typ.Kind() != reflect.String {
			return text, as(last)
		}
		return text, p.Values[last]
	case param.Name:
		return fmt.Sprintf("%q", p.Example), p.Example
	case param.Address:
		return fmt.Sprintf("%q", p.Example), netip.MustParseAddr(p.Example)
	case param.Prefixes:
		return fmt.Sprintf("[%q]", p.Example), []netip.Prefix{netip.MustParsePrefix(p.Example)}
	case param.Ints:
		list := reflect.MakeSlice(typ, 1, 1)
		param.SetNumber(list.Index(0), p.Max)
		return fmt.Sprintf("[%d]", p.Max), list.Interface()
	default:
		a, _ := net.ParseMAC(p.Example)
		return fmt.Sprintf("%q", p.Example), as(a)
	}
}

// structOf is the struct of a table in what was read.
func structOf(c *mtcp.Config, table *param.Table) reflect.Value {
	switch table.Path {
	case "":
		return reflect.ValueOf(*c)
	case "tcp":
		return reflect.ValueOf(c.TCP)
	case "ip":
		return reflect.ValueOf(c.IP)
	default:
		return reflect.ValueOf(c.Link)
	}
}

func TestParse_EveryKeySetsItsFieldAlone(t *testing.T) {
	for _, table := range param.Tables() {
		typ := newReader("", nil).structs[table.Path].Elem().Type()
		for i := range table.Parameters {
			p := &table.Parameters[i]
			field, _ := typ.FieldByName(p.Name)
			text, value := sample(p, field.Type)
			forms := []string{fmt.Sprintf("[%s]\n%s = %s\n", table.Path, p.Key(), text), fmt.Sprintf("\n%s = %s\n", keyOf(table, p), text)}
			if table.Path == "" {
				forms = forms[1:]
			}
			for _, form := range forms {
				f := parse(t, form)
				if len(f.Lines) != 1 || f.Lines[keyOf(table, p)] != 2 {
					t.Errorf("%q sets %v", form, f.Lines)
				}
				s := structOf(&f.Config, table)
				for j := range s.NumField() {
					switch name := s.Type().Field(j).Name; {
					case name == p.Name:
						if got := s.Field(j).Interface(); !reflect.DeepEqual(got, value) {
							t.Errorf("%q sets %s to %v, want %v", form, name, got, value)
						}
					case !s.Field(j).IsZero():
						t.Errorf("%q sets %s, too", form, name)
					}
				}
			}
		}
	}
}

func TestParse_TakesTheFormsOfTOML(t *testing.T) {
	for text, want := range map[string]mtcp.Config{
		"":                                      {},
		"[link]\n[tcp]\n":                       {},
		"connections = 1_000\r\n":               {Connections: 1000},
		"ring_memory = 0x1000_0000":             {RingMemory: 1 << 28},
		"tcp = {retries = 4, nagle = true}":     {TCP: mtcp.TCP{Retries: 4, Nagle: true}},
		"ip.ttl = 5\ntcp.retries = 4":           {TCP: mtcp.TCP{Retries: 4}, IP: mtcp.IP{TTL: 5}},
		"\"backlog\" = 7 # few":                 {Backlog: 7},
		"[link]\nafxdp.interface = 'eth0'":      {Link: mtcp.AFXDP{Interface: "eth0"}},
		"link = {tap = {queues = 2}}":           {Link: mtcp.TAP{Queues: 2}},
		"[link.tap]":                            {Link: mtcp.TAP{}},
		"link.memif.role = \"master\"":          {Link: mtcp.Memif{}},
		"tcp.user_timeout = \"0s\"":             {},
		"addresses = [\n  \"10.0.0.2/8\", #\n]": {Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/8")}},
	} {
		if f := parse(t, text); !reflect.DeepEqual(f.Config, want) {
			t.Errorf("%q reads as\n%+v\nwant\n%+v", text, f.Config, want)
		}
	}
}

func TestParse_NamesTheLineAndWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nconections = 1":                            "x.toml:3:1: conections: unknown key: did you mean connections?",
		"[tcp]\n  backlog = 1":                          "x.toml:2:3: tcp.backlog: unknown key: it belongs above all tables",
		"ttl = 1":                                       "x.toml:1:1: ttl: unknown key: it belongs under [ip]",
		"speed = 9":                                     "x.toml:1:1: speed: unknown key (mtcp config prints those that there are)",
		"[tpc]\nretries = 0\nfoo = 1":                   "x.toml:1:2: [tpc]: unknown table: did you mean tcp?",
		"[link.afxpd]":                                  "x.toml:1:2: [link.afxpd]: unknown table: did you mean link.afxdp?",
		"tcp.cubic.beta = 1":                            "x.toml:1:1: tcp.cubic.beta: unknown table (mtcp config prints those that there are)",
		"\"a\\nb\" = 1":                                 `x.toml:1:1: "a\nb": unknown key (mtcp config prints those that there are)`,
		"[\"link.tap\"]":                                `x.toml:1:2: ["link.tap"]: unknown table: did you mean link.tap?`,
		"[[tcp]]\nretries = 0":                          "x.toml:1:3: tcp: lists of tables mean nothing here: write [tcp]",
		"[tcp]\n[ip]\n[tcp]":                            "x.toml:3:2: [tcp]: stands already in line 1",
		"[tcp]\nretries = 5\nretries = 6":               "x.toml:3:1: tcp.retries: stands already in line 2",
		"tcp.retries = 5\ntcp = {retries = 5}":          "x.toml:2:8: tcp.retries: stands already in line 1",
		"[link.tap]\n[link.afxdp]":                      "x.toml:2:2: [link.afxdp]: a stack has one link, and [link.tap] stands in line 1",
		"connections = \"many\"":                        "x.toml:1:15: connections: must be an integer (1 to 268435456), not a string",
		"connections = 1.5":                             "x.toml:1:15: connections: must be an integer (1 to 268435456), not a float",
		"connections = 0":                               "x.toml:1:15: connections: 0 is out of range: 1 to 268435456",
		"connections = -1":                              "x.toml:1:15: connections: -1 is out of range: 1 to 268435456",
		"connections = 99999999999999999999":            "x.toml:1:15: connections: 99999999999999999999 is out of range: 1 to 268435456",
		"ring_memory = \"1MiB\"":                        `x.toml:1:15: ring_memory: "1MiB" is out of range: 4MiB to 128GiB`,
		"ring_memory = \"1MB\"":                         `x.toml:1:15: ring_memory: "1MB" is no size, such as 65536, 64KiB, 512MiB or 1GiB`,
		"ring_memory = true":                            `x.toml:1:15: ring_memory: must be a size such as "128GiB" or 137438953472 (4MiB to 128GiB), not a bool`,
		"tcp.ack_delay = \"1s\"":                        `x.toml:1:17: tcp.ack_delay: "1s" is out of range: 1ms to 499ms`,
		"tcp.ack_delay = \"0s\"":                        `x.toml:1:17: tcp.ack_delay: "0s" is out of range: 1ms to 499ms`,
		"tcp.ack_delay = \"soon\"":                      `x.toml:1:17: tcp.ack_delay: "soon" is no duration, such as 60s, 200ms or 1h30m`,
		"tcp.ack_delay = 40":                            `x.toml:1:17: tcp.ack_delay: must be a string with its unit, such as "499ms" (1ms to 499ms), not an integer`,
		"tcp.nagle = 1":                                 "x.toml:1:13: tcp.nagle: must be true or false, not an integer",
		"tcp.congestion = \"bbr\"":                      `x.toml:1:18: tcp.congestion: "bbr" is not known: use cubic or newreno`,
		"tcp.congestion = [1]":                          "x.toml:1:1: tcp.congestion: must be a string (cubic or newreno), not a list",
		"tcp.rto_min = \"2s\"":                          "x.toml:1:1: tcp.rto_min: rto_min of 2s does not fit rto_initial of 1s: at most 1s is possible",
		"\nport_last = 7\nport_first = 9":               "x.toml:3:1: port_first: port_first of 9 does not fit port_last of 7: at most 7 is possible",
		"[link.afxdp]\nframes = 128\nring_size = 128":   "x.toml:3:1: link.afxdp.ring_size: ring_size of 128 does not fit frames of 128: at most 64 is possible",
		"[link.afxdp]\nframes = 1000":                   "x.toml:2:10: link.afxdp.frames: 1000 is out of range: a power of two from 128 to 1048576 buffers",
		"[link.afxdp]\ninterface = \"\"":                `x.toml:2:13: link.afxdp.interface: "" names nothing: give a name such as "eth0"`,
		"gateway = \"router\"":                          `x.toml:1:11: gateway: "router" is no IPv4 address, such as 10.0.0.1`,
		"gateway = \"fe80::1\"":                         `x.toml:1:11: gateway: "fe80::1" is no IPv4 address, such as 10.0.0.1`,
		"addresses = \"10.0.0.2/24\"":                   `x.toml:1:13: addresses: must be a list such as ["10.0.0.2/24"], not a string`,
		"addresses = [\"10.0.0.2/24\",\n \"10.0.0.3\"]": `x.toml:2:2: addresses: "10.0.0.3" is no IPv4 address with its prefix length, such as "10.0.0.2/24"`,
		"addresses = [5]":                               `x.toml:1:14: addresses: must be a list such as ["10.0.0.2/24"], with nothing else in it: an integer`,
		"addresses = [\n[]]":                            `x.toml:1:1: addresses: must be a list such as ["10.0.0.2/24"], with nothing else in it: a list`,
		"link.tap.mac = \"02:00\"":                      `x.toml:1:16: link.tap.mac: "02:00" is no Ethernet address, such as 02:00:00:00:00:02`,
		"connections = ":                                "x.toml:1:14: expected value",
		"connections":                                   "x.toml:1:11: expected '=' after key",
		"[tcp":                                          "x.toml:1:4: expected ']'",
		"connections = 1 2":                             "x.toml:1:17: expected newline",
		"tcp.retries = 0\nfoo = \"":                     "x.toml:1:15: tcp.retries: 0 is out of range: 3 to 255\nx.toml:2:",
	} {
		_, err := Parse("x.toml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got\n\t%v\nwant\n\t%s", text, err, want)
		} else if strings.Count(err.Error(), "\n") != strings.Count(want, "\n") {
			t.Errorf("%q: more than one error:\n%v", text, err)
		}
	}
}

func TestParse_ReportsEverythingInItsOrder(t *testing.T) {
	_, err := Parse("x.toml", []byte("backlog = 0\nfoo = 1\n[tcp]\nrto_min = \"2s\"\n[ip]\nttl = 256\n"))
	var all Errors
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	var lines []int
	for _, e := range all {
		lines = append(lines, e.Line)
	}
	if want := []int{1, 2, 4, 6}; !reflect.DeepEqual(lines, want) {
		t.Errorf("errors in the lines %v, want %v:\n%v", lines, want, err)
	}
}

func TestParse_BoundsWhatItReports(t *testing.T) {
	for n, want := range map[int]int{1: 1, maxErrors: maxErrors, maxErrors + 1: maxErrors + 1, 10000: maxErrors + 1} {
		_, err := Parse("x.toml", []byte(strings.Repeat("foo = 1\n", n)))
		var all Errors
		if !errors.As(err, &all) || len(all) != want {
			t.Fatalf("%d errors in the file, %d reported, want %d", n, len(all), want)
		}
		if more := strings.Contains(err.Error(), "there is more"); more != (n > maxErrors) {
			t.Errorf("%d errors in the file: says that there are more: %v", n, more)
		}
	}
}

func TestLoad_ReadsAFileAndRefusesWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mtcp.toml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("backlog = 7\n")
	if f, err := Load(path); err != nil || f.Config.Backlog != 7 {
		t.Errorf("%+v, %v", f, err)
	}
	write("backlog = no\n")
	if _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), path+":1:") {
		t.Error(err)
	}
	write(strings.Repeat("#\n", maxFile/2+1))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "1048576 octets") {
		t.Error(err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a directory was read")
	}
	if _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Whatever a file holds, it is refused with a line that it has, or it can be
// completed.
func FuzzParse(f *testing.F) {
	f.Add(Defaults())
	f.Add("[link.tap]\npeer = [\"10.0.0.1/8\", 5, {}]\ntcp = {a = {b = {c = {d = {}}}}}\n[[ip]]\n")
	f.Add("\"\" = 1\n'\\' = [[[1]]]\nport_first = 65535\ntcp.rto_min = \"\"\r\n[")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("x", []byte(text))
		if err == nil {
			complete(t, &file.Config)
			return
		}
		last := strings.Count(text, "\n") + 1
		for _, e := range err.(Errors) {
			if e.Line > last || e.Line > 0 && e.Column < 1 || e.Text == "" || strings.Contains(e.Error(), "\n") {
				t.Errorf("%+v, in a text of %d lines", e, last)
			}
		}
	})
}
