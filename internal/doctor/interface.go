package doctor

// What the interface is: its state, addresses, MTU and queues.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

const (
	ordinaryMTU = 1500
	kindTAP     = "tuntap"
)

func link(f *Facts, d *netconf.Device) Finding {
	out := Finding{ID: "link", Level: Failure}
	switch {
	case d.IsLoopback:
		out.Found = "this is the loopback, which no other machine can reach"
		out.Means = "It carries no Ethernet, which the stack speaks. Choose the interface that clients come in by; to try the stack on this machine alone, use --link tap, or mtcp demo."
	case !d.IsEthernet:
		out.Found = "not an Ethernet interface" + called(d.Driver)
		out.Means = "The stack speaks Ethernet. Choose the interface below this one, or use --link tap."
	case d.Kind == kindTAP:
		out.Level = Warning
		out.Found = "a TAP interface"
		out.Means = "For the stack at its other end use --link tap, which needs no XDP. Beside another program that holds that end, AF_XDP may work."
	case !d.Up:
		out.Found = "down"
		out.Means = "Nothing passes, and a program cannot be attached usefully."
		out.Mend = f.asRoot("ip link set dev %s up", d.Name)
	case !d.HasCarrier:
		out.Level = Warning
		out.Found = "up, but without a carrier"
		out.Means = "No cable, or the other end is down. The stack would start and reach nobody."
		if d.Peer != nil {
			out.Mend = f.asRoot("ip link set dev %s up", d.Peer.Name)
		}
	default:
		out.Level = OK
		out.Found = "up, " + mac(d.MAC) + called(d.Driver)
	}
	return out
}

func called(driver string) string {
	if driver == "" {
		return ""
	}
	return ", driver " + driver
}

func mac(m [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// port is about an interface that belongs to another.
func port(f *Facts, d *netconf.Device) Finding {
	switch {
	case d.Master != "":
		return Finding{ID: "port", Level: Warning, Found: "a port of " + d.Master,
			Means: fmt.Sprintf("The stack takes its packets before %s sees them: what comes in by other ports of %s does not reach it. That is fine when the clients are behind %s.", d.Master, d.Master, d.Name)}
	case d.Kind == "bridge":
		return Finding{ID: "port", Level: Warning, Found: "a bridge, whose packets come in by its ports",
			Means: "XDP on a bridge is generic, and slow. Choose the port that the clients are behind."}
	}
	return Finding{}
}

// clouds are drivers of interfaces that get packets only for addresses that
// the cloud has assigned.
var clouds = []string{"ena", "gve", "hv_netvsc", "mana"}

func addresses(f *Facts, d *netconf.Device) Finding {
	var list []string
	for _, p := range d.Addresses {
		if p.Addr().Is4() {
			list = append(list, p.String())
		}
	}
	out := Finding{ID: "address", Found: "the kernel has no IPv4 address here"}
	if len(list) > 0 {
		out.Found = "the kernel has " + strings.Join(list, ", ") + ": give the stack another one of that network"
	}
	if slices.Contains(clouds, d.Driver) {
		out.Found += ", which the cloud must have assigned to this interface"
	}
	out.Means = "The kernel keeps its addresses, and all else that comes in, SSH included. Two owners of one address would answer against each other."
	return out
}

func mtu(f *Facts, d *netconf.Device) Finding {
	out := Finding{ID: "mtu", Found: fmt.Sprintf("%d, of at most %d", d.MTU, afxdp.MaxMTU), Means: "A packet must fit a frame."}
	if d.MTU > afxdp.MaxMTU {
		out.Level = Failure
		out.Found = fmt.Sprintf("%d, more than a frame holds: at most %d", d.MTU, afxdp.MaxMTU)
		out.Means = "The stack refuses to start, since it would lose large packets. The command below changes the MTU of the kernel's connections, too, and does not last over a reboot."
		out.Mend = f.asRoot("ip link set dev %s mtu %d", d.Name, ordinaryMTU)
	}
	return out
}

func queues(f *Facts, d *netconf.Device) Finding {
	cpus, most := max(1, f.Machine.CPUs), mostQueues(d)
	out := Finding{ID: "queues", Found: fmt.Sprintf("%s: %s on %s", several(d.RxQueues, "queue"), several(d.RxQueues, "shard"), several(cpus, "CPU")),
		Means: "Every queue is bound, and each has a shard: one core's whole stack."}
	switch {
	case d.RxQueues > afxdp.MaxQueues:
		out.Level = Failure
		out.Found = fmt.Sprintf("%d queues, of which at most %d can be used", d.RxQueues, afxdp.MaxQueues)
		out.Means = "All must be bound: the interface would hash packets to the others."
		out.Mend = setQueues(f, d, min(cpus, afxdp.MaxQueues))
	case d.TxQueues < d.RxQueues:
		out.Level = Failure
		out.Found = fmt.Sprintf("%s to receive and only %d to transmit", several(d.RxQueues, "queue"), d.TxQueues)
		out.Means = "Each shard needs one of each."
		out.Mend = f.asRoot("ethtool -L %s rx %d tx %d", d.Name, d.TxQueues, d.TxQueues)
	case d.RxQueues > cpus:
		out.Level = Warning
		out.Means = "More shards than processors take turns, which costs latency."
		out.Mend = setQueues(f, d, cpus)
	case d.Driver == "veth": // more help only if the other end has as many
	case d.RxQueues == 1 && min(cpus, most) > 1:
		out.Level = Warning
		out.Found = fmt.Sprintf("1 queue of %d possible: one shard, so one CPU of %d works", most, cpus)
		out.Means = "A shard runs on one processor. The command below interrupts the link for a moment."
		out.Mend = setQueues(f, d, min(cpus, most))
	}
	return out
}

// mostQueues is how many queues the interface can have with XDP; 0 when it does
// not say.
func mostQueues(d *netconf.Device) int {
	most := min(d.Channels.MaxRx, d.Channels.MaxTx)
	if d.Channels.MaxCombined > 0 {
		most = d.Channels.MaxCombined
	}
	if halves(d) {
		most /= 2
	}
	return min(most, afxdp.MaxQueues)
}

// halves reports whether the driver wants a second transmit queue for XDP beside
// each queue.
func halves(d *netconf.Device) bool { return d.Driver == "ena" }

func setQueues(f *Facts, d *netconf.Device, n int) string {
	if d.Channels.MaxCombined > 0 {
		return f.asRoot("ethtool -L %s combined %d", d.Name, n)
	}
	return f.asRoot("ethtool -L %s rx %d tx %d", d.Name, n, n)
}

// rss is about spreading flows over the queues.
func rss(f *Facts, d *netconf.Device) Finding {
	if d.RxQueues < 2 {
		return Finding{}
	}
	if !d.RSS.Known {
		return Finding{ID: "rss", Found: "the driver does not say how it spreads flows over the queues",
			Means: "The stack does not depend on it: what arrives at the wrong shard is passed on."}
	}
	used := map[uint32]bool{}
	for _, q := range d.RSS.Table {
		used[q] = true
	}
	hashed := len(d.RSS.Key) == 0 || slices.ContainsFunc(d.RSS.Key, func(b byte) bool { return b != 0 })
	switch {
	case !hashed:
		return Finding{ID: "rss", Level: Warning, Found: "the hash key is zero: all flows come to one queue",
			Means: "One shard does all the work. The command below sets a random key.",
			Mend:  f.asRoot("ethtool -X %s hkey $(od -An -v -tx1 -N%d /dev/urandom | xargs | tr ' ' :)", d.Name, len(d.RSS.Key))}
	case len(used) < d.RxQueues:
		return Finding{ID: "rss", Level: Warning, Found: fmt.Sprintf("flows are spread over %d of %d queues", len(used), d.RxQueues),
			Means: "The shards of the others have nothing to do.",
			Mend:  f.asRoot("ethtool -X %s equal %d", d.Name, d.RxQueues)}
	}
	return Finding{ID: "rss", Found: fmt.Sprintf("flows are spread over all %d queues", d.RxQueues),
		Means: fmt.Sprintf("A table of %d entries; the key has %d octets.", len(d.RSS.Table), len(d.RSS.Key))}
}
