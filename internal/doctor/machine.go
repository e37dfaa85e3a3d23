package doctor

// What the machine and the rights of this process allow.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/mtcp-go/mtcp/internal/param"
)

// ringMemory is what a shard may use for data in flight unless it is told
// otherwise, and leastRingMemory what it can be told.
var ringMemory, leastRingMemory = ringMemories()

func ringMemories() (usual, least uint64) {
	p, ok := param.Stack.ByKey("ring_memory")
	if !ok {
		panic("doctor: no parameter ring_memory")
	}
	return uint64(p.Default), uint64(p.Min)
}

// The kernels that matter.
var (
	needed  = version{5, 9}  // bpf_link for XDP
	tells   = version{6, 3}  // drivers say what XDP they have
	fillsIn = version{6, 11} // checksums of packets sent in copy mode
)

type version struct{ major, minor int }

func parseVersion(release string) version {
	var v version
	if n, _ := fmt.Sscanf(release, "%d.%d", &v.major, &v.minor); n != 2 {
		return version{}
	}
	return v
}

func (v version) before(other version) bool {
	return v.major < other.major || v.major == other.major && v.minor < other.minor
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func kernel(f *Facts) Finding {
	v := parseVersion(f.Machine.Kernel)
	out := Finding{ID: "kernel", Found: fmt.Sprintf("Linux %s, %s", f.Machine.Kernel, several(f.Machine.CPUs, "CPU"))}
	switch {
	case v == version{}:
		out.Level = Warning
		out.Found = fmt.Sprintf("the kernel's version %q cannot be read", f.Machine.Kernel)
		out.Means = fmt.Sprintf("Linux %v or later is needed.", needed)
	case v.before(needed):
		out.Level = Failure
		out.Found += fmt.Sprintf(": older than %v", needed)
		out.Means = fmt.Sprintf("AF_XDP in the form that the stack uses came with Linux %v. Nothing to mend but a newer kernel; --link tap works on this one.", needed)
	case v.before(tells):
		out.Level = Warning
		out.Found += fmt.Sprintf(": older than %v", tells)
		out.Means = fmt.Sprintf("Everything works, but drivers do not say what XDP they have, so doctor cannot foretell the mode, and the stack computes checksums itself. Linux %v and later do better.", fillsIn)
	case v.before(fillsIn):
		out.Means = fmt.Sprintf("The stack computes transmit checksums itself; from Linux %v on the kernel can do that.", fillsIn)
	default:
		out.Means = fmt.Sprintf("%v or later is needed, %v is recommended.", needed, fillsIn)
	}
	return out
}

// missing names the capabilities that AF_XDP needs and that are not there.
func missing(m *netconf.Machine) []string {
	var names []string
	for _, c := range [...]struct {
		name string
		has  bool
	}{
		{"CAP_NET_ADMIN", m.Has(netconf.CapNetAdmin)},
		{"CAP_NET_RAW", m.Has(netconf.CapNetRaw)},
		{"CAP_BPF", m.Has(netconf.CapBPF) || m.Has(netconf.CapSysAdmin)},
	} {
		if !c.has {
			names = append(names, c.name)
		}
	}
	return names
}

func rights(f *Facts) Finding {
	m := &f.Machine
	names := missing(m)
	out := Finding{ID: "rights", Level: Failure, Found: "no " + strings.Join(names, ", no ")}
	switch {
	case len(names) == 0 && m.IsUserNamespace:
		out.Found = "the capabilities are there, but only within a user namespace"
		out.Means = "The kernel loads XDP programs only for those who have CAP_BPF outside of it. Run as the machine's root (a container: not rootless), or use --link tap."
	case len(names) == 0:
		out.Level, out.Found = OK, "CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF are there"
		out.Means = "AF_XDP needs them to load and attach its program and to open its sockets."
	case m.Root && m.Container != "":
		out.Means = "Root in a container has only what the container was given. AF_XDP needs these to load and attach its program and to open its sockets. In Kubernetes: securityContext.capabilities.add."
		out.Mend = containerRun(m, names)
	case m.Root:
		out.Means = "AF_XDP needs these to load and attach its program and to open its sockets. This root has had them taken away: by a container, or by a unit of systemd (CapabilityBoundingSet=; packaging/mtcp.service has what is needed)."
	default:
		out.Means = "AF_XDP needs these to load and attach its program and to open its sockets. Give them to the command once, as below, or run it with sudo."
		out.Mend = setcap(f)
	}
	return out
}

func setcap(f *Facts) string {
	return f.asRoot("setcap cap_net_admin,cap_net_raw,cap_bpf,cap_ipc_lock=ep %s", f.Executable)
}

// containerRun is how a container would have to be started.
func containerRun(m *netconf.Machine, names []string) string {
	program := "docker"
	if m.Container == "Podman" {
		program = "podman"
	}
	command := program + " run"
	for _, n := range names {
		command += " --cap-add " + strings.TrimPrefix(n, "CAP_")
	}
	return command + " --ulimit memlock=-1 IMAGE"
}

// load is about the trial.
func load(f *Facts) Finding {
	switch {
	case !f.Tried:
		return Finding{}
	case f.Refusal != "":
		return Finding{ID: "load", Level: Failure, Found: f.Refusal,
			Means: "The kernel was asked to load the stack's XDP program and to open an AF_XDP socket, for a trial, and refused. A security module, seccomp, or a kernel without CONFIG_XDP_SOCKETS does that.",
			Mend:  "grep -E 'CONFIG_(BPF_SYSCALL|XDP_SOCKETS)=' /boot/config-$(uname -r)"}
	default:
		return Finding{ID: "load", Found: "the kernel accepts the XDP program and opens AF_XDP sockets",
			Means: "Tried just now, and undone: nothing was attached."}
	}
}

// shards is how many there would be.
func (f *Facts) shards() int {
	if d := f.Device; d != nil && d.IsEthernet && d.Kind != kindTAP {
		return max(1, d.RxQueues)
	}
	return 1
}

func memlock(f *Facts) Finding {
	m, n := &f.Machine, f.shards()
	needs := uint64(n) * afxdp.QueueMemory
	limit := "unlimited"
	if m.LockedMemory != netconf.Unlimited {
		limit = octets(m.LockedMemory)
	}
	out := Finding{ID: "memlock", Found: fmt.Sprintf("%s of locked memory needed for %s, limit %s", octets(needs), several(n, "queue"), limit),
		Means: "Packet memory is locked, so that the kernel may write into it."}
	switch {
	case m.Has(netconf.CapIPCLock) && !m.IsUserNamespace:
		out.Found = fmt.Sprintf("%s of locked memory needed for %s; CAP_IPC_LOCK lifts the limit", octets(needs), several(n, "queue"))
	case m.LockedMemory < needs && !m.Root:
		out.Level = Failure
		out.Means += " Lift the limit with CAP_IPC_LOCK, as below, or with memlock in /etc/security/limits.conf."
		out.Mend = setcap(f)
	case m.LockedMemory < needs:
		out.Level = Failure
		out.Means += " In a unit of systemd: LimitMEMLOCK=infinity; for a container: --ulimit memlock=-1."
		out.Mend = "ulimit -l unlimited"
	}
	return out
}

func memory(f *Facts) Finding {
	if f.Machine.Available == 0 {
		return Finding{}
	}
	n := f.shards()
	out := Finding{ID: "memory", Found: fmt.Sprintf("%s available; %s may use up to %s for data in flight", octets(f.Machine.Available), several(n, "shard"), octets(uint64(n)*ringMemory)),
		Means: "Taken only when connections have data in flight, and given back; --ring-memory sets the bound of each shard."}
	if uint64(n)*ringMemory > f.Machine.Available {
		out.Level = Warning
		out.Means = fmt.Sprintf("Under full load the machine could run out of memory. Start with --ring-memory %d (MiB of each shard).", max(leastRingMemory, f.Machine.Available/uint64(n)/2)>>20)
	}
	return out
}

// hugePages are not used, which people who come from DPDK will want to know.
func hugePages(f *Facts) Finding {
	total := 0
	for _, h := range f.Machine.HugePages {
		total += h.Total
	}
	out := Finding{ID: "hugepages", Found: "none reserved, and none needed", Means: "The stack works in ordinary pages."}
	if total > 0 {
		out.Found = fmt.Sprintf("%d reserved; the stack needs none", total)
	}
	return out
}

func jit(f *Facts) Finding {
	switch f.Machine.BPFJIT {
	case netconf.Unknown:
		return Finding{}
	case 0:
		return Finding{ID: "jit", Level: Warning, Found: "BPF programs are interpreted",
			Means: "The XDP program runs for every packet of the interface, the kernel's own included; compiled it costs far less.",
			Mend:  f.asRoot("sysctl -w net.core.bpf_jit_enable=1")}
	default:
		return Finding{ID: "jit", Found: "BPF programs are compiled", Means: "The XDP program runs for every packet of the interface."}
	}
}

func congestion(f *Facts) Finding {
	if f.Machine.Congestion == "" {
		return Finding{}
	}
	found := "the stack uses cubic, the kernel " + f.Machine.Congestion
	if f.Machine.Congestion == "cubic" {
		found = "the stack uses cubic, as the kernel does"
	}
	return Finding{ID: "congestion", Found: found,
		Means: "The kernel's settings (sysctl net.ipv4.tcp_*) do not apply to the stack; --congestion does."}
}

func netfilter(f *Facts) Finding {
	tables := f.Machine.Firewall.Tables
	out := Finding{ID: "netfilter", Found: "no firewall rules here, and none would apply to the stack",
		Means: "Packets for the stack's addresses leave the kernel before netfilter."}
	switch {
	case len(tables) > 0:
		const most = 4
		names := strings.Join(tables[:min(most, len(tables))], ", ")
		if len(tables) > most {
			names += fmt.Sprintf(" and %d more", len(tables)-most)
		}
		out.Level = Warning
		out.Found = "the firewall does not see the stack's packets (tables: " + names + ")"
		out.Means = "Packets for the stack's addresses leave the kernel before netfilter: whatever the stack listens on is open to the network. Filter in front of this machine, or in the application."
	case !f.Machine.Firewall.Known:
		out.Found = "firewall rules would not apply to the stack; whether there are any, only root may see"
	}
	return out
}

func tun(f *Facts) Finding {
	switch {
	case f.Machine.CanTAP:
		return Finding{ID: "tap", Found: "/dev/net/tun is there, for --link tap", Means: "The way for interfaces that cannot do XDP."}
	case f.Machine.HasTAP:
		return Finding{ID: "tap", Found: "/dev/net/tun is there, but may not be opened; only --link tap needs it",
			Means: "Let this user open it: chmod 666 /dev/net/tun."}
	default:
		return Finding{ID: "tap", Found: "no /dev/net/tun; only --link tap needs it",
			Means: "On a machine: modprobe tun. In a container: docker run --device /dev/net/tun."}
	}
}

// tools is about what the commands of other findings need.
func tools(f *Facts, r *Report) Finding {
	uses := slices.ContainsFunc(r.Findings, func(x Finding) bool { return strings.Contains(x.Mend, "ethtool ") })
	if f.HasEthtool || !uses {
		return Finding{}
	}
	return Finding{ID: "tools", Level: Warning, Found: "ethtool is not installed, and a command below uses it",
		Means: "On other systems than Debian: dnf, zypper or apk instead of apt-get.",
		Mend:  f.asRoot("apt-get install ethtool")}
}
