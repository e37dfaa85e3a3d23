package stack

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/arena"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/runner"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A Stack is a running set of shards.
type Stack struct {
	cfg     Config
	clock   *runner.Clock
	shards  []*shard.Shard
	mails   []*sock.Mailbox
	runners []*runner.Runner
	memory  *arena.Region // what applications see
	tables  *arena.Region // what shards keep to themselves

	calls calls
	dials dials

	mu        sync.Mutex
	listeners map[*Listener]struct{}
	listening int  // octets that listeners take
	draining  bool // nobody may listen anew
	closed    bool
	nextShard atomic.Uint32                     // round robin of active opens
	addresses atomic.Pointer[[]wire.IPv4Prefix] // since SetNetwork

	handling sync.Once
	handlers []shard.Handler // of the event door
	onClose  []func()        // under mu
	stopped  bool            // under mu: no shard runs any more

	closing  sync.Once
	closeErr error
	why      atomic.Uint32 // sock.Errno of whoever comes when the stack has ended

	// users are those who may touch the memory: the stack itself until it is
	// closed, each connection that an application holds, each call in progress.
	users atomic.Int64
}

// New makes a stack over open queues and starts it. The queues are closed with
// the stack, also when New fails.
func New(cfg Config, clock *runner.Clock) (*Stack, error) {
	s := &Stack{cfg: cfg, clock: clock, listeners: make(map[*Listener]struct{})}
	s.users.Store(1)
	if err := s.build(); err != nil {
		s.release()
		return nil, err
	}
	if err := s.start(); err != nil {
		for _, r := range s.runners {
			r.Stop()
		}
		s.release()
		return nil, err
	}
	return s, nil
}

// start has the shards run.
func (s *Stack) start() error {
	for i, sh := range s.shards {
		opt := runner.Options{BusyPoll: s.cfg.BusyPoll}
		if len(s.cfg.Cores) > 0 {
			opt.Pinned, opt.Core = true, s.cfg.Cores[i%len(s.cfg.Cores)]
		}
		r, err := runner.Start(sh, s.cfg.Queues[i], s.mails[i], s.clock, opt)
		if err != nil {
			return err
		}
		s.runners = append(s.runners, r)
	}
	return nil
}

func (s *Stack) build() error {
	if err := s.cfg.complete(); err != nil {
		return err
	}
	if err := s.regions(); err != nil {
		return err
	}
	secret, seed := s.cfg.random()
	s.cfg.Seed = seed
	for i, q := range s.cfg.Queues {
		mail, err := s.newMailbox(q)
		if err != nil {
			return err
		}
		c := s.cfg.shardConfig(i)
		c.Secret, c.Seed = secret, seed+uint64(i)
		c.Memory, c.Tables = s.memory, s.tables
		sh, err := shard.New(c, q, mail, (*events)(s), s.clock.Now())
		if err != nil {
			return err
		}
		s.shards, s.mails = append(s.shards, sh), append(s.mails, mail)
	}
	return shard.Connect(s.shards)
}

func (s *Stack) newMailbox(q link.Queue) (*sock.Mailbox, error) {
	slots, err := arena.Make[ring.Slot[sock.Command]](s.memory, commandSlots)
	if err != nil {
		return nil, fmt.Errorf("commands of a shard: %w", err)
	}
	index, err := arena.Make[ring.Indices](s.memory, 1)
	if err != nil {
		return nil, fmt.Errorf("commands of a shard: %w", err)
	}
	r, err := ring.NewMPSC(&index[0], slots)
	if err != nil {
		return nil, fmt.Errorf("commands of a shard: %w", err)
	}
	return sock.NewMailbox(r, q.Wake), nil
}

// Shards returns how many shards there are.
func (s *Stack) Shards() int { return len(s.shards) }

// Addresses returns the stack's addresses, as they are now.
func (s *Stack) Addresses() []wire.IPv4Prefix {
	if now := s.addresses.Load(); now != nil {
		return *now
	}
	return s.cfg.prefixes()
}

// Links describes the queues.
func (s *Stack) Links() []link.Info {
	var out []link.Info
	for _, q := range s.cfg.Queues {
		out = append(out, q.Info())
	}
	return out
}

// Stats takes a snapshot of every shard; empty once the stack is closed.
func (s *Stack) Stats() []shard.Stats {
	out := make([]shard.Stats, len(s.shards))
	for i := range s.shards {
		s.call(i, func(sh *shard.Shard, _ mono.Time) {
			sh.Snapshot(&out[i])
			out[i].Busy = s.runners[i].Busy()
		})
	}
	return out
}

// SoftError returns what stands in a connection's way while it goes on. It asks the
// connection's shard.
func (s *Stack) SoftError(i int, h slab.Handle) (why sock.Errno) {
	s.call(i, func(sh *shard.Shard, _ mono.Time) { why = sh.SoftError(h) })
	return why
}

// App returns the view of a connection that Dial or TryAccept gave out.
func (s *Stack) App(a *sock.Accepted) (sock.App, *shard.Shard) {
	sh := s.shards[a.Shard]
	return sh.App(a.Handle), sh
}

// Done ends the use of a connection that Dial or TryAccept gave out.
func (s *Stack) Done() { s.drop() }

// hold keeps the memory until drop. It is false when the memory has gone.
func (s *Stack) hold() bool {
	for {
		n := s.users.Load()
		if n == 0 {
			return false
		}
		if s.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// drop ends one use of the memory; the last one unmaps it.
func (s *Stack) drop() {
	if s.users.Add(-1) > 0 {
		return
	}
	for _, r := range [2]*arena.Region{s.memory, s.tables} {
		if r != nil {
			r.Close()
		}
	}
}

// Shutdown stops listening, lets connections finish, and closes the stack when
// none is left or ctx is done; then it returns ctx's error.
func (s *Stack) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	for _, l := range s.allListeners() {
		l.Close()
	}
	for i := range s.shards {
		s.call(i, func(sh *shard.Shard, _ mono.Time) { sh.Drain() })
	}
	for s.connections() > 0 {
		select {
		case <-ctx.Done():
			s.Close()
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return s.Close()
}

func (s *Stack) connections() int {
	n := 0
	for _, st := range s.Stats() {
		n += st.Connections
	}
	return n
}

// Close resets every connection and stops the stack. Connections that
// applications still hold fail; their memory stays until they let go. A second
// call waits for the first and returns the same.
func (s *Stack) Close() error {
	return s.closeWith(sock.Aborted)
}

// Fail is Close for a reason, which connections and callers are told.
func (s *Stack) Fail(why sock.Errno) error { return s.closeWith(why) }

// Why returns for what reason the stack ends or has ended; OK while it runs.
func (s *Stack) Why() sock.Errno { return sock.Errno(s.why.Load()) }

// ended is the error of a call that comes too late.
func (s *Stack) ended() error {
	if why := s.Why(); why != sock.OK {
		return Error{why}
	}
	return Error{sock.Aborted} // it shuts down
}

func (s *Stack) closeWith(why sock.Errno) error {
	s.closing.Do(func() {
		s.why.Store(uint32(why))
		s.closeErr = s.close(why)
	})
	return s.closeErr
}

func (s *Stack) close(why sock.Errno) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for i := range s.shards {
		s.call(i, func(sh *shard.Shard, _ mono.Time) { sh.End(why) })
	}
	for _, l := range s.allListeners() {
		l.Close()
	}
	for i := range s.shards {
		s.call(i, func(sh *shard.Shard, now mono.Time) { sh.AbortAll(now) })
	}
	for i := range s.shards {
		s.flush(i)
	}
	for i, r := range s.runners {
		r.Stop()
		s.mails[i].Close()
	}
	s.haveStopped()
	s.calls.failAll()
	s.dials.failAll(why)
	return s.release()
}

// flush gives a shard a few rounds to get its resets out.
func (s *Stack) flush(i int) {
	for range 1000 {
		idle := false
		s.call(i, func(sh *shard.Shard, _ mono.Time) { idle = sh.Idle() })
		if idle {
			return
		}
	}
}

// release closes the queues and gives the stack's own use of memory back.
func (s *Stack) release() error {
	var first error
	for _, q := range s.cfg.Queues {
		if err := q.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.drop()
	return first
}

func (s *Stack) allListeners() []*Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Listener
	for l := range s.listeners {
		all = append(all, l)
	}
	return all
}
