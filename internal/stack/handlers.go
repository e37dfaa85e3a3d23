package stack

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
)

// Handlers returns the handlers of the shards, which are the event door. The
// first call makes them, each on its shard.
func (s *Stack) Handlers(make func(i int, sh *shard.Shard) shard.Handler) []shard.Handler {
	s.handling.Do(func() {
		for i := range s.shards {
			s.call(i, func(sh *shard.Shard, _ mono.Time) {
				h := make(i, sh)
				sh.Handle(h)
				s.handlers = append(s.handlers, h)
			})
		}
	})
	if len(s.handlers) < len(s.shards) {
		return nil // the stack was closed meanwhile
	}
	return s.handlers
}

// Ring wakes a shard if it sleeps. Any goroutine may call.
// It is false when the stack is closed.
func (s *Stack) Ring(i int) bool {
	if !s.hold() {
		return false
	}
	defer s.drop()
	s.mails[i].Ring()
	return !s.mails[i].IsClosed()
}

// OnClose has f called when the shards have stopped; at once if they have.
func (s *Stack) OnClose(f func()) {
	s.mu.Lock()
	stopped := s.stopped
	if !stopped {
		s.onClose = append(s.onClose, f)
	}
	s.mu.Unlock()
	if stopped {
		f()
	}
}

// haveStopped runs what waits for the end of the shards.
func (s *Stack) haveStopped() {
	s.mu.Lock()
	s.stopped = true
	waiting := s.onClose
	s.onClose = nil
	s.mu.Unlock()
	for _, f := range waiting {
		f()
	}
}
