package wire

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// needAVX2 skips where the twin in assembly cannot run.
func needAVX2(tb testing.TB) {
	if !hasAVX2 {
		tb.Skip("no AVX2 here, or a race build")
	}
}

// twinsAgree copies and sums src at places of all alignments, by assembly and
// in Go, and looks beside what was copied.
func twinsAgree(t *testing.T, src []byte, initial uint64, at int) {
	t.Helper()
	const margin = 64
	want := Fold(sumPortable(src, initial))
	if got := Fold(sumWide(src, initial)); got != want {
		t.Fatalf("length %d, initial %#x: sum %#x, want %#x", len(src), initial, got, want)
	}
	room := bytes.Repeat([]byte{0xa5}, margin+at+len(src)+margin)
	untouched := bytes.Clone(room)
	copy(untouched[margin+at:], src)
	if got := Fold(sumCopyWide(room[margin+at:][:len(src)], src, initial)); got != want {
		t.Fatalf("length %d to %d, initial %#x: sum of the copy %#x, want %#x", len(src), at, initial, got, want)
	}
	if !bytes.Equal(room, untouched) {
		t.Fatalf("length %d to %d: the copy is not the source, or something beside it changed", len(src), at)
	}
}

func TestSumAVX2_EqualsItsTwin(t *testing.T) {
	needAVX2(t)
	rng := rand.New(rand.NewPCG(7, 8))
	memory := randomBytes(rng, 9000+64)
	ones := bytes.Repeat([]byte{0xff}, len(memory)) // every addition carries
	for n := range 300 {
		for at := range 33 {
			twinsAgree(t, memory[at:at+n], rng.Uint64(), (at*7+n)%64)
			twinsAgree(t, ones[at:at+n], ^uint64(0), at)
		}
	}
	for range 3000 {
		n, at := rng.IntN(9001), rng.IntN(64)
		twinsAgree(t, memory[at:at+n], rng.Uint64(), rng.IntN(64))
		twinsAgree(t, ones[at:at+n], rng.Uint64(), rng.IntN(64))
	}
}

func TestOdd_PutsAPartAtAnOddPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	b := randomBytes(rng, 301)
	want := naiveSum(b, 0)
	for cut := 1; cut <= len(b); cut += 2 {
		if got := Fold(Odd(Sum(b[cut:], Odd(Sum(b[:cut], 0))))); got != want {
			t.Fatalf("cut at %d: %#x, want %#x", cut, got, want)
		}
	}
}

func FuzzSumAVX2(f *testing.F) {
	needAVX2(f)
	f.Add(bytes.Repeat([]byte{0xff}, 200), ^uint64(0), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, initial uint64, at uint8) {
		from := min(int(at>>4), len(b))
		twinsAgree(t, b[from:], initial, int(at&63))
	})
}
