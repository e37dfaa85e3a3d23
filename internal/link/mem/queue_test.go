package mem

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
)

// kinds are a wire of each kind: lock-free and through inboxes.
var kinds = map[string]Config{
	"plain":    {},
	"impaired": {Impair: [2]Impairment{{Delay: 1}, {Delay: 1}}},
}

func TestSend_FramesArriveInOrderAndWhole(t *testing.T) {
	for kind, c := range kinds {
		w := newWire(t, c)
		for side := range 2 {
			a, b := w.Side(side).Queue(0), w.Side(1-side).Queue(0)
			for round := range 30 {
				frames := numbered(100)
				frames[3] = bytes.Repeat([]byte{7}, frameSize(1500))
				now := start.Add(time.Duration(round) * time.Millisecond)
				transmit(a, now, frames...)
				got := receive(b, now+1)
				if !slices.EqualFunc(got, frames, bytes.Equal) {
					t.Fatalf("%s, side %d, round %d: sent 100, got %v", kind, side, round, numbers(got))
				}
			}
			if n := a.Counters(); n.TxFrames != 3000 || n.TxOctets != 30*(99*60+1514) || n.TxDropped != 0 {
				t.Errorf("%s: sender's counters %+v", kind, n)
			}
			if n := b.Counters(); n.RxFrames != 3000 || n.RxOctets != 30*(99*60+1514) {
				t.Errorf("%s: receiver's counters %+v", kind, n)
			}
			if got := receive(a, start.Add(time.Hour)); len(got) != 0 {
				t.Errorf("%s: the sender hears %d of its own frames", kind, len(got))
			}
		}
	}
}

func TestSend_EmptyFramesAreOnlyReturned(t *testing.T) {
	for kind, c := range kinds {
		w := newWire(t, c)
		a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
		var tx [6]link.Frame
		for range 500 { // more than the ring has room for, if they took any
			n := a.Reserve(tx[:])
			for i, f := range numbered(n) {
				if i%3 == 1 {
					tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, f)]
				} else {
					tx[i].Bytes = tx[i].Bytes[:0]
				}
			}
			a.Send(start, tx[:n])
			if got := numbers(receive(b, start+1)); !slices.Equal(got, []int{1, 4}) {
				t.Fatalf("%s: got %v, want [1 4]", kind, got)
			}
		}
	}
}

func TestSend_FullRingDropsAndCounts(t *testing.T) {
	for kind, c := range kinds {
		c.RingFrames = 100 // rounded up to 128
		w := newWire(t, c)
		a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
		for round := range 3 {
			transmit(a, start, numbered(200)...)
			got := numbers(receive(b, start+1))
			if len(got) != 128 || got[0] != 0 || got[127] != 127 {
				t.Errorf("%s: %d frames arrived, want the first 128", kind, len(got))
			}
			if n := a.Counters().TxDropped; n != uint64(72*(round+1)) {
				t.Errorf("%s: %d dropped, want %d", kind, n, 72*(round+1))
			}
		}
		if kind == "impaired" && w.Fate(0).BoxFull != 3*72 {
			t.Errorf("fate %+v, want 216 of BoxFull", w.Fate(0))
		}
	}
}

func TestSend_OversizedFrameIsDropped(t *testing.T) {
	for kind, c := range kinds {
		w := newWire(t, c)
		a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
		a.Reserve(make([]link.Frame, 1))
		a.Send(start, []link.Frame{{Bytes: make([]byte, frameSize(1500)+1)}})
		if len(receive(b, start+1)) != 0 || a.Counters().TxDropped != 1 {
			t.Errorf("%s: it went through, or was not counted", kind)
		}
	}
}

func TestRelease_LentFramesKeepTheirOctets(t *testing.T) {
	for kind, c := range kinds {
		c.RingFrames = 64
		w := newWire(t, c)
		a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
		transmit(a, start, numbered(64)...)
		var rx [40]link.Frame
		if n := b.Recv(start+1, rx[:]); n != 40 {
			t.Fatalf("%s: %d frames", kind, n)
		}
		b.Release(rx[30:]) // not the oldest, and not all
		transmit(a, start, numbered(200)[100:]...)
		for i := range 30 {
			if number(rx[i].Bytes) != i {
				t.Fatalf("%s: frame %d was overwritten while it was lent", kind, i)
			}
		}
		b.Release(rx[:30])
		got := numbers(receive(b, start+1))
		if len(got) < 24 || got[0] != 40 || got[23] != 63 {
			t.Errorf("%s: then came %v", kind, got)
		}
		transmit(a, start, numbered(64)...)
		if got := receive(b, start+1); len(got) != 64 {
			t.Errorf("%s: room for %d frames came back, want 64", kind, len(got))
		}
	}
}

func TestReserve_LendsNoMoreThanABatch(t *testing.T) {
	w := newWire(t, Config{})
	tx := make([]link.Frame, 1000)
	n := w.Side(0).Queue(0).Reserve(tx)
	if n != maxBatch {
		t.Fatalf("%d frames, want %d", n, maxBatch)
	}
	for i := range n {
		if len(tx[i].Bytes) != frameSize(1500) || cap(tx[i].Bytes) != frameSize(1500) {
			t.Fatalf("frame %d has len %d cap %d", i, len(tx[i].Bytes), cap(tx[i].Bytes))
		}
	}
}

func TestDue_IsTheEarliestArrival(t *testing.T) {
	w := newWire(t, Config{Impair: [2]Impairment{{Delay: time.Second}}})
	a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
	if a.Due() != mono.Never || b.Due() != mono.Never {
		t.Error("nothing is under way")
	}
	transmit(a, start.Add(5), numbered(1)...)
	transmit(a, start.Add(9), numbered(1)...)
	transmit(b, start.Add(7), numbered(1)...) // not impaired: there at once
	if b.Due() != start.Add(time.Second+5) {
		t.Errorf("due %d, want a second after the first was sent", b.Due())
	}
	if due := a.Due(); due > start.Add(9) || !due.IsSet() {
		t.Errorf("due %d, want no later than its last call", due)
	}
	if got := receive(b, b.Due()-1); len(got) != 0 {
		t.Error("a frame came before it was due")
	}
	if got := receive(b, b.Due()); len(got) != 1 || b.Due() != start.Add(time.Second+9) {
		t.Errorf("%d frames, then due %d", len(got), b.Due())
	}
}

func TestQueue_DoesNotAllocate(t *testing.T) {
	for kind, c := range kinds {
		w := newWire(t, c)
		a, b := w.Side(0).Queue(0), w.Side(1).Queue(0)
		var tx, rx [32]link.Frame
		now := start
		if n := testing.AllocsPerRun(100, func() {
			now++
			n := a.Reserve(tx[:])
			a.Send(now, tx[:n])
			b.Release(rx[:b.Recv(now+1, rx[:])])
		}); n != 0 {
			t.Errorf("%s: %v allocations per batch", kind, n)
		}
	}
}

// TestConcurrent_BothWaysWithSleepers sends 100,000 frames each way between two
// goroutines that sleep whenever they can do nothing, and checks the order.
func TestConcurrent_BothWaysWithSleepers(t *testing.T) {
	const total, window = 100_000, 500
	for kind, c := range kinds {
		w := newWire(t, c)
		var group sync.WaitGroup
		for side := range 2 {
			group.Go(func() { pingPong(t, kind, w.Side(side).Queue(0), total, window) })
		}
		group.Wait()
	}
}

// pingPong keeps at most window frames ahead of what the other end has sent,
// which shows how far that has come, until both have had all.
func pingPong(t *testing.T, kind string, q *Queue, total, window int) {
	var tx, rx [32]link.Frame
	sent, got, now := 0, 0, start
	for sent < total || got < total {
		now += 2
		n := q.Recv(now, rx[:])
		for i := range n {
			if number(rx[i].Bytes) != got {
				t.Errorf("%s: frame %d came as number %d", kind, number(rx[i].Bytes), got)
				return
			}
			got++
		}
		q.Release(rx[:n])
		room := min(len(tx), got+window-sent, total-sent)
		if room <= 0 {
			if got < total {
				q.Wait(-1)
			}
			continue
		}
		for i := range q.Reserve(tx[:room]) {
			b := tx[i].Bytes[:60]
			b[40], b[41], b[42] = byte(sent>>16), byte(sent>>8), byte(sent)
			tx[i].Bytes = b
			sent++
		}
		q.Send(now, tx[:room])
	}
	if n := q.Counters(); n.TxDropped != 0 || n.RxFrames != uint64(total) {
		t.Errorf("%s: counters %+v", kind, n)
	}
}

func TestRecv_NoSenderStarvesAnother(t *testing.T) {
	w := newWire(t, Config{Queues: 3})
	for i := range 3 { // frames that are not TCP all go to queue 0
		transmit(w.Side(0).Queue(i), start, numbered(100)...)
	}
	b := w.Side(1).Queue(0)
	var rx [10]link.Frame
	firsts := 0
	for range 3 {
		n := b.Recv(start, rx[:])
		for _, f := range rx[:n] {
			if number(f.Bytes) == 0 {
				firsts++
			}
		}
		b.Release(rx[:n])
	}
	if firsts != 3 {
		t.Errorf("three batches brought the first frame of %d of 3 senders", firsts)
	}
}
