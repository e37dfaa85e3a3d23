// Package posix is a host in virtual time with the socket calls of its
// processes: descriptors, blocking and non-blocking calls, options, poll and
// epoll, with the error numbers of Linux. Test support: the script runner, the
// library for packetdrill and the host for packetimpact stand on it; the last has
// it behind a device and steps it in real time.
//
// One shard does the work, behind a link that speaks raw IP. The calls go
// through internal/sock, as those of the net door do, and through the functions
// of the shard; no behaviour of TCP exists only here. Nothing reads a clock or
// starts a goroutine: time moves when Advance says so, and the same calls give
// the same packets every time.
//
// A call that would block is a Call that is not done; the host tries it again
// whenever something has happened.
//
// Reading order: host.go, raw.go, call.go, socket.go, connect.go, stream.go,
// options.go, values.go, events.go, epoll.go, info.go, errno.go, settings.go.
package posix
