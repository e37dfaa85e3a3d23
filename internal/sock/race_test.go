// The two sides at the same time: for the race detector, and for wake-ups that
// get lost, which show as a deadlock.

package sock

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// A shard that the test plays in a goroutine: it sends rxTotal octets to the
// application and takes txTotal from it, attaching, offering and detaching
// rings at random.
type playedShard struct {
	*world
	waiter           *Waiter
	rnd              *rand.Rand
	rxSent, rxTotal  int
	txTaken, txTotal int
	promised         seq.Value // the right edge of the window
	wantTx           int
	detached         int
}

func (s *playedShard) run() {
	rx := s.b.Rx(s.mem)
	rx.Attach(s.pool.Get(8192))
	s.promised = firstRx
	for s.rxSent < s.rxTotal || s.txTaken < s.txTotal {
		if s.round() {
			continue
		}
		if s.mail.Arm() {
			<-s.bell
			s.mail.Disarm()
		}
	}
	s.waiter.Wake(s.b.Raise(EOF, ReadParked))
}

// round does what there is to do, and reports whether there was anything.
func (s *playedShard) round() bool {
	busy := false
	var c Command
	for s.mail.Take(&c) {
		busy = true
		switch c.Op {
		case OpSend:
			s.b.Heard(TxTold)
		case OpWindow:
			s.b.Heard(RxTold)
		case OpWantTx:
			s.wantTx = int(c.Token)
		}
	}
	var woken Ready
	if s.feed() {
		busy = true
		woken |= s.b.Raise(0, ReadParked)
	}
	if s.take() {
		busy = true
		woken |= s.b.Raise(0, WriteParked)
	}
	s.waiter.Wake(woken)
	return busy
}

// feed sends as much as was promised, and promises more when there is room.
func (s *playedShard) feed() bool {
	if s.rxSent == s.rxTotal {
		return false
	}
	rx := s.b.Rx(s.mem)
	if edge := rx.Limit(); edge.Greater(s.promised) && edge.Minus(s.promised) >= 1000 {
		s.promised = edge
	}
	// As the engine does: from a read position 1000 beyond what is promised.
	at := s.promised.Add(1000).Sub(rx.Size())
	s.b.SetNotify(at)
	if rx.ReadPos().GreaterEq(at) {
		return true // it read past it while it saw the old position
	}
	room := int(s.promised.Minus(rx.WritePos()))
	n := min(room, s.rxTotal-s.rxSent, 1+s.rnd.IntN(3000))
	if n == 0 {
		return false
	}
	p := rx.WritePos()
	rx.WriteAt(p, stream(seq.Value(s.rxSent), n))
	rx.Publish(p.Add(seq.Size(n)))
	s.rxSent += n
	return true
}

// take takes what was written, and gives and takes rings.
func (s *playedShard) take() (news bool) {
	tx := s.b.Tx(s.mem)
	if r := tx.Drained(); r != 0 {
		s.pool.Put(r)
	}
	if s.wantTx > 0 {
		switch {
		case s.b.Flags()&TxRing == 0:
			s.b.AttachTx(s.mem, s.pool.Get(4096))
			news = true
		case tx.Free() > 0:
			news = true
		case tx.CanOffer() && tx.Size() < 32768:
			tx.Offer(s.pool.Get(int(2 * tx.Size())))
			news = true
		}
		s.wantTx = 0
	}
	if n := int(tx.Len()); n > 0 {
		s.compare(make([]byte, 1+s.rnd.IntN(n)))
		return true
	}
	if !news && s.rnd.IntN(2) == 0 {
		for r := s.b.DetachTx(s.mem); r != 0; r = tx.Detach() {
			s.pool.Put(r)
			s.detached++
		}
	}
	return news
}

// compare takes as many octets as fit into p.
func (s *playedShard) compare(p []byte) {
	tx := s.b.Tx(s.mem)
	tx.CopyAt(tx.ReadPos(), p)
	for i, b := range p {
		if b != octet(s.txTaken+i) {
			s.tb.Errorf("octet %d is %#x", s.txTaken+i, b)
			break
		}
	}
	tx.Advance(tx.ReadPos().Add(seq.Size(len(p))))
	s.txTaken += len(p)
}

func TestApp_BothDirectionsAgainstAShard(t *testing.T) {
	detached := 0
	for seed := range uint64(6) {
		w := newWorld(t)
		s := &playedShard{world: w, waiter: NewWaiter(), rnd: rand.New(rand.NewPCG(seed, 1)), rxTotal: 400_000, txTotal: 400_000}
		var wg sync.WaitGroup
		wg.Go(s.run)
		wg.Go(func() { readAll(t, &w.app, s.waiter, s.rxTotal, seed) })
		wg.Go(func() { writeAll(&w.app, s.waiter, s.txTotal, seed) })
		wg.Wait()
		detached += s.detached
	}
	if detached == 0 {
		t.Error("no ring was ever taken back: the test shows little")
	}
}

func readAll(t *testing.T, a *App, w *Waiter, total int, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 2))
	p := make([]byte, 5000)
	for got := 0; ; {
		n, s := a.Read(p[:1+rnd.IntN(len(p))])
		for i, b := range p[:n] {
			if b != octet(got+i) {
				t.Errorf("octet %d read is %#x", got+i, b)
				return
			}
		}
		got += n
		switch s {
		case Ended:
			if got != total {
				t.Errorf("the end after %d octets of %d", got, total)
			}
			return
		case WouldBlock:
			if a.ParkRead() {
				<-w.Read
			}
		}
	}
}

func writeAll(a *App, w *Waiter, total int, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	for done := 0; done < total; {
		n := min(1+rnd.IntN(6000), total-done)
		if rnd.IntN(3) == 0 {
			done += reserveSome(a, done, n)
			continue
		}
		k, s := a.Write(stream(seq.Value(done), n))
		done += k
		if s == WouldBlock && a.ParkWrite(n) {
			<-w.Write
		}
	}
}

// reserveSome writes in place, if there is room.
func reserveSome(a *App, done, n int) int {
	p, q, s := a.Reserve()
	if s != Done {
		return 0
	}
	n = min(n, len(p)+len(q))
	text := stream(seq.Value(done), n)
	k := copy(p, text)
	copy(q, text[k:])
	a.Commit(n)
	return n
}
