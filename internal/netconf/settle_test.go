package netconf

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// dummy makes an interface that is down and has nothing.
func dummy(t *testing.T, name string) {
	t.Helper()
	v := netlink.NewVeth(netlink.NewLinkAttrs())
	v.Name, v.PeerName = name, name+"-peer"
	if err := netlink.LinkAdd(v); err != nil {
		t.Fatal(err)
	}
}

func TestSettle_GivesWhatIsAskedForAndMayBeRepeated(t *testing.T) {
	n := namespace(t)
	addresses := []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24"), netip.MustParsePrefix("10.9.1.1/30")}
	err := n.Do(func() error {
		dummy(t, "mine")
		for range 2 {
			if err := Settle("mine", 1400, addresses, true); err != nil {
				t.Errorf("settle: %v", err)
			}
		}
		i, err := Interface("mine")
		if i.MTU != 1400 || !i.Up || !slices.Equal(i.Addresses, addresses) {
			t.Errorf("%+v", i)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSettle_LeavesTheRestAsItIs(t *testing.T) {
	n := namespace(t)
	err := n.Do(func() error {
		dummy(t, "mine")
		if err := Settle("mine", 0, nil, false); err != nil {
			t.Errorf("settle: %v", err)
		}
		i, err := Interface("mine")
		if i.MTU != 1500 || i.Up || len(i.Addresses) != 0 {
			t.Errorf("%+v", i)
		}
		return err
	})
	if !errors.Is(err, ErrDown) {
		t.Errorf("got %v, want ErrDown: nobody asked for it to be up", err)
	}
}

func TestSettle_SaysWhatFailed(t *testing.T) {
	n := namespace(t)
	err := n.Do(func() error {
		dummy(t, "mine")
		for _, tt := range []struct {
			name      string
			mtu       int
			addresses []netip.Prefix
			text      string
		}{
			{"nosuch0", 0, nil, "no such interface"},
			{"mine", 7, nil, "MTU 7"},
			{"mine", 0, []netip.Prefix{{}}, "address"},
		} {
			err := Settle(tt.name, tt.mtu, tt.addresses, true)
			if err == nil || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), tt.name) {
				t.Errorf("got %v, want %q in it", err, tt.text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRights_SaysTheMend(t *testing.T) {
	if err := rights(unix.EPERM); !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Errorf("got %v", err)
	}
	if err := rights(unix.EIO); err != unix.EIO {
		t.Errorf("another error became %v", err)
	}
}
