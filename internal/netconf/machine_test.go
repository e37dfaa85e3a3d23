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
	for _, tt := range []struct {
		b    []byte
		want string
	}{
		{reply(1, "filter\x00"), "inet filter"},
		{reply(2, "nat\x00"), "ip nat"},
		{reply(10, "six\x00"), ""}, // IPv6
		{reply(2, "nat\x00")[:4], ""},
		{[]byte{1, 0}, ""},
	} {
		if got := parseTable(tt.b); got != tt.want {
			t.Errorf("%x: %q, want %q", tt.b, got, tt.want)
		}
	}
}

// makeTable makes an nftables table: a batch of three messages, none of which is
// answered unless it is refused.
func makeTable(family byte, name string) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	e := binary.NativeEndian
	var batch []byte
	message := func(kind, flags uint16, body []byte) {
		batch = e.AppendUint32(batch, uint32(unix.NLMSG_HDRLEN+len(body)))
		batch = e.AppendUint16(batch, kind)
		batch = e.AppendUint16(batch, unix.NLM_F_REQUEST|flags)
		batch = append(append(batch, make([]byte, 8)...), body...)
	}
	bracket := []byte{0, 0, 0, unix.NFNL_SUBSYS_NFTABLES} // the resource is in network order
	message(unix.NFNL_MSG_BATCH_BEGIN, 0, bracket)
	message(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE|unix.NLM_F_ACK,
		append([]byte{family, 0, 0, 0}, nest(unix.NFTA_TABLE_NAME, append([]byte(name), 0))...))
	message(unix.NFNL_MSG_BATCH_END, 0, bracket)
	if err := unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	var reply [256]byte
	n, _, err := unix.Recvfrom(fd, reply[:], 0)
	if err != nil || n < 20 {
		return err
	}
	if code := int32(e.Uint32(reply[16:])); code < 0 {
		return unix.Errno(-code)
	}
	return nil
}

func TestReadFirewall_SeesTheTablesOfTheNamespace(t *testing.T) {
	n := namespace(t)
	err := n.Do(func() error {
		if f := readFirewall(); !f.Known || len(f.Tables) != 0 {
			t.Errorf("in a new namespace: %+v", f)
		}
		if !hasNfTables() {
			t.Skip("this kernel has no nftables, or has not loaded it")
		}
		if err := makeTable(1, "guard"); err != nil {
			return err
		}
		if err := makeTable(10, "six"); err != nil {
			return err
		}
		if f := readFirewall(); !f.Known || !slices.Equal(f.Tables, []string{"inet guard"}) {
			t.Errorf("%+v", f)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestReadMachine_KnowsThisOne(t *testing.T) {
	m := ReadMachine()
	if m.Kernel == "" || m.CPUs < 1 || m.Available == 0 || m.LockedMemory == 0 {
		t.Errorf("%+v", m)
	}
	if _, err := os.Stat("/dev/net/tun"); m.HasTAP != (err == nil) || m.CanTAP && !m.HasTAP || m.Root && m.HasTAP && !m.CanTAP {
		t.Errorf("TAP: %v, %v, and %v", m.HasTAP, m.CanTAP, err)
	}
	if m.Root != (os.Geteuid() == 0) || m.Congestion == "" {
		t.Errorf("%+v", m)
	}
}
