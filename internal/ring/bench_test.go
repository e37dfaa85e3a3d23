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

func BenchmarkMPSCPushPop(b *testing.B) {
	r, _ := NewMPSC(nil, make([]Slot[[7]uint64], 1024))
	var v [7]uint64
	for b.Loop() {
		r.Push(&v)
		r.Pop(&v)
	}
}

func BenchmarkSPSCPushPop(b *testing.B) {
	r, _ := NewSPSC(nil, make([][8]uint64, 1024))
	var v [8]uint64
	for b.Loop() {
		r.Push(&v)
		r.Pop(&v)
	}
}

func BenchmarkSPSCBatch32(b *testing.B) {
	r, _ := NewSPSC(nil, make([][8]uint64, 1024))
	var list [32][8]uint64
	for b.Loop() {
		r.PushAll(list[:])
		r.PopAll(list[:])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/32, "ns/record")
}

// One batch of empty frames: what the ring itself costs.
func BenchmarkFramesBatch32(b *testing.B) {
	f := newFrames(b, 1024, 2048)
	for b.Loop() {
		for i := range 32 {
			f.Slot(i)[0] = byte(i)
			f.Set(i, 60, 0)
		}
		f.Publish(32)
		for i := range 32 {
			f.Frame(i)
		}
		f.Release(32)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/32, "ns/frame")
}

func BenchmarkDoorbellRingUnarmed(b *testing.B) {
	var d Doorbell
	for b.Loop() {
		d.Ring()
	}
}
