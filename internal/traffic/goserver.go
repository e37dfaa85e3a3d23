package traffic

import (
	"errors"
	"io"
	"net"
	"sync"
)

// A GoServer answers as Serve does, with a goroutine for each connection of any
// net.Listener: the net door's, or the kernel's.
type GoServer struct {
	size   int
	answer []byte
	stream []byte

	running sync.WaitGroup
	mu      sync.Mutex // guards what follows
	open    map[io.Closer]struct{}
	closed  bool
}

// NewGoServer returns a server of answers of size octets.
func NewGoServer(size int) *GoServer {
	g := &GoServer{size: size, answer: make([]byte, size), stream: newPattern(), open: make(map[io.Closer]struct{})}
	Pattern(g.answer, 0)
	return g
}

// Serve does what belongs to a port with every connection of l, until Close.
func (g *GoServer) Serve(l net.Listener, port int) error {
	if !g.enter(l) {
		return net.ErrClosed
	}
	defer g.leave(l)
	do := map[int]func(net.Conn){
		PortRequests: g.answers,
		PortShort:    g.answerOne,
		PortOut:      g.source,
		PortIn:       g.sink,
	}[port]
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if !g.enter(c) {
			c.Close()
			continue
		}
		go func() { // Close waits for it
			defer g.leave(c)
			do(c)
		}()
	}
}

func (g *GoServer) enter(c io.Closer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.open[c] = struct{}{}
	g.running.Add(1)
	return true
}

func (g *GoServer) leave(c io.Closer) {
	c.Close()
	g.mu.Lock()
	delete(g.open, c)
	g.mu.Unlock()
	g.running.Done()
}

// Close ends listeners and connections, and waits for their goroutines.
func (g *GoServer) Close() {
	g.mu.Lock()
	g.closed = true
	for c := range g.open {
		c.Close()
	}
	g.mu.Unlock()
	g.running.Wait()
}

func (g *GoServer) answers(c net.Conn) {
	request := make([]byte, g.size)
	for {
		if _, err := io.ReadFull(c, request); err != nil {
			return
		}
		if _, err := c.Write(g.answer); err != nil {
			return
		}
	}
}

func (g *GoServer) answerOne(c net.Conn) {
	request := make([]byte, g.size)
	if _, err := io.ReadFull(c, request); err == nil {
		c.Write(g.answer) // an error is the client's business
	}
}

func (g *GoServer) source(c net.Conn) {
	for {
		if _, err := c.Write(g.stream[:patternPeriod]); err != nil {
			return
		}
	}
}

func (g *GoServer) sink(c net.Conn) {
	p := make([]byte, 256<<10)
	for {
		if _, err := c.Read(p); err != nil {
			return
		}
	}
}
