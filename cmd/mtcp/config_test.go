package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/mtcp-go/mtcp"
)

// file writes a configuration.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mtcp.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig_FindsRightWhatItPrints(t *testing.T) {
	code, out, stderr := execute("config")
	if code != exitOK || stderr != "" || !strings.Contains(out, "\n[tcp]\n") || !strings.Contains(out, "connections = 131072") {
		t.Fatalf("exit code %d: %s%s", code, out, stderr)
	}
	path := file(t, out)
	if code, out, stderr := execute("config", "--check", path); code != exitOK || !strings.HasPrefix(out, path+": right; it sets ") || stderr != "" {
		t.Errorf("exit code %d: %s%s", code, out, stderr)
	}
}

func TestConfig_SaysAllThatIsWrongAndExitsWithTwo(t *testing.T) {
	path := file(t, "backlog = 0\n\n[tcp]\nretrys = 5\n")
	code, out, stderr := execute("config", "--check", path)
	if code != exitUsage || out != "" {
		t.Errorf("exit code %d: %s", code, out)
	}
	for _, line := range []string{path + ":1:11: backlog: 0 is out of range", path + ":4:1: tcp.retrys: unknown key: did you mean retries?\n", "\nmtcp: " + path} {
		if !strings.Contains(stderr, line) {
			t.Errorf("does not say %q:\n%s", line, stderr)
		}
	}
	for _, verb := range []string{"serve --echo", "get http://10.0.0.1/"} {
		args := append(strings.Fields(verb), "--config", path)
		code, _, stderr := execute(args...)
		if code != exitUsage {
			t.Errorf("%s: exit code %d", verb, code)
		}
		checkOneLine(t, stderr, path+":1:11: backlog", "mtcp config --check "+path)
	}
	code, _, stderr = execute("config", "--check", path+".not")
	if code != exitFailed {
		t.Errorf("no file: exit code %d", code)
	}
	checkOneLine(t, stderr, path+".not", "no such file")
}

// flagged is what flags and a file make together.
func flagged(t *testing.T, args ...string) (mtcp.Config, stackFlags, error) {
	t.Helper()
	var f struct {
		stackFlags
		Link string
	}
	p, err := kong.New(&f, defaults())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse(args); err != nil {
		t.Fatal(err)
	}
	c, err := f.configuration(&f.Link)
	return c, f.stackFlags, err
}

const wholeFile = `
addresses = ["10.0.0.2/24", "10.0.0.3/24"]
gateway = "10.0.0.1"
connections = 100
ring_memory = "8MiB"
backlog = 7
tcp.congestion = "newreno"
tcp.retries = 5

[link.afxdp]
interface = "eth0"
frames = 256
require = "native"
`

func TestConfiguration_FlagsWinOverTheFile(t *testing.T) {
	path := file(t, wholeFile)
	for _, c := range []struct {
		name   string
		args   []string
		change func(*mtcp.Config)
	}{
		{"FileAlone", nil, func(*mtcp.Config) {}},
		{"Interface", []string{"--iface", "eth1", "--require", "zerocopy"}, func(c *mtcp.Config) {
			c.Link = mtcp.AFXDP{Interface: "eth1", Frames: 256, Require: "zerocopy"}
		}},
		{"Generic", []string{"--generic"}, func(c *mtcp.Config) {
			c.Link = mtcp.AFXDP{Interface: "eth0", Frames: 256, Require: "native", Generic: true}
		}},
		{"Address", []string{"--addr", "10.9.0.2/16"}, func(c *mtcp.Config) { c.Addresses = prefixes("10.9.0.2/16") }},
		{"Gateway", []string{"--gateway", "10.0.0.9"}, func(c *mtcp.Config) { c.Gateway = netip.MustParseAddr("10.0.0.9") }},
		{"Limits", []string{"--connections", "200", "--ring-memory", "16"}, func(c *mtcp.Config) { c.Connections, c.RingMemory = 200, 16<<20 }},
		{"Size", []string{"--ring-memory", "1GiB"}, func(c *mtcp.Config) { c.RingMemory = 1 << 30 }},
		{"Budget", []string{"--memory", "256MiB"}, func(c *mtcp.Config) { c.Memory = 256 << 20 }},
		{"Congestion", []string{"--congestion", "cubic"}, func(c *mtcp.Config) { c.TCP.Congestion = "cubic" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := mtcp.Config{
				Link:      mtcp.AFXDP{Interface: "eth0", Frames: 256, Require: "native"},
				Addresses: prefixes("10.0.0.2/24", "10.0.0.3/24"), Gateway: netip.MustParseAddr("10.0.0.1"),
				Connections: 100, RingMemory: 8 << 20, Backlog: 7, TCP: mtcp.TCP{Congestion: "newreno", Retries: 5},
			}
			c.change(&want)
			got, f, err := flagged(t, append(c.args, "--config", path)...)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v, %v\nwant\n%+v", got, err, want)
			}
			// What is printed at the start comes from the flags.
			if f.Iface != want.Link.(mtcp.AFXDP).Interface || f.Congestion != want.TCP.Congestion || len(f.Addr) != len(want.Addresses) || f.Addr[0].Prefix != want.Addresses[0] {
				t.Errorf("the flags say %+v", f)
			}
		})
	}
}

// Which link there is: --link's, or the file's, or AF_XDP; and what the flags make of it.
func TestConfiguration_TheFlagOrTheFileChoosesTheLink(t *testing.T) {
	for _, c := range []struct {
		name, file, flags string
		want              mtcp.Link
	}{
		{"Neither", "", "--iface eth0", mtcp.AFXDP{Interface: "eth0"}},
		{"FileWithoutLink", "backlog = 7\n", "--iface eth0", mtcp.AFXDP{Interface: "eth0"}},
		{"File", "[link.tap]\nqueues = 2\n", "", mtcp.TAP{Queues: 2}},
		{"FileAndFlags", "[link.tap]\nqueues = 2\nmtu = 1400\npeer = [\"10.0.0.1/24\"]\n", "--queues 3 --iface t0", mtcp.TAP{Interface: "t0", Queues: 3, MTU: 1400, Peer: prefixes("10.0.0.1/24")}},
		{"Peer", "[link.tap]\npeer = [\"10.0.0.1/24\"]\n", "--peer 10.0.0.9/24", mtcp.TAP{Peer: prefixes("10.0.0.9/24")}},
		{"Memif", "[link.memif]\nsocket = \"@x\"\n", "", mtcp.Memif{Socket: "@x"}},
		{"FlagOverFile", "[link.tap]\nqueues = 2\n", "--link afxdp --iface eth0", mtcp.AFXDP{Interface: "eth0"}},
		{"FlagLikeFile", "[link.tap]\nqueues = 2\n", "--link tap", mtcp.TAP{Queues: 2}},
		{"Shared", "[link.afxdp]\nshared = true\nports = [80]\ndial_ports = 7\n", "", mtcp.AFXDP{Shared: true, Ports: []uint16{80}, DialPorts: 7}},
		{"SharedByFlag", "[link.afxdp]\nports = [80]\n", "--shared --ports 81,82", mtcp.AFXDP{Shared: true, Ports: []uint16{81, 82}}},
		{"Frames", "[link.afxdp]\nframes = 8192\n", "--frames 16384", mtcp.AFXDP{Frames: 16384}},
		{"FrameSize", "[link.afxdp]\nframe_size = 2048\n", "--frame-size 4096", mtcp.AFXDP{FrameSize: 4096}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := strings.Fields(c.flags)
			if c.file != "" {
				args = append(args, "--config", file(t, c.file))
			}
			got, f, err := flagged(t, args...)
			if err != nil || !reflect.DeepEqual(got.Link, c.want) {
				t.Errorf("got %#v, %v, want %#v", got.Link, err, c.want)
			}
			// What is checked and printed comes from the flags.
			if x, ok := c.want.(mtcp.AFXDP); ok && (f.Shared != x.Shared || !reflect.DeepEqual(f.Ports, x.Ports)) {
				t.Errorf("the flags say %+v", f)
			}
			if x, ok := c.want.(mtcp.TAP); ok && len(f.Peer) != len(x.Peer) {
				t.Errorf("the flags say %+v", f)
			}
		})
	}
}

func TestServe_OfAFileIsCheckedAsThatOfFlags(t *testing.T) {
	for text, names := range map[string][]string{
		"[link.afxdp]\ninterface = \"lo\"\nports = [80]\n":                          {"--ports", "--shared"},
		"gateway = \"10.0.0.1\"\n[link.afxdp]\ninterface = \"lo\"\nshared = true\n": {"--gateway", "kernel's routes"},
		"addresses = [\"10.0.0.2/24\"]\n":                                           {"--iface eth0"},
		"[link.tap]\n":                                                              {"--addr 10.0.0.2/24"},
		"addresses = [\"10.0.0.2/24\"]\n[link.tap]\npeer = [\"10.0.1.1/24\"]\n":     {"--peer", "10.0.1.1/24", "10.0.0.2/24"},
	} {
		code, _, stderr := execute("serve", "--echo", "--config", file(t, text))
		if code != exitUsage {
			t.Errorf("%q: exit code %d", text, code)
		}
		checkOneLine(t, stderr, names...)
	}
	// Addresses of a file are no flags that say nothing with the kernel.
	path := file(t, "addresses = [\"10.0.0.2/24\"]\n[link.afxdp]\ninterface = \"lo\"\n")
	if _, _, err := flagged(t, "--config", path, "--link", "kernel"); err != nil {
		t.Error(err)
	}
}

func TestConfiguration_WithoutAFileIsTheFlags(t *testing.T) {
	got, f, err := flagged(t, "--iface", "eth0", "--addr", "10.0.0.2/24")
	want := mtcp.Config{Link: mtcp.AFXDP{Interface: "eth0"}, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")}}
	if err != nil || !reflect.DeepEqual(got, want) || f.Congestion != "cubic" {
		t.Errorf("got %+v, %v, %+v", got, err, f)
	}
}

func TestConfiguration_OfAnotherLinkRefusesFlagsOfAFXDP(t *testing.T) {
	path := file(t, "[link.tap]\nqueues = 2\n")
	if c, _, err := flagged(t, "--config", path, "--iface", "tap3"); err != nil || !reflect.DeepEqual(c.Link, mtcp.TAP{Interface: "tap3", Queues: 2}) {
		t.Errorf("%+v, %v", c.Link, err)
	}
	for _, flag := range []string{"--generic", "--require=native"} {
		if _, _, err := flagged(t, "--config", path, flag); err == nil || !strings.Contains(err.Error(), "the link of "+path+", tap") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestServe_TakesAFileAndItsPromises(t *testing.T) {
	w := newTestWorld(t)
	path := file(t, "addresses = [\""+stackAddress+"/24\"]\nconnections = 4096\nring_memory = \"64MiB\"\n"+
		"[tcp]\ncongestion = \"newreno\"\n[link.afxdp]\nrequire = \"native\"\ninterface = \""+w.server().Interface+"\"\n")
	dir := siteWith(t, "hello.txt", "from a file's stack")
	p := start(t, options{in: w.server().Namespace}, "serve", "--config", path, "--root", dir)
	p.await("files of")
	for _, fact := range []string{"link       " + w.server().Interface + ": AF_XDP native, ", "address    10.77.0.2/24", "congestion newreno"} {
		if !strings.Contains(p.out.String(), fact) {
			t.Errorf("does not say %q:\n%s", fact, p.out)
		}
	}
	if body, err := get(t, w, "http://10.77.0.2/hello.txt"); err != nil || body != "from a file's stack" {
		t.Errorf("got %q, %v", body, err)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	checkFails(t, w, options{}, []string{"serve", "--echo", "--config", path, "--require", "zerocopy"},
		w.server().Interface, "zero-copy is required", "obtained native, copy", "driver veth has no zero-copy", "mend: ")
	checkNoXDP(t, w.server())
}

func TestSize_IsMiBOrHasItsUnit(t *testing.T) {
	for text, want := range map[string]size{"64": 64 << 20, "64MiB": 64 << 20, "2GiB": 2 << 30, "4096B": 4096} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s is %d, %v; want %d", text, s, err, want)
		}
	}
}
