// Package wire is the header formats: Ethernet, ARP, IPv4, ICMPv4 and TCP.
//
// Every package may use it. Parsers take octets and answer with a value, the
// octets that follow, and whether to go on; writers fill octets that the
// caller gives. It never allocates, keeps nothing, never panics on input, and
// decides nothing: whether an address is ours or a port is open is for others.
//
// Reading order: ipv4addr.go, mac.go, checksum.go with its
// assembly, ethernet.go, arp.go, ipv4.go, icmp.go, tcp.go, tcpoptions.go,
// tcpoptions_put.go.
package wire
