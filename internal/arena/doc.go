// Package arena hands out off-heap memory: pointer-free, sparse and, by
// its file descriptor, ready to be shared with another process.
//
// Set-up code of any package may call it: one goroutine allocates, and nothing
// is ever given back singly, so it has no place on the packet path. It never
// touches the memory that it hands out, and never stores a Go pointer in it.
// Nothing taken from a Region may be used once the Region is closed: the
// owner closes it after the last user has gone.
//
// In race builds the memory comes from the Go heap, because the race detector
// does not see mapped memory. Nothing else differs there.
//
// Files in reading order: region.go (the Region and its bump allocation),
// make_unsafe.go (typed arrays), memory_unsafe.go (mapping),
// memory_race_unsafe.go (the same for race builds).
package arena
