// Memory: what a shard takes of it, part by part. All of it is reserved when
// the shard is made, and none of it is touched before it is needed.

package shard

import (
	"math/bits"

	"github.com/mtcp-go/mtcp/internal/arena"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/neigh"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wheel"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A Part is a purpose for which a shard has memory.
type Part uint8

// The parts.
const (
	MemoryConnections Part = iota // TCB, block, slot, timer, list entries
	MemoryFlows                   // connection table
	MemoryTimeWaits               // records
	MemoryRanges                  // of out-of-order octets and of SACK scoreboards, and send logs
	MemoryRings                   // with the pool's account of them
	MemoryFragments               // reassembly, path MTUs, ICMP answers
	MemoryNeighbours
	MemoryHandover // rings of frames between shards, and to ourselves
	MemoryFrames   // of the device: what link.Info says
	MemoryFixed    // the shard and its batches
	NumParts
)

var partNames = [NumParts]string{
	"connections", "connection table", "TIME-WAIT records", "out-of-order ranges", "rings",
	"fragments", "neighbours", "hand-over", "frames", "fixed",
}

// String names the part.
func (p Part) String() string { return partNames[p] }

// Octets are the memory of each part.
type Octets [NumParts]int

// Sum returns the octets of all parts.
func (o *Octets) Sum() int {
	sum := 0
	for _, n := range o {
		sum += n
	}
	return sum
}

// rangeSets bounds the connections that have holes, or see them, at once, and
// those that log what they send: an eighth of all.
func (c *Config) rangeSets() int { return max(c.Connections/8, 64) }

// Reserves returns what a shard of this configuration takes on a link.
func (c *Config) Reserves(l link.Info) Octets {
	n, sets := c.Connections+1, c.rangeSets()+1
	return Octets{
		MemoryConnections: slots[tcp.TCB](n) + arena.Size[sock.Block](n) +
			arena.Size[wheel.Node](wheel.Nodes(n)) + arena.Size[slab.Index](n) + waitersSize(n),
		MemoryFlows:      arena.Size[flow.Entry](flow.Entries(c.Connections + c.TimeWaits)),
		MemoryTimeWaits:  slots[tcp.TimeWaitRecord](c.TimeWaits + 1),
		MemoryRanges:     slots[tcp.RangeSet](sets) + slots[tcp.SendLog](sets),
		MemoryRings:      c.RingMemory + arena.Size[ring.Page](ring.Pages(c.RingMemory)),
		MemoryFragments:  ip.Memory(c.Host),
		MemoryNeighbours: neigh.Memory(c.Neighbours),
		MemoryHandover:   c.Shards * ring.FramesSize(frameSlots, wire.EthernetLen+l.MTU),
		MemoryFrames:     l.Memory,
		MemoryFixed: arena.Size[Shard](1) + arena.Size[tcp.Engine](1) + l.MTU +
			arena.Size[flow.Entry](flow.Entries(maxListeners)) + arena.Size[flow.Key4](2*maxListeners) + arena.Size[listener](2*maxListeners),
	}
}

// slots is what a slab of n takes.
func slots[T any](n int) int { return arena.Size[T](n) + arena.Size[slab.Slot](slab.Slots(n)) }

// Reserved returns what the shard has reserved.
func (s *Shard) Reserved() Octets { return s.cfg.Reserves(s.info) }

// InUse returns what of that is in use. Shard's goroutine only.
func (s *Shard) InUse() Octets {
	o := s.Reserved() // what has no smaller unit is in use as a whole
	live := func(p Part, units, of int) { o[p] = o[p] / of * units }
	live(MemoryConnections, s.tcbs.Len(), s.cfg.Connections+1)
	live(MemoryTimeWaits, s.tw.slab.Len(), s.cfg.TimeWaits+1)
	sets := s.cfg.rangeSets() + 1
	o[MemoryRanges] = slots[tcp.RangeSet](sets)/sets*s.engine.RangeSets() + slots[tcp.SendLog](sets)/sets*s.engine.SendLogs()
	live(MemoryNeighbours, s.arp.Len(), s.arp.Cap())
	_, o[MemoryFragments] = s.host.Reassembling()
	o[MemoryFlows] = arena.Size[flow.Entry](s.flows.Slots())
	o[MemoryRings] = s.pool.InUse()
	waiting := s.loop.Len()
	for _, h := range s.inbox {
		waiting += h.frames.Len()
	}
	live(MemoryHandover, waiting, frameSlots*s.cfg.Shards)
	return o
}

// queueSlots is the length of an accept queue: the power of two that holds the
// backlog.
func queueSlots(backlog int) int { return 1 << bits.Len(uint(max(backlog, 1)-1)) }

// NewAcceptQueue returns a queue for a backlog, that calls wake after each push.
func NewAcceptQueue(backlog int, wake func()) (*sock.AcceptQueue, error) {
	r, err := ring.NewSPSC(nil, make([]sock.Accepted, queueSlots(backlog)))
	if err != nil {
		return nil, err
	}
	return sock.NewAcceptQueue(r, wake), nil
}

// ListenMemory is what a listener takes of a shard at most: its accept queue,
// and the list of its handshakes, which append may make larger than it need be.
func ListenMemory(backlog int) int {
	return arena.Size[sock.Accepted](queueSlots(backlog)) + arena.Size[slab.Handle](4*synLimit(backlog))
}

// HandledMemory is the same of a listener for handlers, which has no queue.
func HandledMemory(halfOpen int) int {
	return arena.Size[slab.Handle](4 * max(halfOpen, leastHalfOpen))
}

// tables are the arrays by slot.
type tables struct {
	tcbs        []tcp.TCB
	tcbSlots    []slab.Slot
	records     []tcp.TimeWaitRecord
	recordSlots []slab.Slot
	ranges      []tcp.RangeSet
	rangeSlots  []slab.Slot
	sent        []tcp.SendLog
	sentSlots   []slab.Slot
	flows       []flow.Entry
	timers      []wheel.Node
	pages       []ring.Page
	touched     []slab.Index
	use         flow.Use
}

// TablesSize returns what a shard takes of Config.Tables at most.
func (c *Config) TablesSize() int {
	o := c.Reserves(link.Info{})
	elsewhere := arena.Size[sock.Block](c.Connections+1) + waitersSize(c.Connections+1)
	return o[MemoryConnections] - elsewhere + o[MemoryFlows] + o[MemoryTimeWaits] + o[MemoryRanges] +
		o[MemoryRings] - c.RingMemory
}

// MemorySize returns what a shard takes of Config.Memory at most.
func (c *Config) MemorySize() int {
	const page = 4096 // to which rings are aligned
	return arena.Size[sock.Block](c.Connections+1) + c.RingMemory + page
}

func newTables(c *Config) (t tables, err error) {
	n := c.Connections + 1
	take(&err, c.Tables, &t.tcbs, n)
	take(&err, c.Tables, &t.tcbSlots, slab.Slots(n))
	take(&err, c.Tables, &t.timers, wheel.Nodes(n))
	take(&err, c.Tables, &t.touched, n)
	take(&err, c.Tables, &t.pages, ring.Pages(c.RingMemory))
	take(&err, c.Tables, &t.records, c.TimeWaits+1)
	take(&err, c.Tables, &t.recordSlots, slab.Slots(c.TimeWaits+1))
	take(&err, c.Tables, &t.ranges, c.rangeSets()+1)
	take(&err, c.Tables, &t.rangeSlots, slab.Slots(c.rangeSets()+1))
	take(&err, c.Tables, &t.sent, c.rangeSets()+1)
	take(&err, c.Tables, &t.sentSlots, slab.Slots(c.rangeSets()+1))
	take(&err, c.Tables, &t.flows, flow.Entries(c.Connections+c.TimeWaits))
	if c.Tables != nil && err == nil {
		arena.Large(t.records)
		arena.Large(t.recordSlots[:c.TimeWaits+1])
		t.use = flow.Use{Prepare: arena.Large[flow.Entry], Release: arena.Release[flow.Entry]}
	}
	return t, err
}

// take makes an array of n, unless something failed before.
func take[T any](err *error, r *arena.Region, to *[]T, n int) {
	switch {
	case *err != nil:
	case r == nil:
		*to = make([]T, n)
	default:
		*to, *err = arena.Make[T](r, n)
	}
}
