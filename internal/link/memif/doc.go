// Package memif carries Ethernet frames between two processes through shared
// memory: the memif protocol, version 2, in either role, as DPDK's driver speaks it.
//
// Whoever sets up a stack calls Open, runs Serve on a goroutine of its own, and
// hands each Queue to one shard. Serve keeps the control connection; while there
// is no peer the queues stay valid, receive nothing, and drop and count what is
// sent. The package starts no goroutine.
//
// The slave makes the memory and gives its descriptor to the master over a UNIX
// socket; each of them writes to all of it at any time. So nothing that lies
// there is believed: an index or a descriptor is read once, into a local variable,
// before it is checked, and a frame is copied into memory of our own before
// anybody reads its headers, and out of it when it is sent. Only memory that
// cannot shrink is mapped. Whoever breaks the protocol is counted, disconnected,
// and may connect again.
//
// Reading order: config.go (what can be asked for, limits), message.go (the
// control messages), ring_unsafe.go (the shared rings), region.go (the shared
// memory), peer.go (from the control connection to the queues, and back),
// session.go and serve.go (the control connection), device.go (opening and
// closing), frames.go, queue.go and transmit.go (the packet path), wait.go
// (sleeping), stats.go, errors.go.
package memif
