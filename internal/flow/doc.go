// Package flow answers whose packet this is: connections by their 4-tuple,
// listeners by address and port, receive queues by RSS hash, and free local
// ports.
//
// A shard owns its tables. The package never reads a clock, and its tables
// never hold up a packet for longer than a few dozen entries take to move.
//
// Reading order: key4.go (the 4-tuple and its hash), table.go (lookup and
// change), migrate.go (growth), listeners.go, toeplitz.go, ports.go.
package flow
