package tap

import "testing"

func TestFrames_DoNotOverlapAndSpreadOverTheCache(t *testing.T) {
	for _, packet := range []int{82, 1500, 1514, 1519, 9014, 65535} {
		p := newFrames(packet)
		lines := p.stride / cacheLine
		if p.stride%cacheLine != 0 || lines%2 != 1 || p.stride < p.size || p.stride >= p.size+2*cacheLine {
			t.Errorf("packet of %d: stride %d", packet, p.stride)
		}
		for i := range uint32(framesPerDirection) {
			b := p.at(i)
			if len(b) != headerSize+packet || cap(b) != len(b) || &b[0] != &p.mem[int(i)*p.stride] {
				t.Fatalf("packet of %d: frame %d has %d octets, may grow to %d", packet, i, len(b), cap(b))
			}
		}
	}
}

func TestFrames_LastInFirstOut(t *testing.T) {
	p := newFrames(100)
	var taken []uint32
	for range framesPerDirection {
		taken = append(taken, p.next())
		p.take()
	}
	for i, n := range taken {
		if n != uint32(i) {
			t.Fatalf("take %d gives frame %d", i, n)
		}
	}
	p.put(7)
	p.put(3)
	if p.next() != 3 {
		t.Errorf("next is %d, not what came back last", p.next())
	}
}

func TestFrames_PanicOnWhatIsNotTheirs(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a frame that does not exist was taken back")
		}
	}()
	p := newFrames(100)
	p.take()
	p.put(framesPerDirection)
}
