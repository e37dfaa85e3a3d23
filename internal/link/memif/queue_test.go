package memif

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
)

// directions runs a test with either role as the sender.
func directions(t *testing.T, change func(m, s *Config), f func(t *testing.T, from, to *end)) {
	t.Run("to slave", func(t *testing.T) {
		m, s := newPair(t, change)
		f(t, m, s)
	})
	t.Run("to master", func(t *testing.T) {
		m, s := newPair(t, change)
		f(t, s, m)
	})
}

func TestQueue_CarriesFramesOfEverySizeInOrder(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		r := rand.New(rand.NewPCG(1, 2))
		a, b := from.Queue(0), to.Queue(0)
		settled(a, b)
		for size := etherHeader; size <= frameSize(1500); {
			var want [][]byte
			for range 16 {
				if size <= frameSize(1500) {
					want = append(want, payload(r, size))
					size++
				}
			}
			if n := transmit(a, want...); n != len(want) {
				t.Fatalf("room for %d frames of %d", n, len(want))
			}
			sameFrames(t, fetch(t, b, len(want)), want)
		}
		if c, d := a.Counters(), b.Counters(); c.TxFrames != d.RxFrames || c.TxOctets != d.RxOctets || c.TxDropped+d.RxDropped != 0 {
			t.Errorf("counters: %+v, %+v", c, d)
		}
	})
}

// TestQueue_WrapsItsIndices goes around a ring of 16-bit indices.
func TestQueue_WrapsItsIndices(t *testing.T) {
	directions(t, func(m, s *Config) { s.RingSize = 64 }, func(t *testing.T, from, to *end) {
		r := rand.New(rand.NewPCG(1, 2))
		a, b := from.Queue(0), to.Queue(0)
		settled(a, b)
		frames := make([][]byte, 48)
		for range 1<<16/48 + 10 {
			for i := range frames {
				frames[i] = payload(r, 60)
			}
			if n := transmit(a, frames...); n != len(frames) {
				t.Fatalf("room for %d frames", n)
			}
			sameFrames(t, fetch(t, b, len(frames)), frames)
		}
	})
}

func TestReserve_OffersWhatThePeerHasRoomFor(t *testing.T) {
	directions(t, func(m, s *Config) { s.RingSize = 32 }, func(t *testing.T, from, to *end) {
		r := rand.New(rand.NewPCG(1, 2))
		a, b := from.Queue(0), to.Queue(0)
		settled(b, a)
		var sent [][]byte
		for range 3 {
			batch := make([][]byte, 20)
			for i := range batch {
				batch[i] = payload(r, 100)
			}
			sent = append(sent, batch[:transmit(a, batch...)]...)
		}
		if len(sent) != 32 {
			t.Fatalf("%d frames went into a ring of 32", len(sent))
		}
		var tx [4]link.Frame
		if n := a.Reserve(tx[:]); n != 0 {
			t.Errorf("a full ring lends %d frames", n)
		}
		sameFrames(t, fetch(t, b, 32), sent)
		if n := transmit(a, sent[0]); n != 1 {
			t.Error("no room after the peer has taken everything")
		}
	})
}

// TestReserve_DoesNotWaitForAPeerThatTakesNothing: the shard must come to rest,
// so what it has for such a peer is dropped.
func TestReserve_DoesNotWaitForAPeerThatTakesNothing(t *testing.T) {
	directions(t, func(m, s *Config) { s.RingSize = 32 }, func(t *testing.T, from, to *end) {
		a := from.Queue(0)
		settled(to.Queue(0), a)
		frame := make([]byte, 60)
		var tx [64]link.Frame
		for range 32 {
			transmit(a, frame)
		}
		now := clock
		for range 3 {
			a.Recv(now, nil)
			if n := a.Reserve(tx[:]); n != 0 {
				t.Fatalf("%d frames lent at once", n)
			}
			now = now.Add(stallAfter / 4)
		}
		a.Recv(now.Add(stallAfter), nil)
		if n := a.Reserve(tx[:1]); n != 1 {
			t.Fatal("nothing lent to a shard whose peer has stalled")
		}
		tx[0].Bytes = tx[0].Bytes[:60]
		a.Send(now, tx[:1])
		if s := a.drops.stats(); s.TxFull != 1 {
			t.Errorf("drops %+v, want one for the full ring", s)
		}
	})
}

func TestSend_LeavesOutWhatHasNoBytes(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(b, a)
		var tx [8]link.Frame
		n := a.Reserve(tx[:])
		var want [][]byte
		for i := range n {
			if i%3 == 0 {
				tx[i].Bytes = tx[i].Bytes[:0]
				continue
			}
			tx[i].Bytes = tx[i].Bytes[:60+i]
			for k := range tx[i].Bytes {
				tx[i].Bytes[k] = byte(i)
			}
			want = append(want, append([]byte(nil), tx[i].Bytes...))
		}
		a.Send(clock, tx[:n])
		sameFrames(t, fetch(t, b, len(want)), want)
	})
}

func TestSend_RefusesWhatIsNoFrame(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(b, a)
		var tx [3]link.Frame
		a.Reserve(tx[:])
		tx[0].Bytes = tx[0].Bytes[:etherHeader-1]
		tx[1].Bytes = make([]byte, frameSize(1500)+1)
		tx[2].Bytes = tx[2].Bytes[:etherHeader]
		a.Send(clock, tx[:])
		if got := fetch(t, b, 1); len(got[0]) != etherHeader {
			t.Errorf("got %d octets", len(got[0]))
		}
		if s := a.drops.stats(); s.TxRefused != 2 {
			t.Errorf("drops %+v, want two refused", s)
		}
	})
}

func TestQueue_WithoutAPeerReceivesNothingAndDropsWhatIsSent(t *testing.T) {
	for _, role := range []Role{Master, Slave} {
		e := newEnd(t, Config{Socket: socketPath(t), Role: role})
		q := e.Queue(0)
		if n := transmit(q, make([]byte, 60), make([]byte, 61)); n != 2 {
			t.Errorf("%v: %d frames lent, want 2: the shard must not wait", role, n)
		}
		var rx [4]link.Frame
		if n := q.Recv(clock, rx[:]); n != 0 {
			t.Errorf("%v: %d frames from nobody", role, n)
		}
		if c := q.Counters(); c.TxDropped != 2 || c.TxFrames != 0 {
			t.Errorf("%v: counters %+v, want two drops", role, c)
		}
		q.Wait(time.Millisecond)
	}
}

func TestQueue_SeveralRingsStayApart(t *testing.T) {
	const queues = 4
	directions(t, func(m, s *Config) { m.Queues, s.Queues = queues, queues }, func(t *testing.T, from, to *end) {
		r := rand.New(rand.NewPCG(1, 2))
		var want [queues][][]byte
		for i := range queues {
			settled(from.Queue(i), to.Queue(i))
			for range 32 {
				want[i] = append(want[i], payload(r, 60+i))
			}
		}
		for i := range queues {
			if n := transmit(from.Queue(i), want[i]...); n != 32 {
				t.Fatalf("queue %d: room for %d", i, n)
			}
		}
		for i := range queues {
			sameFrames(t, fetch(t, to.Queue(i), 32), want[i])
		}
	})
}

func TestQueue_DoesNotAllocate(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(b, a)
		var tx, rx [32]link.Frame
		if n := testing.AllocsPerRun(200, func() {
			n := a.Reserve(tx[:])
			for i := range n {
				tx[i].Bytes = tx[i].Bytes[:60]
			}
			a.Send(clock, tx[:n])
			b.Release(rx[:b.Recv(clock, rx[:])])
			b.Wait(0)
		}); n != 0 {
			t.Errorf("%v allocations per batch", n)
		}
	})
}

// TestRecv_LendsWhatThePeerCannotWrite: a frame stays as it was checked, whatever
// the peer does to the buffer that it came in.
func TestRecv_LendsWhatThePeerCannotWrite(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(a, b)
		for _, size := range []int{60, 256, 257, 1514} {
			transmit(a, bytes.Repeat([]byte{1}, size))
			var rx [1]link.Frame
			for b.Recv(clock, rx[:]) == 0 {
			}
			clear(a.peer.regions[0][1<<16:]) // all the buffers
			if !bytes.Equal(rx[0].Bytes, bytes.Repeat([]byte{1}, size)) {
				t.Errorf("a frame of %d changes after it was received", size)
			}
			b.Release(rx[:])
		}
	})
}

// TestReserve_LendsWhatThePeerCannotWrite, likewise.
func TestReserve_LendsWhatThePeerCannotWrite(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(b, a)
		var tx [1]link.Frame
		a.Reserve(tx[:])
		tx[0].Bytes = tx[0].Bytes[:100]
		copy(tx[0].Bytes, bytes.Repeat([]byte{1}, 100))
		clear(b.peer.regions[0][1<<16:])
		if !bytes.Equal(tx[0].Bytes, bytes.Repeat([]byte{1}, 100)) {
			t.Error("a frame changes before it is sent")
		}
		a.Send(clock, tx[:])
	})
}

// TestRecv_ForgetsTheRestOfAChainThatWasDropped: it comes later, and must not be
// taken for a packet of its own.
func TestRecv_ForgetsTheRestOfAChainThatWasDropped(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(b, a)
		p := &a.pair
		piece := func(i, flags uint16) {
			d := p.tx.load(i)
			d.flags, d.length, d.offset = flags, 100, 1<<17
			p.tx.store(i, d)
		}
		publish := func(n uint16) {
			p.publish(n)
			settled(b)
		}
		piece(0, flagNext)
		publish(1)
		piece(1, flagNext)
		publish(2)
		piece(2, 0)
		piece(3, flagNext) // a whole one, of two pieces
		piece(4, 0)
		p.publish(5)
		if got := fetch(t, b, 1); len(got[0]) != 200 {
			t.Errorf("%d octets, want the two pieces of 100 of the second chain", len(got[0]))
		}
		if s := b.drops.stats(); s.RxCut != 1 {
			t.Errorf("drops %+v, want one packet that was cut", s)
		}
	})
}

// TestSend_FindsRoomOnlyOnce: what a batch has used is not free because it is not
// yet published.
func TestSend_FindsRoomOnlyOnce(t *testing.T) {
	directions(t, func(m, s *Config) { s.RingSize = 32 }, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(b, a)
		for range 32 {
			transmit(a, make([]byte, 60))
		}
		var tx [8]link.Frame
		a.Reserve(tx[:])
		a.Recv(clock.Add(stallAfter), nil)
		if n := a.Reserve(tx[:]); n != 8 {
			t.Fatalf("%d frames lent to a shard whose peer has stalled", n)
		}
		fetch(t, b, 3)
		for i := range tx {
			tx[i].Bytes = tx[i].Bytes[:100+i]
		}
		a.Send(clock, tx[:])
		if s := a.drops.stats(); s.TxFull != 5 {
			t.Errorf("drops %+v, want five: there was room for three", s)
		}
		got := fetch(t, b, 32)
		if last := got[31]; len(got[28]) != 60 || len(last) != 102 {
			t.Errorf("%d and %d octets at the end, want 60 and 102", len(got[28]), len(last))
		}
	})
}
