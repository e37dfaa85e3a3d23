package shard

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// Drain refuses new connections from now on. Shard's goroutine only.
func (s *Shard) Drain() { s.draining = true }

// End refuses new connections, dialled ones too, from now on, and has whatever
// breaks a connection told as why: the first to be reset may be the peer of another
// on this stack. Shard's goroutine only.
func (s *Shard) End(why sock.Errno) { s.draining, s.over = true, why }

// broke is what an application is told of a connection that broke.
func (s *Shard) broke(t *tcp.TCB) sock.Errno {
	if s.over != sock.OK {
		return s.over
	}
	return t.Errno()
}

// AbortAll, after End, resets every connection. Applications that hold one find
// it broken; the slot stays theirs until they let go. Shard's goroutine only.
func (s *Shard) AbortAll(now mono.Time) {
	for i := slab.Index(1); i <= s.tcbs.High(); i++ {
		if s.tcbs.InUse(i) {
			t := s.tcbs.At(i)
			s.engine.Kill(t, s.over)
			s.touch(t)
		}
	}
	s.publish(now)
}
