package traffic

import (
	"errors"
	"fmt"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/event"
	"github.com/mtcp-go/mtcp/event/httpd"
)

// Serve answers by the event door, on every shard: requests of size octets at
// PortRequests with as many, one at PortShort, streams at PortOut and PortIn, and
// HTTP at PortHTTP with a body of size octets.
func Serve(s *mtcp.Stack, size int) error {
	if size < 1 || size > MaxSize {
		return fmt.Errorf("traffic: answers of %d octets: 1 to %d are possible", size, MaxSize)
	}
	answer := make([]byte, size)
	Pattern(answer, 0)
	stream := newPattern()
	var all error
	for port, h := range map[int]*event.Handler{
		PortRequests: answers(answer, false),
		PortShort:    answers(answer, true),
		PortOut:      source(stream),
		PortIn:       sink(),
		PortHTTP:     httpd.Handler(func(*httpd.Request) (int, string, []byte) { return 200, "text/plain", answer }),
	} {
		_, err := event.Listen(s, "tcp", fmt.Sprintf(":%d", port), h)
		all = errors.Join(all, err)
	}
	return all
}

// pending is what is left to be written of an answer that found no room.
type pending struct{ n int }

// answers sends an answer for every request of the same length.
func answers(answer []byte, close bool) *event.Handler {
	size := len(answer)
	return &event.Handler{Readable: func(c event.Conn) {
		if left, ok := c.User().(*pending); ok && left.n > 0 {
			if left.n -= c.Write(answer[size-left.n:]); left.n > 0 {
				return
			}
			if close {
				c.Close()
				return
			}
		}
		for take(c, size) {
			if n := c.Write(answer); n < size {
				c.SetUser(&pending{size - n})
				return
			}
			if close {
				c.Close()
				return
			}
		}
	}}
}

// take consumes n octets if there are as many.
func take(c event.Conn, n int) bool {
	p := c.Peek()
	if len(p) >= n {
		c.Discard(n)
		return true
	}
	if len(p) == 0 || c.Buffered() < n {
		return false
	}
	for n > 0 { // in two places
		k := min(len(p), n)
		c.Discard(k)
		n -= k
		p = c.Peek()
	}
	return true
}

// source sends a stream without end.
func source(stream []byte) *event.Handler {
	fill := func(c event.Conn) {
		at, ok := c.User().(*int)
		if !ok {
			at = new(int)
			c.SetUser(at)
		}
		for {
			n := c.Write(stream[*at : *at+patternPeriod])
			*at = (*at + n) % patternPeriod
			if n < patternPeriod {
				return
			}
		}
	}
	return &event.Handler{Open: fill, Writable: fill}
}

// sink reads without end.
func sink() *event.Handler {
	return &event.Handler{Readable: func(c event.Conn) {
		for p := c.Peek(); len(p) > 0; p = c.Peek() {
			c.Discard(len(p))
		}
	}}
}
