package neigh

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// macOf gives every address a station of its own.
func macOf(ip wire.IPv4) wire.MAC {
	return wire.MAC{2, 1, byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}
}

// fill resolves n neighbours from 10.1.0.1 on and returns their IDs.
func (w *world) fill(n int) []ID {
	w.t.Helper()
	ids := make([]ID, n)
	for k := range ids {
		ip := addr("10.1.0.1") + wire.IPv4(k)
		ids[k], _ = w.Lookup(ip, w.now)
		if why := w.replyFrom(ip, macOf(ip)); why != drop.None {
			w.t.Fatalf("neighbour %d: %v", k, why)
		}
		w.frames()
		w.events()
	}
	return ids
}

func TestFlood_OfSpoofedAddressesDisplacesNobodyInUse(t *testing.T) {
	w := newWorld(t, Config{})
	ids := w.fill(w.resolvedLimit())
	for round := range 10 {
		for k := range 5000 {
			w.Lookup(addr("10.128.0.1")+wire.IPv4(round*5000+k), w.now)
			if k%64 == 0 {
				w.frames()
				w.events()
			}
		}
		w.run(time.Second)
		for k, id := range ids {
			if mac, ok := w.MAC(id); !ok || mac != macOf(addr("10.1.0.1")+wire.IPv4(k)) {
				t.Fatalf("round %d: neighbour %d was lost", round, k)
			}
		}
		w.checkInvariants()
	}
	if n := w.incomplete.n + w.failed.n; n > w.unresolvedLimit() {
		t.Errorf("%d unanswered entries, limit %d", n, w.unresolvedLimit())
	}
	if s := w.Stats(); s.EvictedUnresolved < 40_000 || s.Evicted != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestFlood_ANewNeighbourIsStillFound(t *testing.T) {
	w := newWorld(t, Config{})
	for k := range 5000 {
		w.Lookup(addr("10.128.0.1")+wire.IPv4(k), w.now)
		if k%64 == 0 {
			w.frames()
			w.events()
		}
	}
	id, _ := w.Lookup(peerIP, w.now)
	w.replyFrom(peerIP, peerMAC)
	if mac, ok := w.MAC(id); !ok || mac != peerMAC {
		t.Error("not found after a flood")
	}
}

func TestFlood_EveryEvictedWaiterIsTold(t *testing.T) {
	w := newWorld(t, Config{MaxEntries: 64})
	waiting := map[ID]bool{}
	lookups := 0
	for k := range 1000 {
		if id, s := w.Lookup(addr("10.128.0.1")+wire.IPv4(k), w.now); s == Incomplete {
			waiting[id] = true
			lookups++
		}
		if k%100 == 99 { // fewer drains than the queue has room for
			for _, e := range w.events() {
				if e.Kind != Unreachable || !waiting[e.ID] {
					t.Fatalf("event %+v for nobody", e)
				}
				delete(waiting, e.ID)
			}
			w.checkInvariants()
		}
	}
	if len(waiting) != w.incomplete.n {
		t.Errorf("%d still wait, %d entries are incomplete", len(waiting), w.incomplete.n)
	}
	if refused := int(w.Stats().Refused); refused == 0 || refused+lookups != 1000 {
		t.Errorf("%d refused and %d made, of 1000: with a full queue of events none may be evicted", refused, lookups)
	}
}

func TestEviction_FailuresGoFirstThenTheOldestQuestion(t *testing.T) {
	w := newWorld(t, Config{MaxEntries: 8}) // two unanswered
	a, b, c, d := addr("10.0.1.1"), addr("10.0.1.2"), addr("10.0.1.3"), addr("10.0.1.4")
	w.Lookup(a, w.now)
	w.run(3 * time.Second)
	w.Lookup(b, w.now)
	w.Lookup(c, w.now)
	if w.state(a) != Free || w.state(b) != Incomplete || w.state(c) != Incomplete {
		t.Errorf("a %v, b %v, c %v: the failure must go first", w.state(a), w.state(b), w.state(c))
	}
	w.Lookup(d, w.now)
	if w.state(b) != Free || w.state(c) != Incomplete || w.state(d) != Incomplete {
		t.Errorf("b %v, c %v, d %v: the oldest must go", w.state(b), w.state(c), w.state(d))
	}
}

func TestEviction_TheUnusedNeighbourMakesRoom(t *testing.T) {
	w := newWorld(t, Config{})
	n := w.resolvedLimit()
	ids := w.fill(n)
	w.run(11 * time.Second)
	for _, id := range ids {
		w.Confirm(id, w.now)
		if id != ids[n/2] {
			w.MAC(id)
		}
	}
	if id, _ := w.Lookup(peerIP, w.now); id == 0 || w.replyFrom(peerIP, peerMAC) != drop.None {
		t.Fatal("no room although one is unused")
	}
	w.run(0)
	lost := 0
	for k, id := range ids {
		if w.entries[id.slot()].generation != id.generation() || w.entries[id.slot()].state == Free {
			lost++
			if k != n/2 {
				t.Errorf("neighbour %d was evicted while in use", k)
			}
		}
	}
	if lost != 1 || w.Stats().Evicted != 1 {
		t.Errorf("%d lost, stats %+v", lost, w.Stats())
	}
}

func TestEviction_PrefersStale(t *testing.T) {
	w := newWorld(t, Config{MaxEntries: 8})
	w.fill(5)
	asker := addr("10.0.0.77")
	w.requestFrom(asker, peerMAC, ourIP) // stale, never used: the last of six
	w.run(11 * time.Second)              // nobody is in use
	w.Lookup(peerIP, w.now)
	if w.replyFrom(peerIP, peerMAC) != drop.None || w.state(asker) != Free || w.Table.resolved != 6 {
		t.Errorf("the asker is %v, want evicted before reachable ones", w.state(asker))
	}
}

func TestEviction_WhenAllAreInUseTheNewcomerIsRefused(t *testing.T) {
	w := newWorld(t, Config{})
	ids := w.fill(w.resolvedLimit())
	w.Lookup(peerIP, w.now)
	if why := w.replyFrom(peerIP, peerMAC); why != drop.ARPTableFull || w.state(peerIP) != Incomplete {
		t.Errorf("%v, %v", why, w.state(peerIP))
	}
	if why := w.requestFrom(addr("10.0.0.3"), newMAC, ourIP); why != drop.ARPTableFull || len(w.frames()) == 0 {
		t.Errorf("%v: an asker is answered even when it is not learnt", why)
	}
	if w.AddStatic(addr("10.0.0.4"), newMAC, w.now) || w.Stats().Refused != 3 {
		t.Errorf("static entries need room too; stats %+v", w.Stats())
	}
	for _, id := range ids {
		if _, ok := w.MAC(id); !ok {
			t.Fatal("one in use was lost")
		}
	}
}

func TestEviction_AFloodOfAskersDisplacesNobodyInUse(t *testing.T) {
	w := newWorld(t, Config{})
	ids := w.fill(100)
	for k := range 5000 {
		ip := addr("10.128.0.1") + wire.IPv4(k)
		w.requestFrom(ip, macOf(ip), ourIP)
		w.frames()
	}
	for _, id := range ids {
		if _, ok := w.MAC(id); !ok {
			t.Fatal("one in use was lost")
		}
	}
	if w.Stats().Evicted < 4000 {
		t.Errorf("stats %+v: askers must displace askers", w.Stats())
	}
}

func TestReplies_AreBounded(t *testing.T) {
	w := newWorld(t, Config{})
	for k := range maxReplies {
		if why := w.requestFrom(0, peerMAC, ourIP); why != drop.None {
			t.Fatalf("request %d: %v", k, why)
		}
	}
	if why := w.requestFrom(0, peerMAC, ourIP); why != drop.FrameNoTx || w.Stats().RepliesFull != 1 {
		t.Errorf("one too many: %v", why)
	}
	if n := len(w.frames()); n != maxReplies {
		t.Errorf("%d answers, want %d", n, maxReplies)
	}
}

func TestOutput_NeedsRoomForAFrame(t *testing.T) {
	w := newWorld(t, Config{})
	w.requestFrom(peerIP, peerMAC, ourIP)
	if n := w.Output(make([]byte, FrameLen-1), w.now); n != 0 {
		t.Errorf("%d octets into too little room", n)
	}
	if len(w.frames()) != 1 {
		t.Error("and then the answer must still be there")
	}
}
