package httpd

import (
	"bytes"
	"strconv"
)

// Limits.
const (
	maxHeader = 16 << 10 // octets
	maxBody   = 1 << 30
)

// A Request is what a Responder is asked. Its slices are good until it returns.
type Request struct {
	Method, Path []byte
	body         int // octets that follow
	hasLength    bool
	hasHost      bool
	keep         bool
	expects      bool // Expect: 100-continue
	isOld        bool // HTTP/1.0
}

// status is an answer without a body of its own.
type status int

const (
	statusOK        status = 200
	statusBad       status = 400
	statusMethod    status = 405
	statusLength    status = 411
	statusBodyLarge status = 413
	statusLarge     status = 431
	statusCoding    status = 501
	statusVersion   status = 505
)

var statusText = map[status]string{
	statusBad: "Bad Request", statusMethod: "Method Not Allowed", statusLength: "Length Required",
	statusBodyLarge: "Content Too Large", statusLarge: "Request Header Fields Too Large",
	statusCoding: "Not Implemented", statusVersion: "HTTP Version Not Supported",
}

var (
	crlf   = []byte("\r\n")
	ending = []byte("\r\n\r\n")
)

// parse reads a header from the beginning of p. n is its length, 0 when it is not
// complete yet; s says what is wrong with it.
func (r *Request) parse(p []byte) (n int, s status) {
	skip := 0
	for bytes.HasPrefix(p[skip:], crlf) { // RFC 9112 §2.2: after a body too long by that
		skip += len(crlf)
	}
	end := bytes.Index(p[skip:], ending)
	switch {
	case end < 0 && len(p) > maxHeader, end > maxHeader:
		return len(p), statusLarge
	case end < 0:
		return 0, statusOK
	}
	n = skip + end + len(ending)
	line, fields, _ := bytes.Cut(p[skip:skip+end], crlf)
	if s := r.parseLine(line); s != statusOK {
		return n, s
	}
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, crlf)
		if s := r.parseField(field); s != statusOK {
			return n, s
		}
	}
	if !r.hasHost && !r.isOld {
		return n, statusBad // RFC 9112 §3.2
	}
	return n, statusOK
}

// parseLine reads "GET /path HTTP/1.1".
func (r *Request) parseLine(line []byte) status {
	first := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if first <= 0 || last <= first+1 || bytes.IndexByte(line[first+1:last], ' ') >= 0 {
		return statusBad
	}
	*r = Request{Method: line[:first], Path: line[first+1 : last]}
	switch string(line[last+1:]) {
	case "HTTP/1.1":
		r.keep = true
	case "HTTP/1.0":
		r.isOld = true
	default:
		return statusVersion
	}
	return statusOK
}

func (r *Request) parseField(f []byte) status {
	name, value, ok := bytes.Cut(f, []byte(":"))
	if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
		return statusBad // folded lines, too: RFC 9112 §5.2
	}
	value = bytes.Trim(value, " \t")
	switch len(name) {
	case len("Host"):
		if bytes.EqualFold(name, []byte("Host")) {
			if r.hasHost {
				return statusBad
			}
			r.hasHost = true
		}
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			return r.parseLength(value)
		}
	case len("Transfer-Encoding"):
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			return statusCoding
		}
	case len("Connection"):
		if bytes.EqualFold(name, []byte("Connection")) {
			switch {
			case hasToken(value, "close"):
				r.keep = false
			case hasToken(value, "keep-alive"):
				r.keep = true
			}
		}
	case len("Expect"):
		if bytes.EqualFold(name, []byte("Expect")) && bytes.EqualFold(value, []byte("100-continue")) {
			r.expects = true
		}
	}
	return statusOK
}

func (r *Request) parseLength(value []byte) status {
	v, err := strconv.ParseUint(string(value), 10, 63)
	switch {
	case err != nil, r.hasLength && uint64(r.body) != v:
		return statusBad
	case v > maxBody:
		return statusBodyLarge
	}
	r.body, r.hasLength = int(v), true
	return statusOK
}

// hasToken looks for one of the words between commas.
func hasToken(list []byte, token string) bool {
	for len(list) > 0 {
		var one []byte
		one, list, _ = bytes.Cut(list, []byte(","))
		if bytes.EqualFold(bytes.Trim(one, " \t"), []byte(token)) {
			return true
		}
	}
	return false
}
