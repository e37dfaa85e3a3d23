package netconf

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// watchPatience bounds waits for something that must happen.
const watchPatience = 10 * time.Second

var (
	watchedIP  = netip.MustParsePrefix("10.77.0.1/24")
	farPrefix  = netip.MustParsePrefix("10.99.0.0/16")
	gatewayIP  = netip.MustParseAddr("10.77.0.254")
	watchedMAC = [6]byte{2, 0, 0, 0, 0, 1}
	peerMAC    = [6]byte{2, 0, 0, 0, 0, 9}

	equate = cmp.Options{
		cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
		cmpopts.EquateEmpty(),
	}
)

// watchedPair has an address at its first end, and a peer that answers for one.
func watchedPair(t *testing.T) *Pair {
	t.Helper()
	requireRoot(t)
	p, err := NewPair(
		End{MAC: watchedMAC, Addresses: []netip.Prefix{watchedIP}},
		End{MAC: peerMAC, Addresses: []netip.Prefix{netip.MustParsePrefix("10.77.0.9/24")}},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func watch(t *testing.T, p *Pair) *Watcher {
	t.Helper()
	var w *Watcher
	inside(t, p.Ends[0].Namespace, func() (err error) { w, err = Watch(p.Ends[0].Interface); return err })
	t.Cleanup(func() { w.Close() })
	return w
}

// change runs f about the first end's interface, in its namespace.
func change(t *testing.T, p *Pair, f func(l netlink.Link) error) {
	t.Helper()
	inside(t, p.Ends[0].Namespace, func() error {
		l, err := netlink.LinkByName(p.Ends[0].Interface)
		if err != nil {
			return err
		}
		return f(l)
	})
}

// until collects events up to and including the first of a kind.
func until(t *testing.T, w *Watcher, k Kind) []Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), watchPatience)
	defer cancel()
	var all []Event
	for {
		e, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for %q after %v: %v", k, all, err)
		}
		all = append(all, e)
		if e.Kind == k {
			return all
		}
	}
}

// settled returns the events up to now: the kernel tells of a change before the
// call that makes it returns, so they are in front of one more change.
func settled(t *testing.T, p *Pair, w *Watcher) []Event {
	t.Helper()
	var mtu int
	change(t, p, func(l netlink.Link) error {
		mtu = 2800 - l.Attrs().MTU // 1300 to 1500 and back
		return netlink.LinkSetMTU(l, mtu)
	})
	all := until(t, w, MTUChanged)
	if got := all[len(all)-1].MTU; got != mtu {
		t.Fatalf("MTU %d, want %d", got, mtu)
	}
	return all[:len(all)-1]
}

func expect(t *testing.T, what string, got []Event, want ...Event) {
	t.Helper()
	if d := cmp.Diff(want, got, equate); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}

// kernelRoute is what the kernel is asked to have.
func kernelRoute(l netlink.Link, r Route) *netlink.Route {
	return &netlink.Route{
		LinkIndex: l.Attrs().Index, Dst: ipNet(r.Destination), Gw: r.Gateway.AsSlice(), Src: r.Source.AsSlice(),
		MTU: r.MTU, Priority: r.Metric,
	}
}

func kernelNeighbour(l netlink.Link, n Neighbour) *netlink.Neigh {
	return &netlink.Neigh{LinkIndex: l.Attrs().Index, State: netlink.NUD_PERMANENT, IP: n.IP.AsSlice(), HardwareAddr: n.MAC[:]}
}

func TestWatch_SnapshotIsWhatThereIs(t *testing.T) {
	p := watchedPair(t)
	static := Neighbour{netip.MustParseAddr("10.77.0.5"), peerMAC}
	byGateway := Route{Destination: farPrefix, Gateway: gatewayIP, Metric: 7, MTU: 1400}
	change(t, p, func(l netlink.Link) error {
		return errors.Join(netlink.NeighSet(kernelNeighbour(l, static)), netlink.RouteAdd(kernelRoute(l, byGateway)))
	})
	want := Snapshot{
		Up: true, MTU: 1500, MAC: watchedMAC,
		Addresses:  []netip.Prefix{watchedIP},
		Routes:     []Route{{Destination: watchedIP.Masked(), Source: watchedIP.Addr()}, byGateway},
		Neighbours: []Neighbour{static},
	}
	if d := cmp.Diff(want, watch(t, p).Snapshot(), equate); d != "" {
		t.Error(d)
	}
}

func TestWatch_MissingInterfaceIsNamed(t *testing.T) {
	n := namespace(t)
	inside(t, n, func() error {
		if _, err := Watch("nosuch0"); !errors.Is(err, ErrNoInterface) {
			t.Errorf("got %v, want ErrNoInterface", err)
		}
		return nil
	})
}

func TestNext_TellsOfAddressesWithTheirRoutes(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	second := netip.MustParsePrefix("10.88.0.1/16")
	a := &netlink.Addr{IPNet: ipNet(second)}
	connected := Route{Destination: second.Masked(), Source: second.Addr()}
	change(t, p, func(l netlink.Link) error { return netlink.AddrAdd(l, a) })
	expect(t, "added", settled(t, p, w), Event{Kind: AddressAdded, Address: second}, Event{Kind: RouteAdded, Route: connected})
	change(t, p, func(l netlink.Link) error { return netlink.AddrDel(l, a) })
	expect(t, "removed", settled(t, p, w), Event{Kind: AddressRemoved, Address: second}, Event{Kind: RouteRemoved, Route: connected})
}

func TestNext_TellsOfRoutes(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	first := Route{Destination: farPrefix, Gateway: gatewayIP, Source: watchedIP.Addr(), Metric: 5, MTU: 1400}
	other := first
	other.Gateway = netip.MustParseAddr("10.77.0.253")
	standard := Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: gatewayIP}
	change(t, p, func(l netlink.Link) error { return netlink.RouteAdd(kernelRoute(l, first)) })
	expect(t, "added", settled(t, p, w), Event{Kind: RouteAdded, Route: first})
	change(t, p, func(l netlink.Link) error { return netlink.RouteReplace(kernelRoute(l, other)) })
	got := settled(t, p, w)
	slices.SortFunc(got, func(a, b Event) int { return int(a.Kind) - int(b.Kind) })
	expect(t, "replaced", got, Event{Kind: RouteAdded, Route: other}, Event{Kind: RouteRemoved, Route: first})
	change(t, p, func(l netlink.Link) error {
		return errors.Join(netlink.RouteDel(kernelRoute(l, other)), netlink.RouteAdd(kernelRoute(l, standard)))
	})
	expect(t, "removed", settled(t, p, w), Event{Kind: RouteRemoved, Route: other}, Event{Kind: RouteAdded, Route: standard})
}

func TestNext_TellsOfRoutesThatLoseTheirSource(t *testing.T) {
	p := watchedPair(t)
	source := netip.MustParsePrefix("10.55.0.1/32")
	r := Route{Destination: farPrefix, Gateway: gatewayIP, Source: source.Addr()}
	elsewhere := func(do func(netlink.Link, *netlink.Addr) error) {
		inside(t, p.Ends[0].Namespace, func() error {
			lo, err := netlink.LinkByName("lo")
			return errors.Join(err, do(lo, &netlink.Addr{IPNet: ipNet(source)}))
		})
	}
	elsewhere(netlink.AddrAdd)
	change(t, p, func(l netlink.Link) error { return netlink.RouteAdd(kernelRoute(l, r)) })
	w := watch(t, p)
	elsewhere(netlink.AddrDel)
	expect(t, "source removed", settled(t, p, w), Event{Kind: RouteRemoved, Route: r})
}

func TestNext_LeavesOutOtherTablesAndKindsOfRoutes(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	change(t, p, func(l netlink.Link) error {
		elsewhere := kernelRoute(l, Route{Destination: farPrefix, Gateway: gatewayIP})
		elsewhere.Table = 100
		service := kernelRoute(l, Route{Destination: farPrefix, Gateway: gatewayIP})
		service.Tos = 8
		local := kernelRoute(l, Route{Destination: netip.MustParsePrefix("10.5.0.0/24")})
		local.Type, local.Scope = unix.RTN_LOCAL, unix.RT_SCOPE_HOST
		return errors.Join(netlink.RouteAdd(elsewhere), netlink.RouteAdd(service), netlink.RouteAdd(local),
			netlink.RouteAdd(&netlink.Route{Dst: ipNet(farPrefix), Type: unix.RTN_UNREACHABLE, Priority: 9}))
	})
	expect(t, "other routes", settled(t, p, w))
	if got := len(watch(t, p).Snapshot().Routes); got != 1 {
		t.Errorf("%d routes in a snapshot, want the connected one", got)
	}
}

func TestNext_TellsOfOurWayOfARouteWithSeveral(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	a, b := Route{Destination: farPrefix, Gateway: gatewayIP}, Route{Destination: farPrefix, Gateway: netip.MustParseAddr("10.77.0.253")}
	both := &netlink.Route{Dst: ipNet(farPrefix)}
	change(t, p, func(l netlink.Link) error {
		for _, r := range []Route{a, b} {
			both.MultiPath = append(both.MultiPath, &netlink.NexthopInfo{LinkIndex: l.Attrs().Index, Gw: r.Gateway.AsSlice()})
		}
		return netlink.RouteAdd(both)
	})
	expect(t, "added", settled(t, p, w), Event{Kind: RouteAdded, Route: a}, Event{Kind: RouteAdded, Route: b})
	change(t, p, func(l netlink.Link) error { return netlink.RouteDel(both) })
	expect(t, "removed", settled(t, p, w), Event{Kind: RouteRemoved, Route: a}, Event{Kind: RouteRemoved, Route: b})
}

func TestNext_TellsOfNeighbours(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	n, moved := Neighbour{gatewayIP, peerMAC}, Neighbour{gatewayIP, [6]byte{2, 0, 0, 0, 0, 8}}
	set := func(n Neighbour) func(netlink.Link) error {
		return func(l netlink.Link) error { return netlink.NeighSet(kernelNeighbour(l, n)) }
	}
	change(t, p, set(n))
	expect(t, "added", settled(t, p, w), Event{Kind: NeighbourResolved, Neighbour: n})
	change(t, p, set(n))
	expect(t, "the same again", settled(t, p, w))
	change(t, p, set(moved))
	expect(t, "moved", settled(t, p, w), Event{Kind: NeighbourResolved, Neighbour: moved})
	change(t, p, func(l netlink.Link) error { return netlink.NeighDel(kernelNeighbour(l, moved)) })
	expect(t, "removed", settled(t, p, w), Event{Kind: NeighbourGone, Neighbour: Neighbour{IP: gatewayIP}})
}

func TestNext_TellsOfTheLink(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	connected := Route{Destination: watchedIP.Masked(), Source: watchedIP.Addr()}
	byGateway := Route{Destination: farPrefix, Gateway: gatewayIP}
	change(t, p, func(l netlink.Link) error { return netlink.RouteAdd(kernelRoute(l, byGateway)) })
	expect(t, "route", settled(t, p, w), Event{Kind: RouteAdded, Route: byGateway})
	change(t, p, netlink.LinkSetDown)
	expect(t, "down", settled(t, p, w), Event{Kind: LinkDown},
		Event{Kind: RouteRemoved, Route: byGateway}, Event{Kind: RouteRemoved, Route: connected})
	change(t, p, netlink.LinkSetUp)
	got := until(t, w, LinkUp)
	if !slices.Contains(append(got, settled(t, p, w)...), Event{Kind: RouteAdded, Route: connected}) {
		t.Errorf("the connected route did not come back: %v", got)
	}
	mac := [6]byte{2, 0, 0, 0, 0, 7}
	change(t, p, func(l netlink.Link) error { return netlink.LinkSetHardwareAddr(l, mac[:]) })
	expect(t, "MAC", settled(t, p, w), Event{Kind: MACChanged, MAC: mac})
}

func TestNext_TellsOfALostCarrier(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	peer := func(set func(netlink.Link) error) {
		inside(t, p.Ends[1].Namespace, func() error {
			l, err := netlink.LinkByName(p.Ends[1].Interface)
			if err != nil {
				return err
			}
			return set(l)
		})
	}
	peer(netlink.LinkSetDown)
	expect(t, "unplugged: the routes stay", until(t, w, LinkDown), Event{Kind: LinkDown})
	peer(netlink.LinkSetUp)
	expect(t, "plugged in", until(t, w, LinkUp), Event{Kind: LinkUp})
}

func TestNext_TellsOfTheEnd(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	change(t, p, netlink.LinkDel)
	until(t, w, Removed)
	for range 2 {
		if e, err := w.Next(t.Context()); !errors.Is(err, ErrNoInterface) {
			t.Errorf("after the end: %v, %v, want ErrNoInterface", e, err)
		}
	}
}

// endsLate is a context that ends once it was found not to have ended.
type endsLate struct {
	context.Context
	cancel context.CancelFunc
}

func (c endsLate) Err() error {
	defer c.cancel()
	return c.Context.Err()
}

func TestNext_EndsWithItsContext(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := w.Next(endsLate{ctx, cancel}); !errors.Is(err, context.Canceled) {
			t.Errorf("ended while it waits: %v, want context.Canceled", err)
		}
		if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("ended before: %v, want context.Canceled", err)
		}
	}
	expect(t, "after that", settled(t, p, w)) // it still works
}

func TestClose_EndsNext(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	errs := make(chan error)
	go func() { _, err := w.Next(context.Background()); errs <- err }()
	for range 2 {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if err := <-errs; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next: %v, want os.ErrClosed", err)
	}
	if _, err := w.Next(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next after Close: %v, want os.ErrClosed", err)
	}
	if err := w.AskNeighbour(gatewayIP); !errors.Is(err, os.ErrClosed) {
		t.Errorf("AskNeighbour after Close: %v, want os.ErrClosed", err)
	}
}

func TestClose_LeavesNoDescriptor(t *testing.T) {
	p := watchedPair(t)
	watch(t, p).Close()
	before := descriptors(t)
	for range 3 {
		watch(t, p).Close()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// ask reads the kernel in another way than the watcher does.
func ask(l netlink.Link) (view, error) {
	v := makeView(0)
	v.link.mtu, v.link.mac = l.Attrs().MTU, [6]byte(l.Attrs().HardwareAddr)
	addresses, err := netlink.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		return v, err
	}
	for _, a := range addresses {
		ones, _ := a.Mask.Size()
		v.addresses[netip.PrefixFrom(netip.AddrFrom4([4]byte(a.IP.To4())), ones)] = true
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4) // of the main table
	if err != nil {
		return v, err
	}
	for _, r := range routes {
		ways := r.MultiPath
		if len(ways) == 0 {
			ways = []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw, Flags: r.Flags}}
		}
		for _, n := range ways {
			if n.LinkIndex == l.Attrs().Index && n.Flags&unix.RTNH_F_DEAD == 0 {
				v.routes[plainRoute(r, n)] = true
			}
		}
	}
	neighbours, err := netlink.NeighList(l.Attrs().Index, netlink.FAMILY_V4)
	for _, n := range neighbours {
		v.neighbours[netip.AddrFrom4([4]byte(n.IP.To4()))] = [6]byte(n.HardwareAddr)
	}
	return v, err
}

func plainRoute(r netlink.Route, n *netlink.NexthopInfo) Route {
	ones, _ := r.Dst.Mask.Size()
	out := Route{Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte(r.Dst.IP.To4())), ones), Metric: r.Priority, MTU: r.MTU}
	if n.Gw != nil {
		out.Gateway = netip.AddrFrom4([4]byte(n.Gw.To4()))
	}
	if r.Src != nil {
		out.Source = netip.AddrFrom4([4]byte(r.Src.To4()))
	}
	return out
}

// A mirror is what a reader of events knows.
type mirror struct{ view }

func newMirror(s Snapshot) *mirror {
	m := &mirror{makeView(0)}
	m.link.mtu, m.link.mac = s.MTU, s.MAC
	for _, p := range s.Addresses {
		m.addresses[p] = true
	}
	for _, r := range s.Routes {
		m.routes[r] = true
	}
	for _, n := range s.Neighbours {
		m.neighbours[n.IP] = n.MAC
	}
	return m
}

// follow does what an event says, and complains about one that says nothing new.
func (m *mirror) follow(t *testing.T, e Event) {
	t.Helper()
	isNews := true
	switch e.Kind {
	case AddressAdded:
		isNews = !m.addresses[e.Address]
		m.addresses[e.Address] = true
	case AddressRemoved:
		isNews = m.addresses[e.Address]
		delete(m.addresses, e.Address)
	case RouteAdded:
		isNews = !m.routes[e.Route]
		m.routes[e.Route] = true
	case RouteRemoved:
		isNews = m.routes[e.Route]
		delete(m.routes, e.Route)
	case NeighbourResolved:
		isNews = m.neighbours[e.Neighbour.IP] != e.Neighbour.MAC
		m.neighbours[e.Neighbour.IP] = e.Neighbour.MAC
	case NeighbourGone:
		delete(m.neighbours, e.Neighbour.IP)
	case MACChanged:
		m.link.mac = e.MAC
	case MTUChanged:
		m.link.mtu = e.MTU
	case LinkUp, LinkDown, Removed:
	}
	if !isNews {
		t.Errorf("told twice: %+v", e)
	}
}

// agree compares with what the kernel says now. Carriers change late.
func (m *mirror) agree(t *testing.T, p *Pair) bool {
	t.Helper()
	var now view
	change(t, p, func(l netlink.Link) (err error) { now, err = ask(l); return err })
	d := cmp.Diff(now.snapshot(), m.snapshot(), equate, cmpopts.IgnoreFields(Snapshot{}, "Up"))
	if d != "" {
		t.Errorf("(-kernel +followed):\n%s", d)
	}
	return d == ""
}

// disturb changes something at random. Half of it the kernel refuses.
func disturb(l, other netlink.Link, random *rand.Rand) string {
	pick := func(s ...string) string { return s[random.IntN(len(s))] }
	prefix := func(s ...string) netip.Prefix { return netip.MustParsePrefix(pick(s...)) }
	r := Route{Destination: prefix("10.99.0.0/16", "10.99.1.0/24", "0.0.0.0/0"), Metric: random.IntN(2)}
	if random.IntN(2) == 0 {
		r.Gateway = netip.MustParseAddr(pick("10.77.0.254", "10.77.0.253", "10.88.0.254"))
	}
	if random.IntN(2) == 0 {
		r.Source = netip.MustParseAddr(pick("10.77.0.1", "10.77.0.2", "10.88.0.1", "10.55.0.1"))
	}
	a := &netlink.Addr{IPNet: ipNet(prefix("10.77.0.1/24", "10.77.0.2/24", "10.77.0.1/16", "10.88.0.1/16"))}
	elsewhere := &netlink.Addr{IPNet: ipNet(prefix("10.55.0.1/24", "10.77.0.1/32"))}
	n := Neighbour{netip.MustParseAddr(pick("10.77.0.254", "10.77.0.3")), [6]byte{2, 0, 0, 0, 1, byte(random.IntN(3))}}
	several := &netlink.Route{Dst: ipNet(r.Destination), Priority: r.Metric, MultiPath: []*netlink.NexthopInfo{
		{LinkIndex: l.Attrs().Index, Gw: net.IP{10, 77, 0, 254}}, {LinkIndex: other.Attrs().Index},
	}}
	there := kernelRoute(other, Route{Destination: r.Destination, Metric: r.Metric})
	switch k := random.IntN(30); {
	case k < 4:
		_ = netlink.AddrAdd(l, a)
		return "add address " + a.String()
	case k < 6:
		_ = netlink.AddrDel(l, a)
		return "remove address " + a.String()
	case k < 11:
		_ = netlink.RouteAdd(kernelRoute(l, r))
		return "add route " + kernelRoute(l, r).String()
	case k < 13:
		_ = netlink.RouteDel(kernelRoute(l, r))
		return "remove route " + kernelRoute(l, r).String()
	case k < 15:
		_ = netlink.RouteReplace(kernelRoute(l, r))
		return "replace route " + kernelRoute(l, r).String()
	case k < 16:
		_ = netlink.RouteAppend(kernelRoute(l, r))
		return "append route " + kernelRoute(l, r).String()
	case k < 18:
		_ = netlink.RouteAdd(several)
		return "add route of two ways " + several.String()
	case k < 19:
		_ = netlink.RouteDel(several)
		return "remove route of two ways " + several.String()
	case k < 20:
		_ = netlink.RouteReplace(there)
		return "replace by a route elsewhere " + there.String()
	case k < 22:
		_ = netlink.AddrAdd(other, elsewhere)
		return "add elsewhere " + elsewhere.String()
	case k < 23:
		_ = netlink.AddrDel(other, elsewhere)
		return "remove elsewhere " + elsewhere.String()
	case k < 25:
		_ = netlink.NeighSet(kernelNeighbour(l, n))
		return "set neighbour " + n.IP.String()
	case k < 26:
		_ = netlink.NeighDel(kernelNeighbour(l, n))
		return "remove neighbour " + n.IP.String()
	case k < 27:
		_ = netlink.LinkSetDown(l)
		return "down"
	default:
		_ = netlink.LinkSetUp(l)
		return "up"
	}
}

func TestNext_FollowsWhateverTheKernelDoes(t *testing.T) {
	p := watchedPair(t)
	random := rand.New(rand.NewPCG(11, 12))
	var other netlink.Link
	inside(t, p.Ends[0].Namespace, func() (err error) {
		dummy(t, "elsewhere")
		other, err = netlink.LinkByName("elsewhere")
		return errors.Join(err, Settle("elsewhere", 0, nil, true), Settle("elsewhere-peer", 0, nil, true))
	})
	w := watch(t, p)
	m := newMirror(w.Snapshot())
	kinds := map[Kind]int{}
	var done []string
	for step := range 600 {
		change(t, p, func(l netlink.Link) error {
			for range 1 + random.IntN(3) {
				done = append(done, disturb(l, other, random))
			}
			return nil
		})
		for _, e := range settled(t, p, w) {
			kinds[e.Kind]++
			m.follow(t, e)
		}
		m.link.mtu = 1500 - 200*((step+1)%2)
		if !m.agree(t, p) || t.Failed() {
			t.Fatalf("step %d, after %q", step, done[max(0, len(done)-6):])
		}
	}
	for k := MACChanged + 1; k < Removed; k++ {
		if kinds[k] < 5 {
			t.Errorf("%q only %d times: the test says little", k, kinds[k])
		}
	}
}

func TestNext_AsksAgainWhenTheKernelLostMessages(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	m := newMirror(w.Snapshot())
	if err := unix.SetsockoptInt(int(w.file.Fd()), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(int(w.file.Fd()), true); err != nil { // Fd has changed that
		t.Fatal(err)
	}
	// The first messages stay in the queue, and what contradicts them is lost.
	change(t, p, func(l netlink.Link) error {
		route := func(i int) *netlink.Route {
			to := netip.AddrFrom4([4]byte{10, 99, byte(i / 256), byte(i)})
			return kernelRoute(l, Route{Destination: netip.PrefixFrom(to, 32), Gateway: gatewayIP})
		}
		for i := range 300 {
			if err := netlink.RouteAdd(route(i)); err != nil {
				return err
			}
		}
		for i := range 150 {
			if err := netlink.RouteDel(route(i)); err != nil {
				return err
			}
		}
		failed := kernelNeighbour(l, Neighbour{IP: absentIP})
		failed.State, failed.HardwareAddr = netlink.NUD_FAILED, nil
		return errors.Join(netlink.NeighSet(failed), netlink.NeighSet(kernelNeighbour(l, Neighbour{gatewayIP, peerMAC})))
	})
	all := until(t, w, NeighbourResolved)
	for _, e := range append(all, settled(t, p, w)...) {
		m.follow(t, e)
	}
	if !slices.ContainsFunc(all, func(e Event) bool { return e.Kind == NeighbourGone && e.Neighbour.IP == absentIP }) {
		t.Error("the neighbour that does not answer was not told of")
	}
	change(t, p, func(l netlink.Link) error {
		m.link.mtu = l.Attrs().MTU
		return netlink.NeighDel(kernelNeighbour(l, Neighbour{IP: absentIP})) // no neighbour to agree about
	})
	m.agree(t, p)
	if s := w.Stats(); s.Resyncs == 0 {
		t.Errorf("nothing was lost: %+v", s)
	}
	if n := len(m.routes); n != 151 {
		t.Errorf("%d routes, want 151", n)
	}
}

func TestWatch_LimitsAreKeptAndCounted(t *testing.T) {
	p := watchedPair(t)
	change(t, p, func(l netlink.Link) error {
		for i := range maxWatchedAddresses + 10 {
			a := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 88, byte(i / 256), byte(i)}), 32)
			if err := netlink.AddrAdd(l, &netlink.Addr{IPNet: ipNet(a)}); err != nil {
				return err
			}
		}
		return nil
	})
	w := watch(t, p)
	if n := len(w.Snapshot().Addresses); n != maxWatchedAddresses {
		t.Errorf("%d addresses, want the limit of %d", n, maxWatchedAddresses)
	}
	if s := w.Stats(); s.Ignored != 11 {
		t.Errorf("%d ignored, want 11", s.Ignored)
	}
}
