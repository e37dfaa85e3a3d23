// Package sock is the boundary between a shard and applications: the fixed
// records that both sides touch, and what each side may do with them.
//
// A Block per connection holds ring positions and the ready word; commands go
// to the shard through its Mailbox; accepted connections come back through an
// AcceptQueue; a Waiter parks a goroutine. The shard uses the methods of
// shard.go, applications those of app.go. Nothing here knows TCP, and nothing
// but the records listed in docs/ARCHITECTURE.md crosses the line.
//
// Reading order: block.go, app.go, shard.go, command.go, accept.go, wait.go.
package sock
