// Package script runs packet scripts in virtual time against a host of
// internal/posix: system calls and what they return, packets that arrive and
// packets that must leave, each at its time, in the language of packetdrill.
// Test support: thousands of scripts take seconds.
//
// It reads that language's TCP and ICMP packets, system calls, assertions (%{ }%,
// of which it knows assert, = and arithmetic), and of commands those that make
// settings. A script passes here if and only if it passes with the original
// program behind capi/packetdrill; the tests hold the two together where the
// program is at hand.
//
// Reading order: scan.go, parse.go, packet.go, run.go, live.go, outbound.go,
// call.go, arguments.go, symbols.go, assert.go, expression.go, shell.go.
package script
