// Package sim makes deterministic worlds: hosts of shards on wires inside the
// process, applications as step functions, one virtual clock, and an oracle
// that knows what may happen.
//
// Tests call it. One goroutine runs everything, and all chance comes from the
// world's seed: the same seed gives the same frames at the same times. It reads
// no clock, sleeps nowhere, and never waits for a peer: time jumps to whatever
// is due next.
//
//	world.go    time: rounds, and jumping to the next event
//	lane.go     one shard and its sleep, as the runner has it
//	host.go     a station with a stack: addresses, dialling, listening
//	station.go  a station without one: frames in, frames out
//	tap.go      what passes between a shard and its wire: trace, faults, forgery
//	packet.go   frames taken apart and put together
//	view.go     what an observer on the wire knows of a connection
//	pattern.go  the octets that applications send
//	plan.go     what an application is going to do
//	end.go      an application at one end of a connection
//	pair.go     both ends, and which errors are justified
//	traffic.go  many pairs over time
//	audit.go    nothing leaks, and the counters add up
package sim
