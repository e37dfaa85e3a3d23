package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Config is the behaviour of an engine. DefaultConfig gives Linux's choices
// where the RFCs leave one.
type Config struct {
	TimeWait       time.Duration // 2 MSL
	TimeWaitRST    bool          // a RST ends TIME-WAIT (RFC 9293 §3.10.7.4), against RFC 1337
	FinWait2       time.Duration // an orphan waits so long for the peer's FIN
	RTOInitial     time.Duration
	RTOMin         time.Duration
	RTOMax         time.Duration
	AckDelay       time.Duration // below 500 ms (MUST-40)
	SynRetries     int           // 7: more than three minutes (MUST-23)
	SynAckRetries  int
	Retries        int // R2 in retransmissions
	OrphanRetries  int
	UserTimeout    time.Duration // 0: by retransmissions
	KeepIdle       time.Duration
	KeepInterval   time.Duration
	KeepCount      int
	Congestion     cc.ID
	InitialWindow  int  // segments (RFC 6928)
	WindowScale    int  // shift that we offer; 0..14
	NoDelay        bool // Nagle's algorithm off at the start
	KeepAlive      bool // keep-alive on at the start; off is the RFC's default (MUST-25)
	NoTimestamps   bool
	NoSACK         bool
	NoScaling      bool
	NoRACK         bool // losses by RFC 6675 only (as without SACK)
	NoTailProbe    bool // no tail loss probes
	NoFRTO         bool // after a time-out, no new text to see whether it was spurious
	NoBundles      bool // PSH only where text ends, not at the end of each bundle of segments
	DelayFirstAck  bool // no quick ACKs at the start of a connection
	RcvBuf         int  // first receive window, octets
	RcvBufMax      int  // bound of autotuning
	SndBuf         int  // before the congestion window asks for more
	SndBufMax      int
	Cookies        CookieMode    // when SYNs are answered without keeping them
	IdleRings      time.Duration // rings of an idle connection go back after this
	ChallengeLimit int           // challenge ACKs per connection and second
	Sums           bool          // Output sums what it writes: see Sum
	ECN            ECNMode       // which connections have explicit congestion notification
	LoneFIN        bool          // a FIN does not ride on text: to see what that is worth
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		TimeWait:       60 * time.Second,
		FinWait2:       60 * time.Second,
		RTOInitial:     time.Second,
		RTOMin:         200 * time.Millisecond,
		RTOMax:         120 * time.Second,
		AckDelay:       40 * time.Millisecond,
		SynRetries:     7,
		SynAckRetries:  5,
		Retries:        15,
		OrphanRetries:  8,
		KeepIdle:       2 * time.Hour,
		KeepInterval:   75 * time.Second,
		KeepCount:      9,
		Congestion:     cc.CUBIC,
		InitialWindow:  10,
		WindowScale:    8,
		RcvBuf:         64 << 10,
		RcvBufMax:      ring.MaxSize,
		SndBuf:         64 << 10,
		SndBufMax:      ring.MaxSize,
		IdleRings:      500 * time.Millisecond,
		ChallengeLimit: 10,
	}
}

// Stats are an engine's counts.
type Stats struct {
	SegmentsIn, SegmentsOut   uint64
	OctetsIn, OctetsOut       uint64 // payload
	FastPath                  uint64 // segments that needed no more
	Retransmits               uint64 // segments
	RTOs                      uint64
	FastRecoveries            uint64 // entered, SACK or NewReno
	Undone                    uint64 // reductions taken back: nothing had been lost
	Probes                    uint64 // window probes
	TailProbes                uint64 // RFC 8985
	KeepAlives                uint64
	ChallengeAcks             uint64
	OutOfOrder                uint64 // segments kept for reassembly
	PureAcksOut               uint64
	ResetsIn, ResetsOut       uint64
	ActiveOpens, PassiveOpens uint64
	CookiesSent               uint64 // SYN-ACKs of which nothing was kept
	CookiesAccepted           uint64 // connections that came of them
	TimeWaits                 uint64 // records made
	TimeWaitReused            uint64
	DSACKsOut                 uint64
	ECNOpens                  uint64 // connections that have ECN (RFC 3168)
	MarksIn                   uint64 // segments that a router marked
	ECNReductions             uint64 // of the window, since the peer told of marks
	SendLogsFull              uint64 // segments sent whose time found no log (RACK)
	RingWaits                 uint64 // times a writer found no ring memory
	Drops                     [drop.NumReasons]uint64
	Transitions               [numStates][numStates]uint64
}

// An Engine runs the TCBs of one shard. It is not safe for concurrent use.
type Engine struct {
	cfg    Config
	blocks []sock.Block // by slot
	pool   *ring.Pool
	mem    *ring.Memory
	ranges *slab.Slab[rangeSet]
	sent   *slab.Slab[sendLog]
	key    prf.Key
	rnd    prf.Rand

	settings sock.Rare // with which connections begin
	sum      uint64    // of the segment written last
	ecn      uint8     // its codepoint

	Stats Stats

	// replies are segments that no TCB sends: resets for unknown
	// connections, answers of TIME-WAIT. Cookies have a queue of their own, so
	// that a flood of SYNs does not crowd those out.
	replies replyQueue
	cookies replyQueue
	rooms   struct { // of the two
		replies [maxReplies]Reply
		cookies [maxCookies]Reply
	}
	model TCB // of the slot 0, which no connection has: cookie.go
}

// A Reply is a segment without a connection: SEQ, ACK and flags only, and in a
// SYN-ACK the options of a SYN.
type Reply struct {
	Key      flow.Key4
	Seq, Ack seq.Value
	Flags    wire.Flags
	HasTS    bool
	Offers   wire.OptionMask // with SYN
	WScale   uint8           // with SYN
	Window   uint16
	MSS      uint16 // with SYN
	TSVal    uint32
	TSEcr    uint32
}

// A replyQueue is a bounded queue. Where nothing waits it begins anew, so that few
// of its places are ever in the cache.
type replyQueue struct {
	room     []Reply
	first, n int
}

func (q *replyQueue) full() bool { return q.n == len(q.room) }

func (q *replyQueue) push(r *Reply) {
	if q.n == 0 {
		q.first = 0
	}
	q.room[(q.first+q.n)%len(q.room)] = *r
	q.n++
}

func (q *replyQueue) pop(r *Reply) bool {
	if q.n == 0 {
		return false
	}
	*r = q.room[q.first]
	q.first = (q.first + 1) % len(q.room)
	q.n--
	return true
}

// Resources are what an engine works on, owned by its shard.
type Resources struct {
	Blocks []sock.Block // indexed by slot
	Pool   *ring.Pool
	Ranges *slab.Slab[RangeSet] // bounds how many connections may have holes at once
	Sent   *slab.Slab[SendLog]  // and how many find losses by time
	Secret prf.Key
	Seed   uint64
}

// New returns an engine.
func New(cfg Config, r Resources) *Engine {
	cfg.WindowScale = min(max(cfg.WindowScale, 0), wire.MaxWScale)
	cfg.SndBuf = max(cfg.SndBuf, leastBuf)
	e := cacheline.New[Engine]()
	*e = Engine{
		cfg:    cfg,
		blocks: r.Blocks,
		pool:   r.Pool,
		mem:    r.Pool.Memory(),
		ranges: r.Ranges,
		sent:   r.Sent,
		key:    r.Secret,
		rnd:    prf.NewRand(r.Seed),
		settings: sock.Rare{
			KeepIdle:  seconds(cfg.KeepIdle),
			KeepIntvl: seconds(cfg.KeepInterval),
			KeepCount: uint8(min(cfg.KeepCount, 255)),
			Linger:    lingerOff,

			UserTimeout: millis(cfg.UserTimeout),
		},
	}
	e.replies.room, e.cookies.room = e.rooms.replies[:], e.rooms.cookies[:]
	return e
}

// Config returns the engine's configuration.
func (e *Engine) Config() *Config { return &e.cfg }

// drop counts a refusal and returns it.
func (e *Engine) drop(r drop.Reason) drop.Reason {
	e.Stats.Drops[r]++
	return r
}

func (e *Engine) rx(t *TCB) ring.Stream  { return e.blocks[t.slot].Rx(e.mem) }
func (e *Engine) rare(t *TCB) *sock.Rare { return &e.blocks[t.slot].Rare }

func (e *Engine) tx(t *TCB) ring.Stream { return e.blocks[t.slot].Tx(e.mem) }

// An MTU bounds packets: to a peer by what is known of the path, and from it by
// our route. What we can receive has nothing to do with the path there.
type MTU struct{ Path, Route int }

// open prepares a TCB for the slot i. Every connection begins here.
func (e *Engine) open(t *TCB, i slab.Index, k flow.Key4, mtu MTU, settings []sock.Setting) {
	*t = TCB{
		slot:     i,
		key:      k,
		mss:      mssFor(mtu.Path),
		ourMSS:   mssFor(max(mtu.Path, mtu.Route)),
		rto:      micros(e.cfg.RTOInitial),
		rcvMSS:   defaultMSS,
		rcvBuf:   uint32(e.cfg.RcvBuf),
		sndBuf:   uint32(e.cfg.SndBuf),
		tsOffset: e.timestampOffset(k),
	}
	if e.cfg.NoDelay {
		t.flags |= flagNoDelay
	}
	if e.cfg.KeepAlive {
		t.flags |= flagKeepAlive
	}
	b := &e.blocks[i]
	b.Reset()
	b.Rare = e.settings
	for _, s := range settings {
		e.set(t, s.Option, s.Value)
	}
	t.rcvScale = e.windowScale(t)
}

// mssFor returns the MSS that an MTU allows, options included (RFC 9293 §3.7.1).
func mssFor(mtu int) uint16 { return uint16(min(max(mtu-headersIPv4, leastMSS), maxMSS)) }

// PopReply takes the oldest connectionless segment.
func (e *Engine) PopReply(r *Reply) bool { return e.replies.pop(r) }

// PopCookie takes the oldest SYN-ACK of no connection.
func (e *Engine) PopCookie(r *Reply) bool { return e.cookies.pop(r) }

// Cookies returns how many of them wait.
func (e *Engine) Cookies() int { return e.cookies.n }

// Replies returns how many connectionless segments wait, SYN-ACKs included.
func (e *Engine) Replies() int { return e.replies.n + e.cookies.n }

// SendLogs returns how many logs of what is in flight connections hold.
func (e *Engine) SendLogs() int { return e.sent.Len() }

// RangeSets returns how many sets of ranges connections hold.
func (e *Engine) RangeSets() int { return e.ranges.Len() }

// reply queues a connectionless segment; when too many wait it is dropped,
// which bounds what a flood can make us send.
func (e *Engine) reply(r Reply) {
	if e.replies.full() {
		e.drop(drop.ReplyLimit)
		return
	}
	if r.Flags.Has(wire.RST) {
		e.Stats.ResetsOut++
	}
	e.replies.push(&r)
}

// milliClock is the timestamp clock: milliseconds (RFC 7323 §5.4 allows 1 ms
// to 1 s).
func milliClock(now mono.Time) uint32 { return uint32(uint64(now) / uint64(time.Millisecond)) }

// microClock is a clock for short intervals; it wraps after 71 minutes.
func microClock(now mono.Time) uint32 { return uint32(uint64(now) / uint64(time.Microsecond)) }

func millis(d time.Duration) uint32 { return uint32(min(max(d.Milliseconds(), 0), 1<<31)) }
func micros(d time.Duration) uint32 { return uint32(min(max(d.Microseconds(), 0), 1<<31)) }

// seconds rounds up: a setting that is not zero stays so.
func seconds(d time.Duration) uint16 {
	return uint16(min(max((d+time.Second-1)/time.Second, 1), 1<<16-1))
}

func fromMillis(ms uint32) time.Duration { return time.Duration(ms) * time.Millisecond }
func fromSeconds(s uint16) time.Duration { return time.Duration(s) * time.Second }
