package mtcp

// Following the kernel: what happens to the interface while the stack runs, and
// with a shared address the kernel's addresses, routes and neighbours.
//
//  1. One goroutine reads what the kernel tells.
//  2. One applies it to the shards, several changes together when they come
//     together; asks the kernel about neighbours that shards do not know; and
//     gives ports back.
//  3. When the interface is removed the stack ends.
//
// Both belong to the stack, which waits for them when it closes.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Limits.
const (
	maxQuestions    = 256 // of shards, that wait; the rest is asked again
	maxAsksASecond  = 512 // of the kernel
	maxTogether     = 256 // changes of addresses and routes that are applied at once
	retireFirst     = time.Second
	retireLast      = 30 * time.Second
	watchErrorPause = 100 * time.Millisecond
)

// A question of a shard about a neighbour.
type question struct {
	about    wire.IPv4
	isProven bool // it is there: the kernel need not look
}

// questions are on their way from shards to the follower.
type questions struct {
	c    chan question
	lost atomic.Uint64
}

func newQuestions() *questions { return &questions{c: make(chan question, maxQuestions)} }

// ask is called by shards: it must not block.
func (q *questions) ask(about wire.IPv4, isProven bool) {
	select {
	case q.c <- question{about, isProven}:
	default:
		q.lost.Add(1)
	}
}

// A follower keeps one stack in step with the kernel.
type follower struct {
	stack  *Stack
	name   string
	watch  *netconf.Watcher
	share  *share     // nil: the stack's addresses are its own
	asked  *questions // with share
	hasMAC bool       // the interface's MAC is the stack's

	end     context.CancelFunc
	running sync.WaitGroup
	events  chan netconf.Event

	// Owned by run.
	addresses  map[netip.Prefix]bool
	routes     map[netconf.Route]bool
	neighbours map[netip.Addr][6]byte
	changed    bool // addresses or routes
	ignored    int
	second     time.Time // of the asks
	asks       int
	pause      time.Duration // to the next look at ports that retire
}

// follow brings the stack in step with what the kernel knew when it was opened,
// and keeps it so from then on.
func (s *Stack) follow(o *openLink) {
	f := &follower{
		stack: s, name: o.name, watch: o.watch, share: o.share, asked: o.asked, hasMAC: o.hasMAC,
		events:     make(chan netconf.Event),
		addresses:  make(map[netip.Prefix]bool),
		routes:     make(map[netconf.Route]bool),
		neighbours: make(map[netip.Addr][6]byte),
		pause:      retireFirst,
	}
	s.follower = f
	first := f.watch.Snapshot()
	if !first.Up {
		s.core.SetLink(false)
	}
	if f.share != nil {
		for _, a := range first.Addresses {
			f.addresses[a] = true
		}
		for _, r := range first.Routes {
			f.routes[r] = true
		}
		for _, n := range first.Neighbours {
			f.neighbours[n.IP] = n.MAC
		}
		f.setNetwork()
	}
	ctx, end := context.WithCancel(context.Background())
	f.end = end
	f.running.Go(func() { f.read(ctx) })
	f.running.Go(func() { f.run(ctx) })
}

// stop ends the following, and waits for that.
func (f *follower) stop() error {
	if f == nil {
		return nil
	}
	f.end()
	f.running.Wait()
	return f.watch.Close()
}

// read passes on what the kernel tells until the interface is removed.
func (f *follower) read(ctx context.Context) {
	for {
		e, err := f.watch.Next(ctx)
		switch {
		case ctx.Err() != nil, errors.Is(err, netconf.ErrNoInterface):
			return
		case err != nil:
			f.stack.log.Warn("the kernel's news are delayed", "link", f.name, "error", err)
			select {
			case <-time.After(watchErrorPause):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case f.events <- e:
		case <-ctx.Done():
			return
		}
	}
}

func (f *follower) run(ctx context.Context) {
	retire := time.NewTimer(f.pause)
	defer retire.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-f.events:
			if !f.apply(e) {
				return
			}
		case q := <-f.questions():
			f.answer(q)
		case <-retire.C:
			f.retire()
			retire.Reset(f.pause)
		}
	}
}

// questions is nil, from which nothing comes, without a shared address.
func (f *follower) questions() <-chan question {
	if f.asked == nil {
		return nil
	}
	return f.asked.c
}

// apply takes an event, and if it changes addresses or routes those that come
// with it; it is false after the last.
func (f *follower) apply(e netconf.Event) bool {
	for n := 1; ; n++ {
		if !f.one(e) {
			return false
		}
		if !f.changed {
			return true
		}
		if n == maxTogether || !f.next(&e) {
			f.setNetwork()
			return true
		}
	}
}

// next takes another event if the reader is about to bring one.
func (f *follower) next(e *netconf.Event) bool {
	select {
	case *e = <-f.events:
		return true
	case <-time.After(time.Millisecond):
		return false
	}
}

// one applies an event; addresses and routes only when all have come.
func (f *follower) one(e netconf.Event) bool {
	core, log := f.stack.core, f.stack.log.With("link", f.name)
	switch e.Kind {
	case netconf.LinkUp, netconf.LinkDown:
		log.Info(e.Kind.String())
		core.SetLink(e.Kind == netconf.LinkUp)
	case netconf.MTUChanged:
		f.setMTU(e.MTU, log)
	case netconf.MACChanged:
		if f.hasMAC {
			core.SetMAC(wire.MAC(e.MAC))
		}
	case netconf.Removed:
		f.stack.fail(fmt.Errorf("mtcp: %s: %w", f.name, ErrLinkGone))
		return false
	default:
		if f.share != nil {
			f.shared(e)
		}
	}
	return true
}

func (f *follower) setMTU(mtu int, log *slog.Logger) {
	if f.stack.core.SetMTU(mtu) {
		log.Info("MTU changed", "mtu", mtu)
		return
	}
	log.Warn("the MTU is larger than the frames that the stack was opened with, which goes on with theirs; close it and open it again to use all of it",
		"mtu", mtu, "frames", f.stack.core.Links()[0].MTU)
}

// shared applies news of what the kernel and the stack have in common.
func (f *follower) shared(e netconf.Event) {
	switch e.Kind {
	case netconf.AddressAdded:
		f.addresses[e.Address], f.changed = true, true
	case netconf.AddressRemoved:
		delete(f.addresses, e.Address)
		f.changed = true
	case netconf.RouteAdded:
		f.routes[e.Route], f.changed = true, true
	case netconf.RouteRemoved:
		delete(f.routes, e.Route)
		f.changed = true
	case netconf.NeighbourResolved:
		n := e.Neighbour
		f.neighbours[n.IP] = n.MAC
		if a, ok := wire.FromNetip(n.IP); ok {
			f.stack.core.TellNeighbour(a, wire.MAC(n.MAC))
		}
	case netconf.NeighbourGone:
		delete(f.neighbours, e.Neighbour.IP)
		if a, ok := wire.FromNetip(e.Neighbour.IP); ok {
			f.stack.core.TellNeighbourGone(a)
		}
	}
}

// setNetwork takes the kernel's addresses and routes over.
func (f *follower) setNetwork() {
	f.changed = false
	f.setAddresses()
	ignored := f.stack.core.SetNetwork(f.usable(), f.kernelRoutes())
	if ignored > f.ignored {
		f.stack.log.Warn("addresses or routes of the kernel that the stack cannot use", "link", f.name, "number", ignored)
	}
	f.ignored = ignored
}

// setAddresses brings the packets of the kernel's addresses here: of those of
// them that the stack is to have.
func (f *follower) setAddresses() {
	had, has := f.share.all(), make(map[netip.Addr]bool)
	for p := range f.addresses {
		has[p.Addr()] = true
	}
	for _, a := range had {
		if !has[a] {
			f.share.remove(a)
			f.stack.log.Info("the kernel has an address no more", "link", f.name, "address", a)
		}
	}
	for a := range has {
		if !f.share.isWanted(a) || slices.Contains(had, a) {
			continue
		}
		if err := f.share.add(a); err != nil {
			f.stack.log.Error("the stack cannot share an address", "link", f.name, "address", a, "error", err)
			continue
		}
		f.stack.log.Info("the stack shares an address", "link", f.name, "address", a)
	}
}

// usable lists the addresses whose packets come here.
func (f *follower) usable() []wire.IPv4Prefix {
	var all []wire.IPv4Prefix
	ours := f.share.all()
	for _, p := range slices.SortedFunc(maps.Keys(f.addresses), comparePrefixes) {
		if w, ok := wire.PrefixFromNetip(p); ok && slices.Contains(ours, p.Addr()) {
			all = append(all, w)
		}
	}
	return all
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// kernelRoutes lists the routes, the default ones first: if there are too many,
// those are kept.
func (f *follower) kernelRoutes() []ip.Route {
	var all []ip.Route
	for r := range f.routes {
		to, ok := wire.PrefixFromNetip(r.Destination)
		if !ok {
			continue
		}
		gateway, _ := wire.FromNetip(r.Gateway)
		source, _ := wire.FromNetip(r.Source)
		all = append(all, ip.Route{Prefix: to, Gateway: gateway, Source: source, MTU: r.MTU, Metric: r.Metric})
	}
	slices.SortFunc(all, func(a, b ip.Route) int {
		return cmp.Or(
			cmp.Compare(a.Prefix.Bits, b.Prefix.Bits), cmp.Compare(a.Prefix.Addr, b.Prefix.Addr),
			cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Gateway, b.Gateway))
	})
	return all
}

// answer tells a shard of a neighbour that the kernel knows, and in any case has
// the kernel look after it: what it finds comes as an event.
func (f *follower) answer(q question) {
	about := q.about.Netip()
	if mac, known := f.neighbours[about]; known && !q.isProven {
		f.stack.core.TellNeighbour(q.about, wire.MAC(mac))
	}
	if !f.mayAsk() {
		f.asked.lost.Add(1)
		return
	}
	ask := f.watch.AskNeighbour
	if q.isProven {
		ask = f.watch.ConfirmNeighbour
	}
	if err := ask(about); err != nil {
		f.stack.log.Debug("asking the kernel about a neighbour", "error", err)
	}
}

// mayAsk keeps a flood of packets from spoofed neighbours from becoming one of
// questions.
func (f *follower) mayAsk() bool {
	if now := time.Now(); now.Sub(f.second) >= time.Second {
		f.second, f.asks = now, 0
	}
	f.asks++
	return f.asks <= maxAsksASecond
}

// retire looks whether ports can be given back, less and less often.
func (f *follower) retire() {
	if f.share == nil || !f.share.retiring() {
		f.pause = retireFirst
		return
	}
	if err := f.share.retire(f.stack.core); err != nil {
		f.stack.log.Error("giving ports back", "link", f.name, "error", err)
	}
	f.pause = min(2*f.pause, retireLast)
}

// fail ends the stack for a reason.
func (s *Stack) fail(why error) {
	s.ending(why)
	s.log.Error("the stack ends", "why", why)
	err := errors.Join(s.core.Fail(sock.LinkGone), s.closeLink(), s.closeShare(), s.endCapture())
	if err != nil {
		s.log.Warn("closing what was left", "error", err)
	}
	s.ended()
}
