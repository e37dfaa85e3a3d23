// Package cacheline keeps what one core writes off the cache lines of others.
//
// The heap lays objects of a size side by side. Where two of them belong to two
// shards, and one of their ends shares a cache line with the other's beginning,
// each write of one shard takes the line from the other. Constructors of what a
// shard has one of, and writes all the time, use New.
package cacheline

// size of a cache line, and of the one that the processor fetches beside it.
const size = 2 * 64

// New returns a zero T that no line has in common with what New made before or
// makes next.
func New[T any]() *T {
	p := new(struct {
		_ [size]byte
		v T
		_ [size]byte
	})
	return &p.v
}
