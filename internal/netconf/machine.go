package netconf

// What a machine offers to a stack beside its kernel: read, never changed.

import (
	"encoding/binary"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Machine describes the machine as this process sees it. What the kernel does
// not tell stays at its zero value, or at Unknown.
type Machine struct {
	Kernel          string // its release, such as "6.1.0-18-amd64"
	CPUs            int    // that this process may use
	Root            bool
	Capabilities    uint64 // effective, a bit each
	IsUserNamespace bool   // capabilities count only within it
	Container       string // what told that this is a container; "" when nothing did
	LockedMemory    uint64 // the limit in octets; Unlimited
	Available       uint64 // memory in octets
	HugePages       []HugePages
	BPFJIT          int // net.core.bpf_jit_enable
	Congestion      string
	CanTAP          bool // /dev/net/tun is there and may be opened
	HasTAP          bool // it is there
	Firewall        Firewall
}

const (
	Unknown   = -1 // a number that the kernel does not tell
	Unlimited = math.MaxUint64
)

// Capabilities that a stack's links need.
const (
	CapNetAdmin = unix.CAP_NET_ADMIN
	CapNetRaw   = unix.CAP_NET_RAW
	CapBPF      = unix.CAP_BPF
	CapSysAdmin = unix.CAP_SYS_ADMIN // stands for CAP_BPF, too
	CapIPCLock  = unix.CAP_IPC_LOCK
)

// HugePages are those of one size.
type HugePages struct {
	Octets      uint64
	Total, Free int
}

// Firewall are the tables of netfilter, which see nothing of a stack beside the
// kernel.
type Firewall struct {
	Known  bool
	Tables []string // "inet filter", or "filter (iptables)"
}

// Has reports whether the process has a capability.
func (m *Machine) Has(capability uint) bool { return m.Capabilities&(1<<capability) != 0 }

// ReadMachine looks at the machine.
func ReadMachine() Machine {
	m := Machine{
		CPUs:       runtime.NumCPU(),
		Root:       os.Geteuid() == 0,
		BPFJIT:     readNumber("/proc/sys/net/core/bpf_jit_enable"),
		Congestion: readWord("/proc/sys/net/ipv4/tcp_congestion_control"),
		Container:  container(),
		Available:  parseAvailable(readText("/proc/meminfo")),
		HugePages:  hugePages("/sys/kernel/mm/hugepages"),
		Firewall:   readFirewall(),
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	m.Capabilities = parseCapabilities(readText("/proc/self/status"))
	m.IsUserNamespace = isUserNamespace(readText("/proc/self/uid_map"))
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) == nil {
		m.LockedMemory = limit.Cur
	}
	const tun = "/dev/net/tun"
	m.HasTAP = unix.Access(tun, unix.F_OK) == nil
	m.CanTAP = unix.Access(tun, unix.R_OK|unix.W_OK) == nil
	return m
}

// parseCapabilities reads /proc/self/status.
func parseCapabilities(status string) uint64 {
	n, _ := strconv.ParseUint(field(status, "CapEff:"), 16, 64)
	return n
}

// parseAvailable reads /proc/meminfo.
func parseAvailable(info string) uint64 {
	n, _ := strconv.ParseUint(field(info, "MemAvailable:"), 10, 64)
	return n << 10
}

// field returns the first word after a label at the start of a line.
func field(text, label string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, label); ok {
			if words := strings.Fields(rest); len(words) > 0 {
				return words[0]
			}
		}
	}
	return ""
}

// isUserNamespace reads /proc/self/uid_map: only the first user namespace maps
// every user to itself.
func isUserNamespace(uidMap string) bool {
	f := strings.Fields(uidMap)
	return len(f) > 0 && !slices.Equal(f, []string{"0", "0", "4294967295"})
}

// container says what tells of a container, as far as one can know.
func container() string {
	for _, c := range [...]struct{ path, name string }{
		{"/.dockerenv", "Docker"},
		{"/run/.containerenv", "Podman"},
		{"/var/run/secrets/kubernetes.io", "Kubernetes"},
	} {
		if _, err := os.Stat(c.path); err == nil {
			return c.name
		}
	}
	return ""
}

// hugePages reads a directory per size, as /sys/kernel/mm/hugepages.
func hugePages(dir string) []HugePages {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var all []HugePages
	for _, e := range entries {
		size := strings.TrimSuffix(strings.TrimPrefix(e.Name(), "hugepages-"), "kB")
		kilo, err := strconv.ParseUint(size, 10, 64)
		if err != nil {
			continue
		}
		all = append(all, HugePages{
			Octets: kilo << 10,
			Total:  max(0, readNumber(dir+"/"+e.Name()+"/nr_hugepages")),
			Free:   max(0, readNumber(dir+"/"+e.Name()+"/free_hugepages")),
		})
	}
	slices.SortFunc(all, func(a, b HugePages) int { return int(a.Octets>>10) - int(b.Octets>>10) })
	return all
}

// readFirewall lists the tables that could hold rules for IPv4, without making
// the kernel load what it has not.
func readFirewall() Firewall {
	var f Firewall
	legacy, err := os.ReadFile("/proc/net/ip_tables_names")
	f.Known = err == nil || os.IsNotExist(err)
	for _, name := range strings.Fields(string(legacy)) {
		f.Tables = append(f.Tables, name+" (iptables)")
	}
	if !hasNfTables() {
		return f
	}
	// struct nfgenmsg: all families, version 0, no resource.
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP)
	req.AddRawData([]byte{unix.AF_UNSPEC, 0, 0, 0})
	replies, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	f.Known = f.Known && err == nil
	for _, r := range replies {
		if name := parseTable(r); name != "" {
			f.Tables = append(f.Tables, name)
		}
	}
	return f
}

// hasNfTables looks for a module, or for a symbol of what is built in: to ask
// the kernel would load the module.
func hasNfTables() bool {
	if _, err := os.Stat("/sys/module/nf_tables"); err == nil {
		return true
	}
	return strings.Contains(readText("/proc/kallsyms"), " nft_do_chain\n")
}

// families are those of netfilter that see IPv4, as nft(8) calls them.
var families = map[byte]string{1: "inet", 2: "ip", 5: "netdev"}

// parseTable reads one answer to NFT_MSG_GETTABLE; "" for other families.
func parseTable(reply []byte) string {
	const header = 4
	if len(reply) < header || families[reply[0]] == "" {
		return ""
	}
	for kind, value := range attributes(reply[header:]) {
		if kind == unix.NFTA_TABLE_NAME {
			return families[reply[0]] + " " + unix.ByteSliceToString(value)
		}
	}
	return ""
}

func readText(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

func readWord(path string) string { return strings.TrimSpace(readText(path)) }

// readNumber is Unknown when the file is not there, or is no number.
func readNumber(path string) int {
	n, err := strconv.Atoi(readWord(path))
	if err != nil {
		return Unknown
	}
	return n
}

// number reads an attribute of four octets.
func number(value []byte) int {
	if len(value) < 4 {
		return 0
	}
	return int(binary.NativeEndian.Uint32(value))
}
