package traffic

import (
	"bytes"
	"errors"
	"time"

	"github.com/mtcp-go/mtcp/event"
)

// A session is one place of the load: a connection at a time, and on it a
// transaction at a time.
type session struct {
	client *client
	conn   event.Conn
	begun  time.Duration // when the transaction began, or was due
	sent   int           // octets of the request, or of the stream
	got    int           // octets of the answer, or of the stream
	left   int           // requests to come on this connection
	share  uint64        // what this place has had of what counts
	end    uint8         // octets seen of the empty line that ends a header of HTTP
	asking bool          // an answer is to come
	isOpen bool
}

// retryPause is how long a place waits whose connection could not be had.
const retryPause = 10 * time.Millisecond

var (
	errEarly = errors.New("the server closed before it had answered")
	errMore  = errors.New("the server sent more than the answer")
)

// dial opens the next connection.
func (s *session) dial() {
	c := s.client
	from := c.from[c.next]
	c.next = (c.next + 1) % len(c.from)
	s.sent, s.got, s.asking = 0, 0, false
	x, err := c.loop.DialFrom(from, c.to, &c.handler, s)
	if err != nil {
		c.failed(err)
		c.loop.After(retryPause, func(*event.Loop) { s.again() })
		return
	}
	s.conn = x
}

// again begins anew after a connection has ended.
func (s *session) again() {
	c := s.client
	switch {
	case c.stopped:
	case c.spec.Rate > 0 && c.spec.Work.each():
		c.rest(s)
	default:
		s.begun = c.loop.Now()
		s.dial()
	}
}

func (s *session) opened(x event.Conn) {
	c := s.client
	s.isOpen = true
	c.r.Open++
	c.r.Connections++
	s.left = c.spec.PerConnection
	switch c.spec.Work {
	case Short, HTTPClose:
		s.ask()
	case Requests, HTTP:
		if c.spec.Rate > 0 {
			c.rest(s)
			return
		}
		s.begun = c.loop.Now()
		s.ask()
	case In:
		s.write(x)
	}
}

// ask begins a transaction.
func (s *session) ask() {
	s.sent, s.got, s.end, s.asking = 0, 0, 0, true
	s.write(s.conn)
}

// write sends what is left of a request, or as much of a stream as there is room
// for.
func (s *session) write(x event.Conn) {
	c := s.client
	if c.spec.Work == In {
		s.stream(x)
		return
	}
	size := c.spec.Size
	if c.spec.Work == HTTP || c.spec.Work == HTTPClose {
		size = len(c.request)
	}
	for s.asking && s.sent < size {
		at := s.sent % len(c.request)
		n := min(len(c.request)-at, size-s.sent)
		wrote := x.Write(c.request[at : at+n])
		s.sent += wrote
		if wrote < n {
			return
		}
	}
}

// stream sends without end.
func (s *session) stream(x event.Conn) {
	c := s.client
	for {
		at := s.sent % patternPeriod
		wrote := x.Write(c.pattern[at : at+patternPeriod])
		s.sent += wrote
		s.share += uint64(wrote)
		c.r.Octets += uint64(wrote)
		if wrote < patternPeriod {
			return
		}
	}
}

// readable checks what came.
func (s *session) readable(x event.Conn) {
	c := s.client
	for p := x.Peek(); len(p) > 0; p = x.Peek() {
		if n := s.header(p); n > 0 {
			x.Discard(n)
			continue
		}
		if len(p) > patternPeriod {
			p = p[:patternPeriod]
		}
		if c.spec.Work != Out && (!s.asking || s.got+len(p) > c.spec.Size) {
			c.failed(errMore)
			x.Abort()
			return
		}
		at := s.got % patternPeriod
		if !bytes.Equal(p, c.pattern[at:at+len(p)]) {
			c.r.Wrong++
		}
		s.got += len(p)
		c.r.Octets += uint64(len(p))
		x.Discard(len(p))
		if c.spec.Work == Out {
			s.share += uint64(len(p))
		} else if s.got == c.spec.Size {
			s.answered(x)
			return // what comes beyond that comes too early, and will be seen
		}
	}
}

// answered ends a transaction and perhaps begins the next.
func (s *session) answered(x event.Conn) {
	c := s.client
	now := c.loop.Now()
	s.asking = false
	s.share++
	c.r.Transactions++
	if c.counting && s.begun >= c.began { // not what the warm-up began
		c.r.Latency.RecordValue(max(int64(now-s.begun), 1)) // beyond a minute it is not recorded
	}
	switch {
	case c.spec.Work.each(): // the server closes
	case s.left == 1:
		x.Close()
	case c.stopped:
	case c.spec.Rate > 0:
		c.rest(s)
	default:
		s.left--
		s.begun = now
		s.ask()
	}
}

func (s *session) closed(err error) {
	c := s.client
	if s.isOpen {
		s.isOpen = false
		c.r.Open--
	}
	if err == nil && s.asking {
		err = errEarly
	}
	if c.stopped {
		return
	}
	if err != nil {
		c.failed(err)
		c.loop.After(retryPause, func(*event.Loop) { s.again() })
		return
	}
	s.again()
}

// failed counts what went wrong.
func (c *client) failed(err error) {
	c.r.Errors++
	if c.r.FirstError == "" {
		c.r.FirstError = err.Error()
	}
}
