package shard

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// counters are the shard's own counts; the engine and the link have theirs.
type counters struct {
	RxBatches, RxFrames uint64
	TxBatches, TxFrames uint64
	TxStalls            uint64 // rounds in which the device had no free frame
	RxUnfilled          uint64 // checksums that a same-machine peer left open
	Wakes               uint64 // goroutines readied
	HandedOver          uint64 // segments passed to another shard, which may own them
	AddressConflicts    uint64

	Flow Flow
}

// Flow says what frames were, in and out. With the drop reasons it accounts for
// every one of them:
//
//	RxFrames + RxLocal = ARP + ICMP + Fragments + Segments + drops below TCP
//	Segments           = TCP.SegmentsIn + HandedOver + Claimed
//	TxFrames + TxLocal + drops with the link down = TCP.SegmentsOut + ARP's frames + TxICMP
type Flow struct {
	ARP, ICMP, Segments uint64 // received
	Fragments           uint64 // kept until the others come
	RxHanded            uint64 // of RxFrames, those from other shards
	RxLocal, TxLocal    uint64 // packets to ourselves
	TxICMP              uint64
	Shared              uint64 // copies of ARP and ICMP, and of what they asked about, for other shards
	Claimed             uint64 // what came back because another shard has taken it
}

// Stats is a snapshot of a shard.
type Stats struct {
	Shard             int
	Busy              time.Duration // filled in by who runs the shard
	Connections       int           // slots in use
	TimeWaits         int           // records in use
	TimeWaitsEvicted  uint64
	Listeners         int
	RingMemory        int // octets in use
	RingMemoryMax     int
	RxBatches         uint64
	RxFrames          uint64
	TxBatches         uint64
	TxFrames          uint64
	TxStalls          uint64
	ChecksumsUnfilled uint64
	Wakes             uint64
	HandedOver        uint64
	AddressConflicts  uint64
	Flow              Flow
	ARP               neigh.Stats
	IP                ip.Stats
	TCP               tcp.Stats
	Link              link.Counters
	Drops             [drop.NumReasons]uint64 // of the whole shard, TCP's included
}

// Snapshot fills st. Shard's goroutine only.
func (s *Shard) Snapshot(st *Stats) {
	*st = Stats{
		Shard:             s.cfg.ID,
		Connections:       s.tcbs.Len(),
		TimeWaits:         s.tw.slab.Len(),
		TimeWaitsEvicted:  s.tw.evictedEarly,
		Listeners:         s.listeners.Len(),
		RingMemory:        s.pool.InUse(),
		RingMemoryMax:     s.pool.Cap(),
		RxBatches:         s.counters.RxBatches,
		RxFrames:          s.counters.RxFrames,
		TxBatches:         s.counters.TxBatches,
		TxFrames:          s.counters.TxFrames,
		TxStalls:          s.counters.TxStalls,
		ChecksumsUnfilled: s.counters.RxUnfilled,
		Wakes:             s.counters.Wakes,
		HandedOver:        s.counters.HandedOver,
		AddressConflicts:  s.counters.AddressConflicts,
		Flow:              s.counters.Flow,
		ARP:               s.arp.Stats(),
		IP:                s.host.Stats(),
		TCP:               s.engine.Stats,
		Link:              s.queue.Counters(),
		Drops:             s.drops,
	}
	for r, n := range s.engine.Stats.Drops {
		st.Drops[r] += n
	}
	st.Drops[drop.IPFragTimeout] += st.IP.FragmentTimeouts
}
