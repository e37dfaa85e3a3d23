// Package mem is a wire inside the process: two ends with link.Queues, joined
// by memory, with as much delay, loss and disorder as a test wants.
//
// Tests, simulations and the stack's own loopback call it. An unimpaired
// direction passes frames through the rings of internal/ring without a lock. An
// impaired one decides the fate of each frame at the sender, by a seeded
// generator: the same frames in the same order meet the same fate. The package
// reads no clock and starts no goroutine; Wait blocks on a channel and a timer,
// so that it works in a testing/synctest bubble.
//
// Reading order: wire.go (construction), queue.go (a device's queue), wait.go
// (sleeping and waking), path.go (the fate of a frame), inbox.go (frames under
// way), steer.go (which queue a frame arrives at).
package mem
