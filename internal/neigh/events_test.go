package neigh

import (
	"slices"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestEvents_TheNewestOfAnEntryCounts(t *testing.T) {
	w := newWorld(t, Config{})
	id, _ := w.Lookup(peerIP, w.now)
	w.replyFrom(peerIP, peerMAC)
	w.run(2 * time.Second)
	w.requestFrom(peerIP, newMAC, ourIP) // changed
	if got := w.events(); !slices.Equal(got, []Event{{id, peerIP, Resolved}}) {
		t.Errorf("events %v: who waits must hear that it is resolved", got)
	}
	w.MAC(id)
	w.run(time.Minute)
	if got := w.events(); !slices.Equal(got, []Event{{id, peerIP, Unreachable}}) {
		t.Errorf("events %v", got)
	}
}

func TestEvents_ComeInOrderAndInParts(t *testing.T) {
	w := newWorld(t, Config{})
	var want []EventKind
	for k := range 10 {
		w.AddStatic(addr("10.2.0.1")+wire.IPv4(k), peerMAC, w.now)
		want = append(want, Resolved)
	}
	w.AddAddress(addr("10.0.0.99"), w.now)
	want = append(want, Usable)
	var got []EventKind
	var one [1]Event
	for w.Events(one[:]) == 1 {
		got = append(got, one[0].Kind)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestEventKind_Names(t *testing.T) {
	for k, want := range map[EventKind]string{Resolved: "resolved", Unreachable: "unreachable", Changed: "changed", Usable: "usable", Conflict: "conflict", 0: "unknown"} {
		if k.String() != want {
			t.Errorf("%d: %q, want %q", k, k, want)
		}
	}
}

// What HasEvents and HasOutput ask for once is over when it has been taken.
func TestHasEvents_IsOverWhenTheyAreTaken(t *testing.T) {
	tab := New(Config{MAC: ourMAC, ProbeCount: 0})
	if tab.HasEvents() || tab.HasOutput() {
		t.Error("a table without addresses has news or frames")
	}
	if !tab.AddAddress(ourIP, 1) || !tab.HasEvents() || !tab.HasOutput() {
		t.Error("no news or no announcement of an address")
	}
	var events [1]Event
	for range 3 {
		tab.Events(events[:])
	}
	var b [FrameLen]byte
	for range 3 {
		tab.Output(b[:], 1)
	}
	if tab.HasEvents() || tab.HasOutput() {
		t.Errorf("events %v, output %v when all has been taken", tab.HasEvents(), tab.HasOutput())
	}
}
