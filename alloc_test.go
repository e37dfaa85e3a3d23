package mtcp

// What the net door costs the garbage collector, and the clock.

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// echoing answers everything on a connection until it ends.
func echoing(c net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			c.Close()
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

func TestAllocs_NonePerReadOrWrite(t *testing.T) {
	skipUnderRace(t)
	for _, size := range []int{64, 4 << 10, 256 << 10} {
		_, c, s := pair(t, WireConfig{})
		go echoing(s)
		out, in := pattern(size), make([]byte, size)
		round := func() {
			go func() { c.Write(out) }() // a goroutine, because large ones fill both windows
			io.ReadFull(c, in)
		}
		if size <= 4<<10 {
			round = func() {
				c.Write(out)
				io.ReadFull(c, in)
			}
		}
		for range 100 {
			round()
		}
		if !bytes.Equal(in, out) {
			t.Errorf("%d octets came back changed", size)
		}
		allowed := 0.0
		if size > 4<<10 {
			allowed = 1 // the goroutine's closure
		}
		if n := testing.AllocsPerRun(200, round); n > allowed {
			t.Errorf("%v allocations for a Write and a Read of %d octets", n, size)
		}
		c.Close()
	}
}

func TestAllocs_NonePerDeadline(t *testing.T) {
	skipUnderRace(t)
	_, c, s := pair(t, WireConfig{})
	go echoing(s)
	b := make([]byte, 64)
	round := func() {
		c.SetDeadline(time.Now().Add(time.Hour))
		c.Write(b)
		io.ReadFull(c, b)
	}
	for range 100 {
		round()
	}
	if n := testing.AllocsPerRun(200, round); n > 0 {
		t.Errorf("%v allocations for a deadline, a Write and a Read", n)
	}
}

// shortConnection is a whole life: connect, 64 octets each way, close.
func shortConnection(t testing.TB, w *world, to string, b []byte) {
	c, err := w.client.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	c.Write(b)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// accepting serves every connection of l with one goroutine.
func accepting(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		b := make([]byte, 64)
		if _, err := io.ReadFull(c, b); err == nil {
			c.Write(b)
		}
		c.Close()
	}
}

func TestAllocs_FewPerShortConnection(t *testing.T) {
	skipUnderRace(t)
	w := newWorld(t, WireConfig{}, func(client, server *Config) { client.TimeWaits, server.TimeWaits = 1<<12, 1<<12 })
	l := w.listen(t, ":80")
	defer l.Close()
	go accepting(l)
	b := make([]byte, 64)
	for range 500 {
		shortConnection(t, w, serverIP+":80", b)
	}
	// Both ends together. The rest are the two Conns, the dial's answer and
	// addresses, and what timers of the runtime take.
	n := testing.AllocsPerRun(200, func() { shortConnection(t, w, serverIP+":80", b) })
	t.Logf("%v allocations per short connection, both ends together", n)
	if n > 4 {
		t.Errorf("%v allocations per short connection", n)
	}
}

func BenchmarkConn_RequestResponse(b *testing.B) {
	_, c, s := pair(b, WireConfig{})
	go echoing(s)
	p := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(p)
		io.ReadFull(c, p)
	}
}

func BenchmarkConn_ShortConnection(b *testing.B) {
	w := newWorld(b, WireConfig{}, func(client, server *Config) { client.TimeWaits, server.TimeWaits = 1<<12, 1<<12 })
	l := w.listen(b, ":80")
	defer l.Close()
	go accepting(l)
	p := make([]byte, 64)
	before := segments(w)
	b.ReportAllocs()
	for b.Loop() {
		shortConnection(b, w, serverIP+":80", p)
	}
	b.ReportMetric(float64(segments(w)-before)/float64(b.N), "packets/op")
}

func segments(w *world) uint64 {
	return w.client.Stats()[0].SegmentsOut + w.server.Stats()[0].SegmentsOut
}

func BenchmarkConn_Bulk(b *testing.B) {
	_, c, s := pair(b, WireConfig{})
	done := make(chan struct{})
	go func() {
		io.Copy(io.Discard, s)
		close(done)
	}()
	p := pattern(256 << 10)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		c.Write(p)
	}
	c.Close()
	<-done
}

// An idle connection costs its Conn, and its slot, which exists anyway.
func BenchmarkConn_IdleMemory(b *testing.B) {
	w := newWorld(b, WireConfig{}, func(client, server *Config) {
		client.Connections, server.Connections = 1<<13, 1<<13
	})
	l := w.listen(b, ":80")
	const n = 1000
	for b.Loop() {
		var before, after runtime.MemStats
		var held []*Conn
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range n {
			c, s := w.connect(b, l)
			held = append(held, c, s)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(2*n), "octets/conn")
		for _, c := range held {
			c.SetLinger(0)
			c.Close()
		}
	}
}
