// Package tap is the device for machines without XDP: a TAP interface, one
// descriptor for every queue, one system call for every frame.
//
// Whoever sets up a stack calls Open, in the network namespace where the
// kernel's side of the wire shall be, and hands each Queue to one shard. The
// stack is the other end of that wire, with a MAC address of its own. The
// package speaks no netlink to change anything: what the kernel's side needs is
// done by a function of the configuration.
//
// A flow arrives at the queue that it was last sent from. The kernel notes that
// after it has dealt with the first packet, answers included, and forgets it
// after three quiet seconds; otherwise it chooses by a hash of its own. So a
// shard must be ready to pass on what is another's.
//
// Reading order: config.go (what can be asked for), errors.go (what can go
// wrong and how to mend it), facts.go (what an interface of that name is),
// attach.go and device.go (opening and closing), header.go and frames.go (what
// passes the descriptor, and where it lies), queue.go and transmit.go (the packet
// path), wait.go (sleeping), stats.go.
package tap
