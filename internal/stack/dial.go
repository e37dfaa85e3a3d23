package stack

import (
	"context"
	"net/netip"
	"sync"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// An Error is a sock.Errno as an error; the doors translate it.
type Error struct{ Errno sock.Errno }

func (e Error) Error() string { return e.Errno.String() }

// dials are active opens that have not been answered yet.
type dials struct {
	mu      sync.Mutex
	last    uint64
	pending map[uint64]chan dialAnswer
	closed  bool
}

type dialAnswer struct {
	conn sock.Accepted
	why  sock.Errno
}

// Dial opens a connection. local may have no address, or port 0: the stack
// chooses. When ctx is done first the attempt is given up and ctx's error is
// returned. Done ends the use of the connection.
func (s *Stack) Dial(ctx context.Context, local, remote netip.AddrPort) (sock.Accepted, error) {
	if !s.hold() {
		return sock.Accepted{}, s.ended()
	}
	first := s.chooseShard(local)
	for n := range s.shards {
		c, err := s.dial(ctx, (first+n)%len(s.shards), local, remote)
		if err == nil {
			return c, nil
		}
		if err != (Error{sock.NoPort}) { // that one has no port left: ask the next
			s.drop()
			return c, err
		}
	}
	s.drop()
	return sock.Accepted{}, Error{sock.NoPort}
}

// MayDialFrom asks who keeps the ports, if somebody does; 0 is one that the stack
// chooses.
func (s *Stack) MayDialFrom(port uint16) error {
	if s.cfg.Keeper == nil {
		return nil
	}
	return s.cfg.Keeper.MayDialFrom(port)
}

// dial asks shard i for the connection.
func (s *Stack) dial(ctx context.Context, i int, local, remote netip.AddrPort) (sock.Accepted, error) {
	if err := s.MayDialFrom(local.Port()); err != nil {
		return sock.Accepted{}, err
	}
	answer := make(chan dialAnswer, 1)
	token, ok := s.dials.add(answer)
	if !ok {
		return sock.Accepted{}, s.ended()
	}
	c := sock.Command{Op: sock.OpConnect, Token: token, LocalPort: local.Port(), RemotePort: remote.Port()}
	if a := local.Addr(); a.IsValid() && !a.IsUnspecified() {
		c.Local = a.As16()
	}
	c.Remote = remote.Addr().As16()
	s.mails[i].Send(&c)
	select {
	case a := <-answer:
		return a.result()
	case <-ctx.Done():
	}
	s.mails[i].Send(&sock.Command{Op: sock.OpCancel, Token: token})
	if a := <-answer; a.why == sock.OK { // it had been answered already
		app, _ := s.App(&a.conn)
		app.Close(true)
	}
	return sock.Accepted{}, ctx.Err()
}

func (a dialAnswer) result() (sock.Accepted, error) {
	if a.why != sock.OK {
		return sock.Accepted{}, Error{a.why}
	}
	return a.conn, nil
}

// chooseShard spreads active opens over the shards; one from a given port
// belongs to the shard that the port names, because that is where the others
// hand its segments over to.
func (s *Stack) chooseShard(local netip.AddrPort) int {
	n := uint32(len(s.shards))
	if p := local.Port(); p != 0 {
		return int(uint32(p) % n)
	}
	return int(s.nextShard.Add(1) % n)
}

func (d *dials) add(answer chan dialAnswer) (uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0, false
	}
	if d.pending == nil {
		d.pending = make(map[uint64]chan dialAnswer)
	}
	d.last++
	d.pending[d.last] = answer
	return d.last, true
}

// answer completes an active open, once.
func (d *dials) answer(token uint64, a dialAnswer) {
	d.mu.Lock()
	c := d.pending[token]
	delete(d.pending, token)
	d.mu.Unlock()
	if c != nil {
		c <- a
	}
}

// failAll answers what the stack can answer no more.
func (d *dials) failAll(why sock.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for token, c := range d.pending {
		delete(d.pending, token)
		c <- dialAnswer{why: why}
	}
}
