package afxdp

// One socket: its memory, its rings, its place on a queue.

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// bindPatience is how long a queue may stay busy: the kernel frees the one of a
// socket that was closed some time after the close.
const (
	bindPatience = time.Second
	bindPause    = 10 * time.Millisecond
)

// openQueue opens, fills and binds the socket of one queue, and says why it is
// not zero-copy.
func openQueue(d *Device, index int) (*Queue, string, error) {
	q := &Queue{device: d, index: index, fd: -1, maxPacket: d.facts.mtu + etherHeader}
	why, err := q.open()
	if err != nil {
		_ = q.Close()
		return nil, "", err
	}
	return q, why, nil
}

func (q *Queue) open() (why string, err error) {
	name, config := q.device.facts.name, &q.device.config
	q.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return "", explain(stepSocket, name, err)
	}
	if err := q.shareMemory(config); err != nil {
		return "", explain(stepMemory, name, err)
	}
	q.fillUp()
	if why, err = q.bind(); err != nil {
		return "", explain(stepBind, name, err)
	}
	if err := q.setBusyPoll(config.BusyPoll); err != nil {
		return "", fmt.Errorf("afxdp: %s: busy poll: %w", name, err)
	}
	if err := q.openSleeper(); err != nil {
		return "", fmt.Errorf("afxdp: %s: %w", name, err)
	}
	return why, nil
}

// shareMemory registers the frames and maps the four rings. Fill and
// completion ring have a slot for every frame of their direction, so neither
// can ever be full.
//
// The fill ring has room for every frame twice: the kernel shows us a packet
// before it shows that it has taken the packet's frame out of the fill ring
// (xsk_flush), so for a moment a frame counts on both sides.
func (q *Queue) shareMemory(c *Config) (err error) {
	if q.umem, err = mapUMEM(c, q.maxPacket); err != nil {
		return err
	}
	if err := q.register(c.TxChecksum); err != nil {
		return err
	}
	half, ring := uint32(c.Frames/2), uint32(c.RingSize)
	for _, o := range [...]struct {
		name int
		size uint32
	}{
		{unix.XDP_UMEM_FILL_RING, 2 * half},
		{unix.XDP_UMEM_COMPLETION_RING, half},
		{unix.XDP_RX_RING, ring},
		{unix.XDP_TX_RING, ring},
	} {
		if err := setOption(q.fd, o.name, &o.size); err != nil {
			return err
		}
	}
	// Older kernels send 32 descriptors a call and have no such option.
	budget := min(ring, skbBudget)
	_ = setOption(q.fd, unix.XDP_MAX_TX_SKB_BUDGET, &budget)
	return q.mapRings(int(half), int(ring))
}

// register tries to have room for transmit metadata, unless that is not wanted.
func (q *Queue) register(checksum Switch) error {
	if checksum != Off {
		err := q.umem.register(q.fd, true)
		if err == nil {
			q.metadata = true
			return nil
		}
		if err != unix.EINVAL { // EINVAL: a kernel before 6.11
			return err
		}
	}
	return q.umem.register(q.fd, false)
}

func (q *Queue) mapRings(half, ring int) (err error) {
	var at unix.XDPMmapOffsets
	if err = getOption(q.fd, unix.XDP_MMAP_OFFSETS, &at); err != nil {
		return err
	}
	if q.fill, err = mapRing[uint64](q.fd, 2*half, unix.XDP_UMEM_PGOFF_FILL_RING, at.Fr, produces); err != nil {
		return err
	}
	if q.completion, err = mapRing[uint64](q.fd, half, unix.XDP_UMEM_PGOFF_COMPLETION_RING, at.Cr, consumes); err != nil {
		return err
	}
	if q.rx, err = mapRing[unix.XDPDesc](q.fd, ring, unix.XDP_PGOFF_RX_RING, at.Rx, consumes); err != nil {
		return err
	}
	q.tx, err = mapRing[unix.XDPDesc](q.fd, ring, unix.XDP_PGOFF_TX_RING, at.Tx, produces)
	return err
}

// fillUp gives every receive frame to the kernel and every transmit frame to
// the free list.
func (q *Queue) fillUp() {
	u := &q.umem
	n := uint32(u.half / u.frameSize)
	for i := range n {
		*q.fill.slot(i) = uint64(i) * u.frameSize
	}
	q.fill.advance(n)
	q.free = make([]uint64, 0, n)
	for chunk := u.half; chunk < uint64(len(u.mem)); chunk += u.frameSize {
		q.free = append(q.free, u.transmitAddress(chunk))
	}
}

// bind asks for zero-copy by name first: left to itself the kernel falls back
// without a word.
func (q *Queue) bind() (why string, err error) {
	c := q.device.config
	why = "copy: asked for"
	if q.device.attach.native && c.Copy != CopyAlways {
		err := q.bindWith(unix.XDP_ZEROCOPY)
		if err == nil {
			return "", q.confirm()
		}
		if err == unix.EBUSY {
			return "", err
		}
		why = q.copyReason(err)
		if c.Copy == CopyNever {
			return "", fmt.Errorf("zero-copy: %w: %s", ErrNotOffered, why)
		}
	}
	if err := q.bindWith(unix.XDP_COPY); err != nil {
		return "", err
	}
	return why, q.confirm()
}

func (q *Queue) bindWith(flags uint16) error {
	address := &unix.SockaddrXDP{
		Flags:   flags | unix.XDP_USE_NEED_WAKEUP,
		Ifindex: uint32(q.device.facts.index),
		QueueID: uint32(q.index),
	}
	for limit := time.Now().Add(bindPatience); ; time.Sleep(bindPause) {
		err := unix.Bind(q.fd, address)
		if err != unix.EBUSY || time.Now().After(limit) {
			return err
		}
	}
}

// confirm reads back what was obtained.
func (q *Queue) confirm() error {
	var options uint32
	if err := getOption(q.fd, unix.XDP_OPTIONS, &options); err != nil {
		return err
	}
	q.zeroCopy = options&unix.XDP_OPTIONS_ZEROCOPY != 0
	return nil
}

// copyReason says why a queue is not zero-copy.
func (q *Queue) copyReason(err error) string {
	f := &q.device.facts
	if err == unix.EOPNOTSUPP || f.feature.known && f.feature.xdp&featureZeroCopy == 0 {
		return "copy: driver " + f.driver + " has no zero-copy"
	}
	return "copy: driver " + f.driver + " refused zero-copy: " + err.Error()
}

// setBusyPoll makes system calls of this socket drive the interface.
func (q *Queue) setBusyPoll(d time.Duration) error {
	if d == 0 {
		return nil
	}
	const batch = 64
	q.busyPoll = true
	for _, o := range [...]struct{ name, value int }{
		{unix.SO_PREFER_BUSY_POLL, 1},
		{unix.SO_BUSY_POLL, int(max(1, d.Microseconds()))},
		{unix.SO_BUSY_POLL_BUDGET, batch},
	} {
		if err := unix.SetsockoptInt(q.fd, unix.SOL_SOCKET, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}
