// Package ip is IPv4 in and out: which packets are ours, putting fragments
// together, routes and path MTUs, and ICMP (RFC 791, 792, 1122 §3, 1191).
//
// A shard owns a Host: Input for packets that arrive, InputICMP for those of
// them that are ICMP, Route and PutHeader for packets that leave, OutputICMP for
// the answers that ICMP itself owes, Advance for time. It never forwards, never
// fragments, never reads a clock, and allocates nothing after New but in
// Replace. It believes no ICMP error: the owner of the connection checks it
// first, and then says SetPathMTU.
//
// What is about IPv4 has that in its name; IPv6 would be further files.
//
// Reading order: host.go, input.go, reassembly.go, fragments.go, routes.go,
// replace.go, pmtu.go, output.go, icmp.go, icmp_queue.go.
package ip
