package neigh

import (
	"slices"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var (
	probeFrame        = frame{wire.Broadcast(), wire.ARP{Op: wire.ARPRequest, SenderMAC: ourMAC, TargetIP: ourIP}}
	announcementFrame = frame{wire.Broadcast(), wire.ARP{Op: wire.ARPRequest, SenderMAC: ourMAC, SenderIP: ourIP, TargetIP: ourIP}}
)

func TestAddAddress_WithoutProbesIsUsableAtOnceAndAnnouncedTwice(t *testing.T) {
	w := emptyWorld(t, Config{})
	if !w.AddAddress(ourIP, w.now) || !w.IsUsable(ourIP) {
		t.Fatal("not usable")
	}
	if got := w.events(); !slices.Equal(got, []Event{{0, ourIP, Usable}}) {
		t.Errorf("events %v", got)
	}
	if got := w.frames(); !slices.Equal(got, []frame{announcementFrame}) {
		t.Errorf("first announcement: %+v", got)
	}
	w.run(2*time.Second - 1)
	if w.HasOutput() {
		t.Error("the second announcement is early")
	}
	w.run(1)
	if got := w.frames(); !slices.Equal(got, []frame{announcementFrame}) {
		t.Errorf("second announcement: %+v", got)
	}
	w.run(time.Hour)
	if w.HasOutput() || w.Next() != mono.Never {
		t.Error("two announcements and no more")
	}
}

func TestAddAddress_ProbesBeforeUse(t *testing.T) {
	w := emptyWorld(t, Config{ProbeCount: 3})
	w.AddAddress(ourIP, w.now)
	start := w.now
	var at []time.Duration
	for !w.IsUsable(ourIP) {
		if w.now.Sub(start) > time.Minute {
			t.Fatal("never usable")
		}
		w.run(10 * time.Millisecond)
		for _, f := range w.frames() {
			if f == probeFrame {
				at = append(at, w.now.Sub(start))
			} else if !w.IsUsable(ourIP) {
				t.Fatalf("before its use an address must not be claimed: %+v", f)
			}
		}
		if w.requestFrom(peerIP, peerMAC, ourIP); !w.IsUsable(ourIP) && w.HasOutput() {
			t.Fatal("a question for an address that we probe must not be answered")
		}
	}
	usable := w.now.Sub(start)
	const slack = 20 * time.Millisecond
	if len(at) != 3 || at[0] > time.Second+slack ||
		at[1]-at[0] < time.Second-slack || at[1]-at[0] > 2*time.Second+slack ||
		at[2]-at[1] < time.Second-slack || at[2]-at[1] > 2*time.Second+slack ||
		usable-at[2] < 2*time.Second-slack || usable-at[2] > 2*time.Second+slack {
		t.Errorf("probes at %v, usable at %v", at, usable)
	}
}

func TestAddAddress_WithdrawsWhenSomebodyHasIt(t *testing.T) {
	claims := map[string]wire.ARP{
		"reply":              {Op: wire.ARPReply, SenderMAC: peerMAC, SenderIP: ourIP, TargetMAC: ourMAC},
		"announcement":       {Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: ourIP, TargetIP: ourIP},
		"simultaneous probe": {Op: wire.ARPRequest, SenderMAC: peerMAC, TargetIP: ourIP},
	}
	for name, claim := range claims {
		w := emptyWorld(t, Config{ProbeCount: 3})
		w.AddAddress(ourIP, w.now)
		w.run(1500 * time.Millisecond)
		if why := w.input(claim); why != drop.ARPConflict {
			t.Errorf("%s: %v", name, why)
		}
		w.run(time.Minute)
		if w.IsUsable(ourIP) {
			t.Errorf("%s: in use in spite of it", name)
		}
		if got := w.events(); !slices.Equal(got, []Event{{0, ourIP, Conflict}}) {
			t.Errorf("%s: events %v", name, got)
		}
		if id, s := w.Lookup(ourIP, w.now); id == 0 || s != Incomplete {
			t.Errorf("%s: the winner is a neighbour like any other, not %v", name, s)
		}
		if !w.AddAddress(ourIP, w.now) || w.nAddresses != 1 {
			t.Errorf("%s: it must be possible to try again", name)
		}
	}
}

func TestConflict_IsDefendedOnceInTenSeconds(t *testing.T) {
	w := newWorld(t, Config{})
	w.run(10 * time.Second)
	w.frames()
	claim := wire.ARP{Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: ourIP, TargetIP: peerIP}
	defences := 0
	for range 25 { // a claim each second, at 0 .. 24 s
		if why := w.input(claim); why != drop.ARPConflict {
			t.Fatal(why)
		}
		for _, f := range w.frames() {
			if f != announcementFrame {
				t.Fatalf("%+v is no defence", f)
			}
			defences++
		}
		if k := w.kinds(); !slices.Equal(k, []EventKind{Conflict}) {
			t.Fatalf("events %v", k)
		}
		w.run(time.Second)
		if k := w.kinds(); len(k) != 0 {
			t.Fatalf("events %v without a claim", k)
		}
	}
	if defences != 3 || !w.IsUsable(ourIP) || w.Stats().Conflicts != 25 || w.Len() != 0 {
		t.Errorf("%d defences in 25 s, want at 0, 10 and 20; stats %+v", defences, w.Stats())
	}
}

func TestAddAddress_RefusesImpossibleDuplicateAndTooMany(t *testing.T) {
	w := newWorld(t, Config{})
	for _, s := range []string{"10.0.0.1", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.255.255.255"} {
		if w.AddAddress(addr(s), w.now) {
			t.Errorf("%s accepted", s)
		}
	}
	for i := 1; i < maxAddresses; i++ {
		if !w.AddAddress(ourIP+wire.IPv4(i), w.now) {
			t.Fatalf("address %d refused", i)
		}
	}
	if w.AddAddress(addr("10.9.9.9"), w.now) {
		t.Error("one too many accepted")
	}
	if !w.RemoveAddress(ourIP) || w.RemoveAddress(ourIP) || w.IsUsable(ourIP) {
		t.Error("an address goes once")
	}
	if !w.IsUsable(ourIP+maxAddresses-1) || !w.AddAddress(addr("10.9.9.9"), w.now) {
		t.Error("the others stay, and there is room again")
	}
}

func TestAddAddress_ForgetsTheNeighbourOfThatName(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	w.AddAddress(peerIP, w.now)
	if _, ok := w.MAC(id); ok || w.Len() != 0 {
		t.Error("our own address is no neighbour")
	}
}

func TestAddAddress_AddressesOfAnotherStackDoNotAnswer(t *testing.T) {
	w := newWorld(t, Config{})
	w.requestFrom(peerIP, peerMAC, ourIP)
	w.RemoveAddress(ourIP)
	if got := w.frames(); len(got) != 0 {
		t.Errorf("%+v for an address that was removed", got)
	}
}

func TestOutput_AsksFromTheAddressOnTheSamePrefix(t *testing.T) {
	w := newWorld(t, Config{})
	w.SetOnLink([]wire.IPv4Prefix{{Addr: addr("10.0.0.0"), Bits: 24}, {Addr: addr("192.0.2.0"), Bits: 24}})
	second := addr("192.0.2.1")
	w.AddAddress(second, w.now)
	w.frames()
	for target, want := range map[string]wire.IPv4{"10.0.0.9": ourIP, "192.0.2.9": second, "198.51.100.1": ourIP} {
		w.Lookup(addr(target), w.now)
		if got := w.frames(); len(got) != 1 || got[0].arp.SenderIP != want {
			t.Errorf("asking for %s: %+v, want from %v", target, got, want)
		}
	}
}

func TestOutput_AsksNobodyWithoutAnAddress(t *testing.T) {
	w := emptyWorld(t, Config{})
	w.Lookup(peerIP, w.now)
	if got := w.frames(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	w.AddAddress(ourIP, w.now)
	w.run(time.Second)
	if got := w.frames(); len(got) != 2 || got[1].arp.TargetIP != peerIP {
		t.Errorf("%+v, want an announcement and the next request", got)
	}
}
