// The table of neighbours and what the owner of outgoing packets asks of it.

package neigh

import (
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Limits.
const (
	maxEntriesDefault = 1024
	maxEntriesLimit   = 1 << 15 // an index is sixteen bits with room for "none"
	maxAddresses      = 64      // own addresses
	maxOnLink         = 64      // prefixes
	maxReplies        = 64      // answers that wait for Output

	// unresolvedShare of the table, one in so many, is for neighbours that have
	// not answered: a flood of packets from spoofed addresses takes no more.
	unresolvedShare = 4

	// A resolved entry that was used this recently is not evicted.
	inUse = 10 * time.Second
)

// Config says how a Table behaves. The zero value of every field but MAC has a
// sensible meaning.
type Config struct {
	MAC        wire.MAC          // our own address
	OnLink     []wire.IPv4Prefix // senders outside are not believed; none: all are
	MaxEntries int               // default 1024, at least 8, at most 32768
	Seed       uint64            // of the table's randomness
	Outside    bool              // others resolve our neighbours: see outside.go

	Reachable  time.Duration // 30 s, of which 0.5 to 1.5 times are taken
	Retransmit time.Duration // 1 s between requests
	Requests   int           // 3 requests without an answer are a failure
	DelayFirst time.Duration // 5 s from the use of a stale entry to its first probe
	StaleKeep  time.Duration // 60 s without use and an entry is forgotten
	FailedHold time.Duration // 3 s for which a failure is the answer
	LockTime   time.Duration // 1 s in which the first of two answers counts

	// Address conflict detection, RFC 5227.
	ProbeCount       int           // probes before an address is used; 0: none
	ProbeWait        time.Duration // 1 s: the longest delay before the first probe
	ProbeMin         time.Duration // 1 s: shortest time between probes
	ProbeMax         time.Duration // 2 s: longest time between probes
	AnnounceWait     time.Duration // 2 s from the last probe to the first announcement
	AnnounceInterval time.Duration // 2 s
	AnnounceCount    int           // 2
	DefendInterval   time.Duration // 10 s between defences of an address
}

// ID names an entry: its slot and the slot's generation. A TCB may keep it; it
// goes stale, never wrong, when the entry is forgotten. The zero ID is none.
type ID uint32

func makeID(i slot, generation uint16) ID { return ID(generation)<<16 | ID(i) }

func (id ID) slot() slot         { return slot(id) } // the low sixteen bits
func (id ID) generation() uint16 { return uint16(id >> 16) }

// Stats counts what happened to the table since New.
type Stats struct {
	Requests, Replies    uint64 // frames written
	Probes, Announces    uint64 // frames written for our own addresses
	Resolved, Failed     uint64
	Changed              uint64 // neighbours that came back with another MAC
	Evicted              uint64 // unused resolved entries that made room
	EvictedUnresolved    uint64 // unanswered entries that made room
	Refused, RepliesFull uint64 // no room for an entry, for an answer
	Conflicts            uint64 // claims of our addresses by others
}

// Table is the neighbours of one shard.
type Table struct {
	cfg Config
	rng rand.PCG
	now mono.Time // of the last call that had one: MAC has none

	entries []entry
	due     []mono.Time // when the state of entries[i] ends: apart, so that a scan is short
	index   index       // by address
	free    list

	incomplete, failed list // oldest first: they make room for each other
	wants              list // requests to write
	resolved           int
	hand               slot // where the last victim was found

	addresses  [maxAddresses]address
	nAddresses int
	framesDue  bool // some address may want a frame
	newsDue    bool // or have an event
	onLink     [maxOnLink]wire.IPv4Prefix
	nOnLink    int

	replies replyQueue
	events  eventQueue
	timers  schedule

	stats Stats
}

// New makes an empty table. All of its memory is taken now.
func New(c Config) *Table {
	c.setDefaults()
	n := c.MaxEntries
	t := &Table{
		cfg:     c,
		rng:     *rand.NewPCG(c.Seed, 0x6e65_6967_6862_6f75),
		entries: make([]entry, n),
		due:     make([]mono.Time, n),
		free:    makeList(n), incomplete: makeList(n), failed: makeList(n), wants: makeList(n),
	}
	t.index = makeIndex(n, t.rng.Uint64())
	t.events = makeEventQueue(n)
	t.timers.next = mono.Never
	for i := range t.entries {
		t.due[i] = mono.Never
		t.free.pushBack(slot(i)) // below maxEntriesLimit
	}
	t.SetOnLink(c.OnLink)
	return t
}

func (c *Config) setDefaults() {
	if c.MaxEntries == 0 {
		c.MaxEntries = maxEntriesDefault
	}
	c.MaxEntries = min(max(c.MaxEntries, 8), maxEntriesLimit)
	c.Requests = orDefault(c.Requests, 3)
	c.AnnounceCount = orDefault(c.AnnounceCount, 2)
	c.Reachable = orDefault(c.Reachable, 30*time.Second)
	c.Retransmit = orDefault(c.Retransmit, time.Second)
	c.DelayFirst = orDefault(c.DelayFirst, 5*time.Second)
	c.StaleKeep = orDefault(c.StaleKeep, 60*time.Second)
	c.FailedHold = orDefault(c.FailedHold, 3*time.Second)
	c.LockTime = orDefault(c.LockTime, time.Second)
	c.ProbeWait = orDefault(c.ProbeWait, time.Second)
	c.ProbeMin = orDefault(c.ProbeMin, time.Second)
	c.ProbeMax = max(orDefault(c.ProbeMax, 2*time.Second), c.ProbeMin)
	c.AnnounceWait = orDefault(c.AnnounceWait, 2*time.Second)
	c.AnnounceInterval = orDefault(c.AnnounceInterval, 2*time.Second)
	c.DefendInterval = orDefault(c.DefendInterval, 10*time.Second)
}

// orDefault replaces values that nobody set, and impossible ones.
func orDefault[T int | time.Duration](v, value T) T {
	if v <= 0 {
		return value
	}
	return v
}

// SetOnLink replaces the prefixes from which neighbours are believed; with none
// all are. Prefixes beyond the limit are left out, and then it is false.
func (t *Table) SetOnLink(prefixes []wire.IPv4Prefix) bool {
	t.nOnLink = copy(t.onLink[:], prefixes)
	return t.nOnLink == len(prefixes)
}

// Stats returns the counters.
func (t *Table) Stats() Stats { return t.stats }

// Len returns how many neighbours the table holds, resolved or not.
func (t *Table) Len() int { return len(t.entries) - t.free.n }

// Lookup finds or makes the entry of a neighbour to which a packet is to go. If
// the state is not usable, Incomplete says that an answer is awaited, of which
// Events will tell, and Failed that there is none now. With Failed the ID may be
// zero: the address is impossible, or the table has no room.
func (t *Table) Lookup(ip wire.IPv4, now mono.Time) (ID, State) {
	t.now = now
	if i, ok := t.find(ip); ok {
		t.use(i, now)
		return t.id(i), t.entries[i].state
	}
	if !t.isPossible(ip) || t.isOwn(ip) {
		return 0, Failed
	}
	i, ok := t.allocUnresolved(ip)
	if !ok {
		t.stats.Refused++
		return 0, Failed
	}
	t.entries[i].used = now
	t.setState(i, Incomplete, now)
	return t.id(i), Incomplete
}

// MAC returns the Ethernet address for a packet that goes out now; false when
// there is none, or when the entry of that ID was forgotten: Lookup tells which.
func (t *Table) MAC(id ID) (wire.MAC, bool) {
	if int(id.slot()) >= len(t.entries) {
		return wire.MAC{}, false
	}
	e := &t.entries[id.slot()]
	if e.generation != id.generation() || !e.state.IsUsable() {
		return wire.MAC{}, false
	}
	e.used = t.now
	if e.state == Stale {
		t.setState(id.slot(), Delay, t.now)
	}
	return e.mac, true
}

// Confirm says that an upper layer made progress with this neighbour, so that it
// need not be probed (RFC 1122 §2.3.2.1 (4), RFC 4861 §7.3.1).
func (t *Table) Confirm(id ID, now mono.Time) {
	if int(id.slot()) >= len(t.entries) {
		return
	}
	e := &t.entries[id.slot()]
	if e.generation != id.generation() {
		return
	}
	switch e.state {
	case Reachable:
		e.confirmed = now // its timer will look
	case Stale, Delay, Probe:
		t.setState(id.slot(), Reachable, now)
	case Free, Incomplete, Failed, Static:
	}
}

// AddStatic sets a neighbour by hand. It is not asked, timed, changed by packets
// or evicted. It is false when the address is impossible or there is no room.
func (t *Table) AddStatic(ip wire.IPv4, mac wire.MAC, now mono.Time) bool {
	if !t.isPossible(ip) || mac.IsMulticast() || mac.IsZero() {
		return false
	}
	i, ok := t.find(ip)
	if !ok {
		i, ok = t.allocResolved(ip)
	} else if !t.entries[i].state.IsUsable() {
		ok = t.roomForResolved()
	}
	if !ok {
		t.stats.Refused++
		return false
	}
	wasUsable := t.entries[i].state.IsUsable()
	t.entries[i].mac = mac
	t.setState(i, Static, now)
	if !wasUsable {
		t.tell(i, Resolved)
	}
	return true
}

func (t *Table) id(i slot) ID { return makeID(i, t.entries[i].generation) }

// random returns a duration in [low, high), or low when that is empty.
func (t *Table) random(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	hi, _ := bits.Mul64(t.rng.Uint64(), uint64(high-low))
	return low + time.Duration(hi) // below high-low
}
