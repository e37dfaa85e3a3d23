// Package mtcp is a user-level TCP/IP stack for multicore machines.
//
// A Stack has a shard per queue of its link: one core's whole stack, sharing
// nothing with the others. Its listeners and connections are net.Listener and
// net.Conn, so that a server built on the net package changes one line:
//
//	stack, err := mtcp.New(mtcp.Config{
//		Link:      mtcp.AFXDP{Interface: "eth0"},
//		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")},
//	})
//	...
//	l, err := stack.Listen(ctx, "tcp", ":80")
//	...
//	http.Serve(l, handler)
//
// Any goroutine may use any connection. Errors are those of the net package.
// What a connection does not have is a file descriptor.
package mtcp
