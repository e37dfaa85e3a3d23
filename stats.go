package mtcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/shard"
)

// ShardStats are the counts of one shard since it started, and what it holds
// now.
type ShardStats struct {
	Shard int
	Busy  time.Duration // of rounds in which there was something to do

	// Held now.
	Connections   int // slots in use, closed ones that the application holds included
	TimeWaits     int // TIME_WAIT records
	Listeners     int
	RingMemory    int // octets in use
	RingMemoryMax int

	// Packets.
	RxFrames, TxFrames   uint64
	RxBatches, TxBatches uint64
	TxKicks              uint64 // system calls to transmit
	RxDropped, TxDropped uint64 // by the device
	ChecksumsUnfilled    uint64 // left open by peers on this machine
	HandedOver           uint64 // passed to the shard that owns the connection
	AddressConflicts     uint64

	// TCP.
	SegmentsIn, SegmentsOut   uint64
	OctetsIn, OctetsOut       uint64 // of payload; retransmissions count
	ActiveOpens, PassiveOpens uint64
	Retransmits               uint64 // segments
	RTOs                      uint64
	FastRecoveries            uint64
	Undone                    uint64 // reductions taken back: nothing had been lost
	OutOfOrder                uint64
	PureAcks                  uint64 // segments sent for an acknowledgment alone
	ResetsIn, ResetsOut       uint64
	ChallengeAcks             uint64
	CookiesSent               uint64 // SYNs answered without keeping anything of them
	CookiesAccepted           uint64 // connections that came of these answers
	ECNOpens                  uint64 // connections that have ECN, RFC 3168
	MarksIn                   uint64 // segments that a router marked, to be told to the peer
	ECNReductions             uint64 // of a congestion window, because the peer told of marks
	TimeWaitsMade             uint64
	TimeWaitsReused           uint64 // by a new incarnation, RFC 6191
	TimeWaitsEvicted          uint64 // early, for want of records
	FastPath                  uint64 // segments that took the fast path
	SendLogsFull              uint64 // segments sent whose time could not be kept (RFC 8985)
	RingWaits                 uint64 // times a writer found no ring memory

	// Drops by reason; only reasons that occurred.
	Drops map[string]uint64
}

// Stats returns a snapshot of every shard. It is empty once the stack is
// closed.
func (s *Stack) Stats() []ShardStats {
	var out []ShardStats
	for _, st := range s.core.Stats() {
		out = append(out, shardStats(&st))
	}
	return out
}

func shardStats(s *shard.Stats) ShardStats {
	st := ShardStats{
		Shard: s.Shard, Busy: s.Busy, Connections: s.Connections, TimeWaits: s.TimeWaits, Listeners: s.Listeners,
		RingMemory: s.RingMemory, RingMemoryMax: s.RingMemoryMax,
		RxFrames: s.RxFrames, TxFrames: s.TxFrames, RxBatches: s.RxBatches, TxBatches: s.TxBatches,
		TxKicks: s.Link.TxKicks, RxDropped: s.Link.RxDropped, TxDropped: s.Link.TxDropped,
		ChecksumsUnfilled: s.ChecksumsUnfilled, HandedOver: s.HandedOver, AddressConflicts: s.AddressConflicts,
		SegmentsIn: s.TCP.SegmentsIn, SegmentsOut: s.TCP.SegmentsOut,
		OctetsIn: s.TCP.OctetsIn, OctetsOut: s.TCP.OctetsOut,
		ActiveOpens: s.TCP.ActiveOpens, PassiveOpens: s.TCP.PassiveOpens,
		Retransmits: s.TCP.Retransmits, RTOs: s.TCP.RTOs, FastRecoveries: s.TCP.FastRecoveries, Undone: s.TCP.Undone,
		OutOfOrder: s.TCP.OutOfOrder, PureAcks: s.TCP.PureAcksOut,
		ResetsIn: s.TCP.ResetsIn, ResetsOut: s.TCP.ResetsOut, ChallengeAcks: s.TCP.ChallengeAcks,
		CookiesSent: s.TCP.CookiesSent, CookiesAccepted: s.TCP.CookiesAccepted,
		ECNOpens: s.TCP.ECNOpens, MarksIn: s.TCP.MarksIn, ECNReductions: s.TCP.ECNReductions,
		TimeWaitsMade: s.TCP.TimeWaits, TimeWaitsReused: s.TCP.TimeWaitReused, TimeWaitsEvicted: s.TimeWaitsEvicted,
		FastPath: s.TCP.FastPath, RingWaits: s.TCP.RingWaits, SendLogsFull: s.TCP.SendLogsFull,
		Drops: make(map[string]uint64),
	}
	for r, n := range s.Drops {
		if n > 0 {
			st.Drops[drop.Reason(r).String()] = n
		}
	}
	return st
}
