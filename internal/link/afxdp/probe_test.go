package afxdp

import (
	"errors"
	"os"
	"testing"
)

func TestOffer_FollowsTheBits(t *testing.T) {
	for _, tt := range []struct {
		f    features
		want Offer
	}{
		{features{}, Offer{}},
		{features{known: true}, Offer{Known: true}},
		{features{known: true, xdp: featureBasic}, Offer{Known: true}}, // sockets need redirection
		{features{known: true, xdp: featureBasic | featureRedirect}, Offer{Known: true, Native: true}},
		{features{known: true, xdp: featureBasic | featureRedirect | featureZeroCopy | featureFragments, xsk: featureTxChecksum},
			Offer{Known: true, Native: true, ZeroCopy: true, Fragments: true, TxChecksum: true}},
	} {
		if got := tt.f.offer(); got != tt.want {
			t.Errorf("%+v: %+v", tt.f, got)
		}
	}
}

func TestMaxMTU_IsTheLargestThatOpens(t *testing.T) {
	c, err := Config{Interface: "x"}.complete()
	if err != nil {
		t.Fatal(err)
	}
	f := facts{mtu: MaxMTU, rx: 1, tx: 1}
	if err := f.check(&c); err != nil {
		t.Error(err)
	}
	f.mtu++
	if err := f.check(&c); !errors.Is(err, ErrMTU) {
		t.Errorf("%v", err)
	}
	if QueueMemory != c.Frames*c.FrameSize {
		t.Errorf("memory of a queue is %d", c.Frames*c.FrameSize)
	}
}

func TestTry_SucceedsForRootAndLeavesNoDescriptor(t *testing.T) {
	requireRoot(t)
	before := descriptors(t)
	if err := Try(); err != nil {
		t.Fatal(err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, were %d", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
