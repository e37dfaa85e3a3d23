package slab

import "testing"

// item is as large as a connection's control block.
type item [256]byte

func BenchmarkGetPut(b *testing.B) {
	s := New(make([]item, 1<<16))
	for b.Loop() {
		i, _ := s.Get()
		s.Put(i)
	}
}

func BenchmarkLookupAt(b *testing.B) {
	s := New(make([]item, 1<<10))
	var handles [256]Handle
	for k := range handles {
		i, _ := s.Get()
		handles[k] = s.Handle(i)
	}
	var sum, n byte
	for b.Loop() {
		i, ok := s.Lookup(handles[n])
		if !ok {
			b.Fatal("stale")
		}
		sum += s.At(i)[0]
		n++
	}
}
