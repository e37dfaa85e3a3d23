package main

import (
	"encoding/json"
	"flag"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mtcp-go/mtcp/internal/doctor"
	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

var update = flag.Bool("update", false, "write the golden files anew")

const allRights = 1<<netconf.CapNetAdmin | 1<<netconf.CapNetRaw | 1<<netconf.CapBPF | 1<<netconf.CapIPCLock | 1<<netconf.CapSysAdmin

// madeUp are machines as there are many, and the interface that one would look
// at.
var madeUp = map[string]func() doctor.Facts{
	"cloud-ena": func() doctor.Facts {
		f := madeUpFacts("6.1.0-27-cloud-amd64", 4, allRights)
		f.Machine.Firewall.Tables = []string{"inet filter", "ip nat"}
		f.Device = device("ens5", "ena", 9001, 4, "172.31.7.20/20")
		f.Device.Channels.MaxCombined = 4
		f.Device.Gateway = netip.MustParseAddr("172.31.0.1")
		f.Device.Rings = netconf.Rings{Rx: 1024, RxMax: 8192, Tx: 512, TxMax: 1024}
		f.Device.IRQs = []netconf.IRQ{{Number: 27, CPUs: "0"}, {Number: 28, CPUs: "1"}}
		f.Device.Qdiscs = []string{"mq", "fq_codel"}
		return f
	},
	"ice-100g": func() doctor.Facts {
		f := madeUpFacts("6.12.41-amd64", 32, allRights)
		f.Device = device("ens1f0np0", "ice", 1500, 32, "10.20.0.7/16")
		f.Device.Channels.MaxCombined = 64
		f.Device.Coalesce = netconf.Coalesce{Known: true, RxMicros: 50, Adaptive: true}
		f.Device.Rings = netconf.Rings{Rx: 2048, RxMax: 8160, Tx: 256, TxMax: 8160}
		f.Device.RSS = netconf.RSS{Known: true, Key: []byte{1, 52: 9}, Table: make([]uint32, 512)}
		for i := range f.Device.RSS.Table {
			f.Device.RSS.Table[i] = uint32(i % 32)
		}
		f.Device.IRQs = []netconf.IRQ{{Number: 130, CPUs: "0"}, {Number: 131, CPUs: "1"}}
		f.Device.Qdiscs = []string{"mq", "fq_codel"}
		f.Offer = afxdp.Offer{Known: true, Native: true, ZeroCopy: true, Fragments: true}
		return f
	},
	"laptop-e1000e": func() doctor.Facts {
		f := madeUpFacts("6.12.41-amd64", 8, 0)
		f.Machine.Root, f.Machine.LockedMemory, f.Tried = false, 8<<20, false
		f.Machine.Firewall = netconf.Firewall{}
		f.HasEthtool = false
		f.Device = device("enp0s31f6", "e1000e", 1500, 1, "192.168.1.23/24")
		f.Device.Gateway = netip.MustParseAddr("192.168.1.1")
		f.Device.Rings = netconf.Rings{Rx: 256, RxMax: 4096, Tx: 256, TxMax: 4096}
		f.Device.Qdiscs = []string{"fq_codel"}
		f.Device.Coalesce = netconf.Coalesce{Known: true, RxMicros: 3}
		f.Offer = afxdp.Offer{Known: true}
		return f
	},
	"container": func() doctor.Facts {
		f := madeUpFacts("6.8.0-52-generic", 2, 1<<netconf.CapNetRaw)
		f.Machine.Container, f.Machine.LockedMemory, f.Tried = "Docker", 64<<10, false
		f.Machine.BPFJIT, f.Machine.HasTAP, f.Machine.CanTAP = netconf.Unknown, false, false
		f.Device = device("eth0", "veth", 1500, 1, "172.17.0.2/16")
		f.Device.Kind, f.Device.Qdiscs = "veth", []string{"noqueue"}
		f.Device.Gateway = netip.MustParseAddr("172.17.0.1")
		f.Offer = afxdp.Offer{Known: true, Native: true}
		return f
	},
	"veth": func() doctor.Facts {
		f := madeUpFacts("6.18.2-amd64", 2, allRights)
		f.Device = device("veth0", "veth", 1500, 1, "10.77.0.1/24")
		f.Device.Kind, f.Device.Qdiscs = "veth", []string{"noqueue"}
		f.Device.Peer = &netconf.Peer{Name: "veth1", MTU: 1500, TxQueues: 1}
		f.Offer = afxdp.Offer{Known: true, Native: true, Fragments: true}
		return f
	},
}

func madeUpFacts(kernel string, cpus int, rights uint64) doctor.Facts {
	return doctor.Facts{
		Machine: netconf.Machine{
			Kernel: kernel, CPUs: cpus, Root: true, Capabilities: rights, LockedMemory: netconf.Unlimited, Available: 60 << 30,
			BPFJIT: 1, Congestion: "cubic", HasTAP: true, CanTAP: true, Firewall: netconf.Firewall{Known: true},
		},
		Tried: true, Executable: "/usr/local/bin/mtcp", HasEthtool: true,
	}
}

func device(name, driver string, mtu, queues int, address string) *netconf.Device {
	return &netconf.Device{
		Info: netconf.Info{
			Name: name, Driver: driver, MTU: mtu, Up: true, MAC: [6]byte{0x52, 0x54, 0, 0x12, 0x34, 0x56}, RxQueues: queues, TxQueues: queues,
			Addresses: []netip.Prefix{netip.MustParsePrefix(address)},
		},
		IsEthernet: true, HasCarrier: true, Offloads: map[string]netconf.Offload{netconf.LRO: {}},
	}
}

func TestDoctor_ReadsWell(t *testing.T) {
	for name, make := range madeUp {
		t.Run(name, func(t *testing.T) {
			f := make()
			v := verdict{Interface: f.Device.Name, Report: doctor.Judge(&f), Note: note}
			got := v.text(false, false)
			for _, line := range strings.Split(got, "\n") {
				if len([]rune(line)) > doctorWidth && !strings.Contains(line, "$ ") && !strings.HasPrefix(line, "    mtcp ") {
					t.Errorf("a line of %d columns: %s", len([]rune(line)), line)
				}
			}
			golden(t, filepath.Join("testdata", "doctor", name+".golden"), got)
		})
	}
}

func TestDoctor_ListReadsWell(t *testing.T) {
	f := madeUp["ice-100g"]()
	all := []doctor.Candidate{doctor.Consider(&f)}
	for _, change := range []func(d *netconf.Device){
		func(d *netconf.Device) { d.Name, d.Driver, d.IsEthernet = "lo", "", false },
		func(d *netconf.Device) { d.Name, d.Driver, d.IsEthernet = "wg0", "wireguard", false },
		func(d *netconf.Device) { d.Name, d.HasCarrier, d.MTU = "ens1f1np1", false, 9000 },
		func(d *netconf.Device) { d.Name, d.Up, d.Addresses = "ens2", false, nil },
	} {
		f := madeUp["ice-100g"]()
		change(f.Device)
		all = append(all, doctor.Consider(&f))
	}
	f.Device = nil
	v := verdict{Report: doctor.Judge(&f), Interfaces: all, Note: note}
	v.Recommended = doctor.Recommend(v.Interfaces)
	v.Use = doctor.Look(v.Recommended)
	golden(t, filepath.Join("testdata", "doctor", "list.golden"), v.text(false, false))

	for len(v.Interfaces) < maxCandidates {
		v.Interfaces = append(v.Interfaces, all[0])
	}
	if strings.Contains(v.text(false, false), "more\n") {
		t.Error("more than there are")
	}
	v.Interfaces = append(v.Interfaces, all[0], all[0])
	if got := v.text(false, false); !strings.Contains(got, "  and 2 more\n") || strings.Count(got, all[0].Name) > maxCandidates+3 {
		t.Errorf("the list is not bounded:\n%s", got)
	}
}

func TestWrap_KeepsWordsAndOneLineAtLeast(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"one two three", []string{"one two", "three"}},
		{"one two thr", []string{"one two", "thr"}},
		{"µµµ µµ µµ", []string{"µµµ µµ", "µµ"}},
		{"muchlonger a", []string{"muchlonger", "a"}},
	} {
		if got := wrap(tt.text, 7); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q", tt.text, got)
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (if it is meant to: go test ./cmd/mtcp -run Doctor -update):\n%s", path, got)
	}
}

func TestDoctor_VerboseExplainsWhatIsFine(t *testing.T) {
	f := madeUp["ice-100g"]()
	v := verdict{Interface: f.Device.Name, Report: doctor.Judge(&f), Note: note}
	const means = "The kernel keeps its addresses"
	if strings.Contains(v.text(false, false), means) || !strings.Contains(v.text(true, false), means) {
		t.Error("what a finding means shows up without --verbose, or does not with it")
	}
	if strings.Contains(v.text(true, false), "\n                   \n") {
		t.Error("an empty line for a meaning that is not there")
	}
}

func TestDoctor_ColoursOnlyOnATerminal(t *testing.T) {
	f := madeUp["ice-100g"]()
	v := verdict{Interface: f.Device.Name, Report: doctor.Judge(&f)}
	if strings.Contains(v.text(false, false), "\x1b") || !strings.Contains(v.text(false, true), "\x1b[32mok") {
		t.Error("colours without being asked for, or none when asked for")
	}
	if newPaint(&strings.Builder{}) {
		t.Error("a builder is a terminal")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if newPaint(w) {
		t.Error("a pipe is a terminal")
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	defer terminal.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if !newPaint(terminal) {
		t.Error("a terminal is none")
	}
	t.Setenv("NO_COLOR", "1")
	if newPaint(terminal) {
		t.Error("NO_COLOR is not respected")
	}
}

func TestDoctor_ExitCodeSaysWhetherSomethingFailed(t *testing.T) {
	for name, want := range map[string]string{
		"ice-100g": "", "veth": "",
		"cloud-ena": "ens5 is not ready for AF_XDP: 1 failure", "container": "eth0 is not ready for AF_XDP: 2 failures",
	} {
		f := madeUp[name]()
		v := verdict{Interface: f.Device.Name, Report: doctor.Judge(&f)}
		got := ""
		if err := v.failure(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// keysOf walks through JSON and notes every key with its path.
func keysOf(v any, path string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			into[path+k] = true
			keysOf(inner, path+k+".", into)
		}
	case []any:
		for _, inner := range v {
			keysOf(inner, path, into)
		}
	}
}

func TestDoctor_JSONHasTheKeysOfTheDocument(t *testing.T) {
	f := madeUp["cloud-ena"]()
	v := verdict{Version: verdictVersion, Interface: f.Device.Name, Report: doctor.Judge(&f), Note: note}
	v.Interfaces = []doctor.Candidate{doctor.Consider(&f)}
	v.Recommended = "ens5"
	f = madeUp["ice-100g"]()
	v.Interfaces = append(v.Interfaces, doctor.Consider(&f))
	v.Use = doctor.Judge(&f).Use
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	keysOf(tree, "", keys)
	document, err := os.ReadFile("../../docs/DEPLOY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !strings.Contains(string(document), "| `"+key+"` |") {
			t.Errorf("docs/DEPLOY.md has no row for the key %s", key)
		}
	}
	if len(keys) < 20 {
		t.Errorf("only %d keys: %v", len(keys), keys)
	}
	for _, id := range v.Findings {
		if !strings.Contains(string(document), "`"+id.ID+"`") {
			t.Errorf("docs/DEPLOY.md does not name the finding %s", id.ID)
		}
	}
}

func TestDoctor_WithoutRightsOrInterface(t *testing.T) {
	p := start(t, options{env: []string{"NO_COLOR=1"}}, "doctor", "--iface", "nosuch0")
	if code := p.exit(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	checkOneLine(t, p.stderr.String(), "nosuch0", "no such interface", "lo")

	p = start(t, options{}, "doctor", "--iface", "lo", "--json")
	if code := p.exit(); code != exitFailed {
		t.Errorf("exit code %d for the loopback", code)
	}
	checkOneLine(t, p.stderr.String(), "lo is not ready")
	var v struct {
		Interface string
		Findings  []struct{ ID, Level string }
		Use       struct{ Link string }
	}
	if err := json.Unmarshal([]byte(p.out.String()), &v); err != nil {
		t.Fatal(err)
	}
	if v.Interface != "lo" || len(v.Findings) < 8 || v.Findings[0].ID != "kernel" || v.Use.Link == "afxdp" {
		t.Errorf("%+v", v)
	}
	if os.Geteuid() == 0 {
		p = start(t, options{env: []string{dropEnv + "=rights"}}, "doctor")
		if code := p.exit(); code != exitFailed {
			t.Errorf("exit code %d without rights", code)
		}
		checkOneLine(t, p.stderr.String(), "this machine is not ready")
		if !strings.Contains(p.out.String(), "FAIL  rights     no CAP_NET_ADMIN, no CAP_NET_RAW, no CAP_BPF") {
			t.Errorf("does not miss the rights:\n%s", p.out)
		}
	}
	if code, _, _ := execute("doctor", "--colour"); code != exitUsage {
		t.Errorf("exit code %d for a bad flag", code)
	}
}

func TestDoctor_ListsTheInterfacesOfTheNamespace(t *testing.T) {
	w := newTestWorld(t)
	p := start(t, options{in: w.server().Namespace}, "doctor")
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
	}
	for _, want := range []string{"* " + w.server().Interface, "  lo               not Ethernet", "mtcp doctor --iface " + w.server().Interface, "netfilter"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("does not say %q:\n%s", want, p.out)
		}
	}
}

// What is foretold must be what one gets.
func TestDoctor_ForetellsTheMode(t *testing.T) {
	for name, c := range map[string]struct {
		ends [2]netconf.End
		mode string
	}{
		"plain":                 {[2]netconf.End{}, "native, copy"},
		"several queues":        {[2]netconf.End{{Queues: 2}, {Queues: 2}}, "native, copy"},
		"peer with large MTU":   {[2]netconf.End{{}, {MTU: 9000}}, "generic, copy"},
		"peer with more queues": {[2]netconf.End{{}, {Queues: 2}}, "generic, copy"},
	} {
		t.Run(name, func(t *testing.T) {
			requireRoot(t)
			n, err := netconf.NewNamespace("")
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			c.ends[0].Namespace, c.ends[1].Namespace = n, n
			c.ends[0].Interface = "here"
			p, err := netconf.NewPair(c.ends[0], c.ends[1])
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if err := n.Do(func() error {
				v, err := lookAt(doctor.Facts{Machine: netconf.ReadMachine()}, "here")
				if err != nil {
					return err
				}
				d, err := afxdp.Open(afxdp.Config{Interface: "here", Frames: 128})
				if err != nil {
					return err
				}
				defer d.Close()
				if v.Use.Mode != c.mode || d.Info().Mode != c.mode {
					t.Errorf("foretold %q, got %q, want %q", v.Use.Mode, d.Info().Mode, c.mode)
				}
				if v, err = lookAt(doctor.Facts{Machine: netconf.ReadMachine()}, "here"); err != nil {
					return err
				}
				if !slices.ContainsFunc(v.Findings, func(f doctor.Finding) bool { return f.ID == "program" && f.Level == doctor.Failure }) {
					t.Error("the program that is attached now is not seen")
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
