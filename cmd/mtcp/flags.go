// The flags that verbs share, and their types.

package main

import (
	"fmt"
	"net/netip"
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

// stackFlags say what the stack is made with. What is not given is the
// configuration file's to say, or has its default: see config.go.
type stackFlags struct {
	Config      string `placeholder:"FILE" type:"path" help:"Read the configuration from FILE, of which these flags are a part; they win. See mtcp config."`
	Iface       string `placeholder:"DEV" help:"Interface to share with the kernel, such as eth0."`
	Addr        []cidr `placeholder:"CIDR" help:"The stack's own address, such as 10.0.0.2/24; the kernel must not have it."`
	Gateway     *host  `placeholder:"IP" help:"Next hop for what is not on the link."`
	Generic     bool   `help:"Use XDP's generic mode at once, without trying native mode."`
	Require     string `placeholder:"MODE" enum:",native,zerocopy" default:"" help:"Refuse a mode that is less: native or zerocopy."`
	Pcap        string `placeholder:"FILE" type:"path" help:"Capture every packet into FILE."`
	Connections *int   `placeholder:"N" help:"Connections per shard; more are refused and counted (default ${connections})."`
	RingMemory  *size  `placeholder:"SIZE" help:"Memory for data in flight per shard, such as 64MiB (default ${ring_memory})."`
	Congestion  string `placeholder:"NAME" help:"Congestion control: cubic or newreno; with --link kernel whatever the kernel has (default ${congestion})."`
}
