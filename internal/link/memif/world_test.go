package memif

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
)

// patience bounds waits for something that must happen; it is no measure of
// how long it takes.
const patience = 20 * time.Second

// news is what Serve told through Config.Changed.
type news struct {
	up  bool
	why string
}

// An end is a device whose Serve runs.
type end struct {
	*Device
	t    testing.TB
	news chan news
}

// newEnd opens a device and serves it until the test ends.
func newEnd(t testing.TB, c Config) *end {
	t.Helper()
	e := &end{t: t, news: make(chan news, 1024)}
	c.Changed = func(up bool, why string) { e.news <- news{up, why} }
	d, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	e.Device = d
	done := make(chan struct{})
	go func() { defer close(done); d.Serve() }()
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		<-done
	})
	return e
}

// expect waits until the connection has come up or gone.
func (e *end) expect(up bool) string {
	e.t.Helper()
	select {
	case n := <-e.news:
		if n.up != up {
			e.t.Fatalf("%v: up = %v (%s), want %v", e.cfg.Role, n.up, n.why, up)
		}
		return n.why
	case <-time.After(patience):
		e.t.Fatalf("%v: no change to up = %v; state %+v", e.cfg.Role, up, e.State())
		return ""
	}
}

// socketPath is a new path.
func socketPath(t testing.TB) string { return filepath.Join(t.TempDir(), "memif.sock") }

// newPair is a master and a slave that are connected.
func newPair(t testing.TB, change func(master, slave *Config)) (master, slave *end) {
	t.Helper()
	c := Config{Socket: socketPath(t)}
	m, s := c, c
	s.Role = Slave
	if change != nil {
		change(&m, &s)
	}
	master, slave = newEnd(t, m), newEnd(t, s)
	master.expect(true)
	slave.expect(true)
	return master, slave
}

// clock of a queue's owner.
var clock mono.Time = mono.Time(time.Hour)

// transmit sends frames, and returns how many there was room for.
func transmit(q *Queue, payloads ...[]byte) int {
	var tx [64]link.Frame
	n := q.Reserve(tx[:len(payloads)])
	for i := range n {
		tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, payloads[i])]
	}
	if n > 0 {
		q.Send(clock, tx[:n])
	}
	return n
}

// fetch receives until it has n frames.
func fetch(t testing.TB, q *Queue, n int) [][]byte {
	t.Helper()
	var got [][]byte
	var rx [64]link.Frame
	for limit := time.Now().Add(patience); len(got) < n; {
		k := q.Recv(clock, rx[:min(64, n-len(got))])
		for i := range k {
			got = append(got, bytes.Clone(rx[i].Bytes))
		}
		q.Release(rx[:k])
		if k == 0 {
			if time.Now().After(limit) {
				t.Fatalf("%d of %d frames arrived; queue %+v; %+v", len(got), n, q.drops.stats(), q.device.State())
			}
			q.Wait(10 * time.Millisecond)
		}
	}
	return got
}

// payload is a frame that nobody else makes.
func payload(r *rand.Rand, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// settled makes both queues take what Serve offered them.
func settled(qs ...*Queue) {
	var rx [1]link.Frame
	for _, q := range qs {
		q.Release(rx[:q.Recv(clock, rx[:])])
		q.Wait(0) // forget that Serve woke it
	}
}

func sameFrames(t testing.TB, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("frame %d: %s, want %s", i, short(got[i]), short(want[i]))
		}
	}
}

func short(b []byte) string { return fmt.Sprintf("%d octets %x...", len(b), b[:min(len(b), 16)]) }
