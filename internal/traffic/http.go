package traffic

import "errors"

// get is the request of a GET.
func get(close bool) []byte {
	if close {
		return []byte("GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
	}
	return []byte("GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
}

const (
	status  = "HTTP/1.1 200 "
	lastEnd = "\r\n\r\n"
)

var errStatus = errors.New("the web server's answer was no 200")

// header takes what of p belongs to the header of an answer: its status must be
// 200, and its end be found. The body is Size octets, whatever the header says, or
// the answer is wrong.
func (s *session) header(p []byte) int {
	c := s.client
	if c.spec.Work != HTTP && c.spec.Work != HTTPClose || !s.asking || s.end == uint8(len(lastEnd)) {
		return 0
	}
	for i, b := range p {
		if at := s.got; at < len(status) && b != status[at] {
			c.failed(errStatus)
			s.got = len(status) // is said once
		} else if at < len(status) {
			s.got++
		}
		switch {
		case b == lastEnd[s.end]:
			s.end++
		case b == lastEnd[0]:
			s.end = 1
		default:
			s.end = 0
		}
		if s.end == uint8(len(lastEnd)) {
			s.got = 0 // from here on of the body
			return i + 1
		}
	}
	return len(p)
}
