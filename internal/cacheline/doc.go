// Package cacheline keeps what one core writes off the cache lines of others, and
// asks for lines before they are needed.
//
// The heap lays objects of a size side by side. Where two of them belong to two
// shards, and one of their ends shares a cache line with the other's beginning,
// each write of one shard takes the line from the other. Constructors of what a
// shard has one of, and writes all the time, use New.
//
// A load whose line is far away holds up what follows it, as soon as the processor
// cannot look further ahead. Prefetch waits for nothing: who knows what will be
// needed some hundred nanoseconds later asks for it and goes on.
//
// On processors other than amd64 it does nothing.
package cacheline

// size of a cache line, and of the one that the processor fetches beside it.
const size = 2 * line

const line = 64

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
