package shard

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// handled is a handler made of functions; what is nil does nothing.
type handled struct {
	accepted func(i slab.Index, owner uint32)
	ready    func(i slab.Index, n News)
	advance  func(now mono.Time) int
	next     mono.Time

	prefetch, prefetchUser func(i slab.Index)
}

func (h *handled) Accepted(i slab.Index, owner uint32) {
	if h.accepted != nil {
		h.accepted(i, owner)
	}
}

func (h *handled) Prefetch(i slab.Index) {
	if h.prefetch != nil {
		h.prefetch(i)
	}
}

func (h *handled) PrefetchUser(i slab.Index) {
	if h.prefetchUser != nil {
		h.prefetchUser(i)
	}
}

func (h *handled) Ready(i slab.Index, n News) {
	if h.ready != nil {
		h.ready(i, n)
	}
}

func (h *handled) Advance(now mono.Time) int {
	if h.advance != nil {
		return h.advance(now)
	}
	return 0
}

func (h *handled) Next() mono.Time {
	if h.next == 0 {
		return mono.Never
	}
	return h.next
}

// echoes has a station send back what comes, and close when the peer does.
func echoes(t testing.TB, h *station) {
	t.Helper()
	h.Handle(&handled{ready: func(i slab.Index, n News) {
		if n&NewsBroke != 0 {
			h.Close(i, false)
			return
		}
		for a, _ := h.Peek(i); len(a) > 0; a, _ = h.Peek(i) {
			n := h.Write(i, a)
			h.Discard(i, n)
			if n < len(a) {
				return
			}
		}
		if h.Ended(i) {
			h.Close(i, false)
		}
	}})
	if why := h.ListenHandled(0, port, 1024, 7); why != sock.OK {
		t.Fatal(why)
	}
}

// asker is a handler that asks, and counts its answers.
type asker struct {
	handled
	h        *station
	text     [askLen]byte
	open     []slab.Index
	answered int
	ended    int
	short    bool // one question a connection
}

func newAsker(h *station) *asker {
	a := &asker{h: h}
	a.ready = a.hear
	h.Handle(a)
	return a
}

func (a *asker) dial(t testing.TB, n int) {
	for range n {
		if _, why := a.h.Dial(0, ourIP, 0, port); why != sock.OK {
			t.Fatal(why)
		}
	}
}

func (a *asker) hear(i slab.Index, n News) {
	if n&NewsBroke != 0 {
		panic("an asker's connection broke: " + a.h.Errno(i).String())
	}
	if n&NewsOpened != 0 {
		a.open = append(a.open, i)
		if a.short {
			a.h.Write(i, a.text[:])
		}
	}
	if n&NewsReadable != 0 {
		var b [askLen]byte
		a.answered += a.h.Read(i, b[:]) / askLen
		if a.short {
			a.h.Close(i, false)
			a.ended++
		}
	}
}

func (a *asker) transact(w *world) {
	want := a.answered + len(a.open)
	for _, i := range a.open {
		a.h.Write(i, a.text[:])
	}
	for rounds := 0; a.answered < want; rounds++ {
		if w.round(); rounds > 10000 {
			w.Fatal("no answer")
		}
	}
}

// What nobody else touches is stored without a locked instruction, however the
// connection came about.
func TestHandler_OwnsTheStreamsOfItsConnections(t *testing.T) {
	for _, mode := range []tcp.CookieMode{tcp.CookiesOff, tcp.CookiesAlways} {
		w, server, client := pair(t, limits{tcp: cookies(mode)})
		answersOnce(t, server)
		owned := 0
		server.Handle(&handled{accepted: func(i slab.Index, _ uint32) {
			m := server.pool.Memory()
			if server.blocks[i].Rx(m).Mem == m.Own() && server.blocks[i].Tx(m).Mem == m.Own() {
				owned++
			}
		}})
		client.dial(ourIP)
		w.run(time.Second)
		if owned != 1 {
			t.Errorf("cookies %v: %d connections have streams of their own, want 1", mode, owned)
		}
	}
}

func TestHandler_EchoesLargeText(t *testing.T) {
	w, server, client := pair(t, limits{})
	echoes(t, server)
	text := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	var got []byte
	sent := 0
	ended := false
	h := &handled{}
	send := func(i slab.Index) {
		for sent < len(text) {
			n := client.Write(i, text[sent:])
			sent += n
			if n == 0 {
				return
			}
		}
		client.Shutdown(i)
	}
	h.ready = func(i slab.Index, n News) {
		if n&(NewsOpened|NewsWritable) != 0 {
			send(i)
		}
		var b [4096]byte
		for n := client.Read(i, b[:]); n > 0; n = client.Read(i, b[:]) {
			got = append(got, b[:n]...)
		}
		if n&NewsEnd != 0 {
			client.Close(i, false)
			ended = true
		}
	}
	client.Handle(h)
	if _, why := client.Dial(0, ourIP, 0, port); why != sock.OK {
		t.Fatal(why)
	}
	w.until(time.Minute, "all echoed", func() bool { return ended })
	if !bytes.Equal(got, text) {
		t.Errorf("%d octets came back of %d, or they differ", len(got), len(text))
	}
	w.run(2 * time.Minute)
	for _, h := range w.stations {
		u := h.Usage()
		if u.Connections != 0 || u.RingMemory != 0 || u.Timers != 0 || u.TimeWaits != 0 {
			t.Errorf("something is left: %+v", u)
		}
	}
}

// One short write is answered by one word of room, however much is acknowledged.
func TestHandler_WritableIsToldOnceForAShortWrite(t *testing.T) {
	w, server, client := pair(t, limits{})
	echoes(t, server)
	told := 0
	client.Handle(&handled{ready: func(i slab.Index, n News) {
		if n&NewsOpened != 0 {
			for client.Write(i, make([]byte, 4096)) == 4096 {
			}
		}
		if n&NewsWritable != 0 {
			told++
		}
		client.Discard(i, client.Buffered(i))
	}})
	if _, why := client.Dial(0, ourIP, 0, port); why != sock.OK {
		t.Fatal(why)
	}
	w.run(time.Second)
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// What a connection has to say leaves in one round, as far as its windows go.
func TestTransmit_ALongAnswerLeavesInOneRound(t *testing.T) {
	w, server, client := pair(t, limits{})
	echoes(t, server)
	client.Handle(&handled{ready: func(i slab.Index, _ News) { client.Discard(i, client.Buffered(i)) }})
	i, why := client.Dial(0, ourIP, 0, port)
	if why != sock.OK {
		t.Fatal(why)
	}
	w.run(time.Second)
	client.Write(i, make([]byte, 64)) // so that the last batch had one frame
	w.run(time.Second)
	before := client.counters.TxFrames
	const segments = 9 // of the initial window of ten
	if n := client.Write(i, make([]byte, segments*1448)); n != segments*1448 {
		t.Fatalf("room for %d octets", n)
	}
	client.Output(client.Now())
	if n := client.counters.TxFrames - before; n != segments {
		t.Errorf("%d segments left, want %d", n, segments)
	}
}

// keptAsker has connections that have been used, so that all has its size.
func keptAsker(t testing.TB, n int) (*world, *asker) {
	w, server, client := pair(t, limits{connections: 2 * n, ringMemory: 64 << 20})
	echoes(t, server)
	a := newAsker(client)
	a.dial(t, n)
	w.until(10*time.Second, "all connected", func() bool { return len(a.open) == n })
	for range 20 {
		a.transact(w)
	}
	return w, a
}

func TestHandler_RoundDoesNotAllocate(t *testing.T) {
	w, a := keptAsker(t, kept)
	if n := testing.AllocsPerRun(200, func() { a.transact(w) }); n != 0 {
		t.Errorf("%v allocations for %d transactions", n, kept)
	}
}

// BenchmarkHandled_RequestResponse asks on kept connections: 64 octets each way.
func BenchmarkHandled_RequestResponse(b *testing.B) {
	w, a := keptAsker(b, kept)
	before := w.stations[0].stats().TxFrames + w.stations[1].stats().TxFrames
	for b.Loop() {
		a.transact(w)
	}
	w.reportHandled(b, before)
}

// BenchmarkHandled_LoneRequest is a request and its answer on the only connection:
// what a batch does not share.
func BenchmarkHandled_LoneRequest(b *testing.B) {
	w, server, client := pair(b, limits{})
	echoes(b, server)
	got := 0
	client.Handle(&handled{ready: func(i slab.Index, _ News) {
		n := client.Buffered(i)
		client.Discard(i, n)
		got += n
	}})
	i, why := client.Dial(0, ourIP, 0, port)
	if why != sock.OK {
		b.Fatal(why)
	}
	w.run(time.Second)
	request := make([]byte, 64)
	for b.Loop() {
		client.Write(i, request)
		client.Output(client.Now())
		want := got + len(request)
		for rounds := 0; got < want; rounds++ {
			if w.round(); rounds > 100 {
				b.Fatal("no answer")
			}
		}
	}
}

// BenchmarkHandled_IdleRound is a round with nothing to do.
func BenchmarkHandled_IdleRound(b *testing.B) {
	w, server, _ := pair(b, limits{})
	echoes(b, server)
	w.run(time.Second)
	now := server.Now()
	for b.Loop() {
		now += 100
		server.Input(now)
		server.Output(now)
	}
}

func (w *world) reportHandled(b *testing.B, before uint64) {
	n := float64(b.N) * kept
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/transaction")
	b.ReportMetric(float64(w.stations[0].stats().TxFrames+w.stations[1].stats().TxFrames-before)/n, "packets/transaction")
}

// BenchmarkHandled_ShortConnection opens, asks once, and closes.
func BenchmarkHandled_ShortConnection(b *testing.B) {
	w, server, client := pair(b, limits{connections: 4096, timeWaits: 1 << 14})
	echoes(b, server)
	a := newAsker(client)
	a.short = true
	before := w.stations[0].stats().TxFrames + w.stations[1].stats().TxFrames
	for b.Loop() {
		want := a.ended + kept
		a.dial(b, kept)
		for rounds := 0; a.ended < want; rounds++ {
			if w.round(); rounds > 10000 {
				b.Fatal("no answer")
			}
		}
	}
	w.reportHandled(b, before)
}
