// Addresses and routes from outside: of a host that shares its addresses with
// another stack, which knows the routes and when they change.

package ip

import (
	"slices"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// Replace makes these the addresses and routes, and forgets all others; an
// address brings no route of its own. It returns how many of both were left out,
// as impossible or too many.
//
// The routes are believed: a gateway need not be on the network of an address
// (Linux's onlink), and a source that is not ours is replaced by one that is.
func (h *Host) Replace(addresses []wire.IPv4Prefix, routes []Route) (ignored int) {
	h.keepAddresses(0)
	h.routes.rows = h.routes.rows[:0]
	for _, a := range addresses {
		if !h.AddAddress(a) {
			ignored++
		}
	}
	h.routes.rows = h.routes.rows[:0]
	for _, r := range routes {
		if !h.believe(r, addresses) {
			ignored++
		}
	}
	slices.SortStableFunc(h.routes.rows, func(a, b row) int { return a.Route.compare(&b.Route) })
	return ignored
}

// believe adds a route from outside.
func (h *Host) believe(r Route, addresses []wire.IPv4Prefix) bool {
	if !r.Prefix.IsValid() || len(h.routes.rows) >= maxOutside || h.nAddresses == 0 {
		return false
	}
	if r.Gateway != 0 && (h.IsLocal(r.Gateway) || !h.isDestination(r.Gateway)) {
		return false
	}
	r.Prefix = r.Prefix.Network()
	if !h.IsLocal(r.Source) {
		r.Source = h.sourceNear(r, addresses)
	}
	if r.MTU != 0 {
		r.MTU = max(r.MTU, minMTU)
	}
	h.routes.rows = append(h.routes.rows, row{Route: r})
	return true
}

// sourceNear chooses our address on the network of a route's next hop, else the
// first.
func (h *Host) sourceNear(r Route, addresses []wire.IPv4Prefix) wire.IPv4 {
	near := r.Gateway
	if near == 0 {
		near = r.Prefix.Addr
	}
	for _, a := range addresses {
		if a.Contains(near) && h.IsLocal(a.Addr) {
			return a.Addr
		}
	}
	return h.addresses[0].ip
}

// MTU returns the link's.
func (h *Host) MTU() int { return h.cfg.MTU }

// SetMTU changes the link's, within what a host can have.
func (h *Host) SetMTU(mtu int) {
	h.cfg.MTU = min(max(mtu, minMTU), wire.IPv4MaxLen)
}

// HasRouteMTU reports whether a route is smaller than the link.
func (h *Host) HasRouteMTU() bool {
	for i := range h.routes.rows {
		if h.routes.rows[i].MTU != 0 {
			return true
		}
	}
	return false
}
