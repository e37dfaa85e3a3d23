// The parameters of links. A file has one of these tables.

package param

// AFXDP is the table of mtcp.AFXDP.
var AFXDP = Table{
	Path: "link.afxdp",
	Go:   "mtcp.AFXDP",
	Text: "A network interface beside the kernel, over AF_XDP.",
	Parameters: []Parameter{
		{
			Name: "Interface", Kind: Name, Example: "eth0",
			Text: "is the interface's name. All of its queues are bound, and each gets a shard.",
		}, {
			Name: "Generic", Kind: Bool,
			Text: "asks for generic mode at once, which works with every driver. Otherwise native mode is tried first; LinkInfo tells what was obtained.",
		}, {
			Name: "Copy", Kind: Bool,
			Text: "asks for copy mode at once. Otherwise zero-copy is tried first.",
		}, {
			Name: "Require", Kind: Choice, Values: []string{"", "native", "zerocopy"}, Zero: "any mode",
			Text: "refuses to open in a mode that is less; zerocopy is native, too.",
		}, {
			Name: "Frames", Kind: Int, Default: 4096, Min: 128, Max: 1 << 20, Power: true, Unit: "buffers",
			Text: "is the number of packet buffers per queue, half of them for each direction.",
		}, {
			Name: "FrameSize", Kind: Octets, Default: 2048, Min: 2048, Max: 4096, Power: true,
			Text: "is the size of a packet buffer, larger than the MTU by 270 at least.",
		}, {
			Name: "RingSize", Kind: Int, Min: 64, Max: 1 << 19, Power: true, Unit: "packets", Zero: "half of the frames",
			Text: "is the length of the receive and transmit rings shared with the kernel.",
		}, {
			Name: "BusyPoll", Kind: Duration, Min: 1000, Max: second, Zero: "off",
			Text: "makes reading drive the interface instead of its interrupts, for this long at a time; it needs napi_defer_hard_irqs and gro_flush_timeout to be of use.",
		}, {
			Name: "NoTxChecksum", Kind: Bool,
			Text: "fills transmit checksums in software even where the device could.",
		}, {
			Name: "Shared", Kind: Bool,
			Text: "leaves the addresses to the kernel, too: only the ports on which the stack listens, and those of its own connections, come to the stack. Neighbours and routes are the kernel's, and followed as they change. The configuration then names which of the interface's addresses to use; none means all, also those that come later. netfilter does not see the stack's packets.",
		}, {
			Name: "Ports", Kind: Ints, Min: 1, Max: 65535, Example: "80, 443",
			Text: "are those that the stack may listen on, with Shared. None means any that the kernel does not use.",
		}, {
			Name: "DialPorts", Kind: Int, Default: 1024, Min: 1, Max: 16384, Unit: "ports", Later: "none without Shared",
			Text: "is how many local ports are kept from the kernel for the stack's own connections, with Shared. Each is a socket.",
		},
	},
	Relations: []Relation{{"RingSize", 2, "Frames"}},
}

// TAP is the table of mtcp.TAP.
var TAP = Table{
	Path: "link.tap",
	Go:   "mtcp.TAP",
	Text: "A TAP interface, for machines without XDP. The kernel is the stack's neighbour on it, and forwards if it is told to.",
	Parameters: []Parameter{
		{
			Name: "Interface", Kind: Name, Example: "tap0",
			Text: "is the interface's name; one that does not exist is made, and removed with the stack.",
		}, {
			Name: "Queues", Kind: Int, Default: 1, Min: 1, Max: 256,
			Text: "is the number of queues, and so of shards.",
		}, {
			Name: "Peer", Kind: Prefixes, Example: "10.0.0.1/24",
			Text: "are the kernel's addresses on the interface, on the networks of the stack's addresses. None leaves them as they are.",
		}, {
			Name: "MTU", Kind: Octets, Min: 68, Max: 65521, Zero: "as it is, or 1500 when made",
			Text: "is the interface's MTU.",
		}, {
			Name: "MAC", Kind: MAC, Example: "02:00:00:00:00:02",
			Text: "is the Ethernet address of the stack's end. None makes one up.",
		}, {
			Name: "Persist", Kind: Bool,
			Text: "lets the interface stay when the stack has gone.",
		},
	},
}

// Memif is the table of mtcp.Memif.
var Memif = Table{
	Path: "link.memif",
	Go:   "mtcp.Memif",
	Text: "Memory shared with another process: a second stack, or a program with DPDK's net_memif.",
	Parameters: []Parameter{
		{
			Name: "Socket", Kind: Name, Example: "/run/mtcp.sock",
			Text: "is the path of the UNIX socket over which the two meet; with an @ in front, a name in the abstract namespace. A master makes it, and removes it with the stack.",
		}, {
			Name: "Role", Kind: Choice, Values: []string{"master", "slave"},
			Text: "is who makes the memory, a slave; a master makes the socket. The other side has the other role.",
		}, {
			Name: "ID", Kind: Int, Min: 1, Max: 1<<32 - 1, Zero: "0",
			Text: "names the interface. Both sides say the same.",
		}, {
			Name: "Secret", Kind: Name, Example: "open sesame",
			Text: "proves the right to the interface, in at most 24 octets. Both sides say the same. None asks for no proof.",
		}, {
			Name: "Queues", Kind: Int, Default: 1, Min: 1, Max: 64,
			Text: "is the number of rings in each direction, and so of shards. Both sides have as many.",
		}, {
			Name: "RingSize", Kind: Int, Default: 1024, Min: 32, Max: 16384, Power: true, Unit: "packets",
			Text: "is the length of a ring: a slave chooses it.",
		}, {
			Name: "BufferSize", Kind: Octets, Default: 2048, Min: 86, Max: 64 * kib, Later: "what the MTU needs",
			Text: "is the memory of a packet: a slave chooses it.",
		}, {
			Name: "MTU", Kind: Octets, Default: 1500, Min: 68, Max: 65518,
			Text: "is the largest IP packet, on both sides: the protocol does not tell, and what is larger is dropped and counted.",
		}, {
			Name: "MAC", Kind: MAC, Example: "02:00:00:00:00:02",
			Text: "is the Ethernet address of the stack's end. None makes one up.",
		}, {
			Name: "HugePages", Kind: Bool,
			Text: "lets the memory be of huge pages. Only for another side that is trusted: it could then crash this one.",
		},
	},
}
