// Package stack is a set of shards with their runners, listeners and
// configuration: what both doors, the net door and the event door, stand on.
//
// It turns what shards do asynchronously into calls that wait: Listen, Dial,
// Stats, Shutdown. It knows no net.Conn; errors are sock.Errno values wrapped
// in Error.
//
//	config.go    what a stack is made with
//	stack.go     making and ending one
//	call.go      functions run on a shard, answered
//	dial.go      active opens
//	listener.go  passive opens
//	handlers.go  what the event door stands on
//	follow.go    links, addresses, routes and neighbours that change
package stack
