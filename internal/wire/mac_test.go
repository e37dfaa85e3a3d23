package wire

import "testing"

func TestMAC_TellsGroupsFromStations(t *testing.T) {
	station := MAC{0x02, 0, 0, 0xab, 0, 0x1f}
	group := MAC{0x01, 0, 0x5e, 0, 0, 1}
	if station.IsMulticast() || station.IsBroadcast() || station.IsZero() {
		t.Error("02:… is a station")
	}
	if !group.IsMulticast() || group.IsBroadcast() {
		t.Error("01:00:5e:… is a group, not broadcast")
	}
	if b := Broadcast(); !b.IsBroadcast() || !b.IsMulticast() {
		t.Error("broadcast is a group")
	}
	if !(MAC{}).IsZero() {
		t.Error("zero is zero")
	}
	if s := station.String(); s != "02:00:00:ab:00:1f" {
		t.Errorf("String() = %q", s)
	}
}
