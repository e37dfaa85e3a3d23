// The echo server: a goroutine per connection, nothing else.

package main

import (
	"context"
	"errors"
	"net"
	"sync"
)

// echoBuffer is the piece in which octets go back.
const echoBuffer = 32 << 10

type echoServer struct {
	buffers sync.Pool
	running sync.WaitGroup

	mu     sync.Mutex // guards what follows
	open   map[net.Conn]struct{}
	closed bool
}

// serve accepts until the listener closes.
func (e *echoServer) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if !e.enter(c) {
			c.Close()
			continue
		}
		go e.connection(c)
	}
}

func (e *echoServer) enter(c net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	if e.open == nil {
		e.open = make(map[net.Conn]struct{})
	}
	e.open[c] = struct{}{}
	e.running.Add(1)
	return true
}

// connection sends back what it reads until either end fails.
func (e *echoServer) connection(c net.Conn) {
	defer e.running.Done()
	defer func() {
		e.mu.Lock()
		delete(e.open, c)
		e.mu.Unlock()
		c.Close()
	}()
	p, ok := e.buffers.Get().(*[echoBuffer]byte)
	if !ok {
		p = new([echoBuffer]byte)
	}
	defer e.buffers.Put(p)
	for {
		n, err := c.Read(p[:])
		if n > 0 {
			if _, err := c.Write(p[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait returns when every connection has ended, or ctx is done.
func (e *echoServer) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() { // ends when close has ended every connection
		e.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// close ends every connection and waits for its goroutine.
func (e *echoServer) close() {
	e.mu.Lock()
	e.closed = true
	for c := range e.open {
		c.Close()
	}
	e.mu.Unlock()
	e.running.Wait()
}
