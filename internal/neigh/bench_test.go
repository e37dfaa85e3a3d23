package neigh

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// benchTable is a table with n neighbours from 10.1.0.1 on, all resolved.
func benchTable(n int) (*Table, []ID) {
	t := New(Config{MAC: ourMAC})
	t.AddAddress(ourIP, 1)
	ids := make([]ID, n)
	for k := range ids {
		ip := addr("10.1.0.1") + wire.IPv4(k)
		t.AddStatic(ip, macOf(ip), 1)
		ids[k], _ = t.Lookup(ip, 1)
	}
	return t, ids
}

func TestHotPaths_DoNotAllocate(t *testing.T) {
	tab, ids := benchTable(100)
	a := wire.ARP{Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: peerIP, TargetIP: ourIP}
	var b [64]byte
	var ev [8]Event
	now, ip := mono.Time(1), addr("10.128.0.1")
	n := testing.AllocsPerRun(2000, func() {
		now = now.Add(50 * time.Millisecond)
		ip++
		tab.Advance(now)
		tab.Lookup(ip, now) // evicts, fails, is forgotten
		tab.MAC(ids[0])
		tab.Confirm(ids[0], now)
		tab.Input(&a, peerMAC, now)
		for tab.Output(b[:], now) > 0 {
		}
		tab.Events(ev[:])
	})
	if n != 0 {
		t.Errorf("%v allocations per round, want none", n)
	}
}

func BenchmarkMAC(b *testing.B) {
	t, ids := benchTable(16)
	k := 0
	for b.Loop() {
		if _, ok := t.MAC(ids[k&15]); !ok {
			b.Fatal("lost")
		}
		k++
	}
}

func BenchmarkLookup(b *testing.B) {
	t, ids := benchTable(700)
	k := 0
	for b.Loop() {
		if _, s := t.Lookup(addr10+wire.IPv4(k), 1); s != Static {
			b.Fatal(s)
		}
		if k++; k == len(ids) {
			k = 0
		}
	}
}

var addr10 = addr("10.1.0.1")

func BenchmarkLookup_Flood(b *testing.B) {
	t, _ := benchTable(700)
	var ev [64]Event
	ip := addr("10.128.0.1")
	for b.Loop() {
		ip++
		t.Lookup(ip&0x00ff_ffff|0x0a80_0000, 1)
		t.Events(ev[:])
	}
}

func BenchmarkInput_Request(b *testing.B) {
	t, _ := benchTable(16)
	a := wire.ARP{Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: peerIP, TargetIP: ourIP}
	var frame [64]byte
	for b.Loop() {
		t.Input(&a, peerMAC, 1)
		t.Output(frame[:], 1)
	}
}

func BenchmarkAdvance_Scan(b *testing.B) {
	t, _ := benchTable(700)
	now := mono.Time(1)
	for b.Loop() {
		now = now.Add(scanInterval)
		t.timers.next = now // as if something were due
		t.Advance(now)
	}
}
