package memif

import (
	"encoding/hex"
	"strings"
	"testing"
)

// TestMessages_LieAsTheProtocolSays compares with octets worked out by hand: the
// fields stand without padding.
func TestMessages_LieAsTheProtocolSays(t *testing.T) {
	secret := [secretSize]byte{'s'}
	name := "6e" + strings.Repeat("00", 31)
	for _, c := range []struct {
		m    *message
		want string
	}{
		{(&hello{"n", 0x200, 0x201, 3, 4, 5, 14}).message(), "0200" + name + "0002" + "0102" + "0300" + "0400" + "0500" + "0e"},
		{(&start{0x200, 0x01020304, 0, secret, "n"}).message(), "0300" + "0002" + "04030201" + "00" + "73" + strings.Repeat("00", 23) + name},
		{(&addRegion{2, 0x0102030405}).message(), "0400" + "0200" + "0504030201000000"},
		{(&addRing{true, 1, 2, 0x01020304, 10, 0}).message(), "0500" + "0100" + "0100" + "0200" + "04030201" + "0a" + "0000"},
		{(&addRing{false, 1, 2, 0x01020304, 10, 8}).message(), "0500" + "0000" + "0100" + "0200" + "04030201" + "0a" + "0800"},
		{named(kindConnect, "n"), "0600" + name},
		{named(kindConnected, "n"), "0700" + name},
		{disconnect(5, "n"), "0800" + "05000000" + "6e" + strings.Repeat("00", 95)},
		{newMessage(kindAck), "0100"},
	} {
		want := c.want + strings.Repeat("00", messageSize-len(c.want)/2)
		if got := hex.EncodeToString(c.m[:]); got != want {
			t.Errorf("%v:\n%s, want\n%s", c.m.kind(), got, want)
		}
	}
}

func TestMessages_ReadBackWhatWasWritten(t *testing.T) {
	h := hello{"a name", 0x200, 0x201, 3, 4, 5, 14}
	s := start{0x200, 7, 1, [secretSize]byte{1, 2, 3}, "another"}
	g := addRegion{2, 1 << 40}
	r := addRing{true, 1, 2, 1 << 31, 10, 9}
	if got := h.message().hello(); got != h {
		t.Errorf("%+v, want %+v", got, h)
	}
	if got := s.message().start(); got != s {
		t.Errorf("%+v, want %+v", got, s)
	}
	if got := g.message().addRegion(); got != g {
		t.Errorf("%+v, want %+v", got, g)
	}
	if got := r.message().addRing(); got != r {
		t.Errorf("%+v, want %+v", got, r)
	}
	long := strings.Repeat("x", 200)
	if got := disconnect(0, long).reason(); got != long[:reasonSize-1] {
		t.Errorf("a reason of %d octets", len(got))
	}
}
