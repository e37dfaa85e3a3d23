package stack

import (
	"net/netip"
	"sync"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A Listener is one listening port on every shard of a stack.
type Listener struct {
	stack *Stack
	ip    wire.IPv4 // 0: all addresses
	port  uint16
	ready chan struct{} // a token when something may be in a queue
	gone  chan struct{} // closed by Close

	memory int // octets of its queues, on all shards

	mu     sync.Mutex // serialises consumers of the queues
	queues []*sock.AcceptQueue
	next   int // queue to look at first: fair between shards
	closed bool
}

// Listen opens a port; port 0 chooses one. backlog bounds, per shard, the
// connections that wait for Accept.
func (s *Stack) Listen(at netip.AddrPort, backlog int) (*Listener, error) {
	l, err := s.newListener(at)
	if err != nil {
		return nil, err
	}
	for range s.shards {
		q, err := shard.NewAcceptQueue(backlog, l.wake)
		if err != nil {
			return nil, err
		}
		l.queues = append(l.queues, q)
	}
	return s.open(l, s.listenMemory(backlog), func(i int, sh *shard.Shard) sock.Errno {
		return sh.Listen(l.ip, l.port, backlog, l.queues[i])
	})
}

// ListenHandled opens a port whose connections go to the handlers of their
// shards, with owner. halfOpen bounds, per shard, the handshakes in progress.
func (s *Stack) ListenHandled(at netip.AddrPort, halfOpen int, owner uint32) (*Listener, error) {
	l, err := s.newListener(at)
	if err != nil {
		return nil, err
	}
	memory := len(s.shards) * shard.HandledMemory(halfOpen)
	return s.open(l, memory, func(_ int, sh *shard.Shard) sock.Errno {
		return sh.ListenHandled(l.ip, l.port, halfOpen, owner)
	})
}

// open opens the listener's port, within the budget, with one call for each shard.
func (s *Stack) open(l *Listener, memory int, bind func(i int, sh *shard.Shard) sock.Errno) (*Listener, error) {
	l.memory = memory
	if !s.reserveListener(l.memory) {
		return nil, Error{sock.NoMemory}
	}
	err := s.enter(l, bind)
	if err != nil {
		s.returnListener(l.memory)
		return nil, err
	}
	return l, nil
}

// enter opens the port and makes the listener one of the stack's.
func (s *Stack) enter(l *Listener, bind func(i int, sh *shard.Shard) sock.Errno) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.draining {
		return s.ended()
	}
	if err := s.bindKept(l, func() sock.Errno { return s.bind(l, bind) }); err != nil {
		return err
	}
	s.listeners[l] = struct{}{}
	return nil
}

func (s *Stack) newListener(at netip.AddrPort) (*Listener, error) {
	l := &Listener{stack: s, port: at.Port(), ready: make(chan struct{}, 1), gone: make(chan struct{})}
	if a := at.Addr(); a.IsValid() && !a.IsUnspecified() {
		ip, ok := wire.FromNetip(a.Unmap())
		if !ok {
			return nil, Error{sock.NotLocal}
		}
		l.ip = ip
	}
	return l, nil
}

// bindKept binds with the leave of who keeps the ports, if somebody does.
func (s *Stack) bindKept(l *Listener, bind func() sock.Errno) error {
	k, asked := s.cfg.Keeper, l.port
	if k != nil {
		if err := k.Claim(asked); err != nil {
			return err
		}
	}
	if why := bind(); why != sock.OK {
		if k != nil {
			k.Release(asked)
		}
		return Error{why}
	}
	if k == nil {
		return nil
	}
	if err := k.Begin(l.port); err != nil {
		s.unbind(l)
		return err
	}
	return nil
}

// unbind closes the port on every shard.
func (s *Stack) unbind(l *Listener) {
	for i := range s.shards {
		s.call(i, func(sh *shard.Shard, _ mono.Time) { sh.Unlisten(l.ip, l.port) })
	}
	if s.cfg.Keeper != nil {
		s.cfg.Keeper.Release(l.port)
	}
}

// wake runs on a shard: it must not block.
func (l *Listener) wake() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// bind opens the port on every shard, or on none.
func (s *Stack) bind(l *Listener, bind func(int, *shard.Shard) sock.Errno) sock.Errno {
	if l.port != 0 {
		return s.bindAll(l, bind)
	}
	for p := range s.cfg.ephemeral() {
		l.port = p
		if why := s.bindAll(l, bind); why != sock.AddressInUse {
			return why
		}
	}
	return sock.AddressInUse
}

func (s *Stack) bindAll(l *Listener, bind func(int, *shard.Shard) sock.Errno) sock.Errno {
	for i := range s.shards {
		why := sock.Aborted
		s.call(i, func(sh *shard.Shard, _ mono.Time) {
			why = bind(i, sh)
		})
		if why == sock.OK {
			continue
		}
		for j := range i {
			s.call(j, func(sh *shard.Shard, _ mono.Time) { sh.Unlisten(l.ip, l.port) })
		}
		return why
	}
	return sock.OK
}

// AddrPort returns where the listener listens.
func (l *Listener) AddrPort() netip.AddrPort { return netip.AddrPortFrom(l.ip.Netip(), l.port) }

// TryAccept takes the oldest connection of the next shard that has one. Done
// ends its use.
func (l *Listener) TryAccept(a *sock.Accepted) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	for range l.queues {
		q := l.queues[l.next]
		l.next = (l.next + 1) % len(l.queues)
		if q.Pop(a) {
			l.stack.hold() // an open listener's stack is open
			if l.waiting() {
				l.wake() // for the next consumer
			}
			return true
		}
	}
	return false
}

func (l *Listener) waiting() bool {
	for _, q := range l.queues {
		if q.Len() > 0 {
			return true
		}
	}
	return false
}

// Ready yields a token when TryAccept may succeed.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Gone is closed when the listener is.
func (l *Listener) Gone() <-chan struct{} { return l.gone }

// Close stops listening; connections that nobody accepted are reset. It
// reports false if it was closed before.
func (l *Listener) Close() bool {
	s := l.stack
	if !s.hold() {
		return false // a stack that has gone has closed its listeners
	}
	defer s.drop()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.closed = true
	l.mu.Unlock()
	s.unbind(l)
	close(l.gone)
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	s.returnListener(l.memory)
	l.abortWaiting()
	return true
}

// abortWaiting resets what was never accepted. The shards push no more.
func (l *Listener) abortWaiting() {
	var a sock.Accepted
	for _, q := range l.queues {
		for q.Pop(&a) {
			app, _ := l.stack.App(&a)
			app.Close(true)
		}
	}
}
