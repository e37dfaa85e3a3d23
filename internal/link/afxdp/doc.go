// Package afxdp is the device for real interfaces: AF_XDP sockets, one for
// every receive queue, behind an XDP program that takes only the packets of
// the stack's own addresses, or of its ports of an address shared with the
// kernel, and leaves everything else to the kernel.
//
// Whoever sets up a stack calls Open, in the network namespace of the
// interface, and hands each Queue to one shard. The package never changes the
// interface's own settings, never pins anything, and leaves nothing behind
// when the process ends.
//
// Reading order: config.go (what can be asked for), errors.go and rights.go
// (what can go wrong and how to mend it), facts.go with ioctl_unsafe.go, netlink.go and
// features.go (what the interface is), program.go, shared.go and ports.go (which
// packets come here), device.go, attach.go and bind.go (opening and closing),
// umem_unsafe.go, ring_unsafe.go and socket_unsafe.go (memory shared with the
// kernel), queue.go and transmit.go (the packet path), wait.go (sleeping), stats.go;
// probe.go (what can be known without opening).
package afxdp
