// User calls (RFC 9293 §3.10.1 to §3.10.6), as the shard hands them on.

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Connect is the active OPEN.
func (e *Engine) Connect(t *TCB, i slab.Index, k flow.Key4, mtu MTU, now mono.Time, settings ...sock.Setting) {
	e.open(t, i, k, mtu, settings)
	e.Stats.ActiveOpens++
	e.startSending(t, e.isn(k, now))
	e.setState(t, SynSent)
	t.want |= WantControl
}

// startSending sets the send sequence space to just the SYN.
func (e *Engine) startSending(t *TCB, iss seq.Value) {
	t.sndUna, t.sndNxt, t.sndEnd = iss, iss, iss+1
	t.recover = iss
	e.blocks[t.slot].StartTx(e.mem, iss+1)
}

// startCongestion begins with the initial window, once the MSS is known.
func (e *Engine) startCongestion(t *TCB) {
	mss := t.segmentSize()
	cc.Init(&t.cc, e.cfg.Congestion, mss, uint32(e.cfg.InitialWindow)*uint32(mss))
}

// Send takes note of what the application has written (SEND).
func (e *Engine) Send(t *TCB, now mono.Time) {
	e.blocks[t.slot].Heard(sock.TxTold)
	e.Sent(t, now)
}

// CanSend reports that the application may write.
func (t *TCB) CanSend() bool {
	return (t.state == Established || t.state == CloseWait) && !t.has(flagFinQueued)
}

// PeerEnded reports that the peer's FIN has come, and all before it.
func (t *TCB) PeerEnded() bool { return t.has(flagFinDone) }

// Sent is Send for an application on the shard, which has told nobody yet.
func (e *Engine) Sent(t *TCB, now mono.Time) {
	if t.state == Closed || t.has(flagFinQueued) {
		return
	}
	hadMore := t.has(flagMore)
	t.flags &^= flagMore | flagUnpushed
	if e.blocks[t.slot].Flags()&sock.TxMore != 0 {
		t.flags |= flagMore | flagUnpushed
	}
	end := e.tx(t).WritePos()
	if end == t.sndEnd && !hadMore {
		return
	}
	t.sndEnd = end
	if t.waits == waitsNot {
		e.waitsFor(t, waitsBusy, now)
	}
	e.armIdle(t, now)
	if t.state == Established || t.state == CloseWait {
		t.want |= WantData
	}
}

// WantTx gives a waiting writer room: its first ring, or a larger one when the
// congestion window could use it. When neither is to be had the writer is
// woken by the next acknowledgment, or when memory comes back.
func (e *Engine) WantTx(t *TCB, want int, now mono.Time) {
	if t.state == Closed || t.state == TimeWait {
		t.verdict |= Writable
		return
	}
	tx := e.tx(t)
	if r := tx.Drained(); r != 0 {
		e.pool.Put(r)
	}
	limit := min(max(t.sndBuf, 2*t.cc.Cwnd), uint32(e.cfg.SndBufMax))
	if t.has(flagSndBufSet) {
		limit = t.sndBuf
	}
	have := int(tx.Size())
	switch b := &e.blocks[t.slot]; {
	case b.Flags()&sock.TxRing == 0:
		ref := e.pool.Get(min(max(want, firstRing), int(limit)))
		if ref == 0 {
			ref = e.pool.Get(firstRing) // a little is better than none
		}
		if ref == 0 {
			e.starve(t, now)
			return
		}
		b.AttachTx(e.mem, ref)
		t.flags &^= flagStarved
		// The writer has this long to use it, however quiet the connection was.
		t.idleAt = now.Add(e.cfg.IdleRings)
		t.verdict |= TimersMoved
	case int(tx.Free()) >= want: // room came meanwhile
	case have < int(limit) && tx.CanOffer():
		// What is not acknowledged yet counts against the new ring as well.
		ref := e.pool.Get(min(max(want+int(tx.Len()), 2*have), int(limit)))
		if ref != 0 && !tx.Offer(ref) {
			e.pool.Put(ref)
		}
		if ref == 0 && tx.Free() == 0 {
			return // the next acknowledgment makes room
		}
	case tx.Free() == 0:
		return
	}
	t.verdict |= Writable
}

// starve has the writer of t asked again later. It waits; it never fails.
func (e *Engine) starve(t *TCB, now mono.Time) {
	e.Stats.RingWaits++
	t.flags |= flagStarved
	t.idleAt = now.Add(starvedRetry)
	t.verdict |= TimersMoved
}

// ReadyTx gives a new connection its first send ring before it is asked for.
func (e *Engine) ReadyTx(t *TCB) {
	b := &e.blocks[t.slot]
	if b.Flags()&sock.TxRing != 0 {
		return
	}
	if ref := e.pool.Get(dialRing); ref != 0 {
		b.AttachTx(e.mem, ref)
		e.armIdle(t, t.rcvAt)
	}
}

// Window takes note of what the application has read (RECEIVE).
func (e *Engine) Window(t *TCB) {
	e.blocks[t.slot].Heard(sock.RxTold)
	e.WindowOpened(t)
}

// WindowOpened is Window for an application on the shard.
func (e *Engine) WindowOpened(t *TCB) {
	if t.state != Closed {
		e.windowOpened(t)
	}
}

// Shutdown is CLOSE of the sending direction: FIN after what was written.
func (e *Engine) Shutdown(t *TCB, now mono.Time) {
	if t.has(flagFinQueued) || t.state == Closed {
		return
	}
	e.Send(t, now)
	t.flags |= flagFinQueued
	switch t.state {
	case Established:
		e.setState(t, FinWait1)
		t.want |= WantData
	case CloseWait:
		e.setState(t, LastAck)
		t.want |= WantData
	}
}

// ShutdownRead discards what is there and what comes. The application has
// promised to leave the read position alone from now on.
func (e *Engine) ShutdownRead(t *TCB) {
	t.flags |= flagReadShut
	rx := e.rx(t)
	rx.Advance(rx.WritePos())
	if t.state != Closed {
		e.windowOpened(t)
	}
}

// Close is the application's last word: it gives the connection back. Text that
// it never read is lost, and the peer must learn that (SHLD-3).
func (e *Engine) Close(t *TCB, now mono.Time) {
	t.flags |= flagOrphan
	t.keepAt = 0
	switch {
	case t.state == Closed, t.state == TimeWait:
		return
	case t.state == SynSent:
		e.finish(t)
		return
	case e.rx(t).Len() > 0:
		e.sendReset(t, sock.Aborted)
		return
	case e.rare(t).Linger == 0:
		e.Abort(t)
		return
	}
	e.Shutdown(t, now)
	if t.state == FinWait2 {
		e.startFinWait2(t, now)
	} else if e.rare(t).Linger != lingerOff {
		t.keepAt = now.Add(fromMillis(e.rare(t).Linger))
		t.verdict |= TimersMoved
	}
}

// startFinWait2 bounds how long an orphan waits for the peer's FIN.
func (e *Engine) startFinWait2(t *TCB, now mono.Time) {
	wait := e.cfg.FinWait2
	if s := e.rare(t).FinWait2; s != 0 {
		wait = fromSeconds(s)
	}
	t.keepAt = now.Add(wait)
	t.verdict |= TimersMoved
}

// Abort is ABORT (RFC 9293 §3.10.5): a RST where the peer may still count on us,
// and nothing remains.
func (e *Engine) Abort(t *TCB) {
	t.flags |= flagOrphan
	switch {
	case t.isAbortable():
		e.sendReset(t, sock.Aborted)
	case t.state != Closed && t.state != TimeWait:
		e.finish(t)
	}
}

// isAbortable reports that an abort sends a RST. A state that begins with our FIN
// has not begun for the peer before it is sent.
func (t *TCB) isAbortable() bool {
	return t.state.in(abortable) || t.state.in(1<<Closing|1<<LastAck) && !t.has(flagFinSent)
}

// Forget ends a handshake without a word to anybody.
func (e *Engine) Forget(t *TCB) { e.finish(t) }

// Kill resets a connection whose application has not let go yet, as when the
// stack closes: the application finds it broken, and why.
func (e *Engine) Kill(t *TCB, why sock.Errno) {
	switch {
	case t.isAbortable():
		e.sendReset(t, why)
	case t.state != Closed && t.state != TimeWait:
		e.fail(t, why)
	}
}

// Set changes an option.
func (e *Engine) Set(t *TCB, o sock.Option, v uint64, now mono.Time) {
	if t.state == Closed || t.state == TimeWait {
		return
	}
	e.set(t, o, v)
	if o == sock.OptNoDelay || o == sock.OptCork {
		t.flags &^= flagMore | flagUncork
		if v != 0 && o == sock.OptNoDelay && t.sndEnd.Greater(t.sndNxt) {
			t.flags |= flagUncork // as in Linux it opens a cork once
		}
		t.wantUnsent()
	}
	if o >= sock.OptKeepAlive && o <= sock.OptKeepCount && t.state.in(kept) && !t.has(flagOrphan) {
		t.keepAt = 0
		if t.has(flagKeepAlive) {
			t.keepAt = now.Add(max(fromSeconds(e.rare(t).KeepIdle)-now.Sub(t.rcvAt), time.Millisecond))
		}
		t.verdict |= TimersMoved
	}
}

// set notes an option, of a connection that is open or about to be.
func (e *Engine) set(t *TCB, o sock.Option, v uint64) {
	on := func(f flag) {
		t.flags &^= f
		if v != 0 {
			t.flags |= f
		}
	}
	switch o {
	case sock.OptNoDelay:
		on(flagNoDelay)
	case sock.OptCork:
		on(flagCork)
	case sock.OptKeepAlive:
		on(flagKeepAlive)
	case sock.OptKeepIdle:
		e.rare(t).KeepIdle = seconds(time.Duration(v))
	case sock.OptKeepInterval:
		e.rare(t).KeepIntvl = seconds(time.Duration(v))
	case sock.OptKeepCount:
		e.rare(t).KeepCount = uint8(min(v, 255))
	case sock.OptLinger:
		e.rare(t).Linger = lingerOff
		if v != sock.LingerOff {
			e.rare(t).Linger = millis(time.Duration(v))
		}
	case sock.OptUserTimeout:
		e.rare(t).UserTimeout = millis(time.Duration(v))
		if v == 0 {
			e.rare(t).UserTimeout = e.settings.UserTimeout
		}
	case sock.OptFinWait2:
		e.rare(t).FinWait2 = 0
		if v != 0 {
			e.rare(t).FinWait2 = max(seconds(time.Duration(v)), 1)
		}
	case sock.OptRcvBuf:
		e.setRcvBuf(t, v)
	case sock.OptSndBuf:
		t.sndBuf = uint32(min(max(v, leastBuf), uint64(e.cfg.SndBufMax)))
		t.flags |= flagSndBufSet
	case sock.OptTOS:
		t.tos = uint8(v) &^ wire.ECNMask // they are TCP's own
	case sock.OptTTL:
		t.ttl = uint8(v)
	case sock.OptUrgent:
		e.MarkUrgent(t, seq.Value(v))
	case sock.OptMSS:
		if t.state == Closed && v >= minMSS { // afterwards both have said what they take
			t.mss = uint16(min(v, uint64(t.mss)))
			t.ourMSS = uint16(min(v, uint64(t.ourMSS)))
		}
	}
}

// setRcvBuf fixes the receive buffer. A window that was promised stays good.
func (e *Engine) setRcvBuf(t *TCB, v uint64) {
	size := max(uint32(min(v, uint64(e.maxRcvBuf(t)))), t.minRcvBuf())
	if t.state == Closed { // about to be opened
		size = uint32(min(v, uint64(e.cfg.RcvBufMax)))
	} else if t.state == SynSent {
		size = max(size, min(t.rcvBuf, maxField)) // our SYN has promised that
	} else {
		size = max(size, uint32(t.rcvAdv.Minus(e.rx(t).ReadPos())))
	}
	t.rcvBuf = size
	t.flags |= flagRcvBufSet
	if t.state != Closed {
		e.windowOpened(t)
	}
}
