package neigh

import (
	"slices"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestInput_AnswersQuestionsForUsAndLearnsWhoAsks(t *testing.T) {
	w := newWorld(t, Config{})
	if why := w.requestFrom(peerIP, peerMAC, ourIP); why != drop.None {
		t.Fatal(why)
	}
	want := []frame{{peerMAC, wire.ARP{Op: wire.ARPReply, SenderMAC: ourMAC, SenderIP: ourIP, TargetMAC: peerMAC, TargetIP: peerIP}}}
	if got := w.frames(); !slices.Equal(got, want) {
		t.Errorf("frames %+v", got)
	}
	if id, s := w.Lookup(peerIP, w.now); s != Delay {
		t.Errorf("the asker is %v when used, want a stale entry in use", s)
	} else if mac, ok := w.MAC(id); !ok || mac != peerMAC {
		t.Errorf("MAC %v %v", mac, ok)
	}
}

func TestInput_AnswersProbesWithoutLearning(t *testing.T) {
	w := newWorld(t, Config{})
	if why := w.requestFrom(0, peerMAC, ourIP); why != drop.None {
		t.Fatal(why)
	}
	if got := w.frames(); len(got) != 1 || got[0].to != peerMAC || got[0].arp.TargetIP != 0 || w.Len() != 0 {
		t.Errorf("frames %+v, %d entries", got, w.Len())
	}
}

func TestInput_LearnsNothingFromOthersTalk(t *testing.T) {
	w := newWorld(t, Config{})
	tests := []struct {
		name string
		arp  wire.ARP
		want drop.Reason
	}{
		{"request for another", wire.ARP{Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: peerIP, TargetIP: addr("10.0.0.3")}, drop.ARPNotOurs},
		{"announcement", wire.ARP{Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: peerIP, TargetIP: peerIP}, drop.ARPNotOurs},
		{"reply nobody asked for", wire.ARP{Op: wire.ARPReply, SenderMAC: peerMAC, SenderIP: peerIP, TargetMAC: ourMAC, TargetIP: ourIP}, drop.ARPUnasked},
		{"gratuitous reply", wire.ARP{Op: wire.ARPReply, SenderMAC: peerMAC, SenderIP: peerIP, TargetMAC: wire.Broadcast(), TargetIP: peerIP}, drop.ARPUnasked},
	}
	for _, tt := range tests {
		if why := w.input(tt.arp); why != tt.want || w.Len() != 0 || w.HasOutput() {
			t.Errorf("%s: %v, want %v; %d entries", tt.name, why, tt.want, w.Len())
		}
	}
}

func TestInput_RefusesImpossiblePackets(t *testing.T) {
	good := wire.ARP{Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: peerIP, TargetIP: ourIP}
	tests := map[string]func(a *wire.ARP){
		"operation 0":         func(a *wire.ARP) { a.Op = 0 },
		"operation 3":         func(a *wire.ARP) { a.Op = 3 },
		"reply from zero":     func(a *wire.ARP) { a.Op, a.SenderIP = wire.ARPReply, 0 },
		"zero MAC":            func(a *wire.ARP) { a.SenderMAC = wire.MAC{} },
		"multicast MAC":       func(a *wire.ARP) { a.SenderMAC[0] |= 1 },
		"broadcast MAC":       func(a *wire.ARP) { a.SenderMAC = wire.Broadcast() },
		"our MAC":             func(a *wire.ARP) { a.SenderMAC = ourMAC },
		"multicast address":   func(a *wire.ARP) { a.SenderIP = addr("224.0.0.5") },
		"broadcast address":   func(a *wire.ARP) { a.SenderIP = wire.IPv4Broadcast },
		"loopback address":    func(a *wire.ARP) { a.SenderIP = addr("127.0.0.1") },
		"network 0":           func(a *wire.ARP) { a.SenderIP = addr("0.0.0.9") },
		"subnet broadcast":    func(a *wire.ARP) { a.SenderIP = addr("10.255.255.255") },
		"subnet zero address": func(a *wire.ARP) { a.SenderIP = addr("10.0.0.0") },
		"off the link":        func(a *wire.ARP) { a.SenderIP = addr("192.0.2.1") },
	}
	for name, change := range tests {
		w := newWorld(t, Config{})
		a := good
		change(&a)
		if why := w.input(a); why != drop.ARPBad || w.Len() != 0 || w.HasOutput() {
			t.Errorf("%s: %v, %d entries, output %v", name, why, w.Len(), w.HasOutput())
		}
	}
	w := newWorld(t, Config{})
	if why := w.Input(&good, wire.MAC{1}, w.now); why != drop.ARPBad {
		t.Errorf("frame from a group: %v", why)
	}
	if why := w.Input(&good, ourMAC, w.now); why != drop.ARPBad {
		t.Errorf("frame from ourselves: %v", why)
	}
	if why := w.Input(&good, peerMAC, w.now); why != drop.None {
		t.Errorf("the good one: %v", why)
	}
}

func TestInput_WithoutPrefixesBelievesAnyUnicastAddress(t *testing.T) {
	w := newWorld(t, Config{})
	w.SetOnLink(nil)
	if why := w.requestFrom(addr("192.0.2.1"), peerMAC, ourIP); why != drop.None {
		t.Errorf("unicast: %v", why)
	}
	if why := w.requestFrom(addr("224.0.0.1"), peerMAC, ourIP); why != drop.ARPBad {
		t.Errorf("multicast: %v", why)
	}
}

func TestInput_ARequestResolvesWhatWeAskedFor(t *testing.T) {
	w := newWorld(t, Config{})
	id, _ := w.Lookup(peerIP, w.now)
	if why := w.requestFrom(peerIP, peerMAC, addr("10.0.0.3")); why != drop.None {
		t.Fatal(why)
	}
	if got := w.events(); len(got) != 1 || got[0] != (Event{id, peerIP, Resolved}) || w.state(peerIP) != Stale {
		t.Errorf("events %v, %v: usable, but not proven", got, w.state(peerIP))
	}
	if len(w.frames()) != 0 {
		t.Error("a question that has its answer must not be sent")
	}
}

func TestInput_GratuitousUpdatesKnownNeighboursAfterTheLock(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	announce := wire.ARP{Op: wire.ARPRequest, SenderMAC: newMAC, SenderIP: peerIP, TargetIP: peerIP}
	if why := w.input(announce); why != drop.ARPUnasked {
		t.Errorf("within the lock time: %v", why)
	}
	if mac, _ := w.MAC(id); mac != peerMAC {
		t.Fatal("of two answers the first counts")
	}
	w.run(time.Second)
	if why := w.input(announce); why != drop.None {
		t.Errorf("after the lock time: %v", why)
	}
	if mac, ok := w.MAC(id); !ok || mac != newMAC {
		t.Errorf("MAC %v %v, want the new one", mac, ok)
	}
	if k := w.kinds(); !slices.Equal(k, []EventKind{Changed}) || w.state(peerIP) != Delay {
		t.Errorf("events %v, %v: a change must be verified", k, w.state(peerIP))
	}
}

func TestInput_AskingProvesNothing(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	w.run(45 * time.Second)
	w.MAC(id)
	w.run(5 * time.Second)
	w.requestFrom(peerIP, peerMAC, addr("10.0.0.3"))
	if s := w.state(peerIP); s != Probe {
		t.Errorf("%v after a broadcast of the probed neighbour, want the probe to go on", s)
	}
	w.input(wire.ARP{Op: wire.ARPReply, SenderMAC: peerMAC, SenderIP: peerIP, TargetMAC: newMAC, TargetIP: addr("10.0.0.3")})
	if s := w.state(peerIP); s != Probe {
		t.Errorf("%v after its answer to somebody else", s)
	}
}

func TestInput_AnAnswerToAProbeMayBringAnotherMAC(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	w.run(45 * time.Second)
	w.MAC(id)
	w.run(5 * time.Second)
	w.replyFrom(peerIP, newMAC)
	if mac, _ := w.MAC(id); mac != newMAC || w.state(peerIP) != Reachable {
		t.Errorf("%v, %v", mac, w.state(peerIP))
	}
	if k := w.kinds(); !slices.Equal(k, []EventKind{Changed}) {
		t.Errorf("events %v", k)
	}
}

func FuzzInput(f *testing.F) {
	f.Add(uint16(1), peerMAC[:], uint32(peerIP), uint32(ourIP), byte(0))
	f.Fuzz(func(t *testing.T, op uint16, mac []byte, sender, target uint32, what byte) {
		w := newWorld(t, Config{MaxEntries: 8})
		w.resolvedPeer()
		var m wire.MAC
		copy(m[:], mac)
		a := wire.ARP{Op: op, SenderMAC: m, SenderIP: wire.IPv4(sender), TargetIP: wire.IPv4(target)}
		if what&1 != 0 {
			w.Lookup(wire.IPv4(sender), w.now)
		}
		if what&2 != 0 {
			w.run(70 * time.Second)
		}
		w.input(a)
		w.run(10 * time.Second)
		w.frames()
		w.events()
	})
}
