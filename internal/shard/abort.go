package shard

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// Drain refuses new connections from now on. Shard's goroutine only.
func (s *Shard) Drain() { s.draining = true }

// AbortAll resets every connection for a reason. Applications that hold one find
// it broken; the slot stays theirs until they let go. They can dial no more.
// Shard's goroutine only.
func (s *Shard) AbortAll(why sock.Errno, now mono.Time) {
	s.draining, s.over = true, why
	for i := slab.Index(1); i <= s.tcbs.High(); i++ {
		if s.tcbs.InUse(i) {
			t := s.tcbs.At(i)
			s.engine.Kill(t, why)
			s.touch(t)
		}
	}
	s.publish(now)
}
