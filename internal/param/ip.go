// IP's parameters.

package param

// IP is the table of mtcp.IP.
var IP = Table{
	Path: "ip",
	Go:   "mtcp.IP",
	Text: "How IP and ICMP behave.",
	Parameters: []Parameter{
		{
			Name: "TTL", Kind: Int, Default: 64, Min: 1, Max: 255, Unit: "hops",
			Text: "is the time to live of packets that leave.",
		}, {
			Name: "MinPathMTU", Kind: Octets, Default: 552, Min: 68, Max: 1500,
			Text: "is what no ICMP message makes a path's MTU smaller than.",
		}, {
			Name: "PathMTUAge", Kind: Duration, Default: 10 * minute, Min: minute, Max: 24 * hour,
			Text: "is the time after which a path is tried with larger packets again (RFC 1191).",
		}, {
			Name: "Reassemblies", Kind: Int, Default: 64, Min: 1, Max: 4096, Unit: "datagrams",
			Text: "bounds what each shard puts together from fragments at a time; beyond it the oldest give way.",
		}, {
			Name: "ReassemblyMemory", Kind: Octets, Default: mib, Min: 64 * kib, Max: 64 * mib,
			Text: "bounds each shard's memory for that.",
		}, {
			Name: "ReassemblyTimeout", Kind: Duration, Default: 30 * second, Min: second, Max: 2 * minute,
			Text: "is how long a datagram waits for its last fragment.",
		}, {
			Name: "ICMPRate", Kind: Int, Default: 1000, Min: 1, Max: 1000000, Unit: "a second",
			Text: "bounds each shard's ICMP answers, and by the same number its ICMP errors.",
		}, {
			Name: "ICMPBurst", Kind: Int, Default: 50, Min: 1, Max: 1000000, Unit: "messages",
			Text: "is how many of either may go at once.",
		},
	},
}
