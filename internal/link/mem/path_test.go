package mem

import (
	"bytes"
	"hash/fnv"
	"math/bits"
	"slices"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// arrival is one frame of a trace.
type arrival struct {
	at     mono.Time
	number int
	sum    uint64
}

// trace sends n numbered frames, a microsecond apart, and returns what comes
// out at the other end and when.
func trace(t testing.TB, c Config, n int) ([]arrival, Fate) {
	t.Helper()
	w := newWire(t, c)
	a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
	var got []arrival
	take := func(now mono.Time) {
		for _, f := range receive(b, now) {
			h := fnv.New64a()
			h.Write(f)
			got = append(got, arrival{now, number(f), h.Sum64()})
		}
	}
	for i, f := range numbered(n) {
		now := start.Add(time.Duration(i) * time.Microsecond)
		for b.Due() < now {
			take(b.Due())
		}
		transmit(a, now, f)
	}
	for b.Due() != mono.Never {
		take(b.Due())
	}
	return got, w.Fate(0)
}

func one(m Impairment) Config { return Config{Impair: [2]Impairment{m}, Seed: 42} }

func TestLoss_IsExactBySeed(t *testing.T) {
	got, fate := trace(t, one(Impairment{Loss: 0.1}), 10000)
	if len(got) != 9025 || fate.Lost != 975 {
		t.Errorf("%d arrived, %d lost; this seed loses 975 of 10000", len(got), fate.Lost)
	}
	if got, fate := trace(t, one(Impairment{Loss: 1}), 100); len(got) != 0 || fate.Lost != 100 {
		t.Errorf("certain loss lets %d through", len(got))
	}
}

func TestImpairments_SameSeedSameTrace(t *testing.T) {
	m := Impairment{Loss: 0.05, Duplicate: 0.05, Corrupt: 0.05, Reorder: 0.05, Jitter: 20 * time.Microsecond, Delay: time.Millisecond, Rate: 1e8}
	first, fate := trace(t, one(m), 3000)
	again, _ := trace(t, one(m), 3000)
	if !slices.Equal(first, again) {
		t.Error("two runs with the same seed differ")
	}
	if fate.Lost == 0 || fate.Duplicated == 0 || fate.Corrupted == 0 || fate.Reordered == 0 {
		t.Errorf("fate %+v: something never happened", fate)
	}
	c := one(m)
	c.Seed++
	if other, _ := trace(t, c, 3000); slices.Equal(first, other) {
		t.Error("another seed gives the same trace")
	}
}

func TestImpairments_DirectionsAreIndependent(t *testing.T) {
	w := newWire(t, Config{Impair: [2]Impairment{{Loss: 0.5}, {Loss: 0.5}}, Seed: 1})
	var got [2][]int
	for _, f := range numbered(200) {
		for side := range 2 {
			transmit(w.Side(side).Queue(0), start, f)
		}
	}
	for side := range 2 {
		got[side] = numbers(receive(w.Side(1-side).Queue(0), start))
	}
	if slices.Equal(got[0], got[1]) {
		t.Error("both directions lose the same frames")
	}
}

func TestImpairments_OneDoesNotShiftTheOthers(t *testing.T) {
	lost := func(m Impairment) []bool {
		m.Loss = 0.2
		got, _ := trace(t, one(m), 500)
		there := make([]bool, 500)
		for _, a := range got {
			there[a.number] = true
		}
		return there
	}
	want := lost(Impairment{})
	if !slices.Equal(want, lost(Impairment{Duplicate: 0.5, Reorder: 0.5, Jitter: time.Second})) {
		t.Error("with other impairments other frames are lost")
	}
}

func TestDuplicate_ComesTwice(t *testing.T) {
	got, fate := trace(t, one(Impairment{Duplicate: 1}), 100)
	if len(got) != 200 || fate.Duplicated != 100 {
		t.Fatalf("%d arrived, %d duplicated", len(got), fate.Duplicated)
	}
	for i, a := range got {
		if a.number != i/2 {
			t.Fatalf("arrival %d is frame %d", i, a.number)
		}
	}
}

func TestCorrupt_FlipsExactlyOneBit(t *testing.T) {
	w := newWire(t, one(Impairment{Corrupt: 1}))
	frame := bytes.Repeat([]byte{0x55}, 100)
	places := map[int]bool{}
	for range 200 {
		transmit(w.Side(0).Queue(0), start, frame)
		got := receive(w.Side(1).Queue(0), start)[0]
		flipped := 0
		for i := range got {
			if d := got[i] ^ frame[i]; d != 0 {
				flipped += bits.OnesCount8(d)
				places[i*8+bits.TrailingZeros8(d)] = true
			}
		}
		if flipped != 1 || len(got) != len(frame) {
			t.Fatalf("%d bits differ, want 1", flipped)
		}
	}
	if len(places) < 150 {
		t.Errorf("only %d different bits in 200 frames", len(places))
	}
}

func TestReorder_ComesLaterByThatMuch(t *testing.T) {
	got, fate := trace(t, one(Impairment{Reorder: 0.1, ReorderBy: 5500 * time.Nanosecond}), 1000)
	if len(got) != 1000 || fate.Reordered < 50 || fate.Reordered > 150 {
		t.Fatalf("%d arrived, fate %+v", len(got), fate)
	}
	late := uint64(0)
	for _, a := range got {
		switch wait := a.at.Sub(start) - time.Duration(a.number)*time.Microsecond; wait {
		case 0:
		case 5500:
			late++
		default:
			t.Fatalf("frame %d took %v", a.number, wait)
		}
	}
	if late != fate.Reordered {
		t.Errorf("%d frames were late, %d counted", late, fate.Reordered)
	}
}

func TestDelayAndJitter_AreWithinBounds(t *testing.T) {
	got, _ := trace(t, one(Impairment{Delay: time.Millisecond, Jitter: 100 * time.Microsecond}), 900)
	least, most, overtakes := time.Hour, time.Duration(0), 0
	for i, a := range got {
		wait := a.at.Sub(start) - time.Duration(a.number)*time.Microsecond
		least, most = min(least, wait), max(most, wait)
		if i > 0 && a.number < got[i-1].number {
			overtakes++
		}
	}
	if least < time.Millisecond || least > 1010*time.Microsecond || most > 1100*time.Microsecond || most < 1090*time.Microsecond {
		t.Errorf("delays from %v to %v, want 1 to 1.1 ms", least, most)
	}
	if overtakes < 100 {
		t.Errorf("%d overtakes: jitter does not reorder", overtakes)
	}
}

func TestRate_SpacesFramesExactly(t *testing.T) {
	// 60 octets at 7 octets per microsecond: 8571.43 ns each. They are sent in
	// one go, so the n-th leaves after n of these, with no rounding error.
	w := newWire(t, one(Impairment{Rate: 7_000_000}))
	transmit(w.Side(0).Queue(0), start, numbered(200)...)
	b := w.Side(1).Queue(0)
	for n := 1; n <= 200; n++ {
		want := start + mono.Time(n*60*1000/7)
		if b.Due() != want {
			t.Fatalf("frame %d is due at %d, want %d", n, b.Due()-start, want-start)
		}
		receive(b, b.Due())
	}
	// After a pause the bottleneck is idle and saves nothing up.
	later := start.Add(time.Hour)
	transmit(w.Side(0).Queue(0), later, numbered(1)...)
	if got := b.Due().Sub(later); got != 8571 {
		t.Errorf("after a pause a frame takes %v", got)
	}
}

func TestRate_FullQueueDrops(t *testing.T) {
	w := newWire(t, one(Impairment{Rate: 1_000_000, QueueLimit: 600}))
	a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
	transmit(a, start, numbered(15)...)
	if n := a.Counters(); n.TxFrames != 10 || n.TxDropped != 5 || w.Fate(0).RateFull != 5 {
		t.Errorf("%+v, %+v: 600 octets hold ten frames", n, w.Fate(0))
	}
	transmit(a, start.Add(120*time.Microsecond), numbered(5)...) // two have left
	if n := a.Counters(); n.TxFrames != 12 {
		t.Errorf("%d frames went in, want two more", n.TxFrames)
	}
	if got := receive(b, start.Add(time.Second)); len(got) != 12 {
		t.Errorf("%d arrived", len(got))
	}
}

func TestFilter_SeesEveryFrameAndDecides(t *testing.T) {
	for kind, c := range kinds {
		w := newWire(t, c)
		a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
		seen := 0
		w.SetFilter(0, func(f []byte) Verdict {
			seen++
			f[50] = 9
			if number(f)%3 == 0 {
				return Drop
			}
			return Pass
		})
		transmit(a, start, numbered(9)...)
		got := receive(b, start+1)
		if !slices.Equal(numbers(got), []int{1, 2, 4, 5, 7, 8}) || seen != 9 || got[0][50] != 9 {
			t.Errorf("%s: %d seen, %v arrived", kind, seen, numbers(got))
		}
		if n := a.Counters(); n.TxFrames != 9 || n.TxDropped != 0 || w.Fate(0).Filtered != 3 {
			t.Errorf("%s: %+v, %+v: a filtered frame was sent and lost", kind, n, w.Fate(0))
		}
		transmit(b, start, numbered(3)...)
		if got := receive(a, start+1); len(got) != 3 {
			t.Errorf("%s: the filter of one side stops the other's", kind)
		}
		w.SetFilter(0, nil)
		transmit(a, start, numbered(3)...)
		if got := receive(b, start+1); len(got) != 3 || seen != 9 {
			t.Errorf("%s: the filter is still there", kind)
		}
	}
}

func TestInbox_OrderIsThatOfTimeThenOfSending(t *testing.T) {
	x := newInbox(1000, 8)
	rng := uint32(1)
	var want []parcel
	for i := range 1000 {
		rng = rng*1664525 + 1013904223
		due := mono.Time(rng >> 26) // many alike
		if _, first, ok := x.add(due, 1); !ok || first != !slices.ContainsFunc(want, func(p parcel) bool { return p.due <= due }) {
			t.Fatalf("add %d: first %v, ok %v", i, first, ok)
		}
		want = append(want, parcel{due: due, slot: uint32(i)})
	}
	if _, _, ok := x.add(1, 1); ok {
		t.Error("a frame went into a full inbox")
	}
	slices.SortStableFunc(want, func(a, b parcel) int { return int(a.due - b.due) })
	for i, p := range want {
		if due := x.due(); due != p.due {
			t.Fatalf("frame %d is due at %d, want %d", i, due, p.due)
		}
		if _, slot := x.take(); slot != p.slot {
			t.Fatalf("frame %d is in slot %d, want %d", i, slot, p.slot)
		}
	}
	if x.due() != mono.Never {
		t.Error("an empty inbox has something due")
	}
}
