package shard

import (
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// Inspect returns a snapshot of a connection; false when it is gone. Shard's
// goroutine only (OpCall).
func (s *Shard) Inspect(h slab.Handle, now mono.Time) (tcp.Info, bool) {
	i, ok := s.tcbs.Lookup(h)
	if !ok {
		return tcp.Info{}, false
	}
	return s.engine.Info(s.tcbs.At(i), now), true
}

// InspectDial is Inspect for an active open in progress.
func (s *Shard) InspectDial(token uint64, now mono.Time) (tcp.Info, bool) {
	for i, have := range s.dials {
		if have == token {
			return s.engine.Info(s.tcbs.At(i), now), true
		}
	}
	return tcp.Info{}, false
}

// SoftError returns what stands in a connection's way while it goes on; OK when
// nothing does, or when the connection is gone. Shard's goroutine only (OpCall).
func (s *Shard) SoftError(h slab.Handle) sock.Errno {
	i, ok := s.tcbs.Lookup(h)
	if !ok {
		return sock.OK
	}
	return s.engine.SoftError(s.tcbs.At(i))
}

// StateOf returns the state of the connection between two endpoints: CLOSED when
// there is none, TIME-WAIT also when only its record remains.
func (s *Shard) StateOf(k flow.Key4) tcp.State {
	owner, ok := s.flows.Find(k, s.flows.Hash(k))
	switch {
	case !ok:
		return tcp.Closed
	case owner&twBit != 0:
		return tcp.TimeWait
	}
	return s.tcbs.At(slab.Index(owner)).State()
}
