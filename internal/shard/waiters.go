// Waiters of connections: Go pointers, so they stand beside the blocks and not
// in them.

package shard

import (
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
)

const waiterChunk = 512

// waiters is a table by slot that grows in chunks, by whoever comes first: slots
// that nobody has waited at cost nothing, and the collector does not see them.
// An element belongs to the application that has the connection, until it sets
// its first parked bit.
type waiters []atomic.Pointer[[waiterChunk]*sock.Waiter]

func newWaiters(slots int) waiters { return make(waiters, (slots+waiterChunk-1)/waiterChunk) }

// waitersSize returns the octets of the table and all chunks.
func waitersSize(slots int) int {
	return 8 * (waiterChunk + 1) * ((slots + waiterChunk - 1) / waiterChunk)
}

// of returns the waiter of a slot, making it if need be. The application that
// owns the connection calls.
func (w waiters) of(i slab.Index) *sock.Waiter {
	p := &w[i/waiterChunk]
	c := p.Load()
	if c == nil {
		p.CompareAndSwap(nil, new([waiterChunk]*sock.Waiter))
		c = p.Load()
	}
	if c[i%waiterChunk] == nil {
		c[i%waiterChunk] = sock.NewWaiter()
	}
	return c[i%waiterChunk]
}

// at returns the waiter of a slot that has set a parked bit. Shard's goroutine.
func (w waiters) at(i slab.Index) *sock.Waiter { return w[i/waiterChunk].Load()[i%waiterChunk] }
