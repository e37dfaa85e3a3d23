package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// naiveSum is RFC 1071 as it is written: sixteen bits at a time, big-endian.
func naiveSum(b []byte, initial uint32) uint16 {
	sum := initial
	for i := 0; i < len(b); i += 2 {
		v := uint32(b[i]) << 8
		if i+1 < len(b) {
			v |= uint32(b[i+1])
		}
		sum += v
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestSum_EqualsTheNaiveSumForEveryLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < 300; n++ {
		for _, fill := range []int{-1, 0x00, 0xff} {
			b := randomBytes(rng, n)
			if fill >= 0 {
				for i := range b {
					b[i] = byte(fill)
				}
			}
			want := naiveSum(b, 0)
			if got := Fold(Sum(b, 0)); got != want {
				t.Fatalf("length %d fill %d: Sum %#x, want %#x", n, fill, got, want)
			}
			dst := make([]byte, n+3)
			if got := Fold(SumCopy(dst, b, 0)); got != want {
				t.Fatalf("length %d fill %d: SumCopy %#x, want %#x", n, fill, got, want)
			}
			if !bytes.Equal(dst[:n], b) || !bytes.Equal(dst[n:], []byte{0, 0, 0}) {
				t.Fatalf("length %d: SumCopy must copy the source and nothing more", n)
			}
		}
	}
}

func TestSum_ChainsPartsOfEvenLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	b := randomBytes(rng, 401)
	want := naiveSum(b, 0)
	for cut := 0; cut <= len(b); cut += 2 {
		if got := Fold(Sum(b[cut:], Sum(b[:cut], 0))); got != want {
			t.Fatalf("cut at %d: %#x, want %#x", cut, got, want)
		}
		dst := make([]byte, len(b))
		if got := Fold(SumCopy(dst[cut:], b[cut:], SumCopy(dst, b[:cut], 0))); got != want || !bytes.Equal(dst, b) {
			t.Fatalf("copying, cut at %d: %#x, want %#x", cut, got, want)
		}
	}
}

func TestSum_CarriesFromAnyInitialValue(t *testing.T) {
	full := bytes.Repeat([]byte{0xff}, 129)
	for _, initial := range []uint64{0, 1, 0xffff, 1<<32 - 1, 1 << 63, 1<<64 - 1} {
		// The value of a partial sum is what its octets sum to.
		var octets [8]byte
		binary.LittleEndian.PutUint64(octets[:], initial)
		want := naiveSum(full, uint32(naiveSum(octets[:], 0)))
		if got := Fold(Sum(full, initial)); got != want {
			t.Errorf("initial %#x: %#x, want %#x", initial, got, want)
		}
	}
}

func TestFold_ReducesTheLargestSums(t *testing.T) {
	for _, sum := range []uint64{0, 1<<64 - 1, 1<<64 - 2, 0xffff_ffff_ffff_fffe, 0xffff_fffe_ffff_ffff, 0xfffe_ffff_ffff_ffff, 0x0001_ffff_ffff_ffff, 0xffff_0000_0000_0001} {
		var octets [8]byte
		binary.LittleEndian.PutUint64(octets[:], sum)
		if got, want := Fold(sum), naiveSum(octets[:], 0); got != want {
			t.Errorf("%#x: %#x, want %#x", sum, got, want)
		}
	}
}

func TestPseudoSum_IsTheSumOfThePseudoHeader(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		src, dst, proto, n := IPv4(rng.Uint32()), IPv4(rng.Uint32()), byte(rng.Uint32()), int(rng.Uint32N(65536))
		var h [12]byte
		src.Put(h[0:])
		dst.Put(h[4:])
		h[9] = proto
		binary.BigEndian.PutUint16(h[10:], uint16(n))
		if got, want := Fold(PseudoSum(src, dst, proto, n)), naiveSum(h[:], 0); got != want {
			t.Fatalf("PseudoSum(%v, %v, %d, %d) = %#x, want %#x", src, dst, proto, n, got, want)
		}
	}
}

func FuzzSum(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, initial uint64) {
		var octets [8]byte
		binary.LittleEndian.PutUint64(octets[:], initial)
		want := naiveSum(b, uint32(naiveSum(octets[:], 0)))
		dst := make([]byte, len(b))
		if got := Fold(Sum(b, initial)); got != want {
			t.Fatalf("Sum %#x, want %#x", got, want)
		}
		if got := Fold(SumCopy(dst, b, initial)); got != want || !bytes.Equal(dst, b) {
			t.Fatalf("SumCopy %#x, want %#x", got, want)
		}
	})
}
