// The flags that verbs share, and their types.

package main

import (
	"fmt"
	"net/netip"
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

// stackFlags say what the stack is made with.
type stackFlags struct {
	Iface       string   `placeholder:"DEV" help:"Interface to share with the kernel, such as eth0."`
	Addr        []cidr   `placeholder:"CIDR" help:"The stack's own address, such as 10.0.0.2/24; the kernel must not have it."`
	Shared      bool     `help:"Share the kernel's address: only the ports that the stack listens on, and those of its own connections, come to it; netfilter does not see them."`
	Ports       []uint16 `placeholder:"PORT,..." help:"With --shared: the ports that the stack may listen on; otherwise any that the kernel does not use."`
	Gateway     *host    `placeholder:"IP" help:"Next hop for what is not on the link."`
	Generic     bool     `help:"Use XDP's generic mode at once, without trying native mode."`
	Pcap        string   `placeholder:"FILE" type:"path" help:"Capture every packet into FILE."`
	Connections int      `default:"131072" help:"Connections per shard; more are refused and counted."`
	RingMemory  int      `default:"512" help:"Memory for data in flight per shard, in MiB."`
	Congestion  string   `default:"cubic" help:"Congestion control: cubic or newreno; with --link kernel whatever the kernel has."`
}

// check refuses what cannot be meant.
func (f *stackFlags) check() error {
	switch {
	case f.Iface == "":
		return usageError("--iface: name the interface, such as --iface eth0")
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
	}
	return nil
}
