package traffic

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/event"
	"github.com/mtcp-go/mtcp/internal/cacheline"
)

// A client is the load of one shard.
type client struct {
	spec    *Spec
	loop    *event.Loop
	to      netip.AddrPort
	from    []netip.AddrPort
	next    int // of from
	pattern []byte
	request []byte // what a transaction asks; of bulk nothing
	handler event.Handler

	sessions []*session
	idle     []*session // open loop: those that wait for something to do
	due      arrivals
	held     holding
	counting bool
	stopped  bool
	began    time.Duration
	r        Result // goes on
	final    Result // of the time that counts
}

// openBatch is how many connections are dialled at a time at the beginning: more
// would overrun the other side's queues.
const (
	openBatch = 32
	openPause = 200 * time.Microsecond
	openAhead = 1024 // that are dialled and not open: a listener bounds them, too
)

// Run makes a load from all shards of the stack and returns what came of it. The
// connections are spread over the shards.
func Run(ctx context.Context, s *mtcp.Stack, spec Spec) (*Result, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	loops := event.Loops(s)
	if len(loops) == 0 {
		return nil, errors.New("traffic: the stack is closed")
	}
	clients := make([]*client, len(loops))
	for i, l := range loops {
		part := spec
		part.Connections = spec.Connections / len(loops)
		if i < spec.Connections%len(loops) {
			part.Connections++
		}
		part.Rate = spec.Rate / float64(len(loops))
		clients[i] = newClient(&part, l)
	}
	err := hold(ctx, clients, spec.Hold)
	if err == nil {
		err = phases(ctx, clients, &spec)
	}
	total := &Result{Latency: newHistogram()}
	for _, c := range clients {
		if err := c.on(c.finish); err != nil {
			return nil, err
		}
		total.add(&c.final)
	}
	if total.Connections == 0 && spec.Work != Requests && spec.Work != HTTP && total.FirstError != "" {
		err = errors.Join(err, errors.New("traffic: "+total.FirstError))
	}
	return total, err
}

// phases lets the clients begin, count, and stop.
func phases(ctx context.Context, clients []*client, spec *Spec) error {
	each := func(f func(c *client)) error {
		for _, c := range clients {
			if err := c.on(func() { f(c) }); err != nil {
				return err
			}
		}
		return nil
	}
	if err := each((*client).begin); err != nil {
		return err
	}
	if err := sleep(ctx, spec.Warmup); err != nil {
		return err
	}
	if err := each((*client).count); err != nil {
		return err
	}
	if err := sleep(ctx, spec.Duration); err != nil {
		return err
	}
	return each((*client).stop)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func newClient(spec *Spec, l *event.Loop) *client {
	c := cacheline.New[client]()
	*c = client{
		spec: spec, loop: l, to: netip.AddrPortFrom(spec.Server, spec.port()),
		pattern: newPattern(),
		r:       Result{Latency: newHistogram()}, final: Result{Latency: newHistogram()},
	}
	c.request = c.pattern[:min(spec.Size, patternPeriod)]
	if spec.Work == HTTP || spec.Work == HTTPClose {
		c.request = get(spec.Work == HTTPClose)
	}
	for _, a := range spec.From {
		c.from = append(c.from, netip.AddrPortFrom(a, 0))
	}
	if len(c.from) == 0 {
		c.from = []netip.AddrPort{{}}
	}
	c.handler = event.Handler{
		Open:     func(x event.Conn) { x.User().(*session).opened(x) },
		Readable: func(x event.Conn) { x.User().(*session).readable(x) },
		Writable: func(x event.Conn) { x.User().(*session).write(x) },
		Closed:   func(x event.Conn, err error) { x.User().(*session).closed(err) },
	}
	return c
}

// on runs f on the client's shard and waits for it.
func (c *client) on(f func()) error {
	done := make(chan struct{})
	err := event.ErrBusy
	for err == event.ErrBusy {
		err = c.loop.Do(func(*event.Loop) { defer close(done); f() })
	}
	if err == nil {
		<-done
	}
	return err
}

// begin opens the first connections.
func (c *client) begin() {
	if c.spec.Rate > 0 {
		c.due.begin(c)
	}
	c.open(c.loop)
}

// open makes the places of the load, a few at a time. Short connections of an
// open loop are opened when they are due.
func (c *client) open(*event.Loop) {
	n := min(openBatch, c.spec.Connections-len(c.sessions))
	if c.stopped || n == 0 {
		return
	}
	if !c.spec.Work.each() && c.spec.PerConnection == 0 { // those stay open
		n = min(n, max(0, openAhead-(len(c.sessions)-c.r.Open)))
	}
	for range n {
		s := &session{client: c}
		c.sessions = append(c.sessions, s)
		s.again()
	}
	c.loop.After(openPause, c.open)
}

// count ends the warm-up.
func (c *client) count() {
	old := c.r
	c.r = Result{
		Latency: newHistogram(), Open: old.Open, FirstError: old.FirstError,
		All: old.Transactions, AllOpened: old.Connections, AllOctets: old.Octets,
	}
	for _, s := range c.sessions {
		s.share = 0
	}
	c.counting = true
	c.began = c.loop.Now()
}

// stop ends the measurement.
func (c *client) stop() {
	if c.counting {
		c.final = c.r
		c.final.Elapsed = c.loop.Now() - c.began
		c.final.Held = c.held.open
		c.final.All += c.final.Transactions
		c.final.AllOpened += c.final.Connections
		c.final.AllOctets += c.final.Octets
		for _, s := range c.sessions {
			c.final.Shares.add(s.share)
		}
	}
	c.counting, c.stopped = false, true
}

// finish closes everything.
func (c *client) finish() {
	c.stop()
	c.due.stop()
	for _, s := range c.sessions {
		s.conn.Abort()
	}
}
