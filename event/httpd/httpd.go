package httpd

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/event"
)

// A Responder answers one request. The body is not copied: it must not change
// until it has been sent. It runs on the shard and must not block.
type Responder func(r *Request) (code int, contentType string, body []byte)

// Handler returns a handler for event.Listen.
func Handler(respond Responder) *event.Handler {
	s := &server{respond: respond}
	return &event.Handler{
		Open:     func(c event.Conn) { c.SetTick(IdleTimeout / 2) },
		Readable: s.serve,
		End:      s.end,
		Tick:     s.tick,
	}
}

// IdleTimeout is how long, at least, a connection may move nothing before it is
// reset: a client that sends half of a header, or reads half of an answer, holds
// memory.
const IdleTimeout = 60 * time.Second

type server struct {
	respond Responder
	date    atomic.Pointer[date]
}

// A state is what a connection has in hand; one that has nothing needs none.
type state struct {
	in      []byte    // of a header that is not complete
	skip    int       // octets of a body that is ignored
	out     [2][]byte // of an answer that found no room: its header, its body
	closing bool      // after that
	ended   bool      // the client sends no more
	quiet   uint8     // ticks since something moved
	header  []byte    // memory for headers
}

// serve takes requests and answers them until there is no more, or no room.
func (s *server) serve(c event.Conn) {
	st := stateOf(c)
	st.quiet = 0
	for st.flush(c) {
		if st.closing {
			s.close(c)
			return
		}
		if !s.next(c, st) {
			if st.ended {
				s.close(c)
			}
			return
		}
	}
}

// end lets a client close its half before it has all answers.
func (s *server) end(c event.Conn) {
	stateOf(c).ended = true
	s.serve(c)
}

// tick ends a connection on which nothing has moved.
func (s *server) tick(c event.Conn) {
	if st := stateOf(c); st.quiet < 2 {
		st.quiet++
		return
	}
	c.Abort()
}

func stateOf(c event.Conn) *state {
	st, _ := c.User().(*state)
	if st == nil {
		st = &state{header: make([]byte, 0, 256)}
		c.SetUser(st)
	}
	return st
}

// close lets go of a connection without a reset: what came behind the last request
// is taken, too.
func (s *server) close(c event.Conn) {
	for p := c.Peek(); len(p) > 0; p = c.Peek() {
		c.Discard(len(p))
	}
	c.Close()
}

// flush writes what is left, and reports whether that was all.
func (st *state) flush(c event.Conn) bool {
	for i := range st.out {
		if len(st.out[i]) > 0 {
			st.out[i] = st.out[i][c.Write(st.out[i]):]
		}
		if len(st.out[i]) > 0 {
			return false
		}
	}
	return true
}

// next takes one request. It is false when the rest of it has yet to come.
func (s *server) next(c event.Conn, st *state) bool {
	if st.skip > 0 {
		n := min(st.skip, len(c.Peek()))
		c.Discard(n)
		st.skip -= n
		return n > 0
	}
	var r Request
	if len(st.in) == 0 {
		p := c.Peek()
		n, bad := r.parse(p)
		if n > 0 {
			s.answer(st, &r, bad) // before the octets go
			s.consume(c, st, &r, n)
			return true
		}
		if len(p) == 0 {
			return false
		}
	}
	return s.collect(c, st)
}

// collect puts a header together that came in pieces.
func (s *server) collect(c event.Conn, st *state) bool {
	p := c.Peek()
	if len(p) == 0 {
		return false
	}
	had := len(st.in)
	st.in = append(st.in, p[:min(len(p), maxHeader+len(ending)+1-had)]...)
	var r Request
	n, bad := r.parse(st.in)
	if n == 0 {
		c.Discard(len(st.in) - had)
		return true
	}
	s.answer(st, &r, bad)
	st.in = st.in[:0]
	s.consume(c, st, &r, n-had)
	return true
}

// consume takes a header of n octets out of what was received, and begins to
// skip its body.
func (s *server) consume(c event.Conn, st *state, r *Request, n int) {
	c.Discard(min(n, len(c.Peek())))
	st.skip = r.body
}

// answer makes the answer, which flush sends.
func (s *server) answer(st *state, r *Request, bad status) {
	h := st.header[:0]
	if bad == statusOK && string(r.Method) != "GET" && string(r.Method) != "HEAD" && string(r.Method) != "POST" {
		bad = statusMethod
	}
	if bad != statusOK {
		st.closing = true
		h = append(h, "HTTP/1.1 "...)
		h = strconv.AppendInt(h, int64(bad), 10)
		h = append(h, ' ')
		h = append(h, statusText[bad]...)
		h = append(h, "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"...)
		st.header, st.out = h, [2][]byte{h}
		return
	}
	if r.expects && r.body > 0 {
		r.keep = false // the final answer at once: the body need not come (RFC 9110 §10.1.1)
	}
	code, contentType, body := s.respond(r)
	h = append(h, "HTTP/1.1 "...)
	h = strconv.AppendInt(h, int64(code), 10)
	h = append(h, " \r\nDate: "...) // the reason phrase may be empty: RFC 9112 §4
	h = append(h, s.now()...)
	h = append(h, "\r\nContent-Type: "...)
	h = append(h, contentType...)
	h = append(h, "\r\nContent-Length: "...)
	h = strconv.AppendInt(h, int64(len(body)), 10)
	if st.closing = !r.keep; st.closing {
		h = append(h, "\r\nConnection: close"...)
	}
	h = append(h, "\r\n\r\n"...)
	st.header, st.out = h, [2][]byte{h, body}
	if string(r.Method) == "HEAD" {
		st.out[1] = nil
	}
}

// A date is the text of a second.
type date struct {
	second int64
	text   string
}

func (s *server) now() string {
	t := time.Now()
	d := s.date.Load()
	if d == nil || d.second != t.Unix() {
		d = &date{t.Unix(), t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}
		s.date.Store(d)
	}
	return d.text
}
