// Commands of applications: the fourth phase. It comes after applications have
// had their turn, so that what they wrote leaves in this round and carries the
// acknowledgment of what they read.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// maxCommands bounds the phase.
const maxCommands = 4 * batch

func (s *Shard) commands(now mono.Time) int {
	var c sock.Command
	n := 0
	for n < maxCommands && s.mail.Take(&c) {
		n++
		s.command(&c, now)
	}
	return n
}

func (s *Shard) command(c *sock.Command, now mono.Time) {
	switch c.Op {
	case sock.OpConnect:
		s.Connect(c, now)
		return
	case sock.OpCancel:
		s.cancel(c.Token)
		return
	case sock.OpCall:
		s.events.Call(c.Token, now)
		s.woke = true
		return
	}
	i, ok := s.tcbs.Lookup(c.Handle)
	if !ok {
		s.drop(drop.StaleHandle)
		return
	}
	t := s.tcbs.At(i)
	switch c.Op {
	case sock.OpSend:
		s.engine.Send(t, now)
	case sock.OpWantTx:
		s.engine.WantTx(t, int(c.Token), now)
	case sock.OpWindow:
		s.engine.Window(t)
	case sock.OpShutdown:
		s.engine.Shutdown(t, now)
	case sock.OpShutdownRead:
		s.engine.ShutdownRead(t)
	case sock.OpSet:
		s.engine.Set(t, c.Option, c.Token, now)
	case sock.OpClose, sock.OpAbort:
		s.release(t, i, c.Op == sock.OpAbort, now)
		return
	}
	s.touch(t)
}

// release takes a connection back from its application.
func (s *Shard) release(t *tcp.TCB, i slab.Index, abort bool, now mono.Time) {
	if abort {
		s.engine.Abort(t)
	} else {
		s.engine.Close(t, now)
	}
	if t.Listed()&finishedBit != 0 {
		s.free(t, i)
		return
	}
	s.touch(t)
}
