package netconf

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	peerIP   = netip.MustParseAddr("10.77.0.9")
	absentIP = netip.MustParseAddr("10.77.0.200")
)

// stateOf returns the kernel's state of a neighbour, and its flags.
func stateOf(t *testing.T, p *Pair, ip netip.Addr) (state, flags int) {
	t.Helper()
	change(t, p, func(l netlink.Link) error {
		all, err := netlink.NeighList(l.Attrs().Index, netlink.FAMILY_V4)
		for _, n := range all {
			if got, _ := netip.AddrFromSlice(n.IP); got.Unmap() == ip {
				state, flags = n.State, n.Flags
			}
		}
		return err
	})
	return state, flags
}

func TestAskNeighbour_TheKernelResolves(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	if err := w.AskNeighbour(peerIP); err != nil {
		t.Fatal(err)
	}
	all := until(t, w, NeighbourResolved)
	expect(t, "answer", all, Event{Kind: NeighbourResolved, Neighbour: Neighbour{peerIP, peerMAC}})
	if err := w.AskNeighbour(peerIP); err != nil { // again
		t.Fatal(err)
	}
	expect(t, "known already", settled(t, p, w))
}

func TestAskNeighbour_NobodyAnswers(t *testing.T) {
	p := watchedPair(t)
	name := strings.ReplaceAll(p.Ends[0].Interface, ".", "/")
	for _, key := range []string{"mcast_solicit", "retrans_time_ms"} { // one question, a short wait
		if err := p.Ends[0].Sysctl("net.ipv4.neigh."+name+"."+key, "1"); err != nil {
			t.Fatal(err)
		}
	}
	w := watch(t, p)
	for range 2 { // a neighbour that is known not to answer is asked again
		if err := w.AskNeighbour(absentIP); err != nil {
			t.Fatal(err)
		}
		all := until(t, w, NeighbourGone)
		expect(t, "nobody", all, Event{Kind: NeighbourGone, Neighbour: Neighbour{IP: absentIP}})
	}
}

func TestAskNeighbour_OfAStaleOneLooksAgain(t *testing.T) {
	p := watchedPair(t)
	setState(t, p, netlink.NUD_STALE, 0)
	inside(t, p.Ends[0].Namespace, func() error { return AskNeighbour(p.Ends[0].Interface, peerIP) })
	if got, _ := stateOf(t, p, peerIP); got != netlink.NUD_DELAY {
		t.Errorf("state %#x, want DELAY, which leads to a question", got)
	}
}

// setState makes the peer a neighbour in some state.
func setState(t *testing.T, p *Pair, state, flags int) {
	t.Helper()
	change(t, p, func(l netlink.Link) error {
		n := kernelNeighbour(l, Neighbour{peerIP, peerMAC})
		n.State, n.Flags = state, flags
		return netlink.NeighSet(n)
	})
}

func TestConfirmNeighbour_ChangesOnlyWhatIsTimed(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	for _, tt := range []struct{ state, flags, want int }{
		{netlink.NUD_STALE, 0, netlink.NUD_REACHABLE},
		{netlink.NUD_DELAY, 0, netlink.NUD_REACHABLE},
		{netlink.NUD_REACHABLE, 0, netlink.NUD_REACHABLE},
		{netlink.NUD_PERMANENT, 0, netlink.NUD_PERMANENT},
		{netlink.NUD_NOARP, 0, netlink.NUD_NOARP},
		{netlink.NUD_STALE, unix.NTF_EXT_LEARNED, netlink.NUD_STALE},
	} {
		setState(t, p, tt.state, tt.flags)
		if err := w.ConfirmNeighbour(peerIP); err != nil {
			t.Errorf("state %#x: %v", tt.state, err)
		}
		if got, flags := stateOf(t, p, peerIP); got != tt.want || flags != tt.flags {
			t.Errorf("state %#x became %#x, want %#x; flags %#x became %#x", tt.state, got, tt.want, tt.flags, flags)
		}
	}
	expect(t, "confirmed", settled(t, p, w), Event{Kind: NeighbourResolved, Neighbour: Neighbour{peerIP, peerMAC}})
	inside(t, p.Ends[0].Namespace, func() error { return ConfirmNeighbour(p.Ends[0].Interface, absentIP) })
	if got, _ := stateOf(t, p, absentIP); got != 0 {
		t.Errorf("confirming an unknown neighbour made it: state %#x", got)
	}
}

func TestAskNeighbour_RefusesWhatCannotBe(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	for _, ip := range []netip.Addr{{}, netip.MustParseAddr("fe80::1")} {
		if err := w.AskNeighbour(ip); !errors.Is(err, unix.EAFNOSUPPORT) {
			t.Errorf("%v: %v, want EAFNOSUPPORT", ip, err)
		}
	}
	inside(t, p.Ends[0].Namespace, func() error {
		if err := AskNeighbour("nosuch0", peerIP); !errors.Is(err, ErrNoInterface) {
			t.Errorf("got %v, want ErrNoInterface", err)
		}
		return nil
	})
}

func TestAskNeighbour_WhileNextWaits(t *testing.T) {
	p := watchedPair(t)
	w := watch(t, p)
	events := make(chan Event)
	ctx, cancel := context.WithTimeout(t.Context(), watchPatience)
	defer cancel()
	go func() { e, _ := w.Next(ctx); events <- e }()
	if err := w.AskNeighbour(peerIP); err != nil {
		t.Fatal(err)
	}
	if e := <-events; e.Kind != NeighbourResolved {
		t.Errorf("got %v", e)
	}
}
