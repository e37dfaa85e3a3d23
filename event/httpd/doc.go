// Package httpd is an HTTP/1.1 server on the event door, as small as one can be
// that keeps connections alive, takes pipelined requests and answers in order: an
// example of package event, and what the benchmarks ask. For everything else there
// is net/http on the net door.
//
// It serves GET and HEAD, reads and ignores bodies with a Content-Length, and
// closes on what it does not understand.
//
//	httpd.go    a connection: requests in, answers out
//	request.go  the request's header
package httpd
