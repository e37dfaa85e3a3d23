// What an acknowledgment changes (RFC 9293 §3.10.7.4, fifth step; RFC 5681,
// RFC 6675):
//
//  1. the peer's window,
//  2. the scoreboard of selective acknowledgments,
//  3. SND.UNA: round-trip time, send ring, timers,
//  4. loss recovery, or else growth of the congestion window.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// ackNews is what one acknowledgment told.
type ackNews struct {
	flight    uint32 // octets outstanding before it
	hadSacked uint32 // of them, selectively acknowledged before it
	acked     uint32 // octets of text cumulatively acknowledged
	sacked    uint32 // octets newly acknowledged by SACK
	delivered uint32 // octets that left the network, by both and by guess
	duplicate bool   // RFC 5681 §2: a duplicate ACK
	advanced  bool   // SND.UNA moved
	echo      bool   // it tells of congestion (RFC 3168)
	lost      bool   // something was found lost
	original  bool   // after a time-out: something of before it that was sent once only
}

// flight returns the octets sent and not cumulatively acknowledged.
func (t *TCB) flight() uint32 { return uint32(t.sndNxt.Minus(t.sndUna)) }

func (e *Engine) processAck(t *TCB, s *Segment, now mono.Time) {
	in := ackNews{flight: t.flight(), hadSacked: t.sackedOctets}
	in.echo = t.isEcho(s, in.flight)
	newWindow := e.updateWindow(t, s)
	t.heard()
	if t.has(flagSACK) && s.Options.Present.Has(wire.HasSACK) {
		e.countDuplicate(t, s)
		in.sacked = e.takeSACK(t, s, &in, now)
	}
	switch {
	case s.Ack.Greater(t.sndUna):
		in.advanced = true
		e.rackAcked(t, s.Ack, &s.Options, now)
		e.noticeAcked(t, &in, s.Ack)
		in.acked = e.advance(t, s.Ack, &s.Options, now)
	case s.Ack == t.sndUna && in.flight > 0 && !s.text && !newWindow && !s.Flags.Has(wire.FIN):
		in.duplicate = true
	}
	e.tailProbed(t, s, &in, now)
	e.recover(t, s, &in, now)
	if in.advanced || in.duplicate || in.sacked > 0 {
		e.armLoss(t, now)
	}
	if newWindow || in.advanced || in.duplicate || in.sacked > 0 || t.recovery != recoveryOpen {
		t.wantUnsent()
	}
}

// wantUnsent has Output look at text or a FIN that has not been sent, or not for
// good.
func (t *TCB) wantUnsent() {
	if t.sndEnd.Greater(t.sndNxt) || t.recovery != recoveryOpen || t.has(flagFinQueued) && !t.has(flagFinSent) {
		t.want |= WantData
	}
}

// heard notes that the peer is alive and reachable.
func (t *TCB) heard() {
	t.probes = 0
	t.flags &^= flagSoft
}

// isNews reports that s is not older than the segment that gave the peer's
// window last (RFC 9293 §3.10.7.4). One that acknowledges something new is not
// older, even if another overtook it.
func (t *TCB) isNews(s *Segment) bool {
	return s.Ack.Greater(t.sndUna) || s.Ack == t.sndUna &&
		(s.Seq.Greater(t.sndWL1) || s.Seq == t.sndWL1 && s.Ack.GreaterEq(t.sndWL2))
}

// updateWindow takes the peer's window from a segment that is news, and
// reports a change.
func (e *Engine) updateWindow(t *TCB, s *Segment) bool {
	if !t.isNews(s) {
		return false
	}
	wnd := s.window(t.sndScale)
	changed := wnd != t.sndWnd
	t.noteWindow(s, wnd)
	if changed && t.has(flagPersist) && wnd > 0 {
		t.stopPersist()
		t.want |= WantData
	}
	return changed
}

// noteWindow makes wnd, from the segment s, the peer's window.
func (t *TCB) noteWindow(s *Segment, wnd uint32) {
	t.sndWnd = wnd
	t.sndMax = max(t.sndMax, wnd)
	t.sndWL1, t.sndWL2 = s.Seq, s.Ack
}

// advance moves SND.UNA to ack and returns how many octets of text that
// acknowledged.
func (e *Engine) advance(t *TCB, ack seq.Value, o *wire.Options, now mono.Time) uint32 {
	e.sampleRTT(t, ack, o, now)
	t.sndUna = ack
	t.backoff = 0
	e.forgetSent(t)
	t.flags &^= flagPersist | flagMore
	if ack == t.sndNxt {
		t.rexmtAt = 0
		if ack.GreaterEq(t.sndEnd) {
			e.waitsFor(t, waitsNot, now)
		}
	} else {
		t.rexmtAt = now.Add(t.timeout())
	}
	t.verdict |= TimersMoved
	// The SYN and the FIN are in the sequence space and not in the ring.
	tx := e.tx(t)
	read := tx.ReadPos()
	to := seq.Min(ack, t.sndEnd)
	if !to.Greater(read) {
		return 0
	}
	tx.Advance(to)
	if r := tx.Drained(); r != 0 {
		e.pool.Put(r)
	}
	t.verdict |= Writable
	return uint32(to.Minus(read))
}

// growWindow lets the congestion window grow for octets acknowledged while
// nothing is lost.
func (e *Engine) growWindow(t *TCB, acked, flight uint32, now mono.Time) {
	if acked == 0 {
		return
	}
	mss := t.segmentSize()
	limited := t.has(flagCwndFull) || t.cc.Cwnd < t.cc.Ssthresh && t.cc.Cwnd < 2*t.words[maxOut]
	cc.OnAck(&t.cc, cc.Ack{
		Now:         now,
		Acked:       acked,
		InFlight:    flight,
		SRTT:        t.SRTT(),
		MSS:         mss,
		CwndLimited: limited,
	})
	t.wantUnsent()
}
