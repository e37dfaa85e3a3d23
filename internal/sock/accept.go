package sock

import (
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/slab"
)

// Accepted is a connection that a shard hands to a listener.
type Accepted struct {
	Handle     slab.Handle
	Local      [16]byte
	Remote     [16]byte
	LocalPort  uint16
	RemotePort uint16
	Shard      uint32
}

// An AcceptQueue carries established connections from one shard to one
// listener. The shard pushes; consumers serialise themselves.
type AcceptQueue struct {
	ring *ring.SPSC[Accepted]
	wake func()
}

// NewAcceptQueue returns a queue over r that calls wake, on the shard, after
// every push.
func NewAcceptQueue(r *ring.SPSC[Accepted], wake func()) *AcceptQueue {
	return &AcceptQueue{ring: r, wake: wake}
}

// Push hands a connection over; false means that the queue is full.
func (q *AcceptQueue) Push(a *Accepted) bool {
	if !q.ring.Push(a) {
		return false
	}
	q.wake()
	return true
}

// Pop takes the oldest connection.
func (q *AcceptQueue) Pop(a *Accepted) bool { return q.ring.Pop(a) }

// Len returns how many connections wait.
func (q *AcceptQueue) Len() int { return q.ring.Len() }
