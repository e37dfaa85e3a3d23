// What can be told of a connection: for people, tests and TCP_INFO.

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
)

// Info is a snapshot of a connection. Octets unless a name says otherwise.
type Info struct {
	State         State
	Recovering    bool // fast recovery
	AfterTimeout  bool // recovery after a retransmission time-out
	Disordered    bool // something is out of order, and not taken for lost yet
	Reduced       bool // reducing the window for marks
	ECN           bool
	ECNSeen       bool // text came that might have been marked
	SACK          bool
	Timestamps    bool
	Scaling       bool
	SndScale      uint8
	RcvScale      uint8
	Backoff       uint8
	Probes        uint8
	MSS           uint16 // text of a full segment
	AdvertisedMSS uint16
	RcvMSS        uint16 // largest segment of the peer
	SRTT          time.Duration
	RTTVar        time.Duration
	RTO           time.Duration
	Cwnd          uint32
	Ssthresh      uint32
	InFlight      uint32 // sent and not cumulatively acknowledged
	Sacked        uint32
	Lost          uint32
	Resent        uint32 // of what is lost, sent again
	Unsent        uint32
	SndWnd        uint32
	RcvWnd        uint32
	RcvBuf        uint32
	SndBuf        uint32
	MinRTT        time.Duration
	Reordering    uint32        // segments by which the network was seen to reorder
	TotalResent   uint32        // segments
	Busy          time.Duration // with text unacknowledged or unsent
	WindowLimited time.Duration // of that, for want of a window
	LastReceived  time.Duration // since the last acceptable segment
	LastData      time.Duration // since the last text
	LastSent      time.Duration // since text was last sent
}

// Info returns a snapshot of t.
func (e *Engine) Info(t *TCB, now mono.Time) Info {
	i := Info{
		State:        t.state,
		Recovering:   t.recovery == recoveryFast,
		AfterTimeout: t.recovery == recoveryLoss,
		Reduced:      t.recovery == recoveryMarked,
		ECN:          t.ecn.has(ecnEchoes), ECNSeen: t.ecn.has(ecnSeen),
		Disordered: t.recovery == recoveryOpen && (t.dupAcks > 0 || t.sacked != 0),
		SACK:       t.has(flagSACK), Timestamps: t.has(flagTS), Scaling: t.has(flagWS),
		SndScale: t.sndScale, RcvScale: t.rcvScale,
		Backoff: t.backoff, Probes: t.probes,
		MSS: t.segmentSize(), AdvertisedMSS: t.ourMSS, RcvMSS: t.rcvMSS,
		SRTT: t.SRTT(), RTTVar: time.Duration(t.rttVar/4) * time.Microsecond,
		RTO:  min(t.timeout(), e.cfg.RTOMax),
		Cwnd: t.cc.Cwnd, Ssthresh: t.cc.Ssthresh,
		InFlight: t.flight(), Sacked: t.sackedOctets,
		Unsent: uint32(t.sndEnd.Minus(seq.Min(t.sndNxt, t.sndEnd))), // a FIN lies beyond
		SndWnd: t.sndWnd, RcvBuf: t.rcvBuf, SndBuf: t.sndBuf,
		LastReceived: now.Sub(t.rcvAt), LastSent: now.Sub(t.sentAt),
	}
	a, rare := &e.blocks[t.slot].Account, e.rare(t)
	i.MinRTT = time.Duration(a.MinRTT) * time.Microsecond
	i.Reordering, i.TotalResent = max(dupThresh, uint32(rare.Reordering)), rare.Resent
	i.LastData = fromMillis(milliClock(now) - a.DataAt)
	busy, limited := t.account(a, now)
	i.Busy, i.WindowLimited = fromMillis(busy), fromMillis(limited)
	if t.state >= Established {
		i.RcvWnd = uint32(t.rcvAdv.Minus(t.rcvNxt))
	}
	if !t.isLossless() {
		i.Lost, i.Resent = e.lostNow(t)
	}
	return i
}
