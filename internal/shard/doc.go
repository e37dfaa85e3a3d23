// Package shard is one core's whole stack: link, ARP, IPv4, TCP and the
// boundary to applications, composed. Everything in it has one owner, the
// goroutine that calls Input and Output.
//
// A runner, or a simulation, calls Input(now), lets applications run, and
// calls Output(now). A shard reads no clock, starts no goroutine and knows no
// other shard but through the hand-over rings.
//
//	shard.go     the parts of a shard, and how they are put together
//	receive.go   1. receive: parse all, look up all, then process each
//	bring.go     with many connections: what is needed soon is asked for
//	publish.go   2. timers, 3. publish: tell applications, once per batch
//	commands.go  4. commands of applications
//	transmit.go  5. transmit: control, ACK, data
//	lists.go     who waits for that
//	dial.go      active opens, and who gets a connection
//	handler.go   applications that run on the shard: the event door
//	hold.go      ACKs that wait for an answer
//	stall.go     a device that has no room
//	outside.go   link, addresses, routes and neighbours that change
//	nexthop.go   the way to a neighbour, and waiting for it
//	listener.go  listening ports and their backlogs
//	cookie.go    SYN cookies, when they are full
//	timewait.go  TIME-WAIT records
//	handover.go  packets that arrived at the wrong shard
//	elsewhere.go connections that may be another shard's
//	stats.go     counters
package shard
