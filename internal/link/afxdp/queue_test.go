package afxdp

import (
	"bytes"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

type desc = unix.XDPDesc

// fake is a queue whose kernel is the test.
type fake struct {
	*Queue
	kfill, kcompletion ring[uint64]
	krx, ktx           ring[desc]
}

const fakeFrames = 16 // per direction

func newFake() *fake {
	d := &Device{info: link.Info{TxChecksum: true}}
	q := &Queue{device: d, fd: -1, maxPacket: 1514}
	q.umem = umem{mem: make([]byte, 2*fakeFrames*2048), frameSize: 2048, half: fakeFrames * 2048, colours: 8}
	q.fill, q.completion = heapRing[uint64](fakeFrames), heapRing[uint64](fakeFrames)
	q.rx, q.tx = heapRing[desc](fakeFrames), heapRing[desc](fakeFrames)
	f := &fake{
		Queue: q, kfill: opposite(&q.fill), kcompletion: opposite(&q.completion),
		krx: opposite(&q.rx), ktx: opposite(&q.tx),
	}
	q.fillUp()
	return f
}

// arrive is the kernel receiving a packet into the next frame of the fill ring.
func (f *fake) arrive(t testing.TB, packet []byte) {
	t.Helper()
	if f.kfill.ready(1) == 0 {
		t.Fatal("the fill ring is empty")
	}
	address := *f.kfill.slot(0) + rxHeadroom
	f.kfill.advance(1)
	copy(f.umem.mem[address:], packet)
	f.post(desc{Addr: address, Len: uint32(len(packet))})
}

// post is the kernel putting a descriptor into the receive ring.
func (f *fake) post(d desc) {
	*f.krx.slot(0) = d
	f.krx.advance(1)
}

// transmitted is the kernel sending everything.
func (f *fake) transmitted() (all []desc) {
	for f.ktx.ready(1) > 0 {
		d := *f.ktx.slot(0)
		f.ktx.advance(1)
		all = append(all, d)
		*f.kcompletion.slot(0) = d.Addr
		f.kcompletion.advance(1)
	}
	return all
}

// receiveFrames counts the receive frames in the fill ring, whole and different.
func (f *fake) receiveFrames() int {
	seen := map[uint64]bool{}
	for i := range f.kfill.ready(fakeFrames) {
		if a := *f.kfill.slot(i); a == f.umem.chunk(a) && a < f.umem.half {
			seen[a] = true
		}
	}
	return len(seen)
}

func TestRecv_LendsAndReleaseGivesBack(t *testing.T) {
	f := newFake()
	for round := range 5 * fakeFrames {
		packet := bytes.Repeat([]byte{byte(round)}, 60+round)
		f.arrive(t, packet)
		var rx [4]link.Frame
		if n := f.Recv(0, rx[:]); n != 1 || !bytes.Equal(rx[0].Bytes, packet) || cap(rx[0].Bytes) != len(packet) {
			t.Fatalf("round %d: received %d frames, %x", round, n, rx[0].Bytes)
		}
		f.Release(rx[:1])
	}
	if got := f.receiveFrames(); got != fakeFrames {
		t.Errorf("%d different frames in the fill ring, want %d", got, fakeFrames)
	}
}

func TestRecv_RefusesBadDescriptorsAndKeepsTheirFrames(t *testing.T) {
	tests := []struct {
		name string
		bad  func(frame uint64) []desc
		gone int // frames that nobody can name any more
	}{
		{"no octets", func(a uint64) []desc { return []desc{{Addr: a}} }, 0},
		{"across the end of its frame", func(a uint64) []desc { return []desc{{Addr: a + 256, Len: 2048 - 256 + 1}} }, 0},
		{"larger than a frame", func(a uint64) []desc { return []desc{{Addr: a, Len: 5000}} }, 0},
		{"a transmit frame", func(uint64) []desc { return []desc{{Addr: fakeFrames * 2048, Len: 60}} }, 1},
		{"outside", func(uint64) []desc { return []desc{{Addr: 1 << 60, Len: 60}} }, 1},
		{"in pieces", func(a uint64) []desc {
			return []desc{{Addr: a, Len: 60, Options: unix.XDP_PKT_CONTD}, {Addr: a + 2048, Len: 60}}
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			f.kfill.ready(fakeFrames)
			bad := tt.bad(*f.kfill.slot(0))
			f.kfill.advance(uint32(len(bad)))
			for _, d := range bad {
				f.post(d)
			}
			good := bytes.Repeat([]byte{7}, 60)
			f.arrive(t, good)
			var rx [8]link.Frame
			if n := f.Recv(0, rx[:]); n != 1 || !bytes.Equal(rx[0].Bytes, good) {
				t.Fatalf("received %d frames, want only the good one", n)
			}
			f.Release(rx[:1])
			if got := f.Counters().RxDropped; got != uint64(len(bad)) {
				t.Errorf("%d counted as dropped, want %d", got, len(bad))
			}
			if got := f.receiveFrames(); got != fakeFrames-tt.gone {
				t.Errorf("%d frames in the fill ring, want %d", got, fakeFrames-tt.gone)
			}
		})
	}
}

func TestRelease_PanicsWhenGivenTooMuch(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a frame that was not lent was taken back")
		}
	}()
	newFake().Release(make([]link.Frame, 1))
}

func TestSend_FramesComeBackHoweverTheyWereUsed(t *testing.T) {
	f := newFake()
	for round := range 100 {
		var tx [5]link.Frame
		if n := f.Reserve(tx[:]); n != len(tx) {
			t.Fatalf("round %d: reserved %d", round, n)
		}
		for i := range tx {
			if len(tx[i].Bytes) != 1514 {
				t.Fatalf("room for %d octets", len(tx[i].Bytes))
			}
		}
		tx[0].Bytes = tx[0].Bytes[:0]    // not used
		tx[1].Bytes = tx[1].Bytes[:60]   // sent
		tx[2].Bytes = tx[2].Bytes[:13]   // no Ethernet header
		tx[3].Bytes = make([]byte, 9000) // more than fits
		f.Send(0, tx[:])
		if got := f.transmitted(); len(got) != 2 || got[0].Len != 60 || got[1].Len != 1514 {
			t.Fatalf("transmitted %+v", got)
		}
	}
	f.reclaim()
	seen := map[uint64]bool{}
	for _, a := range f.free {
		seen[a] = true
	}
	if len(f.free) != fakeFrames || len(seen) != fakeFrames {
		t.Errorf("%d free frames, %d different, want %d", len(f.free), len(seen), fakeFrames)
	}
	c := f.Counters()
	if c.TxFrames != 200 || c.TxOctets != 100*(60+1514) || c.TxDropped != 200 {
		t.Errorf("%+v", c)
	}
}

func TestReserve_NeverMoreThanTheRingTakes(t *testing.T) {
	f := newFake()
	f.tx = heapRing[desc](4)
	f.ktx = opposite(&f.tx)
	var tx [8]link.Frame
	if n := f.Reserve(tx[:]); n != 4 {
		t.Fatalf("reserved %d with 4 slots", n)
	}
	f.Send(0, tx[:4])
	if n := f.Reserve(tx[:]); n != 0 {
		t.Fatalf("reserved %d with a full ring", n)
	}
	f.transmitted()
	if n := f.Reserve(tx[:]); n != 4 {
		t.Errorf("reserved %d with an empty ring", n)
	}
}

func TestReserve_LastInFirstOut(t *testing.T) {
	f := newFake()
	var first, second [3]link.Frame
	f.Reserve(first[:])
	for i := range first {
		first[i].Bytes = first[i].Bytes[:60]
	}
	f.Send(0, first[:])
	f.transmitted()
	f.Reserve(second[:])
	for i := range second {
		if second[i].Token != first[len(first)-1-i].Token {
			t.Errorf("frame %d is not the one that came back last", i)
		}
	}
}

func TestSend_ChecksumRequests(t *testing.T) {
	tests := []struct {
		name          string
		start, offset uint16
		offered, ok   bool
	}{
		{"within the packet", 34, 16, true, true},
		{"its last octets", 34, 24, true, true},
		{"beyond the packet", 34, 25, true, false},
		{"sum that overflows", 0xffff, 0xffff, true, false},
		{"not offered by the device", 34, 16, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			f.device.info.TxChecksum = tt.offered
			var tx [1]link.Frame
			f.Reserve(tx[:])
			tx[0].Bytes = tx[0].Bytes[:60]
			tx[0].Flags, tx[0].ChecksumStart, tx[0].ChecksumOffset = link.WantChecksum, tt.start, tt.offset
			f.Send(0, tx[:])
			got := f.transmitted()
			if !tt.ok {
				if len(got) != 0 || f.Counters().TxDropped != 1 {
					t.Errorf("transmitted %+v, want a counted drop", got)
				}
				return
			}
			if len(got) != 1 || got[0].Options != unix.XDP_TX_METADATA {
				t.Fatalf("transmitted %+v", got)
			}
			m := f.umem.mem[got[0].Addr-txMetadata:][:txMetadata]
			want := []byte{unix.XDP_TXMD_FLAGS_CHECKSUM, 0, 0, 0, 0, 0, 0, 0, byte(tt.start), 0, byte(tt.offset), 0, 0, 0, 0, 0}
			if !bytes.Equal(m, want) {
				t.Errorf("metadata %x, want %x", m, want)
			}
		})
	}
}

func TestUMEM_TransmitFramesHoldMetadataAndPacket(t *testing.T) {
	for _, size := range []uint64{2048, 4096} {
		for _, packet := range []int{60, 1514, 1792, 3840} {
			if uint64(packet)+rxHeadroom > size {
				continue
			}
			u, err := mapUMEM(&Config{FrameSize: int(size), Frames: minFrames}, packet)
			if err != nil {
				t.Fatal(err)
			}
			offsets := map[uint64]bool{}
			for chunk := u.half; chunk < uint64(len(u.mem)); chunk += size {
				a := u.transmitAddress(chunk)
				if u.chunk(a) != chunk || a-chunk < txMetadata || a-chunk+uint64(packet) > size || a%8 != 0 {
					t.Fatalf("frame of %d at %d: packet of %d at %d", size, chunk, packet, a-chunk)
				}
				offsets[a-chunk] = true
			}
			if len(offsets) != int(u.colours) {
				t.Errorf("frame of %d, packet of %d: %d offsets, want %d", size, packet, len(offsets), u.colours)
			}
			if err := u.unmap(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestQueue_DoesNotAllocate(t *testing.T) {
	f := newFake()
	var rx, tx [4]link.Frame
	packet := make([]byte, 60)
	if n := testing.AllocsPerRun(100, func() {
		f.arrive(t, packet)
		k := f.Recv(0, rx[:])
		f.Release(rx[:k])
		k = f.Reserve(tx[:])
		f.Send(0, tx[:k])
		for f.ktx.ready(1) > 0 {
			*f.kcompletion.slot(0) = f.ktx.slot(0).Addr
			f.ktx.advance(1)
			f.kcompletion.advance(1)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
