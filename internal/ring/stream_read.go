// The reader's end of a Stream. Only the reader may call what stands here.
//
//  1. Len says how much there is.
//  2. Peek lends it in place, LendAt and CopyAt any part of it: none consumes.
//  3. Advance consumes, and follows the writer into the newer ring.

package ring

import "github.com/mtcp-go/mtcp/internal/seq"

// Len returns how many octets can be read.
func (s Stream) Len() seq.Size { return s.WritePos().Minus(s.ReadPos()) }

// Peek returns octets that can be read, in place, from ReadPos on: in two
// pieces where they run over the end of the ring's memory, and only up to the
// seal while the older ring is being drained. So it returns some whenever Len
// is not 0, and the rest after an Advance. They are good until then.
func (s Stream) Peek() (a, b []byte) {
	read := s.ReadPos()
	n := s.WritePos().Minus(read)
	if n == 0 {
		return nil, nil
	}
	// The epochs are loaded after write: a switch that came before what we
	// found is seen, and one that came after it does not matter to it.
	e, newest := s.R.epoch.load(), s.W.epoch.load()
	if e != newest {
		if left := s.seal().Minus(read); left > 0 {
			n = min(n, left)
		} else {
			e = newest // drained before the switch: consume will follow
		}
	}
	return s.pieces(s.Refs.at(e), read, int(n))
}

// Read copies octets into p, consumes them, and returns how many.
func (s Stream) Read(p []byte) int {
	done := 0
	for done < len(p) {
		a, b := s.Peek()
		n := copy(p[done:], a)
		n += copy(p[done+n:], b)
		if n == 0 {
			break
		}
		s.consume(s.ReadPos().Add(seq.Size(n)))
		done += n
	}
	return done
}

// CopyAt fills p with the octets from pos on, without consuming any: they must
// lie between ReadPos and WritePos. It panics otherwise. They may begin in the
// older ring and end in the newer one.
func (s Stream) CopyAt(pos seq.Value, p []byte) {
	read, write := s.ReadPos(), s.WritePos()
	if pos.Minus(read) > write.Minus(read) || len(p) > int(write.Minus(pos)) {
		panic("ring: read outside the octets that are there")
	}
	e, newest := s.R.epoch.load(), s.W.epoch.load()
	if e != newest && pos.Less(s.seal()) {
		n := min(len(p), int(s.seal().Minus(pos)))
		s.copyOut(p[:n], s.Refs.at(e), pos)
		pos, p = pos.Add(seq.Size(n)), p[n:]
	}
	if len(p) > 0 {
		s.copyOut(p, s.Refs.at(newest), pos)
	}
}

// LendAt returns octets from pos on in place: up to n, fewer where they run over
// the end of a ring's memory or into the newer ring, but never none of some. They
// must lie between ReadPos and WritePos, and are good until they are consumed. It
// panics otherwise.
func (s Stream) LendAt(pos seq.Value, n int) []byte {
	read, write := s.ReadPos(), s.WritePos()
	if pos.Minus(read) > write.Minus(read) || n > int(write.Minus(pos)) {
		panic("ring: lent outside the octets that are there")
	}
	e, newest := s.R.epoch.load(), s.W.epoch.load()
	if e != newest && pos.Less(s.seal()) {
		n = min(n, int(s.seal().Minus(pos)))
	} else {
		e = newest
	}
	a, _ := s.pieces(s.Refs.at(e), pos, n)
	return a
}

// Advance consumes the octets before to, which may then be overwritten. It
// panics if they are not there.
func (s Stream) Advance(to seq.Value) {
	read := s.ReadPos()
	if to.Minus(read) > s.WritePos().Minus(read) {
		panic("ring: consumed more than there is")
	}
	s.consume(to)
}

// consume publishes a new read position. The epoch follows as soon as nothing
// is left before the seal, so that the shard may offer the next ring.
func (s Stream) consume(to seq.Value) {
	s.R.read.store(uint32(to), s.Mem.own)
	if e := s.W.epoch.load(); s.R.epoch.load() != e && to.GreaterEq(s.seal()) {
		s.R.epoch.store(e, s.Mem.own)
	}
}
