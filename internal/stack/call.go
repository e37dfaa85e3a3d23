package stack

import (
	"sync"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// calls are functions on their way to a shard, by token: what holds Go
// pointers stays on this side of the boundary.
type calls struct {
	mu      sync.Mutex
	last    uint64
	pending map[uint64]*pendingCall
	closed  bool
}

type pendingCall struct {
	f    func(*shard.Shard, mono.Time)
	on   *shard.Shard
	done chan struct{}
}

// call runs f on a shard's own goroutine, between two rounds, and waits for
// it. It does nothing once the stack has stopped.
func (s *Stack) call(i int, f func(*shard.Shard, mono.Time)) {
	if !s.hold() {
		return
	}
	defer s.drop()
	p := &pendingCall{f: f, on: s.shards[i], done: make(chan struct{})}
	token, ok := s.calls.add(p)
	if !ok {
		return
	}
	s.mails[i].Send(&sock.Command{Op: sock.OpCall, Token: token})
	<-p.done
}

func (c *calls) add(p *pendingCall) (uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, false
	}
	if c.pending == nil {
		c.pending = make(map[uint64]*pendingCall)
	}
	c.last++
	c.pending[c.last] = p
	return c.last, true
}

func (c *calls) take(token uint64) *pendingCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending[token]
	delete(c.pending, token)
	return p
}

// failAll releases the callers whose shard has stopped.
func (c *calls) failAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for token, p := range c.pending {
		delete(c.pending, token)
		close(p.done)
	}
}

// events is the stack as shards see it.
type events Stack

// Call implements shard.Events.
func (e *events) Call(token uint64, now mono.Time) {
	if p := e.calls.take(token); p != nil {
		p.f(p.on, now)
		close(p.done)
	}
}

// Neighbour implements shard.Events.
func (e *events) Neighbour(a wire.IPv4, isProven bool) {
	if e.cfg.Ask != nil {
		e.cfg.Ask(a, isProven)
	}
}

// Dialed implements shard.Events.
func (e *events) Dialed(token uint64, c sock.Accepted, why sock.Errno) {
	e.dials.answer(token, dialAnswer{c, why})
}
