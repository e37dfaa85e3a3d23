package ring

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// wrap is a start from which the first 4096 octets cross the end of the
// sequence space.
const wrap = seq.Value(0xffff_f000)

// octet is what stands at a position in all tests: so stale, lost and
// misplaced octets show up. Positions a ring's size apart differ.
func octet(v seq.Value) byte { return byte(uint32(v) * 0x9e3779b1 >> 24) }

// text returns the octets of a range.
func text(first seq.Value, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = octet(first.Add(seq.Size(i)))
	}
	return p
}

// expect fails unless p is what belongs at pos.
func expect(t *testing.T, what string, pos seq.Value, p []byte) {
	t.Helper()
	for i, b := range p {
		if v := pos.Add(seq.Size(i)); b != octet(v) {
			t.Fatalf("%s: octet at %#x is %#x, want %#x", what, v, b, octet(v))
		}
	}
}

// newStream returns an empty stream at start over the memory of p.
func newStream(p *Pool, start seq.Value) Stream {
	s := Stream{W: &WriterHalf{}, R: &ReaderHalf{}, Refs: &Refs{}, Mem: p.Memory()}
	s.Reset(start)
	return s
}

// attached is a stream with a ring of the given size.
func attached(t testing.TB, start seq.Value, size int) (Stream, *Pool) {
	t.Helper()
	p := newPool(t, 4)
	s := newStream(p, start)
	s.Attach(p.Get(size))
	return s, p
}

// mustPanic fails unless f does.
func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s went through", what)
		}
	}()
	f()
}

func TestStream_HalvesHaveAFixedLayout(t *testing.T) {
	if w, r, f := unsafe.Sizeof(WriterHalf{}), unsafe.Sizeof(ReaderHalf{}), unsafe.Sizeof(Refs{}); w != 16 || r != 8 || f != 8 {
		t.Errorf("sizes %d, %d, %d: the blocks of internal/sock are laid out for 16, 8, 8", w, r, f)
	}
}

func TestStream_WithoutRingHoldsNothing(t *testing.T) {
	s := newStream(newPool(t, 1), wrap)
	if s.HasRing() || s.Free() != 0 || s.Len() != 0 || s.Limit() != wrap || s.Size() != 0 {
		t.Error("a stream without ring claims to have room or octets")
	}
	if n := s.Write([]byte("x")); n != 0 {
		t.Errorf("wrote %d octets into no ring", n)
	}
	if n := s.Read(make([]byte, 1)); n != 0 {
		t.Errorf("read %d octets out of no ring", n)
	}
	if a, b := s.Reserve(); a != nil || b != nil {
		t.Error("free space out of nowhere")
	}
	s.WriteAt(wrap, nil)
	s.CopyAt(wrap, nil)
	s.Publish(wrap)
	s.Advance(wrap)
	if s.Offer(refOf(0, 0)) || s.CanOffer() {
		t.Error("a larger ring was taken where there is none yet")
	}
	if s.Drained() != 0 || s.Detach() != 0 || s.Switch() {
		t.Error("a ring came out of nowhere")
	}
}

func TestStream_CarriesOctetsAcrossBothEnds(t *testing.T) {
	s, _ := attached(t, wrap.Sub(1000), 4096)
	at := wrap.Sub(1000)
	for round := range 20 { // the ring's end and the end of the sequence space
		if n := s.Write(text(at, 3000)); n != 3000 {
			t.Fatalf("round %d: wrote %d", round, n)
		}
		if s.Len() != 3000 || s.Free() != 1096 {
			t.Fatalf("round %d: len %d, free %d", round, s.Len(), s.Free())
		}
		p := make([]byte, 3500)
		if n := s.Read(p); n != 3000 {
			t.Fatalf("round %d: read %d", round, n)
		}
		expect(t, "read", at, p[:3000])
		at = at.Add(3000)
	}
}

func TestWrite_TakesWhatFits(t *testing.T) {
	s, _ := attached(t, wrap, 4096)
	if n := s.Write(text(wrap, 5000)); n != 4096 || s.Free() != 0 {
		t.Errorf("wrote %d, free %d: want a full ring", n, s.Free())
	}
	if n := s.Write([]byte("x")); n != 0 {
		t.Errorf("wrote %d into a full ring", n)
	}
	p := make([]byte, 4096)
	s.CopyAt(wrap, p)
	expect(t, "full ring", wrap, p)
}

func TestReserve_LendsTheFreeSpace(t *testing.T) {
	s, _ := attached(t, wrap, 4096)
	s.Write(text(wrap, 100))
	s.Advance(wrap.Add(99)) // so that it does not begin anew
	a, b := s.Reserve()
	if len(a) != 3996 || len(b) != 99 || cap(a) != 3996 || cap(b) != 99 {
		t.Fatalf("pieces of %d and %d, want 3996 to the end of the memory and 99", len(a), len(b))
	}
	copy(a, text(wrap.Add(100), 3996))
	copy(b, text(wrap.Add(4096), 99))
	s.Publish(wrap.Add(4096 + 50))
	s.Advance(wrap.Add(100))
	a, b = s.Peek()
	if len(a) != 3996 || len(b) != 50 {
		t.Fatalf("readable pieces of %d and %d", len(a), len(b))
	}
	expect(t, "first piece", wrap.Add(100), a)
	expect(t, "second piece", wrap.Add(4096), b)
}

func TestStream_BeginsAnewWhenItIsEmpty(t *testing.T) {
	p := newPool(t, 1)
	rings := [2]Stream{newStream(p, wrap), newStream(p, wrap)}
	var places [2]*byte
	for i, s := range rings {
		s.Attach(p.Get(PageSize))
		for round := range 100 {
			s.Write(text(s.WritePos(), 64))
			a, b := s.Peek()
			expect(t, "request", s.ReadPos(), a)
			if round > 0 && &a[0] != places[i] || len(b) > 0 {
				t.Fatalf("round %d of ring %d: a request stands elsewhere than the one before", round, i)
			}
			places[i] = &a[0]
			s.Advance(s.WritePos())
		}
	}
	at := func(i int) int { // within the ring
		s := rings[i]
		return s.index(s.WritePos(), PageSize)
	}
	if at(0)/cacheLine == at(1)/cacheLine {
		t.Errorf("neighbours begin at %d and %d: their lines compete for one place in the cache", at(0), at(1))
	}
}

func TestStream_DoesNotBeginAnewWhileOctetsStandInIt(t *testing.T) {
	s, _ := attached(t, wrap, MinSize)
	s.Write(text(wrap, 100))
	base := s.W.base.load()
	s.Write(text(wrap.Add(100), 100))
	s.Advance(wrap.Add(50))
	s.Write(text(wrap.Add(200), 10))
	if s.W.base.load() != base {
		t.Error("the octets that wait stand at other places now")
	}
	s.Advance(wrap.Add(210))
	s.WriteAt(wrap.Add(300), text(wrap.Add(300), 20))
	s.WriteAt(wrap.Add(210), text(wrap.Add(210), 90))
	s.Publish(wrap.Add(320))
	if s.W.base.load() != base {
		t.Error("octets beyond a gap stand at other places now")
	}
}

func TestWriteAt_StoresBeyondAGap(t *testing.T) {
	s, _ := attached(t, wrap, 4096)
	s.WriteAt(wrap.Add(1000), text(wrap.Add(1000), 3096))
	if s.Len() != 0 {
		t.Error("octets beyond a gap are visible")
	}
	s.WriteAt(wrap, text(wrap, 1000))
	s.Publish(wrap.Add(4096))
	p := make([]byte, 4096)
	if n := s.Read(p); n != 4096 {
		t.Fatalf("read %d", n)
	}
	expect(t, "filled gap", wrap, p)
}

func TestStream_PanicsOnBrokenPromises(t *testing.T) {
	s, _ := attached(t, wrap, 4096)
	s.Write(text(wrap, 100))
	mustPanic(t, "a write before write", func() { s.WriteAt(wrap.Add(99), []byte("x")) })
	mustPanic(t, "a write before read", func() { s.WriteAt(wrap.Sub(1), []byte("x")) })
	mustPanic(t, "a write that ends beyond the limit", func() { s.WriteAt(wrap.Add(100), make([]byte, 3997)) })
	mustPanic(t, "a write beyond the limit", func() { s.WriteAt(wrap.Add(5000), []byte("x")) })
	mustPanic(t, "a publish beyond the limit", func() { s.Publish(wrap.Add(4097)) })
	mustPanic(t, "a publish backwards", func() { s.Publish(wrap.Add(99)) })
	mustPanic(t, "a copy before read", func() { s.CopyAt(wrap.Sub(1), make([]byte, 1)) })
	mustPanic(t, "a copy beyond write", func() { s.CopyAt(wrap.Add(50), make([]byte, 51)) })
	mustPanic(t, "octets lent before read", func() { s.LendAt(wrap.Sub(1), 1) })
	mustPanic(t, "octets lent beyond write", func() { s.LendAt(wrap.Add(50), 51) })
	mustPanic(t, "an advance beyond write", func() { s.Advance(wrap.Add(101)) })
	mustPanic(t, "an advance backwards", func() { s.Advance(wrap.Sub(1)) })
	mustPanic(t, "a second first ring", func() { s.Attach(refOf(0, 0)) })
}

func TestSwitch_GoesOnInTheLargerRing(t *testing.T) {
	s, p := attached(t, wrap, 4096)
	small, large := s.present(), p.Get(16384)
	if s.Offer(p.Get(4096)) {
		t.Error("a ring of the same size was taken")
	}
	if s.Switch() {
		t.Error("switched to no ring")
	}
	s.Write(text(wrap, 4000))
	if !s.CanOffer() || !s.Offer(large) || s.CanOffer() || s.Offer(p.Get(32768)) {
		t.Error("exactly one offer must be taken")
	}
	if s.Drained() != 0 {
		t.Error("a ring on offer was taken for a drained one")
	}
	if n := s.Write(text(wrap.Add(4000), 6000)); n != 6000 {
		t.Fatalf("wrote %d: the ring on offer must be used", n)
	}
	if s.Free() != 16384-10000 || s.present() != large {
		t.Errorf("free %d in %#x: what is still in the older ring must count", s.Free(), s.present())
	}
	whole := make([]byte, 10000)
	s.CopyAt(wrap, whole)
	expect(t, "copy across the seal", wrap, whole)
	s.CopyAt(wrap.Add(5000), whole[:100])
	expect(t, "copy beyond the seal", wrap.Add(5000), whole[:100])

	a, b := s.Peek()
	if len(a)+len(b) != 4000 {
		t.Fatalf("%d octets in place, want those up to the seal", len(a)+len(b))
	}
	expect(t, "older ring", wrap, append(bytes.Clone(a), b...))
	s.Advance(wrap.Add(3999))
	if s.Drained() != 0 || s.CanOffer() {
		t.Error("the older ring was taken away before it was drained")
	}
	s.Advance(wrap.Add(4000))
	if s.Drained() != small {
		t.Error("the drained ring did not come back")
	}
	if s.Drained() != 0 {
		t.Error("it came back twice")
	}
	if !s.CanOffer() {
		t.Error("the reader stands at the seal: it must have followed")
	}
	if n := s.Read(whole); n != 6000 {
		t.Fatalf("read %d", n)
	}
	expect(t, "newer ring", wrap.Add(4000), whole[:6000])
	if !s.CanOffer() {
		t.Error("the reader has followed: the next ring could be offered")
	}
}

func TestRead_FollowsAcrossTheSeal(t *testing.T) {
	s, p := attached(t, wrap, 4096)
	s.Write(text(wrap, 4096))
	s.Offer(p.Get(8192))
	s.Write(text(wrap.Add(4096), 4096))
	got := make([]byte, 8192)
	if n := s.Read(got); n != 8192 {
		t.Fatalf("read %d in one call", n)
	}
	expect(t, "both rings", wrap, got)
}

func TestDrained_DoesNotWaitForAReaderThatStandsAtTheSeal(t *testing.T) {
	s, p := attached(t, wrap, 4096)
	small := s.present()
	s.Write(text(wrap, 100))
	s.Read(make([]byte, 100))
	s.Offer(p.Get(8192))
	s.Switch() // the reader has nothing to read, so it has not followed
	if s.Drained() != small {
		t.Fatal("the older ring is held though nothing in it will be read")
	}
	if s.CanOffer() {
		t.Error("a third ring before the reader has followed")
	}
	s.Write(text(wrap.Add(100), 8192))
	got := make([]byte, 8192)
	s.CopyAt(wrap.Add(100), got)
	expect(t, "copy", wrap.Add(100), got)
	if n := s.Read(got); n != 8192 {
		t.Fatalf("read %d", n)
	}
	expect(t, "newer ring", wrap.Add(100), got)
	if !s.CanOffer() {
		t.Error("the reader did not follow")
	}
}

func TestSwitchCopy_TakesOctetsBeyondGapsAlong(t *testing.T) {
	s, p := attached(t, wrap, 4096)
	s.Write(text(wrap, 1000))
	holes := []seq.Range{{First: wrap.Add(1500), End: wrap.Add(2500)}, {First: wrap.Add(4000), End: wrap.Add(4096)}, {}}
	for _, r := range holes {
		s.WriteAt(r.First, text(r.First, int(r.Len())))
		if r.IsEmpty() {
			break
		}
	}
	s.Offer(p.Get(16384))
	if !s.SwitchCopy(holes) {
		t.Fatal("no switch")
	}
	s.WriteAt(wrap.Add(1000), text(wrap.Add(1000), 500))
	s.WriteAt(wrap.Add(2500), text(wrap.Add(2500), 1500))
	s.Publish(wrap.Add(4096))
	got := make([]byte, 4096)
	if n := s.Read(got); n != 4096 {
		t.Fatalf("read %d", n)
	}
	expect(t, "all", wrap, got)
}

func TestDetach_TakesEveryRingOfAnEmptyStream(t *testing.T) {
	s, p := attached(t, wrap, 4096)
	s.Write([]byte{octet(wrap)})
	if s.Detach() != 0 {
		t.Fatal("a ring with octets in it was taken away")
	}
	s.Read(make([]byte, 1))
	s.Offer(p.Get(8192))
	p.Put(s.Detach())
	p.Put(s.Detach())
	if s.Detach() != 0 || s.HasRing() || p.InUse() != 0 {
		t.Errorf("rings left; %d octets in use", p.InUse())
	}
	s.Attach(p.Get(4096))
	if n := s.Write(text(wrap.Add(1), 10)); n != 10 {
		t.Errorf("wrote %d after a new Attach", n)
	}
	got := make([]byte, 10)
	s.Read(got)
	expect(t, "after a new Attach", wrap.Add(1), got)
}

func TestDetach_WhileTheReaderLagsAtTheSeal(t *testing.T) {
	s, p := attached(t, wrap, 4096)
	s.Offer(p.Get(8192))
	s.Switch()
	p.Put(s.Detach())
	p.Put(s.Detach())
	s.Attach(p.Get(4096))
	s.Write(text(wrap, 4096))
	got := make([]byte, 4096)
	if n := s.Read(got); n != 4096 || p.InUse() != 4096 {
		t.Fatalf("read %d, %d octets in use", n, p.InUse())
	}
	expect(t, "after a new Attach", wrap, got)
	if !s.CanOffer() {
		t.Error("the reader did not follow")
	}
}

func TestReleaseAll_GivesBothRingsBack(t *testing.T) {
	s, p := attached(t, wrap, 4096)
	s.Write(text(wrap, 4096))
	s.Offer(p.Get(8192))
	s.Write(text(wrap.Add(4096), 1))
	s.ReleaseAll(p.Put)
	if p.InUse() != 0 || s.HasRing() {
		t.Errorf("%d octets in use after the end", p.InUse())
	}
}

func TestStream_DoesNotAllocate(t *testing.T) {
	s, p := attached(t, wrap, 4096)
	buf := make([]byte, 1460)
	ranges := []seq.Range{{}}
	if n := testing.AllocsPerRun(100, func() {
		s.Offer(p.Get(8192))
		s.Write(buf)
		s.SwitchCopy(ranges)
		s.CopyAt(s.ReadPos(), buf)
		s.Read(buf)
		p.Put(s.Drained())
		p.Put(s.Detach())
		s.Attach(p.Get(4096))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOffered_UntilTheWriterSwitches(t *testing.T) {
	p, err := NewPool(make([]byte, 2*MaxSize))
	if err != nil {
		t.Fatal(err)
	}
	var w WriterHalf
	var r ReaderHalf
	var refs Refs
	s := Stream{W: &w, R: &r, Refs: &refs, Mem: p.Memory()}
	s.Reset(5)
	s.Attach(p.Get(MinSize))
	if s.Offered() {
		t.Error("nothing was offered yet")
	}
	if !s.Offer(p.Get(2*MinSize)) || !s.Offered() {
		t.Error("a larger ring is on offer")
	}
	if !s.Switch() || s.Offered() {
		t.Error("the writer has gone on in it; the older ring is no offer")
	}
}
