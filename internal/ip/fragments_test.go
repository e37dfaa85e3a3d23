package ip

import (
	"math/rand/v2"
	"testing"
)

// bitmapPlace is place as it would be with a bit for each octet.
type bitmapPlace struct {
	have  [256]bool
	spans map[span]bool
	total uint16
}

func (m *bitmapPlace) place(s span, isLast bool) verdict {
	if m.spans[s] {
		return isDuplicate
	}
	for at, have := range m.have {
		if have && (at >= int(s.first) && at < int(s.end) || isLast && at >= int(s.end)) {
			return isWrong
		}
	}
	if m.total != 0 && (isLast || s.end > m.total) {
		return isWrong
	}
	for at := s.first; at < s.end; at++ {
		m.have[at] = true
	}
	m.spans[s] = true
	if isLast {
		m.total = s.end
	}
	return isNew
}

func (m *bitmapPlace) isComplete() bool {
	if m.total == 0 {
		return false
	}
	for _, have := range m.have[:m.total] {
		if !have {
			return false
		}
	}
	return true
}

func TestPlace_AgreesWithABitmap(t *testing.T) {
	complete := 0
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 8))
		var p partial
		m := bitmapPlace{spans: map[span]bool{}}
		for range 30 {
			first := uint16(rng.UintN(12)) * 8
			s := span{first, first + 8*uint16(1+rng.UintN(3))}
			isLast := rng.UintN(6) == 0
			got, want := p.place(s.first, s.end, isLast), m.place(s, isLast)
			if got != want || p.isComplete() != m.isComplete() {
				t.Fatalf("seed %d: %v, last %v: %d, want %d; complete %v, want %v", seed, s, isLast, got, want, p.isComplete(), m.isComplete())
			}
			for i := 1; i < p.nSpans; i++ {
				if p.spans[i-1].end > p.spans[i].first {
					t.Fatalf("seed %d: %v is not sorted", seed, p.spans[:p.nSpans])
				}
			}
		}
		if p.isComplete() {
			complete++
		}
	}
	if complete < 100 {
		t.Errorf("only %d of 3000 came to an end: the test says little", complete)
	}
}
