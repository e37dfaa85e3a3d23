package memif

// The memory that is lent to a shard: our own, which no peer can write to.
//
// A frame is copied once in each direction. Lending the shared buffers instead
// would save a copy, and would let the peer change a header between the check and
// the use, or a packet to ourselves between its building and its delivery; it would
// also keep a mapping in use for as long as a shard holds a frame. What the copies
// cost is in docs/PERFORMANCE.md.

// frames is the memory of one direction. Lending begins with the first frame
// whenever all have come back, so that a small batch stays in the cache.
type frames struct {
	at   [framesPerDirection][]byte
	next int // the first that is not lent
	lent int // not yet given back
}

func (f *frames) init(size, stride int) {
	mem := make([]byte, framesPerDirection*stride)
	for i := range f.at {
		first := i * stride
		f.at[i] = mem[first : first+size : first+size]
	}
}

// free is how many may be lent.
func (f *frames) free() int { return framesPerDirection - f.next }

// lend notes that n more are lent.
func (f *frames) lend(n int) {
	f.next += n
	f.lent += n
}

// back notes that n have come back.
func (f *frames) back(n int) {
	f.lent -= n
	if f.lent < 0 {
		panic("memif: frame returned that was not lent")
	}
	if f.lent == 0 {
		f.next = 0
	}
}
