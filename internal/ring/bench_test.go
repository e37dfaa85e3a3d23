package ring

import "testing"

func BenchmarkPoolGetPut(b *testing.B) {
	p := newPool(b, 4)
	p.Get(MinSize) // so that the span stays
	for b.Loop() {
		p.Put(p.Get(MinSize))
	}
}

func BenchmarkPoolGetPutWholeSpan(b *testing.B) {
	p := newPool(b, 4)
	for b.Loop() {
		p.Put(p.Get(MaxSize))
	}
}

// benchmarkStream passes pieces of n octets from Write to Read.
func benchmarkStream(b *testing.B, n int) {
	s, _ := attached(b, wrap, 64<<10)
	in, out := make([]byte, n), make([]byte, n)
	b.SetBytes(int64(n))
	for b.Loop() {
		s.Write(in)
		s.Read(out)
	}
}

func BenchmarkStreamWriteRead64(b *testing.B)   { benchmarkStream(b, 64) }
func BenchmarkStreamWriteRead1460(b *testing.B) { benchmarkStream(b, 1460) }

// As the shard sends: the application wrote, the shard copies into a frame and
// consumes when the ACK comes.
func BenchmarkStreamCopyAtAdvance1460(b *testing.B) {
	s, _ := attached(b, wrap, 64<<10)
	in, out := make([]byte, 1460), make([]byte, 1460)
	b.SetBytes(1460)
	for b.Loop() {
		s.Write(in)
		s.CopyAt(s.ReadPos(), out)
		s.Advance(s.WritePos())
	}
}
