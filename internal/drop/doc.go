// Package drop names the reasons for which a packet, a segment or a request
// is refused. Every drop in the stack has one, and every one has a counter.
//
// Every package may use it. It holds names only.
package drop
