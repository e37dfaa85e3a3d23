package mtcp

import (
	"net/netip"
	"testing"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// dialling stands for shards that are asked what is in use while a handler of
// theirs dials.
type dialling struct {
	share *share
	asked int
}

func (d *dialling) PortInUse(port uint16) bool {
	d.asked++
	return d.share.MayDialFrom(port) != nil
}

func (d *dialling) AddressInUse(wire.IPv4) bool {
	d.asked++
	return d.share.MayDialFrom(0) == nil
}

// TestRetire_AsksShardsWithoutTheLock that their handlers take when they dial.
func TestRetire_AsksShardsWithoutTheLock(t *testing.T) {
	s := &share{
		claims:  map[uint16]*claim{80: {}, 443: {listeners: 1}},
		leaving: map[netip.Addr]bool{netip.MustParseAddr("10.0.0.1"): true},
	}
	d := &dialling{share: s}
	if err := s.retire(d); err != nil {
		t.Error(err)
	}
	if d.asked != 2 {
		t.Errorf("%d questions, want one of port 80 and one of the address", d.asked)
	}
	if len(s.claims) != 2 || len(s.leaving) != 1 {
		t.Errorf("what is in use was given back: %v, %v", s.claims, s.leaving)
	}
}

// claiming has somebody listen on a port and close again while it is asked about.
type claiming struct{ share *share }

func (c *claiming) PortInUse(port uint16) bool {
	if err := c.share.Claim(port); err != nil {
		panic(err)
	}
	c.share.Release(port)
	return false
}

func (c *claiming) AddressInUse(wire.IPv4) bool { return true }

func TestRetire_KeepsAPortThatWasClaimedMeanwhile(t *testing.T) {
	s := &share{claims: map[uint16]*claim{80: {}}}
	if err := s.retire(&claiming{s}); err != nil {
		t.Error(err)
	}
	if s.claims[80] == nil {
		t.Error("connections of the listener that came and went have lost their port")
	}
}
