// One direction of a connection's octets, from a writer to a reader.
//
// Octet v of the stream stands at index v & (size-1) of its ring, so positions
// are sequence numbers and nothing is ever moved. There are at most two rings:
// a writer that needs more room goes on in a larger one, and the reader
// follows when it has drained the older:
//
//	           read             seal            write
//	older ring  |===============|
//	newer ring                  |================|----- free -----|
//	                                                         read + size
//
// Who writes what (no word has two writers):
//
//	WriterHalf  the writer: the application when sending, the shard when receiving
//	ReaderHalf  the reader: the other one
//	Refs        the shard, which takes rings from its Pool and gives them back
//
// What always holds:
//
//	read ≤ write on the circle, and write - read ≤ size of the writer's ring.
//	The writer writes Refs[epoch&1]; the other slot is empty, or holds a larger
//	ring that is on offer, or a smaller one that the reader drains or has left.
//	The reader's epoch equals the writer's or is one behind. If it is behind,
//	octets before seal are in the older ring and the others in the newer one.
//
// Why the order suffices. Octets are stored before write is published, and
// read is loaded after write: so the reader sees the octets, the ring's Ref and
// any switch (seal, then epoch, then a write beyond seal) that came before.
// Octets are copied out before read is published: so a writer that sees read
// may overwrite them, and a shard that sees read at seal may take the older
// ring back. The shard offers a ring only when the epochs are equal, and the
// writer's epoch moves only onto an offer: so it is never two ahead.

package ring

import (
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// WriterHalf is what the writer writes. It belongs on a cache line of the
// writer's.
type WriterHalf struct {
	write atomic.Uint32 // seq.Value: the next octet to be written
	seal  atomic.Uint32 // seq.Value: where the older ring ends
	epoch atomic.Uint32 // the writer writes Refs[epoch&1]
}

// ReaderHalf is what the reader writes. It belongs on a cache line of the
// reader's.
type ReaderHalf struct {
	read  atomic.Uint32 // seq.Value: the next octet to be read
	epoch atomic.Uint32 // the reader reads Refs[epoch&1]
}

// Refs are the rings of a stream. Only the shard writes them.
type Refs struct {
	ref [2]atomic.Uint32
}

// at returns the ring of an epoch.
func (r *Refs) at(epoch uint32) Ref { return Ref(r.ref[epoch&1].Load()) }

// swap puts a ring into the slot of an epoch and returns what was there.
func (r *Refs) swap(epoch uint32, ref Ref) Ref { return Ref(r.ref[epoch&1].Swap(uint32(ref))) }

// A Stream puts the parts together. It is a value to be made where it is
// needed: copies act on the same stream.
type Stream struct {
	W    *WriterHalf
	R    *ReaderHalf
	Refs *Refs
	Mem  Memory
}

// WritePos returns the position of the next octet to be written.
func (s Stream) WritePos() seq.Value { return seq.Value(s.W.write.Load()) }

// ReadPos returns the position of the next octet to be read.
func (s Stream) ReadPos() seq.Value { return seq.Value(s.R.read.Load()) }

// seal returns where the older ring ends; meaningful while the epochs differ.
func (s Stream) seal() seq.Value { return seq.Value(s.W.seal.Load()) }

// present returns the ring that the writer writes.
func (s Stream) present() Ref { return s.Refs.at(s.W.epoch.Load()) }

// Reset sets a stream up that nobody shares yet: empty at start, without
// rings. Rings that it had must have been released.
func (s Stream) Reset(start seq.Value) {
	s.W.write.Store(uint32(start))
	s.W.seal.Store(uint32(start))
	s.W.epoch.Store(0)
	s.R.read.Store(uint32(start))
	s.R.epoch.Store(0)
	s.Refs.ref[0].Store(0)
	s.Refs.ref[1].Store(0)
}

// HasRing reports whether the writer has a ring.
func (s Stream) HasRing() bool { return s.present() != 0 }

// Size returns the size of the writer's ring, which bounds what the stream can
// hold; 0 without one.
func (s Stream) Size() seq.Size { return seq.Size(s.present().Size()) }

// Attach gives the writer its first ring, or the first since Detach. Only the
// shard may call, and only if there is none.
func (s Stream) Attach(r Ref) {
	if s.Refs.swap(s.W.epoch.Load(), r) != 0 {
		panic("ring: the stream has a ring already")
	}
}

// CanOffer reports whether Offer would take a ring that is larger than the
// present one: there is a present one, no other, and the reader is in it.
func (s Stream) CanOffer() bool {
	e := s.W.epoch.Load()
	return s.Refs.at(e) != 0 && s.Refs.at(e+1) == 0 && s.R.epoch.Load() == e
}

// Offered reports that a larger ring waits for the writer to go on in it.
func (s Stream) Offered() bool {
	e := s.W.epoch.Load()
	return s.Refs.at(e+1).Size() > s.Refs.at(e).Size()
}

// Offer gives the writer a larger ring to go on in, and reports whether the
// stream took it. Only the shard may call.
//
// The writer's epoch cannot change meanwhile: the other slot is empty.
func (s Stream) Offer(r Ref) bool {
	if !s.CanOffer() || r.Size() <= s.present().Size() {
		return false
	}
	s.Refs.swap(s.W.epoch.Load()+1, r)
	return true
}

// Drained takes back the older ring once the reader has done with it, for the
// Pool; 0 if there is none. Only the shard may call.
//
// A reader that stands at the seal has published that after its last touch of
// the older ring, though its epoch may still lag until it reads again.
func (s Stream) Drained() Ref {
	e := s.W.epoch.Load()
	older := s.Refs.at(e + 1)
	if older == 0 || older.Size() > s.Refs.at(e).Size() {
		return 0 // none, or an offer
	}
	if s.R.epoch.Load() != e && s.ReadPos().Less(s.seal()) {
		return 0
	}
	return s.Refs.swap(e+1, 0)
}

// Detach takes the rings of an empty stream away, one with each call, for the
// Pool; it returns 0 when no ring is left or the stream is not empty. Only the
// shard may call, and only while the writer is not writing: when receiving the
// shard itself is the writer; when sending the application must be known to
// keep still until the next Attach. A reader may read meanwhile, since it
// touches no ring while it finds nothing to read.
func (s Stream) Detach() Ref {
	if s.WritePos() != s.ReadPos() {
		return 0
	}
	e := s.W.epoch.Load()
	if other := s.Refs.swap(e+1, 0); other != 0 {
		return other
	}
	return s.Refs.swap(e, 0)
}

// ReleaseAll takes all rings away at the end of the stream's life, when
// neither end will touch it any more.
func (s Stream) ReleaseAll(put func(Ref)) {
	for i := range uint32(2) {
		if r := s.Refs.swap(i, 0); r != 0 {
			put(r)
		}
	}
}

// copyIn stores p at position pos of a ring that is at least as large.
func copyIn(ring []byte, pos seq.Value, p []byte) {
	n := copy(ring[int(pos)&(len(ring)-1):], p)
	copy(ring, p[n:])
}

// copyOut fills p from position pos of a ring that is at least as large.
func copyOut(p, ring []byte, pos seq.Value) {
	n := copy(p, ring[int(pos)&(len(ring)-1):])
	copy(p[n:], ring)
}

// pieces returns the n octets at pos of a ring in place: up to the end of its
// memory, and the rest from the beginning.
func pieces(ring []byte, pos seq.Value, n int) (a, b []byte) {
	first := int(pos) & (len(ring) - 1)
	if room := len(ring) - first; n > room {
		return ring[first:], ring[: n-room : n-room]
	}
	return ring[first : first+n : first+n], nil
}
