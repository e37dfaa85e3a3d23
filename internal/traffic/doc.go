// Package traffic makes load through the event door, and serves what makes it: the
// two halves of the benchmarks.
//
// The command calls it, with stacks that it has opened. The client checks every
// octet, opens connections from all the addresses it is given, and in an open
// loop measures from when a request was due, not from when it could be sent.
//
//	spec.go     what is asked for, and what came of it
//	client.go   connections at work: the closed loop
//	rate.go     the open loop
//	session.go  one place of the load, connection after connection
//	http.go     what a place asks a web server, and how its answer begins
//	options.go  what a connection has negotiated
//	server.go   what answers, by the event door
//	goserver.go the same by the net door, for any net.Listener
package traffic
