package tap

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

// fake is a queue whose kernel is the test: a socket that keeps messages apart
// stands for the interface.
type fake struct {
	*Queue
	kernel int
}

const fakeMTU = 1500

func newFake(t testing.TB) *fake {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &Device{gone: make(chan struct{}), info: link.Info{Name: "fake", MTU: fakeMTU, TxChecksum: true}}
	q := &Queue{
		device: d, fd: fds[0],
		rx: newFrames(etherHeader + vlanTag + fakeMTU + 1), tx: newFrames(etherHeader + fakeMTU),
	}
	d.queues = []*Queue{q}
	if err := q.openSleeper(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[1])
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fake{q, fds[1]}
}

// arrive is the kernel passing up a frame behind a header.
func (f *fake) arrive(t testing.TB, h header, frame []byte) {
	t.Helper()
	if _, err := unix.Write(f.kernel, append(h[:], frame...)); err != nil {
		t.Fatal(err)
	}
}

// transmitted is what the kernel was given: headers and frames.
func (f *fake) transmitted(t testing.TB) (hs []header, frames [][]byte) {
	t.Helper()
	b := make([]byte, 4096)
	for {
		n, err := unix.Read(f.kernel, b)
		if err != nil {
			return hs, frames
		}
		if n < headerSize {
			t.Fatalf("a write of %d octets", n)
		}
		hs = append(hs, header(b))
		frames = append(frames, append([]byte(nil), b[headerSize:n]...))
	}
}

// needsSum is the header of a frame whose checksum is to be filled in.
func needsSum(start, offset uint16) (h header) {
	h[0] = unix.VIRTIO_NET_HDR_F_NEEDS_CSUM
	binary.NativeEndian.PutUint16(h[6:], start)
	binary.NativeEndian.PutUint16(h[8:], offset)
	return h
}

func TestRecv_LendsAndReleaseGivesBack(t *testing.T) {
	f := newFake(t)
	for round := range 3 * framesPerDirection {
		frame := bytes.Repeat([]byte{byte(round)}, 60+round)
		f.arrive(t, header{}, frame)
		var rx [4]link.Frame
		if n := f.Recv(0, rx[:]); n != 1 || !bytes.Equal(rx[0].Bytes, frame) || cap(rx[0].Bytes) != len(frame) || rx[0].Flags != 0 {
			t.Fatalf("round %d: received %d frames, %+v", round, n, rx[0])
		}
		f.Release(rx[:1])
	}
	if len(f.rx.free) != framesPerDirection {
		t.Errorf("%d free frames", len(f.rx.free))
	}
}

func TestRecv_FillsTheBatchAndNoMore(t *testing.T) {
	f := newFake(t)
	for i := range 5 {
		f.arrive(t, header{}, bytes.Repeat([]byte{byte(i)}, 60))
	}
	var rx [3]link.Frame
	for _, want := range [][]byte{{0, 1, 2}, {3, 4}, {}} {
		n := f.Recv(0, rx[:])
		if n != len(want) {
			t.Fatalf("received %d frames, want %d", n, len(want))
		}
		for i := range n {
			if rx[i].Bytes[0] != want[i] {
				t.Errorf("frame %d comes at %d of %v", rx[i].Bytes[0], i, want)
			}
		}
		f.Release(rx[:n])
	}
	if c := f.Counters(); c.RxFrames != 5 || c.RxOctets != 300 || c.RxDropped != 0 {
		t.Errorf("%+v", c)
	}
}

func TestRecv_LeavesToTheKernelWhatItHasNoMemoryFor(t *testing.T) {
	f := newFake(t)
	var rx [framesPerDirection]link.Frame
	lent := 0
	for lent < framesPerDirection {
		f.arrive(t, header{}, make([]byte, 60))
		lent += f.Recv(0, rx[lent:lent+1])
	}
	f.arrive(t, header{}, make([]byte, 61))
	var one [1]link.Frame
	if n := f.Recv(0, one[:]); n != 0 {
		t.Fatal("received into memory that is lent")
	}
	f.Release(rx[:])
	if n := f.Recv(0, one[:]); n != 1 || len(one[0].Bytes) != 61 {
		t.Errorf("received %d frames once there was memory", n)
	}
}

func TestRecv_DropsAndCountsWhatIsNoFrame(t *testing.T) {
	bulk := needsSum(34, 16)
	bulk[1] = unix.VIRTIO_NET_HDR_GSO_TCPV4
	huge := bulk // bulk that does not fit is bulk, not too large
	tests := []struct {
		name  string
		h     header
		size  int
		count QueueStats
	}{
		{"no Ethernet header", header{}, 13, QueueStats{RxMalformed: 1}},
		{"nothing at all", header{}, 0, QueueStats{RxMalformed: 1}},
		{"larger than the MTU allows", header{}, fakeMTU + 19, QueueStats{RxTooLarge: 1}},
		{"much larger", header{}, 4000, QueueStats{RxTooLarge: 1}},
		{"bulk", bulk, 1514, QueueStats{RxBulk: 1}},
		{"large bulk", huge, 9000, QueueStats{RxBulk: 1}},
		{"checksum beyond the frame", needsSum(34, 25), 60, QueueStats{RxMalformed: 1}},
		{"checksum far away", needsSum(0xffff, 0xffff), 60, QueueStats{RxMalformed: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.arrive(t, tt.h, make([]byte, tt.size))
			good := bytes.Repeat([]byte{7}, fakeMTU+18)
			f.arrive(t, needsSum(34, 16), good)
			var rx [8]link.Frame
			if n := f.Recv(0, rx[:]); n != 1 || !bytes.Equal(rx[0].Bytes, good) {
				t.Fatalf("received %d frames, want only the good one", n)
			}
			if rx[0].Flags != link.ChecksumNone {
				t.Errorf("flags %b", rx[0].Flags)
			}
			f.Release(rx[:1])
			if got := f.drops.stats(); got != tt.count || f.Counters().RxDropped != 1 {
				t.Errorf("%+v, dropped %d, want %+v", got, f.Counters().RxDropped, tt.count)
			}
			if len(f.rx.free) != framesPerDirection {
				t.Errorf("%d free frames", len(f.rx.free))
			}
		})
	}
}

func TestRecv_DropsDoNotKeepItBusy(t *testing.T) {
	f := newFake(t)
	for range 6 {
		f.arrive(t, header{}, nil)
	}
	var rx [4]link.Frame
	if n := f.Recv(0, rx[:]); n != 0 || f.drops.stats().RxMalformed != 4 {
		t.Errorf("received %d, dropped %d: a batch of 4 is 4 reads at most", n, f.drops.stats().RxMalformed)
	}
}

func TestRecv_UnknownErrorsAreCounted(t *testing.T) {
	f := newFake(t)
	f.readFailed(unix.EIO)
	f.readFailed(unix.EAGAIN)
	if s := f.drops.stats(); s != (QueueStats{RxErrors: 1}) {
		t.Errorf("%+v", s)
	}
	if f.device.Err() != nil {
		t.Error("an odd error is not the end")
	}
}

func TestRelease_PanicsWhenGivenTooMuch(t *testing.T) {
	f := newFake(t)
	defer func() {
		if recover() == nil {
			t.Error("a frame that was not lent was taken back")
		}
	}()
	f.Release(make([]link.Frame, 1))
}
