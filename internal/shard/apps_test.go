package shard

// Applications of two stations: clients that ask, servers that echo.

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
)

const askLen = 64 // octets of a request, and of its answer

// An end is one application's connection. It never waits: poll does what can
// be done.
type end struct {
	h        *station
	app      sock.App
	isServer bool
	closed   bool
	asks     int // of a client: requests to send
	got      int // of a client: octets of answers that are to come
	unsent   int // octets of buf that are to be written
	buf      [askLen]byte
}

func (h *station) end(app sock.App, isServer bool) *end {
	h.Waiter(app.Handle)
	return &end{h: h, app: app, isServer: isServer}
}

// ask has a client send a request.
func (e *end) ask() { e.asks++; e.got += askLen }

// poll reports whether it did something.
func (e *end) poll() bool {
	if e.closed {
		return false
	}
	busy := false
	if e.asks > 0 && e.unsent == 0 {
		e.asks, e.unsent = e.asks-1, askLen
	}
	if !e.isServer || e.unsent == 0 {
		n, s := e.app.Read(e.buf[:])
		switch {
		case s == sock.Ended || s == sock.Failed:
			e.close()
			return true
		case s == sock.Done && e.isServer:
			e.unsent = n
		case s == sock.Done:
			e.got -= n
		}
		busy = s == sock.Done
	}
	if e.unsent > 0 {
		n, _ := e.app.Write(e.buf[:e.unsent])
		e.unsent -= n
		busy = busy || n > 0
		if n == 0 && e.app.Block.Flags()&sock.WriteParked == 0 {
			e.app.ParkWrite(e.unsent)
		}
	}
	return busy
}

func (e *end) close() {
	e.closed = true
	e.app.Close(false)
}

// A town is two stations and the connections between them.
type town struct {
	*world
	server, client   *station
	clients, servers []*end
	awake            []*end // that are polled
}

func newTown(w *world, server, client *station, backlog int) *town {
	v := &town{world: w, server: server, client: client}
	server.listen(w, backlog)
	w.apps = v.poll
	return v
}

func (v *town) poll() bool {
	busy := false
	for app, ok := v.server.pop(); ok; app, ok = v.server.pop() {
		e := v.server.end(app, true)
		v.servers, v.awake, busy = append(v.servers, e), append(v.awake, e), true
	}
	for _, e := range v.awake {
		busy = e.poll() || busy
	}
	return busy
}

// dial opens n connections, and waits for both ends of them.
func (v *town) dial(n int) {
	v.Helper()
	want := len(v.servers) + n
	first := v.client.token
	for range n {
		v.client.dial(ourIP)
	}
	v.until(10*time.Second, "all connected", func() bool {
		return len(v.client.dialed) == n && len(v.servers) == want
	})
	for token := first + 1; token <= v.client.token; token++ {
		a := v.client.dialed[token]
		if a.why != sock.OK {
			v.Fatal(a.why)
		}
		e := v.client.end(v.client.App(a.Handle), false)
		v.clients, v.awake = append(v.clients, e), append(v.awake, e)
	}
	clear(v.client.dialed)
}

// answered reports that every client has its answers.
func (v *town) answered() bool {
	for _, e := range v.awake {
		if e.got > 0 {
			return false
		}
	}
	return true
}

// closed reports that every polled connection has been given back.
func (v *town) closed() bool {
	for _, e := range v.awake {
		if !e.closed {
			return false
		}
	}
	return true
}
