package doctor

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

const allRights = 1<<netconf.CapNetAdmin | 1<<netconf.CapNetRaw | 1<<netconf.CapBPF | 1<<netconf.CapIPCLock

// good are facts of a machine and an interface with nothing to complain of; each
// test spoils something.
func good() *Facts {
	return &Facts{
		Machine: netconf.Machine{
			Kernel: "6.12.9-amd64", CPUs: 4, Root: true, Capabilities: allRights,
			LockedMemory: netconf.Unlimited, Available: 8 << 30, BPFJIT: 1, Congestion: "cubic",
			HasTAP: true, CanTAP: true, Firewall: netconf.Firewall{Known: true},
		},
		Tried: true, Executable: "/usr/bin/mtcp", HasEthtool: true,
		Device: &netconf.Device{
			Info: netconf.Info{
				Name: "eth0", MTU: 1500, Up: true, Driver: "ice", MAC: [6]byte{2, 0, 0, 0, 0, 1}, RxQueues: 4, TxQueues: 4,
				Addresses: []netip.Prefix{netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("192.0.2.2/24")},
			},
			IsEthernet: true, HasCarrier: true,
			Channels: netconf.Channels{MaxCombined: 64},
			Offloads: map[string]netconf.Offload{netconf.LRO: {}},
			RSS:      netconf.RSS{Known: true, Key: []byte{1, 2, 3, 4}, Table: []uint32{0, 1, 2, 3, 0, 1, 2, 3}},
			Rings:    netconf.Rings{Rx: 2048, RxMax: 8160, Tx: 256, TxMax: 8160},
			Coalesce: netconf.Coalesce{Known: true, RxMicros: 50, Adaptive: true},
			Qdiscs:   []string{"mq", "fq_codel"},
			Gateway:  netip.MustParseAddr("192.0.2.1"),
			IRQs:     []netconf.IRQ{{Number: 40, CPUs: "0"}, {Number: 41, CPUs: "1"}},
		},
		Offer: afxdp.Offer{Known: true, Native: true, ZeroCopy: true},
	}
}

func veth(f *Facts) {
	d := f.Device
	d.Driver, d.Kind, d.RxQueues, d.TxQueues = "veth", "veth", 1, 1
	d.Channels = netconf.Channels{MaxRx: 4, MaxTx: 4}
	d.Peer = &netconf.Peer{Name: "veth1", MTU: 1500, TxQueues: 1, Offloads: map[string]netconf.Offload{netconf.TSO: {On: true}}}
	f.Offer = afxdp.Offer{Known: true, Native: true}
}

func virtio(f *Facts, merge netconf.Offload) {
	f.Device.Driver = "virtio_net"
	f.Device.Offloads = map[string]netconf.Offload{netconf.HardwareGRO: merge, netconf.RxChecksum: {On: true, Fixed: true}}
}

func user(f *Facts) { f.Machine.Root, f.Machine.Capabilities = false, 0 }

func drop(f *Facts, capability uint) { f.Machine.Capabilities &^= 1 << capability }

func finding(r *Report, id string) (Finding, bool) {
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		return Finding{}, false
	}
	return r.Findings[i], true
}

func TestJudge_GoodFactsHaveNoComplaint(t *testing.T) {
	r := Judge(good())
	for _, f := range r.Findings {
		if f.Level != OK || f.Mend != "" {
			t.Errorf("%+v", f)
		}
	}
	for _, id := range []string{"kernel", "rights", "load", "memlock", "memory", "hugepages", "jit", "congestion", "netfilter", "tap",
		"link", "address", "xdp", "program", "mtu", "queues", "rss", "offloads", "rings", "coalesce", "napi", "interrupts", "qdisc"} {
		if _, ok := finding(&r, id); !ok {
			t.Errorf("nothing is said of %s", id)
		}
	}
	if r.Count(OK) != 23 || r.Count(Warning) != 0 {
		t.Errorf("%d ok, %d warnings", r.Count(OK), r.Count(Warning))
	}
}

func TestJudge_EveryFinding(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(f *Facts)
		id    string
		level Level
		found string // a part of it
		mend  string // all of it
	}{
		{"old kernel", func(f *Facts) { f.Machine.Kernel = "5.4.0-150" }, "kernel", Failure, "older than 5.9", ""},
		{"kernel that does not tell", func(f *Facts) { f.Machine.Kernel = "6.1.0-18-amd64" }, "kernel", Warning, "older than 6.3", ""},
		{"kernel without checksums", func(f *Facts) { f.Machine.Kernel = "6.8.0" }, "kernel", OK, "6.8.0", ""},
		{"next major kernel", func(f *Facts) { f.Machine.Kernel = "7.0.1" }, "kernel", OK, "7.0.1", ""},
		{"unreadable kernel", func(f *Facts) { f.Machine.Kernel = "plan9" }, "kernel", Warning, `"plan9"`, ""},

		{"user", user, "rights", Failure, "no CAP_NET_ADMIN, no CAP_NET_RAW, no CAP_BPF",
			"sudo setcap cap_net_admin,cap_net_raw,cap_bpf,cap_ipc_lock=ep /usr/bin/mtcp"},
		{"root without", func(f *Facts) { drop(f, netconf.CapNetRaw) }, "rights", Failure, "no CAP_NET_RAW", ""},
		{"container", func(f *Facts) { drop(f, netconf.CapNetAdmin); drop(f, netconf.CapBPF); f.Machine.Container = "Docker" }, "rights", Failure,
			"no CAP_NET_ADMIN, no CAP_BPF", "docker run --cap-add NET_ADMIN --cap-add BPF --ulimit memlock=-1 IMAGE"},
		{"podman", func(f *Facts) { drop(f, netconf.CapBPF); f.Machine.Container = "Podman" }, "rights", Failure,
			"no CAP_BPF", "podman run --cap-add BPF --ulimit memlock=-1 IMAGE"},
		{"CAP_SYS_ADMIN for CAP_BPF", func(f *Facts) { drop(f, netconf.CapBPF); f.Machine.Capabilities |= 1 << netconf.CapSysAdmin }, "rights", OK, "there", ""},
		{"user namespace", func(f *Facts) { f.Machine.IsUserNamespace = true }, "rights", Failure, "user namespace", ""},

		{"trial failed", func(f *Facts) { f.Refusal = "verifier says no" }, "load", Failure, "verifier says no",
			"grep -E 'CONFIG_(BPF_SYSCALL|XDP_SOCKETS)=' /boot/config-$(uname -r)"},

		{"memlock of a user", func(f *Facts) { user(f); f.Machine.LockedMemory = 8 << 20 }, "memlock", Failure, "32 MiB of locked memory needed for 4 queues, limit 8 MiB",
			"sudo setcap cap_net_admin,cap_net_raw,cap_bpf,cap_ipc_lock=ep /usr/bin/mtcp"},
		{"memlock of root", func(f *Facts) { drop(f, netconf.CapIPCLock); f.Machine.LockedMemory = 64 << 10 }, "memlock", Failure, "limit 64 KiB", "ulimit -l unlimited"},
		{"memlock just enough", func(f *Facts) { user(f); f.Machine.LockedMemory = 32 << 20 }, "memlock", OK, "limit 32 MiB", ""},
		{"CAP_IPC_LOCK", func(f *Facts) { f.Machine.LockedMemory = 0 }, "memlock", OK, "CAP_IPC_LOCK lifts", ""},
		{"CAP_IPC_LOCK of a user namespace", func(f *Facts) { f.Machine.LockedMemory, f.Machine.IsUserNamespace = 0, true }, "memlock", Failure, "limit 0 octets", "ulimit -l unlimited"},

		{"little memory", func(f *Facts) { f.Machine.Available = 1 << 30 }, "memory", Warning, "1 GiB available; 4 shards may use up to 2 GiB", ""},
		{"huge pages", func(f *Facts) { f.Machine.HugePages = []netconf.HugePages{{Octets: 2 << 20, Total: 7}} }, "hugepages", OK, "7 reserved", ""},
		{"interpreted", func(f *Facts) { f.Machine.BPFJIT = 0 }, "jit", Warning, "interpreted", "sysctl -w net.core.bpf_jit_enable=1"},
		{"interpreted, for a user", func(f *Facts) { f.Machine.BPFJIT, f.Machine.Root = 0, false }, "jit", Warning, "interpreted", "sudo sysctl -w net.core.bpf_jit_enable=1"},
		{"the same congestion control", func(f *Facts) {}, "congestion", OK, "as the kernel does", ""},
		{"congestion", func(f *Facts) { f.Machine.Congestion = "bbr" }, "congestion", OK, "the kernel bbr", ""},
		{"firewall", func(f *Facts) { f.Machine.Firewall.Tables = []string{"inet filter", "ip nat"} }, "netfilter", Warning, "inet filter, ip nat", ""},
		{"many tables", func(f *Facts) { f.Machine.Firewall.Tables = strings.Split("abcdef", "") }, "netfilter", Warning, "a, b, c, d and 2 more", ""},
		{"firewall not known", func(f *Facts) { f.Machine.Firewall.Known = false }, "netfilter", OK, "only root may see", ""},
		{"no TAP", func(f *Facts) { f.Machine.HasTAP, f.Machine.CanTAP = false, false }, "tap", OK, "no /dev/net/tun", ""},
		{"TAP not permitted", func(f *Facts) { f.Machine.CanTAP = false }, "tap", OK, "may not be opened", ""},
		{"no ethtool, wanted", func(f *Facts) { f.HasEthtool = false; f.Device.Offloads[netconf.LRO] = netconf.Offload{On: true} }, "tools", Warning, "ethtool", "apt-get install ethtool"},

		{"loopback", func(f *Facts) { f.Device.IsLoopback, f.Device.IsEthernet = true, false }, "link", Failure, "loopback", ""},
		{"no Ethernet", func(f *Facts) { f.Device.Driver, f.Device.IsEthernet = "wireguard", false }, "link", Failure, "driver wireguard", ""},
		{"down", func(f *Facts) { f.Device.Up = false }, "link", Failure, "down", "ip link set dev eth0 up"},
		{"no carrier", func(f *Facts) { f.Device.HasCarrier = false }, "link", Warning, "carrier", ""},
		{"peer down", func(f *Facts) { veth(f); f.Device.HasCarrier = false }, "link", Warning, "carrier", "ip link set dev veth1 up"},
		{"TAP interface", func(f *Facts) { f.Device.Kind = "tuntap" }, "link", Warning, "TAP", ""},
		{"up", func(f *Facts) {}, "link", OK, "up, 02:00:00:00:00:01, driver ice", ""},
		{"port of a bridge", func(f *Facts) { f.Device.Master = "br0" }, "port", Warning, "a port of br0", ""},
		{"bridge", func(f *Facts) { f.Device.Kind = "bridge" }, "port", Warning, "a bridge", ""},
		{"address", func(f *Facts) {}, "address", OK, "the kernel has 192.0.2.2/24:", ""},
		{"no address", func(f *Facts) { f.Device.Addresses = nil }, "address", OK, "no IPv4 address", ""},
		{"cloud", func(f *Facts) { f.Device.Driver = "ena" }, "address", OK, "the cloud must have assigned", ""},
		{"jumbo", func(f *Facts) { f.Device.MTU = 9001 }, "mtu", Failure, "9001", "ip link set dev eth0 mtu 1500"},
		{"largest", func(f *Facts) { f.Device.MTU = afxdp.MaxMTU }, "mtu", OK, "1778", ""},

		{"too many queues", func(f *Facts) { f.Device.RxQueues, f.Device.TxQueues = 300, 300 }, "queues", Failure, "300 queues", "ethtool -L eth0 combined 4"},
		{"few to transmit", func(f *Facts) { f.Device.TxQueues = 2 }, "queues", Failure, "4 queues to receive and only 2", "ethtool -L eth0 rx 2 tx 2"},
		{"more queues than processors", func(f *Facts) { f.Device.RxQueues, f.Device.TxQueues = 8, 8 }, "queues", Warning, "8 shards on 4 CPUs", "ethtool -L eth0 combined 4"},
		{"one queue of many", func(f *Facts) { f.Device.RxQueues, f.Device.TxQueues = 1, 1 }, "queues", Warning, "1 queue of 64", "ethtool -L eth0 combined 4"},
		{"one queue, separate channels", func(f *Facts) {
			f.Device.RxQueues, f.Device.TxQueues, f.Device.Channels = 1, 1, netconf.Channels{MaxRx: 2, MaxTx: 8}
		}, "queues", Warning, "1 queue of 2", "ethtool -L eth0 rx 2 tx 2"},
		{"the only queue", func(f *Facts) {
			f.Device.RxQueues, f.Device.TxQueues, f.Device.Channels = 1, 1, netconf.Channels{}
		}, "queues", OK, "1 queue: 1 shard", ""},
		{"one queue of a veth", veth, "queues", OK, "1 queue: 1 shard", ""},

		{"key of zero", func(f *Facts) { f.Device.RSS.Key = make([]byte, 40) }, "rss", Warning, "zero",
			"ethtool -X eth0 hkey $(od -An -v -tx1 -N40 /dev/urandom | xargs | tr ' ' :)"},
		{"half of the queues", func(f *Facts) { f.Device.RSS.Table = []uint32{0, 1, 0, 1} }, "rss", Warning, "2 of 4", "ethtool -X eth0 equal 4"},
		{"spread not told", func(f *Facts) { f.Device.RSS = netconf.RSS{} }, "rss", OK, "does not say", ""},

		{"zero-copy", func(f *Facts) {}, "xdp", OK, "native mode with zero-copy", ""},
		{"copy", func(f *Facts) { f.Offer.ZeroCopy = false }, "xdp", OK, "driver ice has no zero-copy", ""},
		{"generic", func(f *Facts) { f.Device.Driver, f.Offer = "e1000e", afxdp.Offer{Known: true} }, "xdp", Warning, "driver e1000e has no native XDP", ""},
		{"not told", func(f *Facts) { f.Offer = afxdp.Offer{} }, "xdp", OK, "does not say", ""},
		{"not told, and known", func(f *Facts) { veth(f); f.Offer = afxdp.Offer{} }, "xdp", OK, "native mode; packets are copied", ""},
		{"not told, and known to refuse", func(f *Facts) { veth(f); f.Offer, f.Device.Peer.MTU = afxdp.Offer{}, 9000 }, "xdp", Warning, "MTU of the peer", "ip link set dev veth1 mtu 1500"},
		{"virtio, fixed", func(f *Facts) { virtio(f, netconf.Offload{On: true, Fixed: true}) }, "xdp", Warning, "virtio_net refuses", ""},
		{"virtio of an older kernel", func(f *Facts) {
			f.Device.Driver, f.Device.Offloads = "virtio_net", map[string]netconf.Offload{netconf.LRO: {On: true, Fixed: true}}
		}, "xdp", Warning, "virtio_net refuses", ""},
		{"virtio, checksums not fixed", func(f *Facts) {
			f.Device.Driver, f.Device.Offloads = "virtio_net", map[string]netconf.Offload{netconf.RxChecksum: {On: true}}
		}, "xdp", Warning, "virtio_net refuses", ""},
		{"virtio, nothing merged", func(f *Facts) {
			f.Device.Driver, f.Device.Offloads = "virtio_net", map[string]netconf.Offload{netconf.LRO: {Fixed: true}, netconf.RxChecksum: {Fixed: true}}
		}, "xdp", OK, "native", ""},
		{"no driver", func(f *Facts) { f.Device.Driver, f.Device.Kind, f.Offer = "", "vlan", afxdp.Offer{Known: true} }, "xdp", Warning, "a vlan has no native XDP", ""},
		{"no driver and no kind", func(f *Facts) { f.Device.Driver, f.Offer = "", afxdp.Offer{Known: true} }, "xdp", Warning, "the driver has no native XDP", ""},
		{"virtio, not fixed", func(f *Facts) { virtio(f, netconf.Offload{On: true}) }, "xdp", OK, "native", ""},
		{"virtio, checksums only", func(f *Facts) {
			virtio(f, netconf.Offload{})
			delete(f.Device.Offloads, netconf.HardwareGRO)
		}, "xdp", Warning, "virtio_net refuses", ""},
		{"ena with all queues", func(f *Facts) { f.Device.Driver, f.Device.Channels.MaxCombined = "ena", 4 }, "xdp", Warning, "can have 2 queues, and has 4", "ethtool -L eth0 combined 2"},
		{"ena with half", func(f *Facts) { f.Device.Driver, f.Device.Channels.MaxCombined = "ena", 8 }, "xdp", OK, "native", ""},
		{"veth", veth, "xdp", OK, "driver veth has no zero-copy", ""},
		{"large peer", func(f *Facts) { veth(f); f.Device.Peer.MTU = 9000 }, "xdp", Warning, "MTU of the peer veth1 is 9000", "ip link set dev veth1 mtu 1500"},
		{"wide peer", func(f *Facts) { veth(f); f.Device.Peer.TxQueues = 3 }, "xdp", Warning, "veth1 transmits on 3 queues", "ethtool -L veth1 tx 1"},
		{"other program", func(f *Facts) { f.Device.XDP = netconf.XDP{Attached: true, ID: 77, Mode: "native"} }, "program", Failure, "id 77", "ip link set dev eth0 xdpdrv off"},
		{"other generic program", func(f *Facts) { f.Device.XDP = netconf.XDP{Attached: true, Mode: "generic"} }, "program", Failure, "generic", "ip link set dev eth0 xdpgeneric off"},
		{"several programs", func(f *Facts) { f.Device.XDP = netconf.XDP{Attached: true, Mode: "several"} }, "program", Failure, "several", "ip link set dev eth0 xdp off"},

		{"LRO", func(f *Facts) { f.Device.Offloads[netconf.LRO] = netconf.Offload{On: true} }, "offloads", Warning, "LRO merges", "ethtool -K eth0 lro off"},
		{"both", func(f *Facts) {
			f.Device.Offloads = map[string]netconf.Offload{netconf.LRO: {On: true}, netconf.HardwareGRO: {On: true}}
		}, "offloads", Warning, "LRO and GRO in hardware", "ethtool -K eth0 lro off rx-gro-hw off"},
		{"fixed", func(f *Facts) { virtio(f, netconf.Offload{On: true, Fixed: true}) }, "offloads", Warning, "cannot be switched off", ""},
		{"peer in native mode", veth, "peer", OK, "veth1, MTU 1500", ""},
		{"peer in generic mode", func(f *Facts) { veth(f); f.Device.Peer.MTU = 9000 }, "peer", Warning, "large packets", "ethtool -K veth1 tso off gso off"},
		{"peer with GSO only", func(f *Facts) {
			veth(f)
			f.Device.Peer.MTU, f.Device.Peer.Offloads = 9000, map[string]netconf.Offload{netconf.GSO: {On: true}}
		}, "peer", Warning, "large packets", "ethtool -K veth1 tso off gso off"},
		{"mended peer", func(f *Facts) { veth(f); f.Device.Peer.MTU, f.Device.Peer.Offloads = 9000, nil }, "peer", OK, "without large packets", ""},
		{"peer elsewhere", func(f *Facts) { veth(f); f.Device.Peer = nil }, "peer", OK, "another namespace", ""},

		{"small ring", func(f *Facts) { f.Device.Rings = netconf.Rings{Rx: 256, RxMax: 4096} }, "rings", Warning, "256 descriptors to receive, of 4096", "ethtool -G eth0 rx 2048"},
		{"small ring at its limit", func(f *Facts) { f.Device.Rings = netconf.Rings{Rx: 256, RxMax: 256} }, "rings", OK, "256", ""},
		{"coalescing by the driver", func(f *Facts) { f.Device.Coalesce.RxMicros = 500 }, "coalesce", OK, "by itself", ""},
		{"coalescing for long", func(f *Facts) { f.Device.Coalesce = netconf.Coalesce{Known: true, RxMicros: 250} }, "coalesce", Warning, "250 µs", "ethtool -C eth0 rx-usecs 20"},
		{"coalescing just short enough", func(f *Facts) { f.Device.Coalesce = netconf.Coalesce{Known: true, RxMicros: 100} }, "coalesce", OK, "100 µs", ""},
		{"deferred by half", func(f *Facts) { f.Device.NAPI.DeferHardIRQs = 2 }, "napi", OK, "napi_defer_hard_irqs 2", ""},
		{"deferred by the other half", func(f *Facts) { f.Device.NAPI.FlushTimeout = time.Microsecond }, "napi", OK, "gro_flush_timeout 1µs", ""},
		{"deferred", func(f *Facts) { f.Device.NAPI = netconf.NAPI{DeferHardIRQs: 2, FlushTimeout: 200 * time.Microsecond} }, "napi", OK, "200µs", ""},
		{"deferred for long", func(f *Facts) { f.Device.NAPI.FlushTimeout = 20 * time.Millisecond }, "napi", Warning, "20ms", "echo 200000 > /sys/class/net/eth0/gro_flush_timeout"},
		{"deferred for long, for a user", func(f *Facts) { user(f); f.Device.NAPI.FlushTimeout = 20 * time.Millisecond }, "napi", Warning, "20ms", "sudo sh -c 'echo 200000 > /sys/class/net/eth0/gro_flush_timeout'"},
		{"threads", func(f *Facts) { f.Device.NAPI.Threaded = true }, "napi", OK, "kernel threads", ""},
		{"interrupts of one processor", func(f *Facts) { f.Device.IRQs[1].CPUs = "0" }, "interrupts", Warning, "CPU 0", "systemctl enable --now irqbalance"},
		{"interrupts of all", func(f *Facts) { f.Device.IRQs = []netconf.IRQ{{CPUs: "0-3"}, {CPUs: "0-3"}} }, "interrupts", OK, "2", ""},
		{"RPS in generic mode", func(f *Facts) { f.Device.HasRPS, f.Offer = true, afxdp.Offer{Known: true} }, "rps", Warning, "RPS", "for q in /sys/class/net/eth0/queues/rx-*; do echo 0 > $q/rps_cpus; done"},
		{"shaping", func(f *Facts) { f.Device.Qdiscs = []string{"tbf"} }, "qdisc", Warning, "tc tbf", ""},
		{"tc programs", func(f *Facts) { f.Device.Qdiscs = []string{"clsact"} }, "qdisc", Warning, "tc filters", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := good()
			tt.spoil(f)
			r := Judge(f)
			got, ok := finding(&r, tt.id)
			if !ok {
				t.Fatalf("nothing is said of %s", tt.id)
			}
			if got.Level != tt.level || !strings.Contains(got.Found, tt.found) || got.Mend != tt.mend {
				t.Errorf("got  %v, %q, mend %q\nwant %v, %q, mend %q", got.Level, got.Found, got.Mend, tt.level, tt.found, tt.mend)
			}
			if got.Level != OK && got.Means == "" {
				t.Errorf("%s is complained of, and not explained", got.ID)
			}
			if got.Level != OK && got.Mend == "" && !strings.HasSuffix(got.Means, ".") {
				t.Errorf("%q is no sentence", got.Means)
			}
		})
	}
}

func TestJudge_SettingsAreNamedOnlyWhenSet(t *testing.T) {
	r := Judge(good())
	if f, _ := finding(&r, "napi"); f.Found != "packets come by interrupts" {
		t.Errorf("%q", f.Found)
	}
}

func TestJudge_RingMemoryIsHalfOfWhatThereIs(t *testing.T) {
	f := good()
	f.Machine.Available = 1 << 30
	r := Judge(f)
	if got, _ := finding(&r, "memory"); !strings.Contains(got.Means, "--ring-memory 128 ") {
		t.Errorf("%q", got.Means)
	}
	f.Machine.Available = 1 << 20
	r = Judge(f)
	if got, _ := finding(&r, "memory"); !strings.Contains(got.Means, "--ring-memory 4 ") { // the stack takes no less
		t.Errorf("%q", got.Means)
	}
}

func TestJudge_LeavesOutWhatSaysNothing(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(f *Facts)
		id    string
	}{
		{"no trial", func(f *Facts) { f.Tried = false }, "load"},
		{"jit not told", func(f *Facts) { f.Machine.BPFJIT = netconf.Unknown }, "jit"},
		{"memory not told", func(f *Facts) { f.Machine.Available = 0 }, "memory"},
		{"one queue has no spread", veth, "rss"},
		{"one queue has no choice of processors", veth, "interrupts"},
		{"one interrupt has no choice of processors", func(f *Facts) { f.Device.IRQs = f.Device.IRQs[:1] }, "interrupts"},
		{"one processor is no choice", func(f *Facts) { f.Machine.CPUs = 1 }, "interrupts"},
		{"coalescing not told", func(f *Facts) { f.Device.Coalesce = netconf.Coalesce{} }, "coalesce"},
		{"only a veth has a peer", func(f *Facts) {}, "peer"},
		{"RPS does not matter in native mode", func(f *Facts) { f.Device.HasRPS = true }, "rps"},
		{"ethtool is not used", func(f *Facts) { f.HasEthtool = false }, "tools"},
		{"the loopback is judged no further", func(f *Facts) { f.Device.IsEthernet = false }, "mtu"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := good()
			tt.spoil(f)
			r := Judge(f)
			if got, ok := finding(&r, tt.id); ok {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestJudge_FindingsOfTheMachineStandTogether(t *testing.T) {
	f := good()
	f.HasEthtool, f.Device.RSS.Table = false, []uint32{0}
	r := Judge(f)
	seen := false
	for _, x := range r.Findings {
		seen = seen || x.About == "interface"
		if seen && x.About == "machine" {
			t.Errorf("%s stands behind the interface's", x.ID)
		}
	}
	if !seen {
		t.Error("no finding of the interface")
	}
}

func TestTry_OnlyWithTheRights(t *testing.T) {
	f := good()
	f.Tried = false
	user(f)
	f.Try(func() error { t.Error("tried without rights"); return nil })
	f = good()
	f.Try(func() error { return errors.New("no") })
	if !f.Tried || f.Refusal != "no" {
		t.Errorf("%v %q", f.Tried, f.Refusal)
	}
}
