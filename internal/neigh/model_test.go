package neigh

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// TestTable_AgreesWithAModelUnderRandomUse lets thirty neighbours of which some
// are alive talk to a small table. The model knows who is alive: an entry
// may only ever hold a MAC that its owner had, the table keeps its own counts,
// and whoever waited hears of it.
func TestTable_AgreesWithAModelUnderRandomUse(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 9))
		w := newWorld(t, Config{MaxEntries: 8 + int(seed)%30, Seed: seed})
		macs := map[wire.IPv4][]wire.MAC{} // all that an address ever had
		mac := func(ip wire.IPv4) wire.MAC { return macs[ip][len(macs[ip])-1] }
		waiting := map[ID]wire.IPv4{}
		for k := range 30 {
			macs[peerIP+wire.IPv4(k)] = []wire.MAC{macOf(wire.IPv4(k))}
		}
		for range 2000 {
			ip := peerIP + wire.IPv4(rng.Uint32N(30))
			isAlive := ip%3 != 0
			switch rng.Uint32N(8) {
			case 0, 1, 2:
				if id, s := w.Lookup(ip, w.now); s == Incomplete {
					waiting[id] = ip
				} else if got, ok := w.MAC(id); ok && got != mac(ip) && len(macs[ip]) == 1 {
					t.Fatalf("seed %d: %v has %v, want %v", seed, ip, got, mac(ip))
				}
			case 3:
				if isAlive {
					w.requestFrom(ip, mac(ip), ourIP)
				}
			case 4:
				if isAlive && rng.Uint32N(10) == 0 {
					macs[ip] = append(macs[ip], wire.MAC{2, 9, byte(rng.Uint32()), byte(rng.Uint32()), 0, byte(ip)})
					w.requestFrom(ip, mac(ip), ip)
				}
			case 5:
				if id, s := w.Lookup(ip, w.now); s.IsUsable() && isAlive {
					w.Confirm(id, w.now)
				}
			case 6:
				w.run(time.Duration(rng.Int64N(int64(3 * time.Second))))
			case 7:
				w.run(time.Duration(rng.Int64N(int64(30 * time.Millisecond))))
			}
			for _, f := range w.frames() {
				to := f.arp.TargetIP
				if f.arp.Op == wire.ARPRequest && to%3 != 0 && macs[to] != nil && (f.to.IsBroadcast() || f.to == mac(to)) {
					w.replyFrom(to, mac(to))
				}
			}
			for _, e := range w.events() {
				delete(waiting, e.ID)
			}
			w.checkInvariants()
			for id, ip := range waiting {
				if w.state(ip) != Incomplete {
					t.Fatalf("seed %d: %#x waits for %v, which is %v", seed, id, ip, w.state(ip))
				}
			}
			for i := range w.entries {
				if e := &w.entries[i]; e.state.IsUsable() && !contains(macs[e.ip], e.mac) {
					t.Fatalf("seed %d: %v has %v, which it never had", seed, e.ip, e.mac)
				}
			}
		}
	}
}

func contains(all []wire.MAC, m wire.MAC) bool {
	for _, have := range all {
		if have == m {
			return true
		}
	}
	return false
}
