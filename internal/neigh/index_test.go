package neigh

import (
	"math/rand/v2"
	"testing"

	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestIndex_EqualsAMap(t *testing.T) {
	const entries = 64
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		x := makeIndex(entries, rng.Uint64())
		model := map[wire.IPv4]slot{}
		for range 3000 {
			ip := wire.IPv4(1 + rng.Uint32N(100)) // few, so that they meet again
			want, known := model[ip]
			if got, ok := x.find(ip); ok != known || ok && got != want {
				t.Fatalf("seed %d: find(%d) = %d %v, want %d %v", seed, ip, got, ok, want, known)
			}
			switch {
			case !known && len(model) < entries:
				i := slot(rng.Uint32N(entries))
				x.insert(ip, i)
				model[ip] = i
			case rng.Uint32N(2) == 0:
				x.remove(ip)
				delete(model, ip)
			}
		}
		for ip, want := range model {
			if got, ok := x.find(ip); !ok || got != want {
				t.Fatalf("seed %d: %d was lost", seed, ip)
			}
		}
	}
}
