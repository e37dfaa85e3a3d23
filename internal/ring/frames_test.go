package ring

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// newFrames returns a ring of count frames on the heap.
func newFrames(t testing.TB, count, slotSize int) *Frames {
	t.Helper()
	f, err := NewFrames(nil, make([]byte, FramesSize(count, slotSize)), slotSize)
	if err != nil {
		t.Fatal(err)
	}
	if f.Cap() != count {
		t.Fatalf("cap %d, want %d", f.Cap(), count)
	}
	return f
}

func TestNewFrames_UsesAPowerOfTwoOfSlots(t *testing.T) {
	if n := FramesSize(1, 2048); n != 2048+64 {
		t.Errorf("stride %d, want 2112", n)
	}
	for slotSize := range 5000 {
		if n := FramesSize(1, slotSize); n%128 != 64 || n < slotSize+64 {
			t.Fatalf("stride %d for %d octets: want an odd number of lines", n, slotSize)
		}
	}
	f, err := NewFrames(nil, make([]byte, FramesSize(8, 2048)-1), 2048)
	if err != nil || f.Cap() != 4 {
		t.Errorf("cap %d, %v: want 4", f.Cap(), err)
	}
	for _, bad := range []struct{ mem, slot int }{{0, 2048}, {2111, 2048}, {1 << 20, 0}, {1 << 20, -1}, {16 << 20, MaxSize + 1}} {
		if _, err := NewFrames(nil, make([]byte, bad.mem), bad.slot); err == nil {
			t.Errorf("%d octets of memory for frames of %d were accepted", bad.mem, bad.slot)
		}
	}
}

func TestFrames_SlotsDoNotOverlap(t *testing.T) {
	f := newFrames(t, 4, 100)
	for i := range 4 {
		b := f.Slot(i)
		if len(b) != 100 || cap(b) != 100 {
			t.Fatalf("room of %d, cap %d", len(b), cap(b))
		}
		for j := range b {
			b[j] = byte(i + 1)
		}
		f.Set(i, 100, uint64(i)<<40)
	}
	if f.Slot(4) != nil || f.Slot(-1) != nil || f.Len() != 0 {
		t.Error("a fifth slot, or frames before Publish")
	}
	f.Publish(3)
	for i := range 3 {
		b, meta, ok := f.Frame(i)
		if !ok || meta != uint64(i)<<40 || !bytes.Equal(b, bytes.Repeat([]byte{byte(i + 1)}, 100)) {
			t.Fatalf("frame %d: %v, %#x, %v", i, b, meta, ok)
		}
	}
	if _, _, ok := f.Frame(3); ok {
		t.Error("a frame that was not published")
	}
	if f.Free() != 1 || f.Len() != 3 {
		t.Errorf("free %d, len %d", f.Free(), f.Len())
	}
}

func TestFrames_PanicOnBrokenPromises(t *testing.T) {
	f := newFrames(t, 2, 100)
	mustPanic(t, "a frame larger than its slot", func() { f.Commit(101, 0) })
	mustPanic(t, "a negative frame", func() { f.Commit(-1, 0) })
	mustPanic(t, "a frame outside the ring", func() { f.Set(2, 1, 0) })
	mustPanic(t, "publishing more than there is room for", func() { f.Publish(3) })
	mustPanic(t, "releasing what is not there", func() { f.Pop() })
	f.Commit(1, 0)
	f.Commit(1, 0)
	mustPanic(t, "a frame into a full ring", func() { f.Commit(1, 0) })
}

func TestFrames_BoundALengthThatTheMemoryClaims(t *testing.T) {
	f := newFrames(t, 2, 100)
	f.Commit(10, 0)
	binary.LittleEndian.PutUint32(f.mem[8:], 1<<31)
	if b, _, ok := f.Front(); !ok || len(b) != 100 {
		t.Errorf("a frame of %d octets out of a slot of 100", len(b))
	}
}

func TestFrames_FollowTheModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 23))
	f := newFrames(t, 8, 300)
	type frame struct {
		at   seq.Value
		n    int
		meta uint64
	}
	var model []frame
	at := seq.Value(0)
	for step := range 20_000 {
		k := rng.IntN(4)
		if rng.IntN(2) == 0 {
			k = min(k, 8-len(model))
			for i := range k {
				n := rng.IntN(301)
				copy(f.Slot(i), text(at, n))
				f.Set(i, n, uint64(step))
				model = append(model, frame{at, n, uint64(step)})
				at = at.Add(seq.Size(n))
			}
			f.Publish(k)
		} else {
			k = min(k, len(model))
			for i, want := range model[:k] {
				b, meta, ok := f.Frame(i)
				if !ok || len(b) != want.n || meta != want.meta {
					t.Fatalf("step %d: frame of %d, %d, %v; want %v", step, len(b), meta, ok, want)
				}
				expect(t, "frame", want.at, b)
			}
			f.Release(k)
			model = model[k:]
		}
		if f.Len() != len(model) || f.Free() != 8-len(model) || (f.Reserve() == nil) != (len(model) == 8) {
			t.Fatalf("step %d: len %d, free %d, want %d in", step, f.Len(), f.Free(), len(model))
		}
	}
}

func TestFrames_AreSafeForTwo(t *testing.T) {
	const total = 20_000
	f := newFrames(t, 16, 200)
	go func() {
		for k := uint64(0); k < total; {
			b := f.Reserve()
			if b == nil {
				runtime.Gosched()
				continue
			}
			n := int(k % 201)
			copy(b, text(seq.Value(k), n))
			f.Commit(n, k)
			k++
		}
	}()
	for k := uint64(0); k < total; {
		b, meta, ok := f.Front()
		if !ok {
			runtime.Gosched()
			continue
		}
		if meta != k || len(b) != int(k%201) {
			t.Fatalf("frame %d of %d octets, want %d", meta, len(b), k)
		}
		expect(t, "frame", seq.Value(k), b)
		f.Pop()
		k++
	}
}

func TestFrames_DoNotAllocate(t *testing.T) {
	f := newFrames(t, 2, 2048)
	if n := testing.AllocsPerRun(100, func() {
		f.Reserve()[0] = 1
		f.Commit(1500, 1)
		f.Front()
		f.Pop()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
