package shard

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/technique"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func without(s technique.Set) limits {
	return limits{technique: technique.Choice{Without: s}}
}

// answersOnce has a station answer one question a connection, and close.
func answersOnce(t testing.TB, h *station) {
	t.Helper()
	h.Handle(&handled{ready: func(i slab.Index, n News) {
		var b [askLen]byte
		h.Write(i, b[:h.Read(i, b[:])])
		h.Close(i, false)
	}})
	if why := h.ListenHandled(0, port, 1024, 7); why != sock.OK {
		t.Fatal(why)
	}
}

// shortOnes opens connections one after the other, each for one question.
func shortOnes(t testing.TB, c limits, n int) (w *world, server, client *station) {
	w, server, client = pair(t, c)
	answersOnce(t, server)
	a := newAsker(client)
	a.short = true
	for want := range n {
		a.dial(t, 1)
		w.until(time.Second, "an answer", func() bool { return a.ended > want })
		w.run(time.Millisecond)
	}
	return w, server, client
}

// A short connection takes six packets: SYN, SYN-ACK, the ACK with the question,
// the answer with the FIN, FIN, ACK.
func TestWithout_AShortConnectionTakesMorePackets(t *testing.T) {
	const n = 10
	for _, x := range []struct {
		without technique.Set
		want    uint64 // a connection
		why     string
	}{
		{0, 6, ""},
		{technique.LateAck, 9, "ACKs of their own for the SYN-ACK, the question and the answer"},
		{technique.FinOnData, 7, "a FIN of its own"},
		{technique.PriorityLists | technique.CompactTimeWait | technique.FoldedChecksum | technique.LIFO, 6, "nothing on the wire"},
	} {
		_, server, client := shortOnes(t, without(x.without), n)
		if got := server.stats().TCP.SegmentsOut + client.stats().TCP.SegmentsOut; got != x.want*n {
			t.Errorf("without %v: %d packets for %d connections, want %d each: %s", x.without, got, n, x.want, x.why)
		}
	}
}

// An ACK that comes before applications run has no answer to wait for.
func TestWithout_LateAckNoneIsHeld(t *testing.T) {
	for _, x := range []struct {
		without technique.Set
		acks    int
	}{{0, 0}, {technique.LateAck, 1}} {
		c := without(x.without)
		c.hold = true
		w, h := alone(t, c)
		h.listen(t, 4)
		p := w.mustOpen(4000)
		w.taken()
		p.send(wire.ACK|wire.PSH, []byte("question"))
		h.Input(w.now)
		if out := w.taken(); len(out) != x.acks {
			t.Errorf("without %v: sent %+v before applications run, want %d ACKs", x.without, out, x.acks)
		}
		h.Output(w.now)
	}
}

func TestWithout_CompactTimeWaitASlotIsTaken(t *testing.T) {
	const n = 10
	for _, x := range []struct {
		without technique.Set
		slots   int
	}{{0, 0}, {technique.CompactTimeWait, n}} {
		w, server, client := shortOnes(t, without(x.without), n)
		u := server.Usage() // whoever closes first has TIME-WAIT
		if u.TimeWaits != n || u.Connections != x.slots || u.RingMemory != 0 {
			t.Errorf("without %v: %+v, want %d records with %d slots", x.without, u, n, x.slots)
		}
		w.run(2 * time.Minute)
		if u := server.Usage(); u.Connections != 0 || u.TimeWaits != 0 || client.Usage().Connections != 0 {
			t.Errorf("without %v: %+v is left", x.without, u)
		}
	}
}

// Whoever comes must find a slot, as with records.
func TestWithout_CompactTimeWaitTheOldestGivesWay(t *testing.T) {
	c := without(technique.CompactTimeWait)
	c.connections = 16
	_, server, _ := shortOnes(t, c, 100)
	u := server.Usage()
	if u.Connections != 12 || u.TimeWaits != 12 {
		t.Errorf("%+v, want three quarters of 16 slots with TIME-WAIT", u)
	}
	if got := server.stats().TimeWaitsEvicted; got != 100-12 {
		t.Errorf("%d records gave way, want %d", got, 100-12)
	}
}

// The record that is being made is never the one that gives way.
func TestWithout_CompactTimeWaitTheNewestStays(t *testing.T) {
	c := without(technique.CompactTimeWait)
	c.connections = 16
	w, h := alone(t, c)
	h.listen(t, 16)
	for from := range uint16(14) { // of 16 slots
		w.mustOpen(4000 + from)
	}
	p := w.mustOpen(5000)
	for app, ok := h.pop(); ok; app, ok = h.pop() {
		if h.waiting.Len() == 0 {
			app.Close(false)
		}
	}
	w.run(time.Millisecond)
	p.take()
	p.send(wire.FIN|wire.ACK, nil)
	w.run(time.Millisecond)
	if u := h.Usage(); u.TimeWaits != 1 || u.Connections != 15 {
		t.Errorf("%+v, want one record, and 15 slots in use", u)
	}
}

// A slot that its application has not given back outlives its record.
func TestWithout_CompactTimeWaitTheApplicationKeepsItsSlot(t *testing.T) {
	w, h := alone(t, without(technique.CompactTimeWait))
	h.listen(t, 4)
	p := w.mustOpen(4000)
	app, _ := h.pop()
	app.Shutdown()
	w.run(time.Millisecond)
	p.take()
	p.send(wire.FIN|wire.ACK, nil)
	w.run(time.Millisecond)
	if n := h.Usage().TimeWaits; n != 1 {
		t.Fatalf("%d records, want 1", n)
	}
	w.run(2 * time.Minute)
	if u := h.Usage(); u.TimeWaits != 0 || u.Connections != 1 {
		t.Errorf("%+v, want the application's slot", u)
	}
	w.mustOpen(4001)
	if next, _ := h.pop(); next.Handle.Index() == app.Handle.Index() {
		t.Error("the slot serves another connection already")
	}
	app.Close(false)
	w.run(time.Millisecond)
	if n := h.Usage().Connections; n != 1 {
		t.Errorf("%d slots in use, want that of the second connection", n)
	}
}

// A connection is in the middle of its text when a SYN, or a question, arrives.
func TestWithout_PriorityListsWhatIsShortWaitsForData(t *testing.T) {
	for _, x := range []struct {
		without technique.Set
		first   bool
	}{{0, true}, {technique.PriorityLists, false}} {
		c := without(x.without)
		c.technique.Batch = 4
		w, h := alone(t, c)
		h.listen(t, 4)
		other := w.mustOpen(4999)
		h.pop()
		w.mustOpen(4000)
		app, _ := h.pop()
		w.write(h, &app, nil)
		h.Waiter(app.Handle)
		app.ParkWrite(8000)
		w.run(time.Millisecond)
		w.taken()
		app.Write(pattern(8000)) // fifteen segments of 536
		w.round()
		if out := w.taken(); len(out) != 4 {
			t.Fatalf("%d segments in a batch, want 4", len(out))
		}
		w.inject(toUs(5000, wire.SYN))
		w.round()
		out := w.taken()
		if len(out) != 4 {
			t.Fatalf("%d segments in a batch, want 4", len(out))
		}
		if isFirst := out[0].flags == wire.SYN|wire.ACK; isFirst != x.first {
			t.Errorf("without %v: first is %v, the SYN-ACK: %v", x.without, out[0].flags, isFirst)
		}
		other.send(wire.ACK|wire.PSH, []byte("question"))
		w.round()
		if out = w.taken(); len(out) == 0 {
			t.Fatal("nothing in a batch")
		}
		if isFirst := out[0].dstPort == 4999; isFirst != x.first {
			t.Errorf("without %v: first is %+v, the ACK: %v", x.without, out[0], isFirst)
		}
	}
}

func TestBatch_BoundsWhatIsReceivedInARound(t *testing.T) {
	for _, n := range []int{1, 8, 0, 1000} {
		w, h := alone(t, limits{technique: technique.Choice{Batch: n}})
		before := h.stats().RxFrames
		for from := range uint16(100) {
			w.inject(toUs(4000+from, wire.ACK)) // to nobody
		}
		w.round()
		want := uint64(n)
		if n < 1 || n > batch {
			want = batch
		}
		if got := h.stats().RxFrames - before; got != want {
			t.Errorf("batch %d: %d frames in a round, want %d", n, got, want)
		}
	}
}

func TestWithout_LIFOASlotIsNotUsedAgainAtOnce(t *testing.T) {
	for _, x := range []struct {
		without technique.Set
		high    slab.Index
	}{{0, 1}, {technique.LIFO, 10}} {
		_, _, client := shortOnes(t, without(x.without), 10)
		if got := client.tcbs.High(); got != x.high {
			t.Errorf("without %v: ten connections in turn used %d slots, want %d", x.without, got, x.high)
		}
	}
}

func TestWithout_LIFONeitherARecordNorARingIsUsedAgainAtOnce(t *testing.T) {
	for _, x := range []struct {
		without technique.Set
		lifo    bool
	}{{0, true}, {technique.LIFO, false}} {
		w, server, client := pair(t, without(x.without))
		answersOnce(t, server)
		a := newAsker(client)
		a.short = true
		for want := range 3 {
			a.dial(t, 1)
			w.until(time.Second, "an answer", func() bool { return a.ended > want })
			w.run(2 * time.Minute) // TIME-WAIT is over
		}
		if again := server.tw.slab.High() == 1; again != x.lifo {
			t.Errorf("without %v: three records in turn used %d places", x.without, server.tw.slab.High())
		}
		p := server.pool
		p.Get(4096) // keeps the place where rings of this size are
		first := p.Get(4096)
		p.Put(first)
		if again := p.Get(4096) == first; again != x.lifo {
			t.Errorf("without %v: the last ring is used again: %v", x.without, again)
		}
	}
}

// A device that sums needs no help, whether the shard could give it or not.
func TestWithout_FoldedChecksumIsNotTheDevices(t *testing.T) {
	for _, s := range []technique.Set{0, technique.FoldedChecksum} {
		q := newScript(1500)
		q.info.TxChecksum = true
		h := newStation(t, q, ourIP, without(s), mono.Time(time.Second))
		if h.engine.Config().Sums {
			t.Errorf("without %v: the engine sums what the device sums", s)
		}
	}
}

// The sum is the same, wherever it is taken.
func TestWithout_FoldedChecksumTheShardSumsAll(t *testing.T) {
	for _, x := range []struct {
		without technique.Set
		folded  bool
	}{{0, true}, {technique.FoldedChecksum, false}} {
		w, h := alone(t, without(x.without))
		if got := h.engine.Config().Sums; got != x.folded {
			t.Errorf("without %v: the engine sums: %v", x.without, got)
		}
		h.listen(t, 4)
		p := w.mustOpen(4000)
		app, _ := h.pop()
		w.write(h, &app, pattern(999))
		for range 5 {
			w.run(50 * time.Millisecond)
			p.take() // only what has a right checksum
		}
		if !bytes.Equal(p.text, pattern(999)) {
			t.Errorf("without %v: %d octets of 999 arrived", x.without, len(p.text))
		}
	}
}
