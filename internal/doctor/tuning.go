package doctor

// Settings that make an interface lose packets, or treat the stack's otherwise
// than one may expect.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtcp-go/mtcp/internal/netconf"
)

const (
	fewDescriptors  = 512
	goodDescriptors = 2048
	longFlush       = time.Millisecond
	longCoalesce    = 100 // µs
	goodCoalesce    = 20
)

func rings(f *Facts, d *netconf.Device) Finding {
	r := d.Rings
	if r.Rx == 0 {
		return Finding{}
	}
	out := Finding{ID: "rings", Found: fmt.Sprintf("%d descriptors to receive, %d to transmit", r.Rx, r.Tx),
		Means: fmt.Sprintf("At most %d and %d.", r.RxMax, r.TxMax)}
	if r.Rx < fewDescriptors && r.RxMax > r.Rx {
		out.Level = Warning
		out.Found = fmt.Sprintf("only %d descriptors to receive, of %d possible", r.Rx, r.RxMax)
		out.Means = "A burst of packets is lost when the processor is late. The command below interrupts the link for a moment."
		out.Mend = f.asRoot("ethtool -G %s rx %d", d.Name, min(r.RxMax, goodDescriptors))
	}
	return out
}

func coalesce(f *Facts, d *netconf.Device) Finding {
	c := d.Coalesce
	switch {
	case !c.Known:
		return Finding{}
	case c.Adaptive:
		return Finding{ID: "coalesce", Found: "the driver decides by itself how long interrupts wait",
			Means: fmt.Sprintf("At present %d µs. For the least latency: ethtool -C %s adaptive-rx off rx-usecs 0.", c.RxMicros, d.Name)}
	case c.RxMicros > longCoalesce:
		return Finding{ID: "coalesce", Level: Warning, Found: fmt.Sprintf("interrupts wait for %d µs", c.RxMicros),
			Means: "That is added to every answer when the interface is quiet.",
			Mend:  f.asRoot("ethtool -C %s rx-usecs %d", d.Name, goodCoalesce)}
	}
	return Finding{ID: "coalesce", Found: fmt.Sprintf("interrupts wait for %d µs", c.RxMicros),
		Means: "Fewer is less latency, and more work under load."}
}

func napi(f *Facts, d *netconf.Device) Finding {
	n := d.NAPI
	if n.DeferHardIRQs == netconf.Unknown {
		return Finding{}
	}
	how := "packets come by interrupts"
	if n.Threaded {
		how = "packets come by kernel threads"
	}
	if n.DeferHardIRQs > 0 || n.FlushTimeout > 0 {
		how += fmt.Sprintf(", deferred (napi_defer_hard_irqs %d, gro_flush_timeout %v)", n.DeferHardIRQs, n.FlushTimeout)
	}
	out := Finding{ID: "napi", Found: how,
		Means: fmt.Sprintf("Under load fewer interrupts save time, and cost up to 0.2 ms of latency: echo 2 > /sys/class/net/%s/napi_defer_hard_irqs; echo 200000 > /sys/class/net/%s/gro_flush_timeout.", d.Name, d.Name)}
	if n.FlushTimeout > longFlush {
		out.Level = Warning
		out.Found = fmt.Sprintf("packets may wait for %v (gro_flush_timeout)", n.FlushTimeout)
		out.Means = "That is added to every answer when the interface is quiet."
		out.Mend = f.asRoot("echo 200000 > /sys/class/net/%s/gro_flush_timeout", d.Name)
	}
	return out
}

// interrupts is about many queues on one processor.
func interrupts(f *Facts, d *netconf.Device) Finding {
	if d.RxQueues < 2 || len(d.IRQs) < 2 || f.Machine.CPUs < 2 {
		return Finding{}
	}
	var where []string
	for _, i := range d.IRQs {
		if !slices.Contains(where, i.CPUs) {
			where = append(where, i.CPUs)
		}
	}
	if len(where) == 1 && !strings.ContainsAny(where[0], ",-") {
		return Finding{ID: "interrupts", Level: Warning, Found: "all of them come to CPU " + where[0],
			Means: "One processor takes in the packets of all queues.",
			Mend:  f.asRoot("systemctl enable --now irqbalance")}
	}
	return Finding{ID: "interrupts", Found: fmt.Sprintf("%d of them, on several CPUs", len(d.IRQs))}
}

// steering matters where packets take the kernel's way first.
func steering(f *Facts, d *netconf.Device) Finding {
	if e := expect(f, d); !d.HasRPS || e.native {
		return Finding{}
	}
	return Finding{ID: "rps", Level: Warning, Found: "RPS is on: the kernel passes packets to other CPUs before the stack sees them",
		Means: "The stack spreads its work itself, so in generic mode this is a detour.",
		Mend:  f.asRoot("for q in /sys/class/net/%s/queues/rx-*; do echo 0 > $q/rps_cpus; done", d.Name)}
}

// shaping are the queueing disciplines that people set for what they do.
var shaping = []string{"tbf", "htb", "hfsc", "cake", "netem", "etf", "taprio"}

func qdisc(f *Facts, d *netconf.Device) Finding {
	var shapes []string
	filters := false
	for _, q := range d.Qdiscs {
		if slices.Contains(shaping, q) {
			shapes = append(shapes, q)
		}
		filters = filters || q == "clsact" || q == "ingress"
	}
	switch {
	case len(shapes) > 0:
		return Finding{ID: "qdisc", Level: Warning, Found: "tc " + strings.Join(shapes, ", ") + " does not hold for the stack's packets",
			Means: "They go around the queueing discipline: no limit, delay or priority of it applies. Nothing to mend; limit elsewhere if it matters."}
	case filters:
		return Finding{ID: "qdisc", Level: Warning, Found: "tc filters here do not see the stack's packets",
			Means: "Programs at tc, such as those of Cilium and other container networks, stand behind XDP. Nothing to mend; if they have rules for these packets, the rules do not hold."}
	case len(d.Qdiscs) > 0:
		return Finding{ID: "qdisc", Found: strings.Join(d.Qdiscs, ", ") + ": nothing that the stack would go around",
			Means: "The stack's packets do not pass it."}
	}
	return Finding{}
}
