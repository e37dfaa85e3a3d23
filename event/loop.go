package event

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/door"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/stack"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Limits.
const (
	maxPosted  = 1 << 16 // functions that wait for their shard
	pageLength = 1 << 10 // entries that are made at a time
)

// ErrBusy is Loop.Do's answer when too many functions wait already: the shard
// cannot keep up, or a handler blocks it.
var ErrBusy = errors.New("event: too many functions wait for the shard")

// A Loop is one shard as handlers see it. Its methods belong on the shard, but
// for Do, Shard and Stats.
type Loop struct {
	door   *hub
	core   *stack.Stack
	shard  *shard.Shard
	number int

	present      slab.Handle // of the connection that had its turn last, 0 if it has been closed
	presentEntry *entry

	pages   []*[pageLength]entry // by slot; a page is made with its first entry
	dialing slotSet              // of which the handshake is not over
	live    int
	ticks   ticks
	timers  timers
	due     [64]uint32

	posted    sync.Mutex
	functions []func(*Loop) // that wait, under posted
	closed    bool          // the shard runs nothing any more, under posted
	running   []func(*Loop)
	waiting   atomic.Bool // functions is not empty

	panics atomic.Uint64
	watched
}

// An entry is what a Loop knows of a connection. There are as many as connections,
// so what few of them have is elsewhere.
type entry struct {
	handler *Handler // nil when no handler has it
	user    any
}

func (e *entry) open() bool { return e.handler != nil }

// A slotSet has a bit for each slot up to the highest that was ever added.
type slotSet []uint64

func (s *slotSet) add(i slab.Index) {
	if more := int(i/64) + 1 - len(*s); more > 0 {
		*s = append(*s, make(slotSet, more)...)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

func (s slotSet) has(i slab.Index) bool { return int(i/64) < len(s) && s[i/64]>>(i%64)&1 != 0 }

func (s slotSet) remove(i slab.Index) {
	if int(i/64) < len(s) {
		s[i/64] &^= 1 << (i % 64)
	}
}

// A hub is what the loops of a stack have in common.
type hub struct {
	core     *stack.Stack
	log      *slog.Logger
	loops    []*Loop
	mu       sync.Mutex
	handlers atomic.Pointer[[]*Handler] // of listeners, by owner; replaced under mu
	watcher  watcher
}

// Loops returns the stack's shards, none once it is closed.
func Loops(s *mtcp.Stack) []*Loop {
	if d := hubOf(s); d != nil {
		return d.loops
	}
	return nil
}

// hubOf returns the hub of a stack, making it the first time.
func hubOf(s *mtcp.Stack) *hub {
	core := s.Core()
	d := &hub{core: core, log: s.Logger()}
	all := core.Handlers(func(i int, sh *shard.Shard) shard.Handler {
		l := cacheline.New[Loop]()
		*l = Loop{door: d, core: core, shard: sh, number: i}
		d.loops = append(d.loops, l)
		return (*hooks)(l)
	})
	if len(all) == 0 {
		return nil
	}
	d = (*Loop)(all[0].(*hooks)).door
	d.watch()
	return d
}

// Shard returns the shard's number.
func (l *Loop) Shard() int { return l.number }

// Now returns the time of the present round, for measuring: it stands still
// within a handler.
func (l *Loop) Now() time.Duration { return time.Duration(l.shard.Now()) }

// Connections returns how many connections the shard's handlers have.
func (l *Loop) Connections() int { return l.live }

// conn names the connection in a slot.
func (l *Loop) conn(i slab.Index) Conn { return Conn{l, l.shard.Handled(i)} }

// entry returns the entry of a slot.
func (l *Loop) entry(i slab.Index) *entry {
	page := int(i) / pageLength
	if page >= len(l.pages) {
		l.pages = append(l.pages, make([]*[pageLength]entry, page+1-len(l.pages))...)
	}
	if l.pages[page] == nil {
		l.pages[page] = new([pageLength]entry)
	}
	return &l.pages[page][int(i)%pageLength]
}

// known is entry, but nil if there is none.
func (l *Loop) known(i slab.Index) *entry {
	page := int(i) / pageLength
	if page >= len(l.pages) || l.pages[page] == nil {
		return nil
	}
	return &l.pages[page][int(i)%pageLength]
}

// Dial opens a connection of this shard. Its handler's first call is Open, or
// Closed if there is no connection to be had. An error here means that it could
// not even be tried; then nothing is called.
func (l *Loop) Dial(to netip.AddrPort, h *Handler, user any) (Conn, error) {
	return l.DialFrom(netip.AddrPort{}, to, h, user)
}

// DialFrom is Dial from a chosen local address; where that is not valid, or the
// port 0, the stack chooses.
func (l *Loop) DialFrom(from, to netip.AddrPort, h *Handler, user any) (Conn, error) {
	remote, ok := wire.FromNetip(to.Addr().Unmap())
	local, _ := wire.FromNetip(from.Addr().Unmap())
	i, why := slab.Index(0), sock.Invalid
	err := l.core.MayDialFrom(from.Port())
	if h == nil {
		err = errNoHandler
	}
	if ok && err == nil {
		i, why = l.shard.Dial(local, remote, from.Port(), to.Port())
	}
	if why != sock.OK && err == nil {
		err = door.Errno(why, "connect")
	}
	if err != nil {
		return Conn{}, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	*l.entry(i) = entry{h, user}
	l.dialing.add(i)
	l.live++
	return l.conn(i), nil
}

// Adopt hands a connection of the stack's net door to its shard's handlers, from
// any goroutine: h gets it with Open, and with it what has arrived. To all who
// have c it is closed. No call of it may be in progress; then, and when it is
// closed or no connection of the stack, there is an error and nothing changes.
// ErrBusy costs the connection, which is reset.
func Adopt(s *mtcp.Stack, c net.Conn, h *Handler, user any) error {
	d := hubOf(s)
	switch {
	case h == nil:
		return errNoHandler
	case d == nil:
		return net.ErrClosed
	}
	return s.Detach(c, func(number int, handle slab.Handle) error {
		return d.loops[number].Do(func(l *Loop) { l.adopt(handle, h, user) })
	})
}

// adopt is Adopt, on the shard.
func (l *Loop) adopt(handle slab.Handle, h *Handler, user any) {
	i, ok := l.shard.Adopt(handle)
	if !ok {
		return // the stack has ended it
	}
	e := l.entry(i)
	*e = entry{h, user}
	l.live++
	c := l.turn(e, i)
	l.run(e, h.Open, c)
	if c.IsOpen() {
		(*hooks)(l).Ready(i, l.shard.News(i))
	}
}

// Do runs f on the shard, soon. Any goroutine may call; calls from one goroutine
// keep their order. It is net.ErrClosed once the stack is closed; what was
// accepted before may then never run.
func (l *Loop) Do(f func(*Loop)) error {
	if err := l.post(f); err != nil {
		return err
	}
	if !l.waiting.Swap(true) && !l.core.Ring(l.number) {
		return net.ErrClosed
	}
	return nil
}

func (l *Loop) post(f func(*Loop)) error {
	l.posted.Lock()
	defer l.posted.Unlock()
	switch {
	case l.closed:
		return net.ErrClosed
	case len(l.functions) >= maxPosted:
		return ErrBusy
	}
	l.functions = append(l.functions, f)
	return nil
}

// close forgets what was posted and cannot run any more.
func (l *Loop) close() {
	l.posted.Lock()
	defer l.posted.Unlock()
	l.closed, l.functions = true, nil
}

// Advance implements shard.Handler.
func (k *hooks) Advance(now mono.Time) int {
	l := (*Loop)(k)
	l.leave()
	n := 0
	if l.waiting.Load() {
		n += l.runPosted()
	}
	if l.ticks.wheel != nil {
		n += l.runTicks(now)
	}
	return n + l.runTimers(now)
}

// Next implements shard.Handler.
func (k *hooks) Next() mono.Time {
	l := (*Loop)(k)
	l.leave()
	if l.waiting.Load() {
		return 0
	}
	next := l.timers.next()
	if l.ticks.wheel != nil {
		next = min(next, l.ticks.wheel.Next())
	}
	return next
}

// runPosted runs what was posted before; what comes meanwhile waits for the
// next round.
func (l *Loop) runPosted() int {
	l.posted.Lock()
	l.waiting.Store(false)
	l.functions, l.running = l.running[:0], l.functions
	l.posted.Unlock()
	for i, f := range l.running {
		l.running[i] = nil
		l.protect(f)
	}
	return len(l.running)
}

// protect runs a function that is no connection's.
func (l *Loop) protect(f func(*Loop)) {
	l.enter()
	defer func() {
		if r := recover(); r != nil {
			l.panicked(r)
		}
	}()
	f(l)
}

// Stats are the counts of one shard's handlers.
type Stats struct {
	Panics  uint64 // of handlers and functions; each is logged
	Blocked uint64 // times that one took longer than BlockedAfter
}

// Stats returns the counts. Any goroutine may call.
func (l *Loop) Stats() Stats {
	return Stats{Panics: l.panics.Load(), Blocked: l.blocked.Load()}
}
