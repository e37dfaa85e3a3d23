// What passes between a shard and its wire. The tap hashes every frame that a
// shard sends, so that two runs can be compared; holds the shard to the rules
// of link.Queue about lent frames; spoils memory that it must not look at; and
// lets tests put frames in front of the shard or take its transmit frames away.

package sim

import (
	"encoding/binary"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

type tap struct {
	*mem.Queue
	world *World
	host  *Host
	shard int

	injected [][]byte   // frames that the shard receives next
	given    int        // of those lent, how many are of injected
	lent     int        // received and not released
	reserved int        // lent for sending
	squeeze  func() int // how many transmit frames there are; nil: enough

	spoils uint
	counts tapCounts
}

// tapCounts are what audit compares with the shard's own counts.
type tapCounts struct{ received, injected, sent uint64 }

var _ link.Queue = (*tap)(nil)

func newTap(h *Host, shard int, q *mem.Queue) *tap {
	return &tap{Queue: q, world: h.world, host: h, shard: shard}
}

func (t *tap) hasInjected() bool { return len(t.injected) > 0 }

// Recv gives injected frames first.
func (t *tap) Recv(now mono.Time, rx []link.Frame) int {
	if t.lent != 0 {
		t.world.Problem("%s: Recv with %d frames not released", t.host.name, t.lent)
	}
	n := min(len(t.injected), len(rx))
	for i, b := range t.injected[:n] {
		rx[i] = link.Frame{Bytes: b}
	}
	t.injected = t.injected[n:]
	t.given = n
	t.counts.injected += uint64(n)
	got := t.Queue.Recv(now, rx[n:])
	t.counts.received += uint64(got)
	t.lent = n + got
	for i := range rx[n:t.lent] {
		if b := rx[i].Bytes; len(b) > 23 && b[12] == 8 && b[13] == 0 && b[23] == wire.ProtoTCP {
			t.world.segments++
		}
	}
	return t.lent
}

// Release spoils the frames: nobody may look at them any more.
func (t *tap) Release(rx []link.Frame) {
	if len(rx) != t.lent {
		t.world.Problem("%s: %d frames released of %d", t.host.name, len(rx), t.lent)
	}
	for i := range rx {
		b := rx[i].Bytes
		if t.spoils++; t.spoils%8 != 0 { // all of it takes time
			b = b[:min(len(b), 64)]
		}
		spoil(b)
	}
	t.lent = 0
	if len(rx) > t.given {
		t.Queue.Release(rx[t.given:])
	}
}

// Reserve lends frames whose headers hold rubbish.
func (t *tap) Reserve(tx []link.Frame) int {
	if t.reserved != 0 {
		t.world.Problem("%s: Reserve before %d frames were sent", t.host.name, t.reserved)
	}
	if t.squeeze != nil {
		tx = tx[:min(len(tx), t.squeeze())]
	}
	t.reserved = t.Queue.Reserve(tx)
	for i := range tx[:min(t.reserved, 4)] { // most rounds send no more
		spoil(tx[i].Bytes[:min(len(tx[i].Bytes), 100)])
	}
	return t.reserved
}

// Send notes what leaves.
func (t *tap) Send(now mono.Time, tx []link.Frame) {
	if len(tx) != t.reserved {
		t.world.Problem("%s: %d frames sent of %d reserved", t.host.name, len(tx), t.reserved)
	}
	t.reserved = 0
	for i := range tx {
		if b := tx[i].Bytes; len(b) > 0 {
			t.counts.sent++
			t.world.note(now, b)
			t.host.views.see(t.shard, b)
		}
	}
	t.Queue.Send(now, tx)
}

// Inject puts a frame in front of a shard, as if it had come over the wire.
func (h *Host) Inject(shard int, frame []byte) {
	t := h.lanes[shard].tap
	t.injected = append(t.injected, frame)
	h.lanes[shard].woken = true
}

// Squeeze lets a shard have only as many transmit frames as f says, each time
// that it asks; nil lifts that.
func (h *Host) Squeeze(shard int, f func() int) { h.lanes[shard].tap.squeeze = f }

// Stall keeps a shard from running until a time.
func (h *Host) Stall(shard int, until mono.Time) { h.lanes[shard].stalled = until }

// note adds a frame to the trace: when, how long, and its headers, in which the
// checksum stands for the text.
func (w *World) note(now mono.Time, b []byte) {
	const prime, headers = 0x9e3779b97f4a7c15, 96
	w.frames++
	x := (w.trace ^ uint64(now)) * prime
	x = (x ^ x>>29 ^ uint64(len(b))) * prime
	for b = b[:min(len(b), headers)]; len(b) >= 8; b = b[8:] {
		x = (x ^ binary.LittleEndian.Uint64(b)) * prime
		x ^= x >> 32
	}
	for _, o := range b {
		x = (x ^ uint64(o)) * prime
	}
	w.trace = x ^ x>>32
}

// rubbish is what memory holds that nobody may read.
var rubbish = func() (b [2048]byte) {
	for i := range b {
		b[i] = 0xa5
	}
	return b
}()

func spoil(b []byte) {
	for len(b) > 0 {
		b = b[copy(b, rubbish[:]):]
	}
}
