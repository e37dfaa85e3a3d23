package tap

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func settleNothing(string, int, []netip.Prefix, bool) error { return nil }

func TestConfig_Defaults(t *testing.T) {
	c, err := Config{Interface: "x"}.complete()
	if err != nil || c.Queues != 1 || c.settles() {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestConfig_RefusesWhatCannotBe(t *testing.T) {
	for _, c := range []Config{
		{},
		{Interface: strings.Repeat("x", 16)},
		{Interface: "a/b"},
		{Interface: "a b"},
		{Interface: "x", Queues: -1},
		{Interface: "x", Queues: 257},
		{Interface: "x", MTU: 67},
		{Interface: "x", MTU: 65522},
		{Interface: "x", MAC: [6]byte{1}},
		{Interface: "x", PeerAddresses: make([]netip.Prefix, 1)},
		{Interface: "x", PeerAddresses: make([]netip.Prefix, maxAddresses+1)},
	} {
		c.Settle = settleNothing
		if _, err := c.complete(); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestConfig_SomebodyMustSettleTheKernelsEnd(t *testing.T) {
	for _, c := range []Config{
		{Interface: "x", Up: true},
		{Interface: "x", MTU: 1500},
		{Interface: "x", PeerAddresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}},
	} {
		if _, err := c.complete(); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
		c.Settle = settleNothing
		if _, err := c.complete(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestChooseMAC(t *testing.T) {
	kernel := [6]byte{2, 1, 1, 1, 1, 1}
	seen := map[[6]byte]bool{}
	for range 100 {
		mac, err := chooseMAC([6]byte{}, kernel)
		if err != nil || mac == kernel || mac[0]&3 != 2 {
			t.Fatalf("%x, %v", mac, err)
		}
		seen[mac] = true
	}
	if len(seen) != 100 {
		t.Errorf("only %d different of 100", len(seen))
	}
	if mac, err := chooseMAC(stackMAC, kernel); mac != stackMAC || err != nil {
		t.Errorf("%x, %v, want the one asked for", mac, err)
	}
	if _, err := chooseMAC(kernel, kernel); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v for the kernel's own", err)
	}
}
