package netconf

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseCapabilities(t *testing.T) {
	status := "Name:\tmtcp\nCapInh:\t0000000000000001\nCapEff:\t000001c000003000\nCapBnd:\t000001ffffffffff\n"
	m := Machine{Capabilities: parseCapabilities(status)}
	if m.Capabilities != 0x1c000003000 {
		t.Errorf("%#x", m.Capabilities)
	}
	if !m.Has(CapNetAdmin) || !m.Has(CapNetRaw) || !m.Has(CapBPF) || m.Has(CapIPCLock) || m.Has(CapSysAdmin) {
		t.Error("bits are not those of the capabilities")
	}
	if parseCapabilities("") != 0 || parseCapabilities("CapEff:\n") != 0 || parseCapabilities("CapEff: nonsense") != 0 {
		t.Error("rights out of nothing")
	}
}

func TestParseAvailable(t *testing.T) {
	if n := parseAvailable("MemTotal:  100 kB\nMemFree:  1 kB\nMemAvailable:   2048 kB\n"); n != 2<<20 {
		t.Errorf("%d octets", n)
	}
}

func TestIsUserNamespace(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": false,
		"         0       1000          1\n": true,
		"0 1000 1\n1 100000 65536\n":         true,
		"":                                   false, // a kernel without user namespaces
		"         0          0 4294967295\n 7 7 1": true,
	} {
		if got := isUserNamespace(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestHugePages_SmallestFirst(t *testing.T) {
	dir := t.TempDir()
	for name, total := range map[string]string{"hugepages-1048576kB": "1\n", "hugepages-2048kB": "64\n", "other": "9\n"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "nr_hugepages"), []byte(total), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := []HugePages{{Octets: 2 << 20, Total: 64}, {Octets: 1 << 30, Total: 1}}
	if got := hugePages(dir); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := hugePages(dir + "/nowhere"); got != nil {
		t.Errorf("%+v", got)
	}
}

func TestParseTable(t *testing.T) {
	reply := func(family byte, name string) []byte {
		b := []byte{family, 0, 0, 0}
		b = binary.NativeEndian.AppendUint16(b, uint16(4+len(name)))
		b = binary.NativeEndian.AppendUint16(b, unix.NFTA_TABLE_NAME)
		return append(b, name...)
	}
	for want, b := range map[string][]byte{
		"inet filter": reply(1, "filter\x00"),
		"ip nat":      reply(2, "nat\x00"),
		"odd":         reply(99, "odd\x00"),
		"":            {1, 0},
	} {
		if got := parseTable(b); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReadMachine_KnowsThisOne(t *testing.T) {
	m := ReadMachine()
	if m.Kernel == "" || m.CPUs < 1 || m.Available == 0 || m.LockedMemory == 0 {
		t.Errorf("%+v", m)
	}
	if m.Root != (os.Geteuid() == 0) || m.Congestion == "" {
		t.Errorf("%+v", m)
	}
}
