// LISTEN and CLOSED (RFC 9293 §3.10.7.1 and §3.10.7.2): segments for which
// there is no TCB yet, and the passive open.

package tcp

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Refuse answers a segment to CLOSED: with a RST, unless it is one.
func (e *Engine) Refuse(s *Segment, k flow.Key4) drop.Reason {
	if s.Flags.Has(wire.RST) {
		return e.drop(drop.TCPRefusedRST)
	}
	e.replyReset(s, k)
	return e.drop(drop.TCPNoListener)
}

// replyReset queues the RST that RFC 9293 §3.10.7.1 prescribes.
func (e *Engine) replyReset(s *Segment, k flow.Key4) {
	if s.Flags.Has(wire.ACK) {
		e.reply(Reply{Key: k, Seq: s.Ack, Flags: wire.RST})
		return
	}
	e.reply(Reply{Key: k, Ack: s.end(), Flags: wire.RST | wire.ACK})
}

// InputListen looks at a segment for a listener: true means that it asks for
// a connection, which Accept opens. A FIN beside the SYN is left for the peer
// to send again; so is text.
func (e *Engine) InputListen(s *Segment, k flow.Key4) (isSYN bool) {
	e.Stats.SegmentsIn++
	switch {
	case s.Flags.Has(wire.RST):
		e.drop(drop.ListenACK)
	case s.Flags.Has(wire.ACK):
		e.replyReset(s, k)
		e.drop(drop.ListenACK)
	case s.Flags.Has(wire.SYN):
		return true
	default:
		e.drop(drop.ListenACK)
	}
	return false
}

// Accept is the passive OPEN of one connection: t answers the SYN s. The
// initial sequence number will be beyond floor if afterFloor is set, so that a
// new incarnation follows the one in TIME-WAIT (RFC 9293 §3.6.1).
func (e *Engine) Accept(t *TCB, i slab.Index, k flow.Key4, mtu MTU, listener uint32, s *Segment, floor seq.Value, afterFloor bool, now mono.Time, settings ...sock.Setting) {
	e.open(t, i, k, mtu, settings)
	iss := e.isn(k, now)
	if afterFloor {
		e.Stats.TimeWaitReused++
		if iss.LessEq(floor) {
			iss = floor.Add(65535 + 2)
		}
	}
	e.passive(t, listener, s, iss, now)
}

// passive takes the SYN of an opened TCB into SYN-RECEIVED.
func (e *Engine) passive(t *TCB, listener uint32, s *Segment, iss seq.Value, now mono.Time) {
	t.flags |= flagPassive
	t.listener = listener
	e.Stats.PassiveOpens++
	e.takeSYN(t, s, now)
	e.startSending(t, iss)
	e.setState(t, SynReceived)
	t.sndWnd = uint32(s.Window) // not scaled in a SYN
	t.sndMax = t.sndWnd
	t.want |= WantControl
}

// takeSYN notes the peer's initial sequence number and what it offers. Each
// option is on only if both sides have it.
func (e *Engine) takeSYN(t *TCB, s *Segment, now mono.Time) {
	t.rcvNxt, t.rcvAcked = s.Seq+1, s.Seq+1
	t.rcvAt = now
	o := &s.Options
	peer := uint16(defaultMSS)
	if o.Present.Has(wire.HasMSS) {
		peer = max(o.MSS, minMSS)
	}
	t.mss = min(t.mss, peer)
	if o.Present.Has(wire.HasTimestamp) && !e.cfg.NoTimestamps {
		t.flags |= flagTS
		t.tsRecent = o.TSVal
	}
	if o.Present.Has(wire.HasSACKPermitted) && !e.cfg.NoSACK {
		t.flags |= flagSACK
	}
	if o.Present.Has(wire.HasWScale) && !e.cfg.NoScaling {
		t.flags |= flagWS
		t.sndScale = o.WScale
	} else {
		t.rcvScale = 0
	}
	e.takeECN(t, s)
	e.blocks[t.slot].StartRx(e.mem, t.rcvNxt)
	t.rcvBuf = min(max(t.rcvBuf, t.minRcvBuf()), e.maxRcvBuf(t))
	t.rcvAdv = t.rcvNxt.Add(seq.Size(min(t.rcvBuf, maxField))) // as our SYN said
	e.startCongestion(t)
}
