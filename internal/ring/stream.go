// One direction of a connection's octets, from a writer to a reader.
//
// Octet v of the stream stands at index (v - base) & (size-1) of its rings, so
// positions are sequence numbers and nothing is ever moved. A writer that finds
// the stream empty may move base, and has what it writes next stand where the
// ring begins: requests and answers touch the same cache lines again and again,
// not all of the ring by turns. There are at most two rings: a writer that needs
// more room goes on in a larger one, and the reader follows when it has drained
// the older:
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
// may overwrite them or, if nothing is left, move base, which the reader loads
// after write like everything else; and a shard that sees read at seal may take
// the older ring back. The shard offers a ring only when the epochs are equal, and
// the writer's epoch moves only onto an offer: so it is never two ahead.
//
// When both ends are the shard itself (Memory.Own: handlers of the event door)
// there is nobody to publish to, and the words are stored without the locked
// instruction that an atomic store is on amd64: it would wait for the octets to
// reach the cache.

package ring

import (
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/seq"
)

// WriterHalf is what the writer writes. It belongs on a cache line of the
// writer's.
type WriterHalf struct {
	write word // seq.Value: the next octet to be written
	seal  word // seq.Value: where the older ring ends
	epoch word // the writer writes Refs[epoch&1]
	base  word // seq.Value: the octet that stands, or would stand, at index 0
}

// ReaderHalf is what the reader writes. It belongs on a cache line of the
// reader's.
type ReaderHalf struct {
	read  word // seq.Value: the next octet to be read
	epoch word // the reader reads Refs[epoch&1]
}

// Refs are the rings of a stream. Only the shard writes them.
type Refs struct {
	ref [2]word
}

// at returns the ring of an epoch.
func (r *Refs) at(epoch uint32) Ref { return Ref(r.ref[epoch&1].load()) }

// A word is one of the shared words above.
type word uint32

func (w *word) load() uint32 { return atomic.LoadUint32((*uint32)(w)) }

// store is a plain store if nobody else looks.
func (w *word) store(v uint32, own bool) {
	if own {
		*w = word(v)
		return
	}
	atomic.StoreUint32((*uint32)(w), v)
}

// A Stream puts the parts together. It is a value to be made where it is
// needed: copies act on the same stream. Four words are what the compiler keeps
// in registers.
type Stream struct {
	W    *WriterHalf
	R    *ReaderHalf
	Refs *Refs
	Mem  *Memory
}

// WritePos returns the position of the next octet to be written.
func (s Stream) WritePos() seq.Value { return seq.Value(s.W.write.load()) }

// ReadPos returns the position of the next octet to be read.
func (s Stream) ReadPos() seq.Value { return seq.Value(s.R.read.load()) }

// seal returns where the older ring ends; meaningful while the epochs differ.
func (s Stream) seal() seq.Value { return seq.Value(s.W.seal.load()) }

// present returns the ring that the writer writes.
func (s Stream) present() Ref { return s.Refs.at(s.W.epoch.load()) }

// Reset sets a stream up that nobody shares yet: empty at start, without
// rings. Rings that it had must have been released.
func (s Stream) Reset(start seq.Value) {
	at := word(start)
	*s.W = WriterHalf{write: at, seal: at, base: at}
	*s.R = ReaderHalf{read: at}
	*s.Refs = Refs{}
}

// HasRing reports whether the writer has a ring.
func (s Stream) HasRing() bool { return s.present() != 0 }

// Size returns the size of the writer's ring, which bounds what the stream can
// hold; 0 without one.
func (s Stream) Size() seq.Size { return seq.Size(s.present().Size()) }

// Attach gives the writer its first ring, or the first since Detach. Only the
// shard may call, and only if there is none.
func (s Stream) Attach(r Ref) {
	e := s.W.epoch.load()
	if s.Refs.at(e) != 0 {
		panic("ring: the stream has a ring already")
	}
	s.put(e, r)
}

// CanOffer reports whether Offer would take a ring that is larger than the
// present one: there is a present one, no other, and the reader is in it.
func (s Stream) CanOffer() bool {
	e := s.W.epoch.load()
	return s.Refs.at(e) != 0 && s.Refs.at(e+1) == 0 && s.R.epoch.load() == e
}

// Offered reports that a larger ring waits for the writer to go on in it.
func (s Stream) Offered() bool {
	e := s.W.epoch.load()
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
	s.put(s.W.epoch.load()+1, r)
	return true
}

// Drained takes back the older ring once the reader has done with it, for the
// Pool; 0 if there is none. Only the shard may call.
//
// A reader that stands at the seal has published that after its last touch of
// the older ring, though its epoch may still lag until it reads again.
func (s Stream) Drained() Ref {
	e := s.W.epoch.load()
	older := s.Refs.at(e + 1)
	if older == 0 || older.Size() > s.Refs.at(e).Size() {
		return 0 // none, or an offer
	}
	if s.R.epoch.load() != e && s.ReadPos().Less(s.seal()) {
		return 0
	}
	return s.take(e + 1)
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
	e := s.W.epoch.load()
	if other := s.take(e + 1); other != 0 {
		return other
	}
	return s.take(e)
}

// ReleaseAll takes all rings away at the end of the stream's life, when
// neither end will touch it any more.
func (s Stream) ReleaseAll(put func(Ref)) {
	for i := range uint32(2) {
		if r := s.take(i); r != 0 {
			put(r)
		}
	}
}

// put puts a ring into the slot of an epoch. Only the shard writes Refs.
func (s Stream) put(epoch uint32, r Ref) { s.Refs.ref[epoch&1].store(uint32(r), s.Mem.own) }

// take empties the slot of an epoch and returns what was there.
func (s Stream) take(epoch uint32) Ref {
	r := s.Refs.at(epoch)
	if r != 0 {
		s.put(epoch, 0)
	}
	return r
}

// index returns the place of a position in a ring of size octets.
func (s Stream) index(pos seq.Value, size int) int {
	return int(pos.Minus(seq.Value(s.W.base.load()))) & (size - 1)
}

// rewind moves base if the stream is empty. Only the writer may call, and only if
// nothing stands beyond write. Rings begin on different cache lines: as they lie
// at multiples of 4 KiB their first ones would all compete for one cache set.
func (s Stream) rewind(r Ref, write, read seq.Value) {
	if write == read {
		s.W.base.store(uint32(write.Sub(seq.Size(r.colour()))), s.Mem.own)
	}
}

// copyIn stores p at position pos of a ring that is at least as large.
func (s Stream) copyIn(r Ref, pos seq.Value, p []byte) {
	ring := s.Mem.Bytes(r)
	n := copy(ring[s.index(pos, len(ring)):], p)
	if n < len(p) {
		copy(ring, p[n:])
	}
}

// copyOut fills p from position pos of a ring that is at least as large.
func (s Stream) copyOut(p []byte, r Ref, pos seq.Value) {
	ring := s.Mem.Bytes(r)
	n := copy(p, ring[s.index(pos, len(ring)):])
	if n < len(p) {
		copy(p[n:], ring)
	}
}

// pieces returns the n octets at pos of a ring in place: up to the end of its
// memory, and the rest from the beginning.
func (s Stream) pieces(r Ref, pos seq.Value, n int) (a, b []byte) {
	ring := s.Mem.Bytes(r)
	first := s.index(pos, len(ring))
	if room := len(ring) - first; n > room {
		return ring[first:], ring[: n-room : n-room]
	}
	return ring[first : first+n : first+n], nil
}

// Prefetch begins to bring what is written next, and read soon after, into the cache.
func (s Stream) Prefetch() {
	if r := s.present(); r != 0 {
		ring := s.Mem.Bytes(r)
		cacheline.Prefetch(&ring[s.index(s.WritePos(), len(ring))])
	}
}
