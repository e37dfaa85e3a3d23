package neigh

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// slots reads a list forward and checks it backward.
func (l *list) slots(t *testing.T) []slot {
	t.Helper()
	var out, back []slot
	for i := l.first; i != noSlot; i = l.links[i].next {
		out = append(out, i)
	}
	for i := l.last; i != noSlot; i = l.links[i].prev {
		back = append(back, i)
	}
	slices.Reverse(back)
	if !slices.Equal(out, back) || len(out) != l.n {
		t.Fatalf("forward %v, backward %v, count %d", out, back, l.n)
	}
	return out
}

func TestList_EqualsASlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	l := makeList(16)
	var model []slot
	for range 5000 {
		i := slot(rng.Uint32N(3)) // few, so that the list is empty now and then
		at := slices.Index(model, i)
		switch rng.Uint32N(3) {
		case 0:
			l.pushBack(i)
			if at < 0 {
				model = append(model, i)
			}
		case 1:
			l.pushFront(i)
			if at < 0 {
				model = slices.Insert(model, 0, i)
			}
		case 2:
			l.remove(i)
			if at >= 0 {
				model = slices.Delete(model, at, at+1)
			}
		}
		if got := l.slots(t); !slices.Equal(got, model) {
			t.Fatalf("%v, want %v", got, model)
		}
	}
}
