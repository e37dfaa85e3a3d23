// Routes: longest prefix first, then the lowest metric, then the oldest.

package ip

import (
	"cmp"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// Route says how a network is reached.
type Route struct {
	Prefix  wire.IPv4Prefix
	Gateway wire.IPv4 // zero: the network is on the link
	Source  wire.IPv4 // zero: an address on the network of the next hop
	MTU     int       // zero: the link's
	Metric  int
}

// routeTable is sorted in the order of preference, so the first match counts.
type routeTable struct {
	rows []row
}

type row struct {
	Route
	isConnected bool // brought by the address Source
}

func makeRouteTable() routeTable {
	return routeTable{rows: make([]row, 0, maxRoutes+maxAddresses)}
}

// insert puts a route behind those that are preferred to it.
func (t *routeTable) insert(r Route, isConnected bool) {
	at := 0
	for at < len(t.rows) && r.compare(&t.rows[at].Route) >= 0 {
		at++
	}
	t.rows = append(t.rows, row{})
	copy(t.rows[at+1:], t.rows[at:])
	t.rows[at] = row{r, isConnected}
}

// compare is negative when r is preferred to the other.
func (r *Route) compare(other *Route) int {
	return cmp.Or(
		cmp.Compare(other.Prefix.Bits, r.Prefix.Bits),
		cmp.Compare(r.Metric, other.Metric),
	)
}

func (t *routeTable) removeAt(i int) {
	t.rows = append(t.rows[:i], t.rows[i+1:]...)
}

func (t *routeTable) removeConnected(source wire.IPv4) {
	for i := range t.rows {
		if t.rows[i].isConnected && t.rows[i].Source == source {
			t.removeAt(i)
			return // an address brings one
		}
	}
}

func (t *routeTable) countStatic() int {
	n := 0
	for i := range t.rows {
		if !t.rows[i].isConnected {
			n++
		}
	}
	return n
}

// find returns the best route to dst; nil when there is none.
func (t *routeTable) find(dst wire.IPv4) *row {
	for i := range t.rows {
		if t.rows[i].Prefix.Contains(dst) {
			return &t.rows[i]
		}
	}
	return nil
}

// AddRoute adds a route. It is false when the table is full, the prefix is
// impossible, the source is not ours, or the gateway is not on the link.
func (h *Host) AddRoute(r Route) bool {
	if !r.Prefix.IsValid() || h.routes.countStatic() == maxRoutes {
		return false
	}
	if r.Source != 0 && !h.IsLocal(r.Source) || r.MTU != 0 && r.MTU < minMTU {
		return false
	}
	if r.Gateway != 0 {
		via := h.routes.find(r.Gateway)
		if via == nil || via.Gateway != 0 || h.IsLocal(r.Gateway) || !h.isDestination(r.Gateway) {
			return false
		}
	}
	r.Prefix = r.Prefix.Network()
	h.routes.insert(r, false)
	return true
}

// RemoveRoute removes the route that AddRoute added for this prefix and gateway;
// false when there is none.
func (h *Host) RemoveRoute(p wire.IPv4Prefix, gateway wire.IPv4) bool {
	p = p.Network()
	for i := range h.routes.rows {
		if r := &h.routes.rows[i]; !r.isConnected && r.Prefix == p && r.Gateway == gateway {
			h.routes.removeAt(i)
			return true
		}
	}
	return false
}

// Route says from where, over whom, and in what size packets go to dst; false
// when they cannot. For an address of ours the next hop is that address itself:
// such packets never reach a link. What is known of the path behind the link is
// PathMTU's.
func (h *Host) Route(dst wire.IPv4) (src, nextHop wire.IPv4, mtu int, ok bool) {
	if h.IsLocal(dst) {
		return dst, dst, h.cfg.MTU, true
	}
	if !h.isDestination(dst) {
		return 0, 0, 0, false
	}
	r := h.routes.find(dst)
	if r == nil {
		return 0, 0, 0, false
	}
	nextHop = dst
	if r.Gateway != 0 {
		nextHop = r.Gateway
	}
	src, ok = h.sourceFor(r, nextHop)
	if !ok {
		return 0, 0, 0, false
	}
	return src, nextHop, h.mtuOf(r), true
}

// isDestination reports whether packets may go to a: to one station only.
func (h *Host) isDestination(a wire.IPv4) bool { return isUnicast(a) && !h.isBroadcast(a) }

func (h *Host) mtuOf(r *row) int {
	if r.MTU != 0 {
		return min(r.MTU, h.cfg.MTU)
	}
	return h.cfg.MTU
}

// sourceFor chooses our address for a route: the one that it names, else one on
// the next hop's network, else the first. A source that was removed since does
// not count.
func (h *Host) sourceFor(r *row, nextHop wire.IPv4) (wire.IPv4, bool) {
	if r.Source != 0 {
		return r.Source, h.IsLocal(r.Source)
	}
	via := h.routes.find(nextHop)
	if via == nil || via.Gateway != 0 {
		return 0, false // the gateway's network was removed since
	}
	if via.Source != 0 {
		return via.Source, h.IsLocal(via.Source)
	}
	return h.addresses[0].ip, h.nAddresses > 0
}
