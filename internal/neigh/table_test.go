package neigh

import (
	"slices"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestLookup_AsksEverybodyForANewNeighbour(t *testing.T) {
	w := newWorld(t, Config{})
	id, s := w.Lookup(peerIP, w.now)
	if s != Incomplete || id == 0 {
		t.Fatalf("a new neighbour: ID %#x, %v", id, s)
	}
	if _, ok := w.MAC(id); ok {
		t.Error("nobody has answered: there can be no MAC")
	}
	again, s := w.Lookup(peerIP, w.now)
	if again != id || s != Incomplete {
		t.Errorf("asked twice: ID %#x then %#x, %v", id, again, s)
	}
	want := []frame{{wire.Broadcast(), wire.ARP{Op: wire.ARPRequest, SenderMAC: ourMAC, SenderIP: ourIP, TargetIP: peerIP}}}
	if got := w.frames(); !slices.Equal(got, want) {
		t.Errorf("frames %+v, want one request", got)
	}
}

func TestMAC_AnswersOnceTheNeighbourHas(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	if mac, ok := w.MAC(id); !ok || mac != peerMAC {
		t.Errorf("MAC = %v, %v", mac, ok)
	}
	if again, s := w.Lookup(peerIP, w.now); again != id || s != Reachable {
		t.Errorf("Lookup = %#x, %v, want the same ID, reachable", again, s)
	}
}

func TestMAC_RefusesIDsOfForgottenEntries(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	w.run(3 * time.Minute) // reachable, stale, forgotten
	if s := w.state(peerIP); s != Free {
		t.Fatalf("after three idle minutes: %v", s)
	}
	other, _ := w.Lookup(addr("10.0.0.9"), w.now)
	w.replyFrom(addr("10.0.0.9"), newMAC)
	if other.slot() != id.slot() {
		t.Fatal("the test wants the slot used again")
	}
	if mac, ok := w.MAC(id); ok {
		t.Errorf("an old ID gives somebody else's MAC, %v", mac)
	}
	w.Confirm(id, w.now)
	for _, bad := range []ID{0, 0xffff_ffff, id + 1, makeID(5000, 1)} {
		if _, ok := w.MAC(bad); ok {
			t.Errorf("ID %#x was never given out", bad)
		}
		w.Confirm(bad, w.now)
	}
}

func TestLookup_RefusesImpossibleNeighbours(t *testing.T) {
	w := newWorld(t, Config{})
	for _, s := range []string{"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.1.1.1", "10.0.0.0", "10.255.255.255", "10.0.0.1"} {
		if id, state := w.Lookup(addr(s), w.now); id != 0 || state != Failed {
			t.Errorf("%s: ID %#x, %v, want none and failed", s, id, state)
		}
	}
	if w.Len() != 0 || len(w.frames()) != 0 {
		t.Error("impossible neighbours must leave nothing behind")
	}
}

func TestAddStatic_IsNeitherTimedNorChanged(t *testing.T) {
	w := newWorld(t, Config{})
	waiting, _ := w.Lookup(peerIP, w.now)
	if !w.AddStatic(peerIP, peerMAC, w.now) || !w.AddStatic(addr("10.0.0.7"), newMAC, w.now) {
		t.Fatal("refused")
	}
	if got := w.events(); len(got) != 2 || got[0] != (Event{waiting, peerIP, Resolved}) {
		t.Errorf("events %v: those who waited must hear of it", got)
	}
	w.frames()
	w.replyFrom(peerIP, newMAC)
	w.requestFrom(peerIP, newMAC, ourIP)
	w.run(time.Hour)
	if mac, ok := w.MAC(waiting); !ok || mac != peerMAC {
		t.Errorf("MAC = %v, %v after an hour and two other claims", mac, ok)
	}
	if w.AddStatic(addr("10.0.0.8"), wire.Broadcast(), w.now) || w.AddStatic(addr("224.0.0.1"), newMAC, w.now) || w.AddStatic(addr("10.0.0.8"), wire.MAC{}, w.now) {
		t.Error("groups are no neighbours")
	}
}

func TestNew_BoundsTheTable(t *testing.T) {
	for n, want := range map[int]int{0: 1024, -1: 8, 1: 8, 100: 100, 1 << 20: 1 << 15} {
		if got := len(New(Config{MaxEntries: n}).entries); got != want {
			t.Errorf("MaxEntries %d: %d, want %d", n, got, want)
		}
	}
}

func TestSetOnLink_SaysWhenThereAreTooMany(t *testing.T) {
	tab := New(Config{})
	if !tab.SetOnLink(make([]wire.IPv4Prefix, maxOnLink)) || tab.SetOnLink(make([]wire.IPv4Prefix, maxOnLink+1)) {
		t.Error("64 prefixes fit, 65 do not")
	}
}
