// Package netconf is the kernel's side of an interface: what it is, and the
// namespaces and veth pairs that demonstrations and tests run in.
//
// The command and tests call it, never a packet path. It changes an interface
// that it did not create only where a caller names it and what to change
// (SetFeature, Settle), or asks the kernel about a neighbour (AskNeighbour,
// ConfirmNeighbour); everything that it creates goes away with Close.
//
// Reading order: interface.go (what an interface is), ethtool.go (queues,
// driver, offloads), settle.go (MTU, addresses, up), namespace.go (network
// namespaces), pair.go (two of them joined by a veth); watch.go, view.go,
// rtnetlink.go, requests.go (following the kernel), neighbour.go (what the
// kernel resolves for us), ports.go (ports held against the kernel); machine.go,
// device.go, offloads.go (all there is to know before a stack is started).
package netconf
