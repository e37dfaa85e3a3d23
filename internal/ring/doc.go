// Package ring is the memory through which goroutines pass octets, records and
// frames to each other: the only home of lock-free algorithms.
//
// The shards, internal/sock and the devices call it. Each structure says who
// may write what, what always holds, and why the order of its stores suffices.
// Nothing here blocks, allocates after construction, keeps a clock, or starts
// a goroutine: whoever finds a ring full or empty decides what to do.
//
// Files in reading order: pool.go (ring memory in size classes, of one shard),
// stream.go (one direction of a connection's octets: layout and the shard's
// part), stream_write.go and stream_read.go (its two ends), indices.go (index
// words on their own cache lines), spsc.go and mpsc.go (records), frames.go
// (whole Ethernet frames), doorbell.go (sleeping without losing a wake-up).
//
// On ordering: Go's sync/atomic operations are sequentially consistent, and an
// atomic load that sees an atomic store also sees everything that the storing
// goroutine did before. All arguments here use no more than these two facts.
package ring
