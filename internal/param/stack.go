// The stack's own parameters.

package param

const (
	kib = 1 << 10
	mib = 1 << 20
	tib = 1 << 40

	maxSlots = 1 << 28
)

// Stack is the table of mtcp.Config itself.
var Stack = Table{
	Path: "",
	Go:   "mtcp.Config",
	Text: "The stack's addresses, and its limits. Each shard, one for every queue of the link, has these limits for itself.",
	Parameters: []Parameter{
		{
			Name: "Addresses", Kind: Prefixes, Example: "10.0.0.2/24",
			Text: "are the stack's own, with their prefix lengths; the kernel must not have them too. IPv4 only so far.",
		}, {
			Name: "Gateway", Kind: Address, Example: "10.0.0.1",
			Text: "is the next hop for everything that is not on link.",
		}, {
			Name: "ProbeAddresses", Kind: Bool,
			Text: "asks the network before the addresses are used whether somebody has them (RFC 5227), which takes some seconds in which nothing can be sent.",
		}, {
			Name: "Connections", Kind: Int, Default: 1 << 17, Min: 1, Max: maxSlots,
			Text: "bounds the connections of each shard; beyond it SYNs are dropped and counted.",
		}, {
			Name: "TimeWaits", Kind: Int, Default: 1 << 18, Min: 1, Max: maxSlots,
			Text: "bounds the TIME_WAIT records of each shard, of 64 octets each; beyond it the oldest give way, and are counted.",
		}, {
			Name: "RingMemory", Kind: Octets, Default: 512 * mib, Min: 4 * mib, Max: tib,
			Text: "bounds the octets of each shard's send and receive rings, of which connections take what they need and give it back when idle.",
		}, {
			Name: "Backlog", Kind: Int, Default: 4096, Min: 1, Max: 1 << 20, Unit: "connections",
			Text: "bounds, per shard, the connections of a listener that wait for Accept, and by twice that number those that are half open.",
		}, {
			Name: "PortFirst", Kind: Int, Default: 32768, Min: 1, Max: 65535,
			Text: "is the first of the ports that dials, and listeners on port 0, are given.",
		}, {
			Name: "PortLast", Kind: Int, Default: 60999, Min: 1, Max: 65535,
			Text: "is the last of these ports.",
		}, {
			Name: "Neighbours", Kind: Int, Default: 1024, Min: 8, Max: 32768,
			Text: "bounds the ARP entries of each shard; beyond it idle ones give way.",
		},
	},
	Relations: []Relation{{"PortFirst", 1, "PortLast"}},
}
