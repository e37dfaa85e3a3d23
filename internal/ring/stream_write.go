// The writer's end of a Stream. Only the writer may call what stands here.
//
//  1. Free or Limit says how much may be written.
//  2. WriteAt copies octets in, at write or beyond it; or Reserve lends the
//     free space itself.
//  3. Publish makes what is complete visible to the reader.
//  4. Switch goes on in a larger ring when the shard has offered one.

package ring

import "github.com/mtcp-go/mtcp/internal/seq"

// Limit returns the first position that may not be written yet. It never
// moves back, but for Detach followed by Attach of a smaller ring.
func (s Stream) Limit() seq.Value { return s.ReadPos().Add(s.Size()) }

// Free returns how many octets may be written from write on.
//
// Octets that the reader has yet to drain from the older ring count against
// the newer one as well. So what the stream holds is bounded by one ring, and
// a window that was promised stays good.
func (s Stream) Free() seq.Size {
	size, used := s.Size(), s.WritePos().Minus(s.ReadPos())
	if used >= size {
		return 0
	}
	return size - used
}

// WriteAt stores p at pos without publishing it, in order or beyond a gap. All
// of p must lie between WritePos and Limit; it panics otherwise, since octets
// that the reader may be reading would change.
func (s Stream) WriteAt(pos seq.Value, p []byte) {
	if len(p) == 0 {
		return
	}
	r := s.present()
	size, read := seq.Size(r.Size()), s.ReadPos()
	first := pos.Minus(read)
	if first < s.WritePos().Minus(read) || first > size || len(p) > int(size-first) {
		panic("ring: write outside the free space")
	}
	s.copyIn(r, pos, p)
}

// Publish makes the octets before to visible. They must have been written; it
// panics if they cannot have been.
func (s Stream) Publish(to seq.Value) {
	read := s.ReadPos()
	if n := to.Minus(read); n < s.WritePos().Minus(read) || n > s.Size() {
		panic("ring: publish outside the free space")
	}
	s.W.write.store(uint32(to), s.Mem.own)
}

// Write copies as much of p as fits, publishes it, and returns how much that
// was. It goes on in the ring on offer when the present one is too small. A
// writer that stores beyond gaps must use WriteAt and SwitchCopy instead.
func (s Stream) Write(p []byte) int {
	n := min(len(p), int(s.Free()))
	if n < len(p) && s.Switch() {
		n = min(len(p), int(s.Free()))
	}
	if n == 0 {
		return 0
	}
	s.append(s.present(), s.WritePos(), s.ReadPos(), p[:n])
	return n
}

// Append writes all of p at the end and publishes it, or reports that the present
// ring has no room for it. Nothing may have been stored beyond the end.
func (s Stream) Append(p []byte) bool {
	r, w, read := s.present(), s.WritePos(), s.ReadPos()
	if len(p) > r.Size()-int(w.Minus(read)) {
		return false
	}
	s.append(r, w, read, p)
	return true
}

// append writes p, for which there is room, and publishes it.
func (s Stream) append(r Ref, write, read seq.Value, p []byte) {
	s.rewind(r, write, read)
	s.copyIn(r, write, p)
	s.W.write.store(uint32(write.Add(seq.Size(len(p)))), s.Mem.own)
}

// Reserve returns the free space in place, in two pieces where it runs over
// the end of the ring's memory. What has been put there becomes visible with
// Publish. The pieces are good until the next Publish or Switch.
func (s Stream) Reserve() (a, b []byte) {
	n := int(s.Free())
	if n == 0 {
		return nil, nil
	}
	r, w := s.present(), s.WritePos()
	s.rewind(r, w, s.ReadPos())
	return s.pieces(r, w, n)
}

// Switch seals the present ring at write and goes on in the ring on offer. It
// reports whether there was one.
func (s Stream) Switch() bool { return s.SwitchCopy(nil) }

// SwitchCopy is Switch for a writer that has stored octets beyond write: it
// copies those in ranges, which lie between WritePos and Limit, to their
// places in the new ring.
//
// The reader may read the older ring meanwhile: octets beyond write are none
// of its business. The seal is stored before the epoch that makes it count.
func (s Stream) SwitchCopy(ranges []seq.Range) bool {
	e := s.W.epoch.load()
	present, offer := s.Refs.at(e), s.Refs.at(e+1)
	if offer.Size() <= present.Size() {
		return false // none, or the older ring
	}
	for _, r := range ranges {
		a, b := s.pieces(present, r.First, int(r.Len()))
		s.copyIn(offer, r.First, a)
		s.copyIn(offer, r.First.Add(seq.Size(len(a))), b)
	}
	s.W.seal.store(s.W.write.load(), s.Mem.own)
	s.W.epoch.store(e+1, s.Mem.own)
	return true
}
