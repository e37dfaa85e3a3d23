// What a Table takes of memory.

package neigh

import "github.com/mtcp-go/mtcp/internal/arena"

// Memory returns the octets that a table of this configuration takes when it is
// made.
func Memory(c Config) int {
	c.setDefaults()
	n := c.MaxEntries
	return arena.Size[Table](1) + arena.Size[entry](n) + arena.Size[int64](n) + 4*arena.Size[links](n) +
		arena.Size[bucket](4*n) + arena.Size[Event](2*n) // an index of 2 to 4 buckets an entry
}

// Cap returns how many neighbours the table can hold.
func (t *Table) Cap() int { return len(t.entries) }
