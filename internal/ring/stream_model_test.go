package ring

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// streamModel is a stream as a set of stored positions.
type streamModel struct {
	t      *testing.T
	rng    *rand.Rand
	s      Stream
	p      *Pool
	read   seq.Value
	write  seq.Value
	stored map[seq.Value]bool // beyond write
}

// chunk draws a range of positions that may be written.
func (m *streamModel) chunk() (seq.Value, int) {
	free := int(m.s.Limit().Minus(m.write))
	first := m.rng.IntN(free)
	if m.rng.IntN(2) == 0 {
		first = 0
	}
	return m.write.Add(seq.Size(first)), 1 + m.rng.IntN(min(free-first, 2000))
}

// store writes out of order, and publishes what has become contiguous.
func (m *streamModel) store() {
	if m.s.Free() == 0 {
		return
	}
	pos, n := m.chunk()
	m.s.WriteAt(pos, text(pos, n))
	for i := range n {
		m.stored[pos.Add(seq.Size(i))] = true
	}
	for m.stored[m.write] {
		delete(m.stored, m.write)
		m.write++
	}
	m.s.Publish(m.write)
}

// appends writes at the end in one go, which is only for when nothing stands beyond.
func (m *streamModel) appends() {
	if len(m.stored) > 0 {
		return
	}
	n := m.rng.IntN(3000)
	if fits := n <= int(m.s.Free()); m.s.Append(text(m.write, n)) != fits {
		m.t.Fatalf("appending %d octets where there is room for %d: want %v", n, m.s.Free(), fits)
	} else if fits {
		m.write = m.write.Add(seq.Size(n))
	}
}

// ranges lists what is stored beyond write.
func (m *streamModel) ranges() []seq.Range {
	var list []seq.Range
	for v := m.write; v != m.s.Limit(); v++ {
		if !m.stored[v] {
			continue
		}
		if k := len(list) - 1; k >= 0 && list[k].End == v {
			list[k].End++
		} else {
			list = append(list, seq.Range{First: v, End: v + 1})
		}
	}
	return list
}

// consume reads in one of the three ways.
func (m *streamModel) consume() {
	switch m.rng.IntN(3) {
	case 0:
		p := make([]byte, m.rng.IntN(3000))
		n := m.s.Read(p)
		if n != min(len(p), int(m.write.Minus(m.read))) {
			m.t.Fatalf("read %d of %d", n, m.write.Minus(m.read))
		}
		expect(m.t, "read", m.read, p[:n])
		m.read = m.read.Add(seq.Size(n))
	case 1:
		a, b := m.s.Peek()
		if len(a) == 0 && m.read != m.write {
			m.t.Fatal("nothing in place though there is something to read")
		}
		expect(m.t, "peek", m.read, append(bytes.Clone(a), b...))
		m.read = m.read.Add(seq.Size(m.rng.IntN(len(a) + len(b) + 1)))
		m.s.Advance(m.read)
	case 2:
		n := int(m.write.Minus(m.read))
		from := m.rng.IntN(n + 1)
		p := make([]byte, m.rng.IntN(n-from+1))
		pos := m.read.Add(seq.Size(from))
		m.s.CopyAt(pos, p)
		expect(m.t, "copy", pos, p)
		for got := 0; got < len(p); {
			piece := m.s.LendAt(pos.Add(seq.Size(got)), len(p)-got)
			if len(piece) == 0 || len(piece) > len(p)-got {
				m.t.Fatalf("%d of %d octets lent", len(piece), len(p)-got)
			}
			expect(m.t, "lend", pos.Add(seq.Size(got)), piece)
			got += len(piece)
		}
	}
}

// rings does one thing of the shard's.
func (m *streamModel) rings() {
	switch m.rng.IntN(4) {
	case 0:
		if r := m.p.Get(int(m.s.Size()) * 2); m.s.Size() >= 1<<15 || !m.s.Offer(r) {
			m.p.Put(r)
		}
	case 1:
		m.s.SwitchCopy(m.ranges())
	case 2:
		r := m.s.Drained()
		clear(m.s.Mem.Bytes(r))
		m.p.Put(r)
	case 3:
		if m.rng.IntN(4) > 0 {
			return
		}
		for m.read != m.write { // drained, and the octets beyond gaps forgotten
			m.consume()
		}
		clear(m.stored)
		for r := m.s.Detach(); r != 0; r = m.s.Detach() {
			clear(m.s.Mem.Bytes(r))
			m.p.Put(r)
		}
		if !m.s.HasRing() {
			m.s.Attach(m.p.Get(MinSize))
		}
	}
}

func TestStream_FollowsTheModel(t *testing.T) {
	for seed := range uint64(4) {
		s, p := attached(t, wrap.Sub(seq.Size(seed)*50_000), MinSize)
		if seed&1 != 0 {
			s.Mem = s.Mem.Own()
		}
		m := &streamModel{
			t: t, rng: rand.New(rand.NewPCG(5, seed)), s: s, p: p,
			read: s.ReadPos(), write: s.WritePos(), stored: map[seq.Value]bool{},
		}
		switches, epoch := 0, uint32(0)
		for step := range 3000 {
			switch m.rng.IntN(6) {
			case 0, 1:
				m.store()
			case 2, 3:
				m.consume()
			case 4:
				m.rings()
			case 5:
				m.appends()
			}
			if s.Len() != m.write.Minus(m.read) || s.ReadPos() != m.read || s.WritePos() != m.write {
				t.Fatalf("seed %d, step %d: %#x to %#x, want %#x to %#x", seed, step, s.ReadPos(), s.WritePos(), m.read, m.write)
			}
			if used := int(s.Len() + s.Free()); used != int(s.Size()) {
				t.Fatalf("seed %d, step %d: len + free = %d in a ring of %d", seed, step, used, s.Size())
			}
			if e := s.W.epoch.load(); e != epoch {
				epoch = e
				switches++
			}
		}
		if switches < 10 {
			t.Errorf("seed %d: only %d switches: the test is too mild", seed, switches)
		}
	}
}
