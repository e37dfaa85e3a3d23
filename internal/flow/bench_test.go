package flow

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func tableOf(n uint32) *Table {
	tab := NewTable(2*int(n), testSeed, numbered{})
	for i := range n {
		tab.Insert(key(i), i+1)
	}
	return tab
}

// BenchmarkLookup finds connections in random order, one by one and, as a shard does,
// in batches of 32 whose owners are only guessed.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []uint32{1000, 1_000_000} {
		tab := tableOf(n)
		r := rand.New(rand.NewPCG(1, 1))
		keys := make([]Key4, 1<<16)
		for i := range keys {
			keys[i] = key(r.Uint32N(n))
		}
		b.Run(fmt.Sprintf("single/%d", n), func(b *testing.B) {
			i := 0
			for b.Loop() {
				if _, ok := tab.Lookup(keys[i&0xffff]); !ok {
					b.Fatal("lost")
				}
				i++
			}
		})
		b.Run(fmt.Sprintf("batch32/%d", n), func(b *testing.B) {
			var hashes [32]uint32
			i := 0
			for b.Loop() {
				batch := keys[i&0xffe0:][:32]
				for j := range batch {
					hashes[j] = tab.Hash(batch[j])
				}
				for j := range batch {
					if tab.Guess(hashes[j]) == 0 {
						b.Fatal("lost")
					}
				}
				i += 32
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/32, "ns/lookup")
		})
	}
}

func BenchmarkInsertDelete(b *testing.B) {
	for _, n := range []uint32{1000, 1_000_000} {
		tab := tableOf(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			i := n
			for b.Loop() {
				tab.Insert(key(i), i+1)
				tab.Delete(key(i-n/2), i-n/2+1)
				i++
			}
		})
	}
}

// BenchmarkGrow fills a table to a million and reports the mean and the
// longest insertion, which is where a new array is made.
func BenchmarkGrow(b *testing.B) {
	var longest time.Duration
	for b.Loop() {
		tab := NewTable(1_000_000, testSeed, numbered{})
		for i := range uint32(1_000_000) {
			start := time.Now()
			tab.Insert(key(i), i+1)
			longest = max(longest, time.Since(start))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/insert")
	b.ReportMetric(float64(longest.Microseconds()), "longest-µs")
}

func BenchmarkToeplitz(b *testing.B) {
	h, _ := NewToeplitz(MicrosoftKey())
	var sum uint32
	for b.Loop() {
		sum += h.Hash4(0x0a000001, 0x0a000002, uint16(sum), 80)
	}
}

func BenchmarkPorts(b *testing.B) {
	p, _ := NewPorts(FirstPort, LastPort, testSeed)
	for b.Loop() {
		p.Next(1, 2, 80, func(uint16) bool { return true })
	}
}
