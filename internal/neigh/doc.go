// Package neigh finds the Ethernet addresses of IPv4 neighbours: ARP as a
// state machine (RFC 826, RFC 1122 §2.3.2, RFC 5227), with the states and
// timings that Linux gives its neighbours.
//
// A shard owns a Table and calls it: Lookup and MAC for what it sends, Input for
// ARP packets that arrive, Advance for time, Output for frames to send, Events
// for news. It never reads a clock, sends, blocks, or allocates after New; it
// holds no packets that wait for an answer (their owners do, and hear of it
// through Events); and it learns nothing from packets that are not for us.
//
// Reading order: table.go, state.go, input.go, address.go, output.go, outside.go,
// timers.go, events.go, slots.go, index.go, list.go.
package neigh
