package tap

// The memory of the frames of one direction. A frame lies behind room for its
// header, so that one system call moves both:
//
//	one frame, a whole, odd number of cache lines:  | header 10 | packet ... |
//
// An odd number, since frames at a stride of a power of two would all fall into
// the same few cache sets.

const cacheLine = 64

// frames is a fixed pool; what came back last is used first.
type frames struct {
	mem    []byte
	stride int
	size   int      // of one frame, header included
	free   []uint32 // numbers of frames
}

// receivedSize is the room for one packet: its last octet tells what is too
// large.
func receivedSize(mtu int) int { return etherHeader + vlanTag + mtu + 1 }

func strideOf(packet int) int { return ((headerSize+packet+cacheLine-1)/cacheLine | 1) * cacheLine }

// framesSize is the memory of one direction.
func framesSize(packet int) int { return framesPerDirection * (strideOf(packet) + 4) }

func newFrames(packet int) frames {
	size, stride := headerSize+packet, strideOf(packet)
	p := frames{
		mem:    make([]byte, framesPerDirection*stride),
		stride: stride,
		size:   size,
		free:   make([]uint32, framesPerDirection),
	}
	for i := range p.free {
		p.free[i] = uint32(framesPerDirection - 1 - i) // so that the first is used first
	}
	return p
}

// at returns the memory of a frame, header first.
func (p *frames) at(i uint32) []byte {
	first := int(i) * p.stride
	return p.mem[first : first+p.size : first+p.size]
}

// next is the frame that take will take.
func (p *frames) next() uint32 { return p.free[len(p.free)-1] }

func (p *frames) take() { p.free = p.free[:len(p.free)-1] }

// put gives a frame back.
func (p *frames) put(token uint64) {
	if len(p.free) == cap(p.free) || token >= framesPerDirection {
		panic("tap: frame returned that was not lent")
	}
	p.free = append(p.free, uint32(token)) // below framesPerDirection
}
