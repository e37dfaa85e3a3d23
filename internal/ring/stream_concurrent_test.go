package ring

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// poison overwrites a ring that comes back to the pool: a reader or writer
// that still used it would see that, and the race detector would as well.
func poison(p *Pool, r Ref) {
	for b := p.Bytes(r); len(b) > 0; b = b[len(poisoned):] {
		copy(b, poisoned[:])
	}
	p.Put(r)
}

var poisoned = [MinSize]byte(bytes.Repeat([]byte{0xee}, MinSize))

// concurrentTotal is how many octets the concurrent tests carry.
const concurrentTotal = 4 << 20

// receiveShard is the writer of the receive direction: it owns the pool too.
func receiveShard(s Stream, p *Pool, end seq.Value) {
	rng := rand.New(rand.NewPCG(6, 7))
	for s.WritePos() != end {
		if rng.IntN(4) == 0 {
			for r := s.Detach(); r != 0; r = s.Detach() {
				poison(p, r)
			}
		}
		if !s.HasRing() {
			s.Attach(p.Get(MinSize))
		}
		if r := s.Drained(); r != 0 {
			poison(p, r)
		}
		at := s.WritePos()
		n := min(1+rng.IntN(2000), int(s.Free()), int(end.Minus(at)))
		if n < 2000 && s.CanOffer() && s.Size() < 1<<18 {
			s.Offer(p.Get(2 * int(s.Size())))
		}
		if n == 0 {
			s.Switch()
			runtime.Gosched()
			continue
		}
		half := n / 2
		far := seq.Range{First: at.Add(seq.Size(half)), End: at.Add(seq.Size(n))}
		s.WriteAt(far.First, text(far.First, n-half))
		if rng.IntN(2) == 0 {
			s.SwitchCopy([]seq.Range{far})
		}
		s.WriteAt(at, text(at, half))
		s.Publish(at.Add(seq.Size(n)))
	}
}

// receiveApp is the reader of the receive direction; it returns the position
// of the first wrong octet, or end.
func receiveApp(s Stream, end seq.Value) seq.Value {
	rng := rand.New(rand.NewPCG(8, 9))
	for s.ReadPos() != end {
		at := s.ReadPos()
		a, b := s.Peek()
		n := rng.IntN(len(a) + len(b) + 1)
		for i := range n {
			v := at.Add(seq.Size(i))
			if i < len(a) && a[i] != octet(v) || i >= len(a) && b[i-len(a)] != octet(v) {
				return v
			}
		}
		s.Advance(at.Add(seq.Size(n)))
		if n == 0 {
			runtime.Gosched()
		}
	}
	return end
}

func TestStream_ReceiveDirectionIsSafeForTwo(t *testing.T) {
	p := newPool(t, 12)
	s := newStream(p, wrap)
	end := wrap.Add(concurrentTotal)
	wrong := make(chan seq.Value)
	go func() { wrong <- receiveApp(s, end) }()
	receiveShard(s, p, end)
	if v := <-wrong; v != end {
		t.Errorf("wrong octet at %#x", v)
	}
	s.ReleaseAll(p.Put)
	if p.InUse() != 0 {
		t.Errorf("%d octets of ring memory were lost", p.InUse())
	}
}

// sendApp is the writer of the send direction.
func sendApp(s Stream, end seq.Value) {
	rng := rand.New(rand.NewPCG(10, 11))
	for at := s.WritePos(); at != end; at = s.WritePos() {
		n := min(1+rng.IntN(3000), int(end.Minus(at)))
		done := 0
		if rng.IntN(2) == 0 {
			done = s.Write(text(at, n))
		} else {
			a, b := s.Reserve()
			done = copy(a, text(at, n))
			done += copy(b, text(at.Add(seq.Size(done)), n-done))
			s.Publish(at.Add(seq.Size(done)))
		}
		if done < n {
			runtime.Gosched()
		}
	}
}

// sendShard is the reader of the send direction and owns the pool: it reads
// ahead, as for segments in flight, and consumes later, as for their ACKs. It
// returns the position of the first wrong octet, or end.
func sendShard(s Stream, p *Pool, end seq.Value) seq.Value {
	rng := rand.New(rand.NewPCG(12, 13))
	buf := make([]byte, 1460)
	for s.ReadPos() != end {
		if r := s.Drained(); r != 0 {
			poison(p, r)
		}
		n := int(s.Len())
		if n == 0 {
			runtime.Gosched()
			continue
		}
		if rng.IntN(20) == 0 && s.Size() < 1<<18 && s.CanOffer() {
			s.Offer(p.Get(2 * int(s.Size())))
		}
		pos := s.ReadPos().Add(seq.Size(rng.IntN(n)))
		segment := buf[:min(len(buf), int(s.WritePos().Minus(pos)))]
		s.CopyAt(pos, segment)
		for i, b := range segment {
			if v := pos.Add(seq.Size(i)); b != octet(v) {
				return v
			}
		}
		s.Advance(s.ReadPos().Add(seq.Size(rng.IntN(n + 1))))
	}
	return end
}

func TestStream_SendDirectionIsSafeForTwo(t *testing.T) {
	p := newPool(t, 12)
	s := newStream(p, wrap)
	s.Attach(p.Get(MinSize))
	end := wrap.Add(concurrentTotal)
	done := make(chan bool)
	go func() { sendApp(s, end); close(done) }()
	if v := sendShard(s, p, end); v != end {
		t.Fatalf("wrong octet at %#x", v) // the writer is left waiting
	}
	<-done
	if s.Size() == MinSize {
		t.Error("the writer never went on in a ring on offer")
	}
	s.ReleaseAll(p.Put)
	if p.InUse() != 0 {
		t.Errorf("%d octets of ring memory were lost", p.InUse())
	}
}

// switching writes rounds of two rings each, so that the reader meets as many
// switches as can be; it returns when all is read.
func switching(s Stream, p *Pool, rounds int) {
	for range rounds {
		s.Attach(p.Get(MinSize))
		at := s.WritePos()
		s.Write(text(at, 300))
		s.Offer(p.Get(2 * MinSize))
		s.Switch()
		s.Write(text(at.Add(300), 300))
		for s.Len() > 0 {
			runtime.Gosched()
		}
		for r := s.Detach(); r != 0; r = s.Detach() {
			poison(p, r)
		}
	}
}

func TestStream_ReaderMeetsManySwitches(t *testing.T) {
	const rounds = 3000
	p := newPool(t, 2)
	s := newStream(p, wrap)
	end := wrap.Add(rounds * 600)
	wrong := make(chan seq.Value)
	go func() {
		for s.ReadPos() != end {
			at := s.ReadPos()
			a, b := s.Peek()
			for i, c := range append(bytes.Clone(a), b...) {
				if c != octet(at.Add(seq.Size(i))) {
					wrong <- at.Add(seq.Size(i))
					return
				}
			}
			s.Advance(at.Add(seq.Size(min(len(a), 40))))
			if len(a) == 0 {
				runtime.Gosched()
			}
		}
		wrong <- end
	}()
	go switching(s, p, rounds)
	if v := <-wrong; v != end {
		t.Errorf("wrong octet at %#x", v) // the writer is left waiting
	}
}
