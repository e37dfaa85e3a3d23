package netconf

// All that there is to know of one interface before a stack is put beside the
// kernel on it: read, never changed.

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Device describes an interface in more detail than Info. What its driver does
// not tell stays at its zero value, or at Unknown.
type Device struct {
	Info
	Kind       string // of a virtual interface: "veth", "bridge", "vlan", ...; "" for hardware
	IsEthernet bool
	IsLoopback bool
	HasCarrier bool
	Master     string // the bridge or bond that it is a port of
	Channels   Channels
	Offloads   map[string]Offload // by the long name of `ethtool -k`; nil when not told
	RSS        RSS
	Rings      Rings
	Coalesce   Coalesce
	NAPI       NAPI
	HasRPS     bool // the kernel passes packets to other processors
	Qdiscs     []string
	XDP        XDP
	Peer       *Peer      // of a veth, when it is in this namespace
	Gateway    netip.Addr // of the kernel's default route through it
	IRQs       []IRQ      // one or more for each queue, if the driver shows them
}

// Channels are how many there may be.
type Channels struct{ MaxRx, MaxTx, MaxCombined int }

// Offload is a feature that an interface has.
type Offload struct {
	On    bool
	Fixed bool // nobody can change it
}

// RSS is how an interface spreads packets over its queues.
type RSS struct {
	Known bool
	Key   []byte
	Table []uint32 // queue by hash
}

// Rings are the descriptors of a queue, in use and at most.
type Rings struct{ Rx, RxMax, Tx, TxMax int }

// Coalesce is how long an interface waits before it interrupts.
type Coalesce struct {
	Known    bool
	RxMicros int
	Adaptive bool // the driver changes that by itself
}

// NAPI is how the kernel takes packets from an interface.
type NAPI struct {
	DeferHardIRQs int
	FlushTimeout  time.Duration
	Threaded      bool
}

// XDP is the program that is attached.
type XDP struct {
	Attached bool
	ID       uint32
	Mode     string // "native", "generic", "offloaded", "several"
}

// Peer is the other end of a veth.
type Peer struct {
	Name     string
	MTU      int
	TxQueues int
	Offloads map[string]Offload
}

// IRQ is an interrupt and the processors that it may come to.
type IRQ struct {
	Number int
	CPUs   string // a list such as "0-3"
}

// Examine reads everything about the interface called name, also when it is
// down.
func Examine(name string) (Device, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return Device{}, lookupError(name, err)
	}
	info, err := describe(l)
	if err != nil {
		return Device{}, fmt.Errorf("netconf: %s: %w", name, err)
	}
	a := l.Attrs()
	d := Device{
		Info:       info,
		Kind:       kind(l),
		IsEthernet: a.EncapType == "ether" && len(a.HardwareAddr) == 6,
		IsLoopback: a.RawFlags&unix.IFF_LOOPBACK != 0,
		HasCarrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
		Channels:   readChannels(name),
		Offloads:   readOffloads(name),
		RSS:        readRSS(name),
		Rings:      readRings(name),
		Coalesce:   readCoalesce(name),
		XDP:        attachedXDP(a.Xdp),
		Peer:       peer(l),
		Gateway:    gateway(l),
	}
	if a.MasterIndex != 0 {
		if m, err := netlink.LinkByIndex(a.MasterIndex); err == nil {
			d.Master = m.Attrs().Name
		}
	}
	d.Qdiscs = qdiscs(l)
	d.readSysfs("/sys/class/net/" + name)
	return d, nil
}

// kind is "" for interfaces that netlink has no name of a kind for.
func kind(l netlink.Link) string {
	if t := l.Type(); t != "device" {
		return t
	}
	return ""
}

func attachedXDP(x *netlink.LinkXdp) XDP {
	if x == nil || !x.Attached {
		return XDP{}
	}
	modes := [...]string{"", "native", "generic", "offloaded", "several"} // XDP_ATTACHED_*
	out := XDP{Attached: true, ID: x.ProgId, Mode: "unknown"}
	if int(x.AttachMode) < len(modes) {
		out.Mode = modes[x.AttachMode]
	}
	return out
}

// peer finds the other end of a veth. An index is valid in this namespace only
// if the kernel does not name another.
func peer(l netlink.Link) *Peer {
	a := l.Attrs()
	if l.Type() != "veth" || a.ParentIndex == 0 || a.NetNsID >= 0 {
		return nil
	}
	other, err := netlink.LinkByIndex(a.ParentIndex)
	if err != nil || other.Type() != "veth" {
		return nil
	}
	b := other.Attrs()
	_, tx := queues(b)
	return &Peer{Name: b.Name, MTU: b.MTU, TxQueues: tx, Offloads: readOffloads(b.Name)}
}

// gateway is the next hop of the default route through l.
func gateway(l netlink.Link) netip.Addr {
	routes, err := netlink.RouteList(l, netlink.FAMILY_V4)
	if err != nil {
		return netip.Addr{}
	}
	for _, r := range routes {
		if r.Gw == nil || r.Dst != nil && !r.Dst.IP.IsUnspecified() {
			continue
		}
		if gw, ok := netip.AddrFromSlice(r.Gw); ok {
			return gw.Unmap()
		}
	}
	return netip.Addr{}
}

// qdiscs names the kinds, without the repetitions of many queues.
func qdiscs(l netlink.Link) []string {
	list, err := netlink.QdiscList(l)
	if err != nil {
		return nil
	}
	var kinds []string
	for _, q := range list {
		if !slices.Contains(kinds, q.Type()) {
			kinds = append(kinds, q.Type())
		}
	}
	return kinds
}

// readSysfs reads what no netlink family tells. dir may be another namespace's
// view when /sys was mounted there: then the interface has no directory.
func (d *Device) readSysfs(dir string) {
	d.NAPI.DeferHardIRQs = readNumber(dir + "/napi_defer_hard_irqs")
	d.NAPI.FlushTimeout = time.Duration(max(0, readNumber(dir+"/gro_flush_timeout")))
	d.NAPI.Threaded = readNumber(dir+"/threaded") > 0
	masks, _ := filepath.Glob(dir + "/queues/rx-*/rps_cpus")
	for _, m := range masks {
		d.HasRPS = d.HasRPS || strings.Trim(readWord(m), "0,") != ""
	}
	for _, where := range [...]string{"/device/msi_irqs", "/device/../msi_irqs"} {
		entries, err := os.ReadDir(dir + where)
		if err != nil {
			continue
		}
		d.IRQs = irqs(entries)
		return
	}
}

// irqs reads the affinity of interrupts.
func irqs(entries []os.DirEntry) []IRQ {
	var all []IRQ
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := "/proc/irq/" + e.Name()
		cpus := readWord(dir + "/effective_affinity_list")
		if cpus == "" {
			cpus = readWord(dir + "/smp_affinity_list")
		}
		if cpus != "" {
			all = append(all, IRQ{n, cpus})
		}
	}
	slices.SortFunc(all, func(a, b IRQ) int { return a.Number - b.Number })
	return all
}
