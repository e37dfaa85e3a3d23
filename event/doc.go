// Package event is the fast door of a stack: handlers that run on a
// connection's own shard, to completion, between the packets that came in and
// those that go out. There is no goroutine, no system call and no copy between
// a segment and its handler.
//
//	event.Listen(stack, "tcp", ":7", &event.Handler{
//		Readable: func(c event.Conn) {
//			for p := c.Peek(); len(p) > 0; p = c.Peek() {
//				n := c.Write(p)
//				c.Discard(n)
//				if n < len(p) {
//					return // Writable goes on
//				}
//			}
//		},
//	})
//
// A handler must not block: nothing else happens on its shard meanwhile, and
// one that takes too long is reported. All calls of a Conn and a Loop, but for
// Loop.Do, belong on the shard: in a handler, a timer, or a function given to Do.
//
//	handler.go  what happens to a connection
//	conn.go     what a handler can do with it
//	loop.go     a shard, as handlers see it
//	listen.go   who may connect
//	timer.go    functions that run later
//	watch.go    handlers that block
package event
