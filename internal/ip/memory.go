// What a Host takes of memory.

package ip

import "github.com/mtcp-go/mtcp/internal/arena"

// Memory returns the octets that a host of this configuration takes: all of
// them when it is made, touched as fragments and paths come.
func Memory(c Config) int {
	c.setDefaults()
	blocks := max(c.ReassemblyBytes/fragmentBlock, blocksPerPacket)
	return arena.Size[Host](1) +
		arena.Size[partial](c.Datagrams) +
		blocks*fragmentBlock + arena.Size[blockID](blocks) + maxReassembled +
		arena.Size[[pathMTUWays]pathMTUEntry](pathMTUSets) +
		maxICMPQueue*c.MTU
}

// Reassembling returns how many datagrams wait for fragments, and the octets
// of memory that they hold.
func (h *Host) Reassembling() (datagrams, octets int) {
	f := &h.fragments
	for i := range f.partials {
		if f.partials[i].inUse {
			datagrams++
		}
	}
	return datagrams, (len(f.free) - f.nFree) * fragmentBlock
}
