package shard

import (
	"testing"
	"time"
)

const kept = 64 // connections that ask at a time

// keptTown has connections that have been used, so that all has its size.
func keptTown(t testing.TB) *town {
	w, server, client := pair(t, limits{})
	v := newTown(w, server, client, kept)
	v.dial(kept)
	for range 100 {
		v.transact()
	}
	return v
}

// transact has every client ask once.
func (v *town) transact() {
	for _, e := range v.clients {
		e.ask()
	}
	for rounds := 0; !v.answered(); rounds++ {
		if v.round(); rounds > 10000 {
			v.Fatal("no answer")
		}
	}
}

func TestRound_DoesNotAllocate(t *testing.T) {
	v := keptTown(t)
	if n := testing.AllocsPerRun(200, v.transact); n != 0 {
		t.Errorf("%v allocations for %d transactions", n, kept)
	}
}

// frames is how many frames both stations have sent.
func (v *town) frames() uint64 { return v.server.stats().TxFrames + v.client.stats().TxFrames }

// report says what a transaction cost, both stations together.
func (v *town) report(b *testing.B, before uint64) {
	n := float64(b.N) * kept
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/transaction")
	b.ReportMetric(float64(v.frames()-before)/n, "packets/transaction")
}

// BenchmarkRequestResponse asks on kept connections: 64 octets each way.
func BenchmarkRequestResponse(b *testing.B) {
	v := keptTown(b)
	before := v.frames()
	for b.Loop() {
		v.transact()
	}
	v.report(b, before)
}

// BenchmarkShortConnection opens, asks once, and closes.
func BenchmarkShortConnection(b *testing.B) {
	w, server, client := pair(b, limits{})
	v := newTown(w, server, client, kept)
	before := v.frames()
	for b.Loop() {
		v.clients, v.servers, v.awake = v.clients[:0], v.servers[:0], v.awake[:0]
		v.dial(kept)
		v.transact()
		for _, e := range v.clients {
			e.close()
		}
		v.until(time.Second, "all closed", v.closed)
	}
	v.report(b, before)
}
