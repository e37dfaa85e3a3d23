package ring

import (
	"math/rand/v2"
	"testing"
)

// newPool returns a pool of n spans on the heap.
func newPool(t testing.TB, n int) *Pool {
	t.Helper()
	p, err := NewPool(make([]byte, n*spanSize))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNewPool_WantsAtLeastOneSpan(t *testing.T) {
	for _, n := range []int{0, 1, spanSize - 1} {
		if _, err := NewPool(make([]byte, n)); err == nil {
			t.Errorf("a pool of %d octets was accepted", n)
		}
	}
	p, err := NewPool(make([]byte, 2*spanSize-1))
	if err != nil || p.Cap() != spanSize {
		t.Errorf("cap %d, %v: the incomplete span must be left unused", p.Cap(), err)
	}
}

func TestGet_RoundsUpToAClass(t *testing.T) {
	p := newPool(t, classes)
	tests := []struct{ ask, want int }{
		{-1, MinSize}, {0, MinSize}, {1, MinSize}, {512, MinSize}, {513, PageSize}, {4096, PageSize}, {4097, 8192}, {8192, 8192}, {8193, 16384},
		{64 << 10, 64 << 10}, {64<<10 + 1, 128 << 10}, {MaxSize/2 + 1, MaxSize}, {MaxSize, MaxSize}, {MaxSize + 1, 0},
	}
	for _, tt := range tests {
		r := p.Get(tt.ask)
		if r.Size() != tt.want || len(p.Bytes(r)) != tt.want || cap(p.Bytes(r)) != tt.want {
			t.Errorf("Get(%d): size %d, %d octets, want %d", tt.ask, r.Size(), len(p.Bytes(r)), tt.want)
		}
		p.Put(r)
	}
	if p.InUse() != 0 {
		t.Errorf("%d octets in use at the end", p.InUse())
	}
}

func TestGet_GivesWhatCameBackLast(t *testing.T) {
	p := newPool(t, 3)
	var refs []Ref
	for range 600 { // pieces of 8 KiB: 512 of them are a span
		refs = append(refs, p.Get(8192))
	}
	for _, k := range []int{3, 550, 7, 599, 100} {
		p.Put(refs[k])
		if r := p.Get(8192); r != refs[k] {
			t.Errorf("piece %d came back last, but %#x was given, not %#x", k, r, refs[k])
		}
	}
}

func TestGet_TouchesNoMoreMemoryThanIsLive(t *testing.T) {
	p := newPool(t, 4)
	for range 10_000 {
		a, b := p.Get(PageSize), p.Get(PageSize)
		if a.page() > 1 || b.page() > 1 {
			t.Fatalf("two live pieces at a time reached pages %d and %d", a.page(), b.page())
		}
		p.Put(a)
		p.Put(b)
	}
}

func TestFIFO_GoesRoundInTheSpan(t *testing.T) {
	p := newPool(t, 2)
	p.FIFO()
	p.Get(PageSize) // stays out, so that the span is never free
	for turn := range 3 * (pagesPerSpan - 1) {
		r := p.Get(PageSize)
		if want := uint32(turn%(pagesPerSpan-1) + 1); r.page() != want {
			t.Fatalf("page %d, want %d: never used, or away for longest", r.page(), want)
		}
		p.Put(r)
	}
}

func TestPut_FreesTheSpanForOtherClasses(t *testing.T) {
	p := newPool(t, 1)
	var refs []Ref
	for r := p.Get(MinSize); r != 0; r = p.Get(MinSize) {
		refs = append(refs, r)
	}
	if len(refs) != pagesPerSpan*unitsPerPage || p.InUse() != p.Cap() {
		t.Fatalf("%d pieces, %d in use", len(refs), p.InUse())
	}
	for i, r := range refs {
		if i > 0 && p.Get(MaxSize) != 0 {
			t.Fatal("the span was given whole while pieces of it were out")
		}
		p.Put(r)
	}
	if r := p.Get(MaxSize); r.Size() != MaxSize {
		t.Error("the span did not become free for the largest class")
	}
}

func TestGet_FallsBackToALargerClass(t *testing.T) {
	p := newPool(t, 1)
	if r := p.Get(64 << 10); r.Size() != 64<<10 {
		t.Fatal("no memory")
	}
	if r := p.Get(MinSize); r.Size() != 64<<10 {
		t.Errorf("size %d: with free 64 KiB pieces only, one of them must be given", r.Size())
	}
	if r := p.Get(128 << 10); r != 0 {
		t.Errorf("size %d out of a span of 64 KiB pieces", r.Size())
	}
}

// Rings of one size are used from their beginnings again and again: those must
// not meet in the cache, which has room for eight lines at multiples of 4 KiB.
func TestColour_SpreadsBeginningsOverTheCache(t *testing.T) {
	const sets = PageSize / cacheLine
	for _, size := range []int{MinSize, PageSize, 64 << 10} {
		p := newPool(t, 4)
		var at [sets]int
		for range sets {
			r := p.Get(size)
			at[(int(r.unit())*MinSize+r.colour())/cacheLine%sets]++
			if r.colour() >= size || r.colour()%cacheLine != 0 {
				t.Fatalf("a ring of %d octets begins at %d", size, r.colour())
			}
		}
		for set, n := range at {
			if n != 1 {
				t.Fatalf("%d of %d rings of %d octets begin in line %d", n, sets, size, set)
			}
		}
	}
}

// Small rings take what as many larger ones would at most.
func TestGetSmall_SharesPages(t *testing.T) {
	p := newPool(t, 1)
	var refs []Ref
	for range 3*unitsPerPage - 1 {
		refs = append(refs, p.Get(100))
	}
	if p.InUse() != 3*PageSize {
		t.Fatalf("%d small rings take %d octets", len(refs), p.InUse())
	}
	for i, r := range refs {
		if i%unitsPerPage != 1 {
			p.Put(r)
		}
	}
	if p.InUse() != 3*PageSize {
		t.Fatalf("with one small ring on each of three pages %d octets are in use", p.InUse())
	}
	if a, b := p.Get(1), p.Get(1); a.page() != refs[len(refs)-1].page() || b.page() != a.page() {
		t.Errorf("pages %d and %d: that to which a ring came back last is %d", a.page(), b.page(), refs[len(refs)-1].page())
	}
}

func TestPut_PanicsWhenTheRingIsNotOut(t *testing.T) {
	p := newPool(t, 2)
	a, b := p.Get(PageSize), p.Get(PageSize)
	small, other := p.Get(MinSize), p.Get(MinSize)
	p.Put(b)
	p.Put(other)
	p.Put(0)
	for _, bad := range []Ref{
		b, other, refOf(a.unit(), 0), refOf(a.unit(), pageClass+1), refOf(small.unit(), pageClass),
		refOf((pagesPerSpan-1)*unitsPerPage, 0), refOf((pagesPerSpan-1)*unitsPerPage, pageClass),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Put(%#x) of a ring that is not out went through", bad)
				}
			}()
			p.Put(bad)
		}()
	}
	p.Put(small)
	p.Put(a)
	defer func() {
		if recover() == nil {
			t.Error("the last piece of a span came back twice")
		}
	}()
	p.Put(a)
}

func TestLow_BelowAnEighth(t *testing.T) {
	p := newPool(t, 8)
	for range 7 {
		if p.Low() {
			t.Fatalf("low with %d of %d in use", p.InUse(), p.Cap())
		}
		p.Get(MaxSize)
	}
	if p.Low() {
		t.Error("low with exactly an eighth left")
	}
	r := p.Get(MinSize)
	if !p.Low() {
		t.Error("not low with less than an eighth left")
	}
	p.Put(r)
	if p.Low() {
		t.Error("low after a ring came back")
	}
}

// poolModel knows only which rings are out.
type poolModel map[Ref]bool

// couldServe reports whether a piece of exactly this class is to be had, and
// whether a free span is, going by what is out alone. Small rings are those of
// pages that are out.
func (m poolModel) couldServe(spans, class int) (piece, span bool) {
	live, classAt, smalls := make([]int, spans), make([]int, spans), map[uint32]int{}
	for r := range m {
		s := r.page() / pagesPerSpan
		classAt[s] = max(r.class(), pageClass)
		if r.class() > 0 {
			live[s]++
			continue
		}
		if smalls[r.page()]++; smalls[r.page()] == 1 {
			live[s]++
		}
	}
	for _, n := range smalls {
		piece = piece || class == 0 && n < unitsPerPage
	}
	class = max(class, pageClass)
	for s, n := range live {
		span = span || n == 0
		piece = piece || n > 0 && classAt[s] == class && n < pagesPerSpan>>(class-pageClass)
	}
	return piece, span
}

// check asks whether giving r for a request of this class was right.
func (m poolModel) check(t *testing.T, spans, class int, r Ref) {
	t.Helper()
	for k := class; k < classes; k++ {
		if k > 0 && k <= pageClass && class == 0 {
			continue // the small ring would have come out of such a piece
		}
		piece, span := m.couldServe(spans, k)
		if piece || k == class && span {
			if r == 0 || r.class() != k {
				t.Fatalf("a request of class %d got %#x, though class %d could serve it", class, r, k)
			}
			return
		}
	}
	if r != 0 {
		t.Fatalf("a request of class %d got %#x out of nothing", class, r)
	}
}

func TestPool_FollowsTheModel(t *testing.T) {
	t.Run("all classes in few spans", func(t *testing.T) { followPoolModel(t, 5, 0, false) })
	t.Run("large classes in many spans", func(t *testing.T) { followPoolModel(t, 20, classes-3, false) })
	t.Run("first in, first out", func(t *testing.T) { followPoolModel(t, 5, 0, true) })
}

// poolWorld is a pool and what the test knows of it.
type poolWorld struct {
	t     *testing.T
	p     *Pool
	spans int
	model poolModel
	out   []Ref
	owner []Ref // by unit
	inUse int
	small map[uint32]int // small rings by page
}

// own records who has the units of r.
func (w *poolWorld) own(r, owner Ref) {
	for u := r.unit(); u < r.unit()+uint32(r.Size()/MinSize); u++ {
		if w.owner[u] != 0 && owner != 0 {
			w.t.Fatalf("%#x overlaps %#x", r, w.owner[u])
		}
		w.owner[u] = owner
	}
}

// count adds by rings of the size of r to those that are out. Small ones count
// by pages.
func (w *poolWorld) count(r Ref, by int) {
	size := r.Size()
	if r.class() == 0 {
		before := w.small[r.page()]
		w.small[r.page()] += by
		if before != 0 && before+by != 0 {
			return
		}
		size = PageSize
	}
	w.inUse += by * size
}

// get asks for a ring of a class and reports whether there was one.
func (w *poolWorld) get(class, less int) bool {
	r := w.p.Get(MinSize<<class - less)
	w.model.check(w.t, w.spans, class, r)
	if r == 0 {
		return false
	}
	w.own(r, r)
	w.model[r] = true
	w.out = append(w.out, r)
	w.count(r, 1)
	return true
}

// put gives the k-th ring back.
func (w *poolWorld) put(k int) {
	r, last := w.out[k], len(w.out)-1
	w.out[k] = w.out[last]
	w.out = w.out[:last]
	w.p.Put(r)
	delete(w.model, r)
	w.own(r, 0)
	w.count(r, -1)
}

func followPoolModel(t *testing.T, spans, lowest int, fifo bool) {
	rng := rand.New(rand.NewPCG(3, 4))
	w := &poolWorld{t: t, p: newPool(t, spans), spans: spans, model: poolModel{}, owner: make([]Ref, spans*pagesPerSpan*unitsPerPage), small: map[uint32]int{}}
	w.p.fifo = fifo
	full := 0
	for step := range 30_000 {
		growing := step/1000%2 == 0
		if rng.IntN(10) < 4 != growing {
			class := lowest + min(rng.IntN(classes-lowest), rng.IntN(classes-lowest))
			if class < pageClass {
				class = 0
			}
			if !w.get(class, rng.IntN(MinSize/2)) {
				full++
			}
		} else if len(w.out) > 0 {
			w.put(rng.IntN(len(w.out)))
		}
		if w.p.InUse() != w.inUse {
			t.Fatalf("step %d: in use %d, want %d", step, w.p.InUse(), w.inUse)
		}
	}
	if full == 0 {
		t.Error("the pool was never exhausted: the test is too mild")
	}
	for len(w.out) > 0 {
		w.put(0)
	}
	for range spans {
		if w.p.Get(MaxSize) == 0 {
			t.Error("a span was lost")
		}
	}
}

func TestPool_DoesNotAllocate(t *testing.T) {
	p := newPool(t, 1)
	if n := testing.AllocsPerRun(100, func() { p.Put(p.Get(MinSize)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
