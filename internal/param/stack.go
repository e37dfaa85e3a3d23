// The stack's own parameters.

package param

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
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
			Text: "are the stack's own, with their prefix lengths. The kernel must not have them too, except with AFXDP.Shared, where they choose among the kernel's, and none means all. IPv4 only so far.",
		}, {
			Name: "Gateway", Kind: Address, Example: "10.0.0.1",
			Text: "is the next hop for everything that is not on link. With AFXDP.Shared the kernel's routes count instead.",
		}, {
			Name: "ProbeAddresses", Kind: Bool,
			Text: "asks the network before the addresses are used whether somebody has them (RFC 5227), which takes some seconds in which nothing can be sent.",
		}, {
			Name: "Memory", Kind: Octets, Min: mib, Max: 64 * tib, Zero: "no budget, each part has its own default",
			Text: "bounds the octets that the stack takes, all shards together and whatever happens: connections, rings, tables, packet frames. Connections, TimeWaits and RingMemory follow from it where they are not given; what is too small for what was asked for is refused. None of it is touched before it is needed.",
		}, {
			Name: "Connections", Kind: Int, Default: 1 << 17, Min: 1, Max: maxSlots, Later: "a part of Memory",
			Text: "bounds the connections of each shard; beyond it SYNs are dropped and counted.",
		}, {
			Name: "TimeWaits", Kind: Int, Default: 1 << 18, Min: 1, Max: maxSlots, Later: "twice Connections with Memory",
			Text: "bounds the TIME_WAIT records of each shard, of 64 octets each; beyond it the oldest give way, and are counted.",
		}, {
			Name: "RingMemory", Kind: Octets, Default: 512 * mib, Min: 4 * mib, Max: 128 * gib, Later: "what is left of Memory",
			Text: "bounds the octets of each shard's send and receive rings, of which connections take what they need and give it back when idle.",
		}, {
			Name: "HugePages", Kind: Bool,
			Text: "asks for huge pages for that memory. They are reserved as a whole when the stack is made; when there are too few, ordinary pages are used, and the log says why.",
		}, {
			Name: "Backlog", Kind: Int, Default: 4096, Min: 1, Max: 1 << 20, Unit: "connections", Later: "Connections if that is less",
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
		}, {
			Name: "Cores", Kind: Ints, Min: 0, Max: 1023, Example: "2, 3",
			Text: "are those that the shards' threads are pinned to, in turn. It suits handlers of package event; where goroutines use the connections each round then costs switches between threads. None leaves the shards where the Go scheduler has them.",
		}, {
			Name: "BusyPoll", Kind: Bool,
			Text: "keeps idle shards from sleeping, each of which then takes all of a core: a round trip is spared a wake-up of some 50 µs. With Cores, shards of one core take turns on its thread, also those of other stacks: no handler may close a stack that has a shard on its core.",
		},
	},
	Relations: []Relation{{"PortFirst", 1, "PortLast"}},
}
