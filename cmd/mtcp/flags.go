// The flags that verbs share, and their types.

package main

import (
	"fmt"
	"net/netip"
	"slices"
)

// A cidr is an IPv4 address with its prefix length.
type cidr struct{ netip.Prefix }

// UnmarshalText reads an address as --addr takes it.
func (c *cidr) UnmarshalText(text []byte) error {
	p, err := netip.ParsePrefix(string(text))
	if err != nil || !p.Addr().Is4() {
		return fmt.Errorf("%q is no IPv4 address with a prefix length, such as 10.0.0.2/24", text)
	}
	c.Prefix = p
	return nil
}

// A host is an IPv4 address.
type host struct{ netip.Addr }

// UnmarshalText reads an address as --gateway takes it.
func (h *host) UnmarshalText(text []byte) error {
	a, err := netip.ParseAddr(string(text))
	if err != nil || !a.Is4() {
		return fmt.Errorf("%q is no IPv4 address, such as 10.0.0.1", text)
	}
	h.Addr = a
	return nil
}

// What --link may be.
const (
	linkAFXDP  = "afxdp"
	linkTAP    = "tap"
	linkKernel = "kernel"
	linkMem    = "mem"  // demo
	linkAuto   = "auto" // demo
)

// stackFlags say what the stack is made with. --link stands with the verbs,
// which differ in what they can use.
type stackFlags struct {
	Iface       string   `placeholder:"DEV" help:"afxdp: interface to share with the kernel, such as eth0. tap: name of the TAP interface, made if there is none (default mtcp0 or the next that is free)."`
	Addr        []cidr   `placeholder:"CIDR" help:"The stack's own address, such as 10.0.0.2/24; the kernel must not have it."`
	Shared      bool     `help:"afxdp: share the kernel's address: only the ports that the stack listens on, and those of its own connections, come to it; netfilter does not see them."`
	Ports       []uint16 `placeholder:"PORT" help:"With --shared: the ports that the stack may listen on; otherwise any that the kernel does not use."`
	Gateway     *host    `placeholder:"IP" help:"Next hop for what is not on the link."`
	Generic     bool     `help:"afxdp: use XDP's generic mode at once, without trying native mode."`
	FrameSize   int      `placeholder:"OCTETS" help:"afxdp: size of a packet buffer: 2048, or 4096 for an MTU of up to 3826 (default 2048)."`
	Peer        []cidr   `placeholder:"CIDR" help:"tap: the kernel's address on the interface (default the first that is free on the network of --addr)."`
	Queues      int      `placeholder:"N" help:"tap: queues, and so shards (default 1)."`
	Pcap        string   `placeholder:"FILE" type:"path" help:"Capture every packet into FILE."`
	Connections int      `default:"131072" help:"Connections per shard; more are refused and counted."`
	RingMemory  int      `default:"512" help:"Memory for data in flight per shard, in MiB."`
	Congestion  string   `default:"cubic" help:"Congestion control: cubic or newreno; with --link kernel whatever the kernel has."`
}

// check refuses what cannot be meant.
func (f *stackFlags) check(link string) error {
	if err := f.checkLink(link); err != nil || link == linkKernel {
		return err
	}
	switch {
	case f.Iface == "" && link == linkAFXDP:
		return usageError("--iface: name the interface, such as --iface eth0 (or use a TAP interface: --link tap)")
	case f.Shared && f.Gateway != nil:
		return usageError("--gateway: with --shared the kernel's routes are used")
	case !f.Shared && len(f.Ports) > 0:
		return usageError("--ports: only with --shared; an address of its own has all ports")
	case len(f.Addr) == 0 && !f.Shared:
		return usageError("--addr: give the stack an address, such as --addr 10.0.0.2/24")
	case f.Connections < 1:
		return usageError(fmt.Sprintf("--connections: %d is too few", f.Connections))
	case f.RingMemory < 1 || f.RingMemory > 1<<20:
		return usageError(fmt.Sprintf("--ring-memory: %d MiB is out of range", f.RingMemory))
	case f.FrameSize != 0 && f.FrameSize != 2048 && f.FrameSize != 4096:
		return usageError(fmt.Sprintf("--frame-size: %d is neither 2048 nor 4096", f.FrameSize))
	case f.Queues < 0 || f.Queues > maxQueues:
		return usageError(fmt.Sprintf("--queues: %d is out of range (1 to %d)", f.Queues, maxQueues))
	}
	return f.checkPeers()
}

// maxQueues is the kernel's limit.
const maxQueues = 256

// checkLink refuses flags that say nothing about this link: whoever gives one
// means another.
func (f *stackFlags) checkLink(link string) error {
	for _, flag := range []struct {
		name  string
		given bool
		links []string
		why   string
	}{
		{"--iface", f.Iface != "", []string{linkAFXDP, linkTAP}, "the kernel uses all of its interfaces"},
		{"--addr", len(f.Addr) > 0, []string{linkAFXDP, linkTAP}, "the kernel has its own; choose one with --listen"},
		{"--gateway", f.Gateway != nil, []string{linkAFXDP, linkTAP}, "the kernel has its own routes"},
		{"--pcap", f.Pcap != "", []string{linkAFXDP, linkTAP}, "capture the kernel's packets with tcpdump"},
		{"--generic", f.Generic, []string{linkAFXDP}, "it is a mode of XDP"},
		{"--shared", f.Shared, []string{linkAFXDP}, "only AF_XDP can take some of an address's packets"},
		{"--frame-size", f.FrameSize != 0, []string{linkAFXDP}, "only AF_XDP has packet buffers of a fixed size"},
		{"--peer", len(f.Peer) > 0, []string{linkTAP}, "it is the kernel's end of a TAP interface"},
		{"--queues", f.Queues != 0, []string{linkTAP}, "AF_XDP uses all queues of the interface (ethtool -L sets how many)"},
	} {
		if flag.given && !slices.Contains(flag.links, link) {
			return usageError(fmt.Sprintf("%s says nothing with --link %s: %s", flag.name, link, flag.why))
		}
	}
	return nil
}
