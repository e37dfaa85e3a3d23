package netconf

import (
	"errors"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestInterface_MissingNameListsWhatThereIs(t *testing.T) {
	n := namespace(t)
	err := n.Do(func() error {
		_, err := Interface("nosuch0")
		return err
	})
	if !errors.Is(err, ErrNoInterface) {
		t.Fatalf("got %v, want ErrNoInterface", err)
	}
	if !strings.Contains(err.Error(), "lo") {
		t.Errorf("%q does not name the interface that exists", err)
	}
}

func TestInterface_DownIsDescribedAndSaysTheMend(t *testing.T) {
	n := namespace(t)
	err := n.Do(func() error {
		l, err := netlink.LinkByName("lo")
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkSetDown(l); err != nil {
			t.Fatal(err)
		}
		info, err := Interface("lo")
		if info.Name != "lo" || info.Up {
			t.Errorf("info of an interface that is down: %+v", info)
		}
		return err
	})
	if !errors.Is(err, ErrDown) {
		t.Fatalf("got %v, want ErrDown", err)
	}
	if !strings.Contains(err.Error(), "ip link set lo up") {
		t.Errorf("%q does not say how to mend it", err)
	}
}
