// Path MTU discovery (RFC 1191): what the path to a destination lets through.
//
// A cache of sets: each destination has one set of a few places, in which the
// one that ends first makes room. An entry ends by itself after a while, so that
// a path that became larger is found.

package ip

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// pathMTUCache knows paths that are smaller than their link.
type pathMTUCache struct {
	sets []([pathMTUWays]pathMTUEntry)
	seed uint64
}

type pathMTUEntry struct {
	until mono.Time // zero: unused
	dst   wire.IPv4
	mtu   uint16
}

func makePathMTUCache(seed uint64) pathMTUCache {
	return pathMTUCache{sets: make([][pathMTUWays]pathMTUEntry, pathMTUSets), seed: seed}
}

// set is the places that dst may have. The seed keeps a peer from choosing
// destinations that share one.
func (c *pathMTUCache) set(dst wire.IPv4) *[pathMTUWays]pathMTUEntry {
	x := (uint64(dst) ^ c.seed) * 0x9e37_79b9_7f4a_7c15
	x ^= x >> 31
	return &c.sets[x*0xbf58_476d_1ce4_e5b9>>32%pathMTUSets]
}

// find returns the entry of dst that still counts; nil when there is none.
func (c *pathMTUCache) find(dst wire.IPv4, now mono.Time) *pathMTUEntry {
	set := c.set(dst)
	for i := range set {
		if e := &set[i]; e.dst == dst && now.Before(e.until) {
			return e
		}
	}
	return nil
}

// place returns the entry of dst, or the one of its set that ends first.
func (c *pathMTUCache) place(dst wire.IPv4) *pathMTUEntry {
	set := c.set(dst)
	found := &set[0]
	for i := range set {
		e := &set[i]
		if e.dst == dst && e.until.IsSet() {
			return e
		}
		if e.until.Before(found.until) {
			found = e
		}
	}
	return found
}

// PathMTU returns the size of the largest packet that is known to reach dst; zero
// when there is no route.
func (h *Host) PathMTU(dst wire.IPv4, now mono.Time) int {
	mtu, _ := h.MTUs(dst, now)
	return mtu
}

// MTUs returns besides what our route to dst lets through, of which the path may
// have less.
func (h *Host) MTUs(dst wire.IPv4, now mono.Time) (path, route int) {
	_, _, mtu, ok := h.Route(dst)
	if !ok {
		return 0, 0
	}
	if e := h.pathMTU.find(dst, now); e != nil {
		return min(mtu, int(e.mtu)), mtu
	}
	return mtu, mtu
}

// SetPathMTU is told what the path to dst lets through, by the owner of a
// connection who has checked the ICMP error against it (RFC 5927 §7). It returns
// the size from now on. A path is never made larger by this, nor smaller than the
// configured minimum.
func (h *Host) SetPathMTU(dst wire.IPv4, mtu int, now mono.Time) int {
	current := h.PathMTU(dst, now)
	mtu = max(mtu, h.cfg.MinPathMTU)
	if mtu >= current {
		return current
	}
	*h.pathMTU.place(dst) = pathMTUEntry{
		until: now.Add(h.cfg.PathMTUAge),
		dst:   dst,
		mtu:   uint16(mtu), // below current, so below 65536
	}
	h.stats.PathMTUDecreases++
	return mtu
}

// plateaus are the sizes of links that there are, or were (RFC 1191 §7).
var plateaus = [...]int{32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, minMTU}

// plateauBelow guesses what a router lets through that did not say it, of a
// packet of this length.
func plateauBelow(length int) int {
	for _, p := range plateaus {
		if p < length {
			return p
		}
	}
	return minMTU
}
