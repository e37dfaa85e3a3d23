package neigh

import (
	"slices"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestIncomplete_FailsAfterThreeRequests(t *testing.T) {
	w := newWorld(t, Config{})
	id, _ := w.Lookup(peerIP, w.now)
	sent := len(w.frames())
	for range 2 {
		w.run(999 * time.Millisecond)
		if len(w.frames()) != 0 {
			t.Error("a request before its second is over")
		}
		w.run(time.Millisecond)
		sent += len(w.frames())
		if w.state(peerIP) != Incomplete {
			t.Errorf("%v after %d requests", w.state(peerIP), sent)
		}
	}
	if sent != 3 {
		t.Errorf("%d requests, want 3", sent)
	}
	w.run(time.Second)
	if got := w.events(); len(got) != 1 || got[0] != (Event{id, peerIP, Unreachable}) {
		t.Errorf("events %v", got)
	}
	if again, s := w.Lookup(peerIP, w.now); again != id || s != Failed || len(w.frames()) != 0 {
		t.Errorf("Lookup within the hold: %#x, %v", again, s)
	}
}

func TestFailed_IsRetriedAfterTheHold(t *testing.T) {
	w := newWorld(t, Config{})
	id, _ := w.Lookup(peerIP, w.now)
	w.run(3 * time.Second)
	w.events()
	w.frames()
	w.run(3*time.Second - 1)
	if _, s := w.Lookup(peerIP, w.now); s != Failed {
		t.Fatalf("%v just before the hold is over", s)
	}
	w.run(1)
	if again, s := w.Lookup(peerIP, w.now); again != id || s != Incomplete {
		t.Fatalf("%v after the hold, ID %#x", s, again)
	}
	if len(w.frames()) != 1 {
		t.Error("the retry must ask")
	}
}

func TestFailed_IsForgottenAndAlsoHearsLateAnswers(t *testing.T) {
	w := newWorld(t, Config{})
	w.Lookup(peerIP, w.now)
	w.run(4 * time.Second)
	if w.replyFrom(peerIP, peerMAC) != drop.None || w.state(peerIP) != Reachable {
		t.Errorf("a late answer: %v", w.state(peerIP))
	}
	if k := w.kinds(); !slices.Equal(k, []EventKind{Resolved}) {
		t.Errorf("events %v: the newest counts", k)
	}
	other := addr("10.0.0.3")
	w.Lookup(other, w.now)
	w.run(3*time.Second + 60*time.Second - 1)
	if w.state(other) != Failed {
		t.Fatalf("%v before the minute is over", w.state(other))
	}
	w.run(20 * time.Millisecond)
	if w.state(other) != Free {
		t.Errorf("%v after a minute", w.state(other))
	}
}

func TestReachable_LastsHalfToOneAndAHalfTimes(t *testing.T) {
	shortest, longest := time.Hour, time.Duration(0)
	for seed := range uint64(200) {
		w := newWorld(t, Config{Seed: seed})
		w.resolvedPeer()
		i, _ := w.find(peerIP)
		d := w.due[i].Sub(w.now)
		shortest, longest = min(shortest, d), max(longest, d)
	}
	if shortest < 15*time.Second || shortest > 17*time.Second || longest >= 45*time.Second || longest < 43*time.Second {
		t.Errorf("200 times between %v and %v, want 15 s to 45 s, spread", shortest, longest)
	}
}

func TestConfirm_ProlongsReachable(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	for range 100 {
		w.run(5 * time.Second)
		if s := w.state(peerIP); s != Reachable {
			t.Fatalf("%v although it was confirmed every five seconds", s)
		}
		w.Confirm(id, w.now)
	}
	if len(w.frames()) != 0 {
		t.Error("a confirmed neighbour must not be asked")
	}
	w.run(45 * time.Second)
	if s := w.state(peerIP); s != Stale {
		t.Errorf("%v, 45 s after the last confirmation", s)
	}
}

func TestStale_UseLeadsToDelayAndProbe(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	w.run(45 * time.Second)
	if s := w.state(peerIP); s != Stale {
		t.Fatalf("%v when idle", s)
	}
	if mac, ok := w.MAC(id); !ok || mac != peerMAC || w.state(peerIP) != Delay {
		t.Fatalf("use of a stale entry: %v %v, %v", mac, ok, w.state(peerIP))
	}
	w.run(5*time.Second - 1)
	if len(w.frames()) != 0 || w.state(peerIP) != Delay {
		t.Fatalf("%v before five seconds are over", w.state(peerIP))
	}
	w.run(1)
	want := []frame{{peerMAC, wire.ARP{Op: wire.ARPRequest, SenderMAC: ourMAC, SenderIP: ourIP, TargetMAC: peerMAC, TargetIP: peerIP}}}
	if got := w.frames(); !slices.Equal(got, want) || w.state(peerIP) != Probe {
		t.Fatalf("%v, frames %+v, want a unicast request", w.state(peerIP), got)
	}
	if _, ok := w.MAC(id); !ok {
		t.Error("a probed neighbour stays usable")
	}
	if w.replyFrom(peerIP, peerMAC) != drop.None || w.state(peerIP) != Reachable || len(w.events()) != 0 {
		t.Errorf("after the answer: %v", w.state(peerIP))
	}
}

func TestStale_LookupIsAUseToo(t *testing.T) {
	w := newWorld(t, Config{})
	w.resolvedPeer()
	w.run(45 * time.Second)
	w.Lookup(peerIP, w.now)
	if s := w.state(peerIP); s != Delay {
		t.Errorf("%v after Lookup of a stale entry", s)
	}
}

func TestProbe_FailsAfterThreeUnicasts(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	w.run(45 * time.Second)
	w.MAC(id)
	w.run(5 * time.Second)
	sent := len(w.frames())
	for range 2 {
		w.run(time.Second)
		sent += len(w.frames())
	}
	if _, ok := w.MAC(id); !ok || sent != 3 {
		t.Fatalf("%v after %d probes", w.state(peerIP), sent)
	}
	w.run(time.Second)
	if s := w.state(peerIP); s != Failed {
		t.Fatalf("%v after three unanswered probes", s)
	}
	if _, ok := w.MAC(id); ok {
		t.Error("a dead neighbour must not be sent to")
	}
	if k := w.kinds(); !slices.Equal(k, []EventKind{Unreachable}) {
		t.Errorf("events %v", k)
	}
}

func TestConfirm_EndsDelayAndProbe(t *testing.T) {
	for _, wait := range []time.Duration{time.Second, 6 * time.Second} {
		w := newWorld(t, Config{})
		id := w.resolvedPeer()
		w.run(45 * time.Second)
		w.MAC(id)
		w.run(wait)
		before := w.state(peerIP)
		w.Confirm(id, w.now)
		if s := w.state(peerIP); s != Reachable || len(w.frames()) != 0 {
			t.Errorf("%v became %v", before, s)
		}
	}
}

func TestReachable_InUseIsAskedBeforeItGoesStale(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	asked := false
	for range 60 {
		w.run(time.Second)
		w.MAC(id) // packets go out, nobody confirms
		for _, f := range w.frames() {
			asked = asked || f.to == peerMAC
			w.replyFrom(peerIP, peerMAC)
		}
		if s := w.state(peerIP); s == Stale || s == Failed {
			t.Fatalf("%v while in use and answering", s)
		}
	}
	if !asked {
		t.Error("a minute of use without a question")
	}
}

func TestNext_IsNeverWhenNothingIsTimed(t *testing.T) {
	w := newWorld(t, Config{})
	w.run(10 * time.Second) // announcements
	w.AddStatic(peerIP, peerMAC, w.now)
	if n := w.Next(); n != mono.Never {
		t.Errorf("Next() = %v", n)
	}
}

func TestNext_ScansAreApart(t *testing.T) {
	w := newWorld(t, Config{})
	for k := range 200 { // due at 200 times within 20 ms
		w.Lookup(peerIP+wire.IPv4(k), w.now)
		w.now = w.now.Add(100 * time.Microsecond)
	}
	w.run(900 * time.Millisecond)
	scans, last := 0, mono.Time(0)
	for end := w.now.Add(time.Second); !end.Before(w.Next()); scans++ {
		w.now = max(w.now, w.Next())
		if last.IsSet() && w.now.Sub(last) < scanInterval {
			t.Fatalf("scans %v apart", w.now.Sub(last))
		}
		last = w.now
		w.Advance(w.now)
	}
	if scans > 5 || len(w.frames()) != 200 {
		t.Errorf("%d scans for what is due within 20 ms", scans)
	}
}

func TestStats_CountWhatHappened(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	w.requestFrom(peerIP, peerMAC, ourIP)
	w.run(45 * time.Second)
	w.requestFrom(peerIP, newMAC, ourIP)
	w.MAC(id)
	w.run(5 * time.Second)
	w.frames()
	w.run(time.Minute)
	want := Stats{Requests: 2, Replies: 2, Announces: 1, Resolved: 1, Failed: 1, Changed: 1} // announcements coalesced
	if got := w.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	v := emptyWorld(t, Config{ProbeCount: 1})
	v.AddAddress(ourIP, v.now)
	v.run(time.Second)
	v.frames()
	if got := v.Stats(); got != (Stats{Probes: 1}) {
		t.Errorf("%+v, want a probe", got)
	}
}

func TestState_Names(t *testing.T) {
	for s, want := range map[State]string{Free: "free", Incomplete: "incomplete", Static: "static", Static + 1: "unknown"} {
		if s.String() != want {
			t.Errorf("%d: %q, want %q", s, s, want)
		}
	}
}
