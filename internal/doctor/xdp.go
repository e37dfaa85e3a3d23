package doctor

// Which mode of XDP is to be expected, and what stands in its way.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/netconf"
)

// vethMTU is the largest MTU of a veth's peer with which native XDP is possible;
// the exact number depends on the kernel.
const vethMTU = 3500

// slower is what generic mode means.
const slower = "It works, but slower: the kernel handles every packet first."

// An expectation is what opening the interface will probably come to.
type expectation struct {
	native, zeroCopy, isSure bool
	found, means, mend       string // why not native
}

// nativeBefore are drivers that had native XDP, without zero-copy, before they
// could say so. Others had it, too; of these it is known what they refuse.
var nativeBefore = []string{"ena", "veth", "virtio_net"}

// expect foretells the mode.
func expect(f *Facts, d *netconf.Device) expectation {
	native, zeroCopy := f.Offer.Native, f.Offer.Native && f.Offer.ZeroCopy
	if !f.Offer.Known {
		if !slices.Contains(nativeBefore, d.Driver) {
			return expectation{}
		}
		native = true
	}
	e := expectation{isSure: true, native: native, zeroCopy: zeroCopy}
	switch {
	case !native:
		e.found = "generic mode only: " + driverName(d) + " has no native XDP"
		e.means = slower + " Nothing to mend: use --generic, or --link tap."
	case d.Driver == "veth":
		e.vethRefuses(f, d)
	case isMergedByHost(d):
		e.found = "generic mode only: the host merges packets, so virtio_net refuses native XDP"
		e.means = slower + " Only the host can mend it, with a virtio-net device that has none of guest_tso4, guest_tso6, guest_ecn, guest_ufo and guest_csum."
	case halves(d) && d.Channels.MaxCombined > 1 && 2*d.RxQueues > d.Channels.MaxCombined:
		e.found = fmt.Sprintf("generic mode only: with XDP ena can have %d queues, and has %d", d.Channels.MaxCombined/2, d.RxQueues)
		e.means = slower + " The driver needs a second transmit queue beside each. The command below interrupts the link for a moment."
		e.mend = f.asRoot("ethtool -L %s combined %d", d.Name, d.Channels.MaxCombined/2)
	}
	if e.found != "" {
		e.native, e.zeroCopy = false, false
	}
	return e
}

// vethRefuses knows the two reasons of a veth.
func (e *expectation) vethRefuses(f *Facts, d *netconf.Device) {
	p := d.Peer
	switch {
	case p == nil:
	case p.MTU > vethMTU:
		e.found = fmt.Sprintf("generic mode only: the MTU of the peer %s is %d, too large for native XDP", p.Name, p.MTU)
		e.means = slower
		e.mend = f.asRoot("ip link set dev %s mtu %d", p.Name, ordinaryMTU)
	case p.TxQueues > d.RxQueues:
		e.found = fmt.Sprintf("generic mode only: the peer %s transmits on %d queues, and this end receives on %d", p.Name, p.TxQueues, d.RxQueues)
		e.means = slower
		e.mend = f.asRoot("ethtool -L %s tx %d", p.Name, d.RxQueues)
	}
}

// isMergedByHost is about a virtio device whose host hands over several packets
// as one, or without checksums, and cannot be told not to. Before Linux 5.16 the
// driver called that LRO.
func isMergedByHost(d *netconf.Device) bool {
	if d.Driver != "virtio_net" {
		return false
	}
	does := d.Offloads[netconf.RxChecksum].On
	for _, name := range [...]string{netconf.HardwareGRO, netconf.LRO} {
		o, known := d.Offloads[name]
		if known && !o.Fixed {
			return false // the driver can ask for it not to be done
		}
		does = does || o.On
	}
	return does
}

func driverName(d *netconf.Device) string {
	switch {
	case d.Driver != "":
		return "driver " + d.Driver
	case d.Kind != "":
		return "a " + d.Kind
	default:
		return "the driver"
	}
}

func xdp(f *Facts, d *netconf.Device) Finding {
	e := expect(f, d)
	switch {
	case !e.isSure:
		return Finding{ID: "xdp", Found: "this kernel does not say which modes " + driverName(d) + " has",
			Means: "The stack tries native mode, then generic, and says at its start what it got."}
	case !e.native:
		return Finding{ID: "xdp", Level: Warning, Found: e.found, Means: e.means, Mend: e.mend}
	}
	out := Finding{ID: "xdp", Found: "native mode with zero-copy",
		Means: driverName(d) + " writes packets straight into the stack's memory."}
	if !e.zeroCopy {
		out.Found = "native mode; packets are copied, for " + driverName(d) + " has no zero-copy"
		out.Means = "Each packet is copied once between driver and stack. Nothing to mend."
	}
	if f.Offer.Fragments {
		out.Means += " Packets larger than a frame (frags) are offered, and not used."
	}
	out.Means = strings.ToUpper(out.Means[:1]) + out.Means[1:]
	return out
}

// program is about the one program that an interface can have.
func program(f *Facts, d *netconf.Device) Finding {
	if !d.XDP.Attached {
		return Finding{ID: "program", Found: "no other XDP program", Means: "An interface has room for one. The stack's goes with its process."}
	}
	off := map[string]string{"generic": "xdpgeneric", "native": "xdpdrv", "offloaded": "xdpoffload"}[d.XDP.Mode]
	if off == "" {
		off = "xdp"
	}
	return Finding{ID: "program", Level: Failure, Found: fmt.Sprintf("another XDP program is attached (%s mode, id %d)", d.XDP.Mode, d.XDP.ID),
		Means: "An interface has room for one. It may be another mtcp, or a service such as Cilium or a load balancer: see bpftool net. If its process holds it, stop that; otherwise the command below removes it.",
		Mend:  f.asRoot("ip link set dev %s %s off", d.Name, off)}
}

// offloads is about packets that the hardware has merged.
func offloads(f *Facts, d *netconf.Device) Finding {
	if d.Offloads == nil {
		return Finding{}
	}
	var names, switches []string
	fixed := false
	for _, o := range [...]struct{ feature, name, key string }{
		{netconf.LRO, "LRO", "lro"},
		{netconf.HardwareGRO, "GRO in hardware", netconf.HardwareGRO},
	} {
		if x := d.Offloads[o.feature]; x.On {
			names = append(names, o.name)
			switches = append(switches, o.key+" off")
			fixed = fixed || x.Fixed
		}
	}
	if len(names) == 0 {
		return Finding{ID: "offloads", Found: "none that merges packets (LRO, GRO in hardware)", Means: "A merged packet would not fit a frame."}
	}
	out := Finding{ID: "offloads", Level: Warning, Found: strings.Join(names, " and ") + " merges packets"}
	if fixed {
		out.Found += ", and cannot be switched off here"
		out.Means = "Merged packets do not fit a frame and are lost: bulk data from others to the stack is slow. Only the host can mend it, at its end of the interface: ethtool -K TAP tso off gso off."
		return out
	}
	out.Means = "Merged packets do not fit a frame, and some drivers refuse native XDP for it. Connections of the kernel will cost more without."
	out.Mend = f.asRoot("ethtool -K %s %s", d.Name, strings.Join(switches, " "))
	return out
}

// peer is about a veth in generic mode, whose other end sends large packets and
// leaves it to nobody to cut them.
func peer(f *Facts, d *netconf.Device) Finding {
	if d.Driver != "veth" {
		return Finding{}
	}
	p := d.Peer
	switch {
	case p == nil:
		return Finding{ID: "peer", Found: "the other end is in another namespace",
			Means: "With --generic, let it send no large packets: ethtool -K PEER tso off gso off."}
	case expect(f, d).native:
		return Finding{ID: "peer", Found: fmt.Sprintf("the other end is %s, MTU %d", p.Name, p.MTU),
			Means: "It leaves checksums unfilled, which the stack knows of."}
	case p.Offloads[netconf.TSO].On || p.Offloads[netconf.GSO].On:
		return Finding{ID: "peer", Level: Warning, Found: "the peer " + p.Name + " sends large packets for others to cut",
			Means: "In generic mode they do not fit a frame and are lost: bulk data to the stack is slow.",
			Mend:  f.asRoot("ethtool -K %s tso off gso off", p.Name)}
	}
	return Finding{ID: "peer", Found: fmt.Sprintf("the other end is %s, MTU %d, without large packets", p.Name, p.MTU)}
}
