package netconf

// What is known about an interface, changed by messages and by comparison. Each
// change that makes a difference leaves an event.
//
// The kernel tells of most changes, but not of routes that vanish or come back
// with something else: with the interface taken down or up, with an address that
// was their source, with the last address. Nor does it say what a new route
// replaces. Then the routes are in doubt, and are asked again.

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

type linkState struct {
	gone      bool
	isEnabled bool // by the administrator
	isUp      bool // enabled, and with a carrier
	mtu       int
	mac       [6]byte
}

type view struct {
	index      int
	link       linkState
	addresses  map[netip.Prefix]bool
	routes     map[Route]bool
	neighbours map[netip.Addr][6]byte
	failed     []netip.Addr // neighbours that do not answer, when asked for all

	events       []Event
	doubtsRoutes bool // they must be asked again
	ignored      uint64
}

func makeView(index int) view {
	return view{
		index:      index,
		addresses:  map[netip.Prefix]bool{},
		routes:     map[Route]bool{},
		neighbours: map[netip.Addr][6]byte{},
	}
}

func (v *view) tell(e Event) { v.events = append(v.events, e) }

func (v *view) setLink(l linkState) {
	old := v.link
	if l.gone { // the last message may say other things, too, which nobody is told
		v.link.gone = true
		if !old.gone {
			v.tell(Event{Kind: Removed})
		}
		return
	}
	v.link = l
	v.doubtsRoutes = v.doubtsRoutes || l.isEnabled != old.isEnabled
	if l.mtu != old.mtu {
		v.tell(Event{Kind: MTUChanged, MTU: l.mtu})
	}
	if l.mac != old.mac {
		v.tell(Event{Kind: MACChanged, MAC: l.mac})
	}
	if l.isUp && !old.isUp {
		v.tell(Event{Kind: LinkUp})
	}
	if !l.isUp && old.isUp {
		v.tell(Event{Kind: LinkDown})
	}
}

func (v *view) addAddress(p netip.Prefix) {
	if v.addresses[p] || !v.hasRoom(len(v.addresses), maxWatchedAddresses) {
		return
	}
	v.addresses[p], v.doubtsRoutes = true, true
	v.tell(Event{Kind: AddressAdded, Address: p})
}

func (v *view) removeAddress(p netip.Prefix) {
	if !v.addresses[p] {
		return
	}
	delete(v.addresses, p)
	v.doubtsRoutes = true
	v.tell(Event{Kind: AddressRemoved, Address: p})
}

// loseSource is for an address of another interface that is no more.
func (v *view) loseSource(a netip.Addr) {
	for r := range v.routes {
		v.doubtsRoutes = v.doubtsRoutes || r.Source == a
	}
}

func (v *view) addRoute(r Route) {
	if v.routes[r] || !v.hasRoom(len(v.routes), maxWatchedRoutes) {
		return
	}
	v.routes[r] = true
	v.tell(Event{Kind: RouteAdded, Route: r})
}

func (v *view) removeRoute(r Route) {
	if v.routes[r] {
		delete(v.routes, r)
		v.tell(Event{Kind: RouteRemoved, Route: r})
	}
}

func (v *view) setNeighbour(n Neighbour) {
	old, known := v.neighbours[n.IP]
	if known && old == n.MAC || !known && !v.hasRoom(len(v.neighbours), maxWatchedNeighbours) {
		return
	}
	v.neighbours[n.IP] = n.MAC
	v.tell(Event{Kind: NeighbourResolved, Neighbour: n})
}

func (v *view) removeNeighbour(ip netip.Addr) {
	if _, known := v.neighbours[ip]; known {
		v.failNeighbour(ip)
	}
}

// failNeighbour tells also of one that was not known: somebody may wait for it.
func (v *view) failNeighbour(ip netip.Addr) {
	delete(v.neighbours, ip)
	v.tell(Event{Kind: NeighbourGone, Neighbour: Neighbour{IP: ip}})
}

func (v *view) hasRoom(n, limit int) bool {
	if n < limit {
		return true
	}
	v.ignored++
	return false
}

// become changes the view to what was found: what is lost first, from routes
// down to addresses, then the link, then what is gained, upwards.
func (v *view) become(found *view) {
	v.ignored += found.ignored
	if found.link.gone {
		v.setLink(found.link)
		return
	}
	for _, ip := range found.failed {
		v.failNeighbour(ip)
	}
	for _, ip := range sorted(v.neighbours, netip.Addr.Compare) {
		if _, still := found.neighbours[ip]; !still {
			v.removeNeighbour(ip)
		}
	}
	v.loseRoutes(found)
	for _, p := range sorted(v.addresses, comparePrefixes) {
		if !found.addresses[p] {
			v.removeAddress(p)
		}
	}
	v.setLink(found.link)
	for _, p := range sorted(found.addresses, comparePrefixes) {
		v.addAddress(p)
	}
	v.gainRoutes(found)
	for _, ip := range sorted(found.neighbours, netip.Addr.Compare) {
		v.setNeighbour(Neighbour{ip, found.neighbours[ip]})
	}
}

// loseRoutes removes those by gateways before those to the gateways.
func (v *view) loseRoutes(found *view) {
	all := v.sortedRoutes()
	slices.Reverse(all)
	for _, r := range all {
		if !found.routes[r] {
			v.removeRoute(r)
		}
	}
}

func (v *view) gainRoutes(found *view) {
	for _, r := range found.sortedRoutes() {
		v.addRoute(r)
	}
}

func (v *view) snapshot() Snapshot {
	s := Snapshot{
		Up: v.link.isUp, MTU: v.link.mtu, MAC: v.link.mac,
		Addresses: sorted(v.addresses, comparePrefixes),
		Routes:    v.sortedRoutes(),
	}
	for _, ip := range sorted(v.neighbours, netip.Addr.Compare) {
		s.Neighbours = append(s.Neighbours, Neighbour{ip, v.neighbours[ip]})
	}
	return s
}

func (v *view) sortedRoutes() []Route { return sorted(v.routes, compareRoutes) }

func sorted[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(m), compare)
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// compareRoutes puts those on the link in front of those by a gateway.
func compareRoutes(a, b Route) int {
	return cmp.Or(
		a.Gateway.Compare(b.Gateway),
		comparePrefixes(a.Destination, b.Destination),
		cmp.Compare(a.Metric, b.Metric),
		a.Source.Compare(b.Source),
		cmp.Compare(a.MTU, b.MTU),
	)
}
