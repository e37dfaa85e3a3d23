// Package httpd is an HTTP/1.1 server on the event door, as small as one can be
// that keeps connections alive, takes pipelined requests and answers in order: an
// example of package event, and what the benchmarks ask. For everything else there
// is net/http on the net door.
//
// It serves GET, HEAD and POST, reads and ignores bodies with a Content-Length,
// and closes on what it does not understand, and where nothing moves for
// IdleTimeout. A header that comes in pieces takes up to 16 KiB of the Go heap.
//
//	httpd.go    a connection: requests in, answers out
//	request.go  the request's header
package httpd
