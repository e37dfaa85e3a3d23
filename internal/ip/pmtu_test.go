package ip

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestPathMTU_OnlyShrinksAndAges(t *testing.T) {
	h := newHost(t, Config{})
	now := start
	if got := h.PathMTU(farIP, now); got != 1500 {
		t.Fatalf("%d, want the link's", got)
	}
	steps := []struct{ said, want int }{
		{1400, 1400}, {1450, 1400}, {1500, 1400}, {70000, 1400}, {1000, 1000}, {500, 552}, {0, 552}, {-5, 552},
	}
	for _, s := range steps {
		if got := h.SetPathMTU(farIP, s.said, now); got != s.want || h.PathMTU(farIP, now) != s.want {
			t.Errorf("told %d: %d, want %d", s.said, got, s.want)
		}
	}
	if h.Stats().PathMTUDecreases != 3 {
		t.Errorf("%d decreases, want 3", h.Stats().PathMTUDecreases)
	}
	if got := h.PathMTU(farIP+1, now); got != 1500 {
		t.Errorf("%d for another destination", got)
	}
	if got := h.PathMTU(farIP, now.Add(10*time.Minute-1)); got != 552 {
		t.Errorf("%d before ten minutes are over", got)
	}
	now = now.Add(10 * time.Minute)
	if got := h.PathMTU(farIP, now); got != 1500 {
		t.Errorf("%d after ten minutes, want the link's again", got)
	}
	if got := h.SetPathMTU(farIP, 1300, now); got != 1300 || h.PathMTU(farIP, now) != 1300 {
		t.Errorf("%d when told again", got)
	}
}

func TestPathMTU_IsNeverMoreThanTheRoute(t *testing.T) {
	h := newHost(t, Config{})
	h.AddRoute(Route{Prefix: prefix("198.51.100.0/24"), Gateway: peerIP, MTU: 1000})
	if got := h.SetPathMTU(farIP, 1200, start); got != 1000 || h.Stats().PathMTUDecreases != 0 {
		t.Errorf("%d", got)
	}
	if got := New(Config{}).PathMTU(farIP, start); got != 0 {
		t.Errorf("%d without a route", got)
	}
	if got := New(Config{}).SetPathMTU(farIP, 1000, start); got != 0 {
		t.Errorf("%d without a route", got)
	}
	tiny := newHost(t, Config{MinPathMTU: 1})
	if got := tiny.SetPathMTU(farIP, 10, start); got != 68 {
		t.Errorf("%d, want RFC 791's 68 at least", got)
	}
}

func TestPathMTU_TheCacheIsBoundedAndKeepsTheNewest(t *testing.T) {
	h := newHost(t, Config{})
	const n = 50_000
	first := addr("10.0.0.1")
	for k := range n {
		h.SetPathMTU(first+wire.IPv4(k), 1200, start.Add(time.Duration(k)))
	}
	known := 0
	for k := range n {
		if h.PathMTU(first+wire.IPv4(k), start.Add(n)) == 1200 {
			known++
		}
	}
	if known != pathMTUSets*pathMTUWays {
		t.Errorf("%d known, want every place used and no more", known)
	}
	for k := n - 100; k < n; k++ { // four newer ones in one set of 256 are not likely among a hundred
		if h.PathMTU(first+wire.IPv4(k), start.Add(n)) != 1200 {
			t.Errorf("the newest but %d was lost", n-1-k)
		}
	}
}

func TestPlateauBelow_FollowsTheTableOfRFC1191(t *testing.T) {
	for length, want := range map[int]int{65535: 32000, 1500: 1492, 1492: 1006, 576: 508, 100: 68, 68: 68, 0: 68} {
		if got := plateauBelow(length); got != want {
			t.Errorf("below %d: %d, want %d", length, got, want)
		}
	}
}
