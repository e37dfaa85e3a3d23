package memif

import (
	"sync"
	"testing"
	"unsafe"
)

func testRing(t *testing.T, log2 uint8) (ring, []byte) {
	t.Helper()
	mem := make([]byte, ringSize(log2))
	putCookie(mem, 0)
	r, err := newRing(mem, 0, log2)
	if err != nil {
		t.Fatal(err)
	}
	return r, mem
}

func TestRing_LiesAsTheProtocolSays(t *testing.T) {
	r, mem := testRing(t, 3)
	at := func(p unsafe.Pointer) int { return int(uintptr(p) - uintptr(unsafe.Pointer(&mem[0]))) }
	if a, b, c := at(unsafe.Pointer(r.head)), at(unsafe.Pointer(r.tail)), at(unsafe.Pointer(&r.slots[0])); a != 4 || b != 64 || c != 128 {
		t.Errorf("words at %d, %d, %d; want 4, 64, 128", a, b, c)
	}
	r.mask(true)
	r.storeHead(0x1234)
	r.storeTail(0x5678)
	r.store(9, descriptor{flags: 1, region: 2, length: 0x03040506, offset: 0x0708090a}) // slot 1
	for i, want := range map[int]byte{
		0: 0x20, 1: 0x1f, 2: 0xe3, 3: 0x03, // cookie
		4: 1, 5: 0, 6: 0x34, 7: 0x12, // flags, head
		64: 0x78, 65: 0x56,
		144: 1, 146: 2, 148: 6, 149: 5, 150: 4, 151: 3, 152: 0x0a, 153: 9, 154: 8, 155: 7,
	} {
		if mem[i] != want {
			t.Errorf("octet %d is %#x, want %#x", i, mem[i], want)
		}
	}
	if d := r.load(9); d != (descriptor{1, 2, 0x03040506, 0x0708090a}) {
		t.Errorf("read back %+v", d)
	}
}

func TestRing_HeadWrapsWithoutTouchingTheFlags(t *testing.T) {
	r, _ := testRing(t, 3)
	r.mask(true)
	for _, v := range []uint16{1, 0xffff, 0, 7, 6} {
		r.storeHead(v)
		if r.loadHead() != v || !r.masked() || r.head.Load()&0xfffe != 0 {
			t.Errorf("head %#x, flags %#x after storing %#x", r.loadHead(), r.head.Load()&0xffff, v)
		}
	}
	r.mask(false)
	if r.masked() || r.loadHead() != 6 {
		t.Errorf("word %#x after unmasking", r.head.Load())
	}
}

// TestRing_FlagsAndHeadHaveTwoWriters: neither loses what it wrote.
func TestRing_FlagsAndHeadHaveTwoWriters(t *testing.T) {
	r, _ := testRing(t, 3)
	const n = 200000
	var all sync.WaitGroup
	all.Go(func() {
		for i := range n {
			r.storeHead(uint16(i))
			if r.loadHead() != uint16(i) {
				t.Error("head was overwritten")
				return
			}
		}
	})
	for i := range n {
		r.mask(i&1 == 0)
		if r.masked() != (i&1 == 0) {
			t.Error("flags were overwritten")
			break
		}
	}
	all.Wait()
}
