// How a connection ends, and what it gives back then and when it is idle.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// fail ends the connection with an error for the application.
func (e *Engine) fail(t *TCB, why sock.Errno) {
	t.errno = uint8(why) // there are few
	t.verdict |= Broke
	e.finish(t)
}

// finish ends the connection: CLOSED. A RST that has yet to be sent keeps the
// TCB until then.
func (e *Engine) finish(t *TCB) {
	e.setState(t, Closed)
	t.rexmtAt, t.ackAt, t.keepAt, t.idleAt, t.lossAt = 0, 0, 0, 0, 0
	t.verdict |= TimersMoved
	e.forgetRanges(t)
	if t.has(flagRST) {
		t.want = WantControl
		return
	}
	t.want = 0
	t.verdict |= Finished
}

// sendReset aborts with a RST on the wire.
func (e *Engine) sendReset(t *TCB, why sock.Errno) {
	t.flags |= flagRST
	e.fail(t, why)
}

// timeWait leaves the rest to a compact record.
func (e *Engine) timeWait(t *TCB) {
	e.setState(t, TimeWait)
	t.rexmtAt, t.ackAt, t.keepAt, t.idleAt, t.lossAt = 0, 0, 0, 0, 0
	t.verdict |= EnterTW | TimersMoved
	e.forgetRanges(t)
}

// forgetRanges gives the scoreboard and the list of holes back.
func (e *Engine) forgetRanges(t *TCB) {
	e.releaseRanges(&t.sacked)
	e.releaseRanges(&t.ooo)
	e.releaseSent(t)
	t.sackedOctets = 0
}

// armIdle has the rings looked at when the connection has been quiet since now.
func (e *Engine) armIdle(t *TCB, now mono.Time) {
	if t.idleAt == 0 && t.state != Closed && t.state != TimeWait {
		t.idleAt = now.Add(e.cfg.IdleRings)
		t.verdict |= TimersMoved
	}
}

// detachRings takes back rings that are empty.
func (e *Engine) detachRings(t *TCB) {
	b := &e.blocks[t.slot]
	if r := b.DetachTx(e.mem); r != 0 {
		e.pool.Put(r)
	}
	tx := e.tx(t)
	if b.Flags()&sock.TxRing == 0 && tx.Len() == 0 {
		e.detach(tx)
	}
	e.detach(e.rx(t))
}

// detach takes the rings of a stream back if it is empty.
func (e *Engine) detach(s ring.Stream) {
	for r := s.Detach(); r != 0; r = s.Detach() {
		e.pool.Put(r)
	}
}

// Release gives back all that t holds. Only when the application has given
// the connection back too.
func (e *Engine) Release(t *TCB) {
	e.forgetRanges(t)
	e.rx(t).ReleaseAll(e.pool.Put)
	e.tx(t).ReleaseAll(e.pool.Put)
}
