// The flags that verbs share, and their types.

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/mtcp-go/mtcp/internal/param"
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

// A size is an amount of memory. A bare number counts MiB.
type size int

// UnmarshalText reads a size as --ring-memory takes it.
func (s *size) UnmarshalText(text []byte) error {
	word := string(text)
	if _, err := strconv.ParseUint(word, 10, 64); err == nil {
		word += "MiB"
	}
	v, err := param.ParseOctets(word)
	if err != nil {
		return fmt.Errorf("%q %w", text, err)
	}
	*s = size(v)
	return nil
}

// What a link is called: by --link, and in a file.
const (
	linkAFXDP  = "afxdp"
	linkTAP    = "tap"
	linkMemif  = "memif" // a file's alone
	linkKernel = "kernel"
	linkMem    = "mem"  // demo
	linkAuto   = "auto" // demo
)

// stackFlags say what the stack is made with. What is not given is the
// configuration file's to say, or has its default: see config.go. --link stands
// with the verbs, which differ in what they can use.
type stackFlags struct {
	Config      string   `placeholder:"FILE" type:"path" help:"Read the configuration from FILE, of which these flags are a part; they win. See mtcp config."`
	Iface       string   `placeholder:"DEV" help:"afxdp: interface to share with the kernel, such as eth0. tap: name of the TAP interface, made if there is none (default mtcp0 or the next that is free)."`
	Addr        []cidr   `placeholder:"CIDR" help:"The stack's own address, such as 10.0.0.2/24; the kernel must not have it."`
	Shared      bool     `help:"afxdp: share the kernel's address: only the ports that the stack listens on, and those of its own connections, come to it; netfilter does not see them."`
	Ports       []uint16 `placeholder:"PORT" help:"With --shared: the ports that the stack may listen on; otherwise any that the kernel does not use."`
	Gateway     *host    `placeholder:"IP" help:"Next hop for what is not on the link."`
	Generic     bool     `help:"afxdp: use XDP's generic mode at once, without trying native mode."`
	Require     string   `placeholder:"MODE" enum:",native,zerocopy" default:"" help:"afxdp: refuse a mode that is less: native or zerocopy."`
	Frames      *int     `placeholder:"N" help:"afxdp: packet buffers of a queue, half of them for each direction: as many packets may be under way at a time (default ${frames})."`
	FrameSize   *int     `placeholder:"OCTETS" help:"afxdp: size of a packet buffer: 2048, or 4096 for an MTU of up to 3826 (default 2048)."`
	Peer        []cidr   `placeholder:"CIDR" help:"tap: the kernel's address on the interface (default the first that is free on the network of --addr)."`
	Queues      *int     `placeholder:"N" help:"tap: queues, and so shards (default 1)."`
	Pcap        string   `placeholder:"FILE" type:"path" help:"Capture every packet into FILE."`
	Connections *int     `placeholder:"N" help:"Connections per shard; more are refused and counted (default ${connections})."`
	Memory      *size    `placeholder:"SIZE" help:"What all of the stack may take, such as 256MiB; connections, TIME-WAIT records and rings follow from it where they are not given."`
	RingMemory  *size    `placeholder:"SIZE" help:"Memory for data in flight per shard, such as 64MiB (default ${ring_memory})."`
	Congestion  string   `placeholder:"NAME" help:"Congestion control: cubic or newreno; with --link kernel whatever the kernel has (default ${congestion})."`
}

// check refuses what cannot be meant, of the flags and the file together.
func (f *stackFlags) check(link string) error {
	switch {
	case f.Iface == "" && link == linkAFXDP:
		return usageError("--iface: name the interface, such as --iface eth0 (or use a TAP interface: --link tap)")
	case f.Shared && f.Gateway != nil:
		return usageError("--gateway: with --shared the kernel's routes are used")
	case !f.Shared && len(f.Ports) > 0:
		return usageError("--ports: only with --shared; an address of its own has all ports")
	case len(f.Addr) == 0 && !f.Shared:
		return usageError("--addr: give the stack an address, such as --addr 10.0.0.2/24")
	}
	return f.checkPeers()
}

// checkLink refuses flags that say nothing about this link: whoever gives one
// means another. chosen is what chose it.
func (f *stackFlags) checkLink(link, chosen string) error {
	stacks := []string{linkAFXDP, linkTAP, linkMemif}
	for _, flag := range []struct {
		name  string
		given bool
		links []string
		why   string
	}{
		{"--iface", f.Iface != "", []string{linkAFXDP, linkTAP}, "the kernel uses all of its interfaces, and memif none"},
		{"--addr", len(f.Addr) > 0, stacks, "the kernel has its own; choose one with --listen"},
		{"--gateway", f.Gateway != nil, stacks, "the kernel has its own routes"},
		{"--pcap", f.Pcap != "", stacks, "capture the kernel's packets with tcpdump"},
		{"--generic", f.Generic, []string{linkAFXDP}, "it is a mode of XDP"},
		{"--require", f.Require != "", []string{linkAFXDP}, "only AF_XDP has modes"},
		{"--shared", f.Shared, []string{linkAFXDP}, "only AF_XDP can take some of an address's packets"},
		{"--frames", f.Frames != nil, []string{linkAFXDP}, "only AF_XDP is given its packet buffers"},
		{"--frame-size", f.FrameSize != nil, []string{linkAFXDP}, "only AF_XDP has packet buffers of a fixed size"},
		{"--peer", len(f.Peer) > 0, []string{linkTAP}, "it is the kernel's end of a TAP interface"},
		{"--queues", f.Queues != nil, []string{linkTAP}, "AF_XDP uses all queues of the interface (ethtool -L sets how many)"},
	} {
		if flag.given && !slices.Contains(flag.links, link) {
			return usageError(fmt.Sprintf("%s means nothing with %s: %s", flag.name, chosen, flag.why))
		}
	}
	return nil
}
