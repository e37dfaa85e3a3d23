package memif

// Shared memory: ours, when we are the slave, and a slave's, when we are the
// master.
//
//	| S2M ring 0 | S2M ring 1 ... | M2S ring 0 ... | buffers of S2M 0 | ...
//
// Every ring has a buffer for each of its slots, and keeps it. The buffers of
// neighbours lie an odd number of cache lines apart: at a stride of a power of
// two they would all fall into the same few cache sets.

import (
	"errors"
	"fmt"
	"math/bits"
	"os"

	"golang.org/x/sys/unix"
)

const hugePage = 2 << 20

// layout says where things lie in a region of ours.
type layout struct {
	queues  int
	log2    uint8
	buffer  uint32 // octets of a buffer
	stride  uint32 // between buffers
	buffers uint64 // where they begin
	size    uint64
}

func layoutOf(c *Config) layout {
	l := layout{
		queues: c.Queues,
		log2:   uint8(bits.TrailingZeros(uint(c.RingSize))), // at most maxLog2Ring
		buffer: uint32(c.BufferSize),                        // at most maxBuffer
		stride: uint32(c.stride(c.BufferSize)),
	}
	l.fit()
	return l
}

// fit computes what follows from the other fields.
func (l *layout) fit() {
	rings := uint64(2 * l.queues)
	l.buffers = uint64(roundUp(int(rings*ringSize(l.log2)), os.Getpagesize()))
	l.size = uint64(roundUp(int(l.buffers+rings<<l.log2*uint64(l.stride)), os.Getpagesize()))
}

// number counts the rings: those to the master first.
func (l *layout) number(queue int, toMaster bool) int {
	if toMaster {
		return queue
	}
	return l.queues + queue
}

func (l *layout) ringAt(n int) uint32 { return uint32(uint64(n) * ringSize(l.log2)) } // below maxMapped

// bufferAt is where the buffer of a ring's first slot lies.
func (l *layout) bufferAt(n int) uint32 {
	return uint32(l.buffers + uint64(n)<<l.log2*uint64(l.stride))
}

// make makes the memory, with the rings' cookies in it.
func (l *layout) make(huge bool) (mem []byte, fd int, why string, err error) {
	if huge {
		size := roundUp(int(l.size), hugePage)
		if mem, fd, err = makeRegion(size, unix.MFD_HUGETLB|unix.MFD_HUGE_2MB); err != nil {
			why = "no huge pages: " + err.Error()
		}
	}
	if mem == nil {
		if mem, fd, err = makeRegion(int(l.size), 0); err != nil {
			return nil, -1, why, err
		}
	}
	for n := range 2 * l.queues {
		putCookie(mem, l.ringAt(n))
	}
	return mem, fd, why, nil
}

// makeRegion maps a new memfd that can neither shrink nor grow, touched once so
// that the shards do not pay for it.
func makeRegion(size int, flags int) ([]byte, int, error) {
	fd, err := unix.MemfdCreate("memif", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|flags)
	if err != nil {
		return nil, -1, fmt.Errorf("memfd_create: %w", err)
	}
	mem, err := fillRegion(fd, size)
	if err != nil {
		return nil, -1, errors.Join(err, unix.Close(fd))
	}
	return mem, fd, nil
}

func fillRegion(fd, size int) ([]byte, error) {
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, fmt.Errorf("%d octets: %w", size, err)
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %d octets: %w", size, err)
	}
	return mem, nil
}

// mapRegion maps memory of a slave, if nothing that the slave can do later makes
// an access to it fail: a file that could shrink would, and so would huge pages,
// which the slave can give back while there are no others.
func mapRegion(fd int, size uint64, huge bool) ([]byte, error) {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0) // first: it asks no file system of the slave's
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a memfd: %w", err)
	case seals&unix.F_SEAL_SHRINK == 0:
		return nil, errors.New("memory not sealed against shrinking")
	case size == 0 || size > maxMapped:
		return nil, fmt.Errorf("region of %d octets: from 1 to %d", size, maxMapped)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Size < 0 || uint64(st.Size) < size {
		return nil, fmt.Errorf("region of %d octets in a file of %d", size, st.Size)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return nil, err
	}
	if uint32(fs.Type) == unix.HUGETLBFS_MAGIC {
		if !huge {
			return nil, errors.New("huge pages, which were not allowed (Config.HugePages)")
		}
		if size%hugePage != 0 {
			return nil, fmt.Errorf("region of %d octets is not of whole huge pages", size)
		}
	}
	mem, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	return mem, nil
}

// within returns the octets that a descriptor names, nil when they are not in
// the regions. The sums are of 64 bits and cannot overflow.
func within(regions [][]byte, d *descriptor) []byte {
	if int(d.region) >= len(regions) {
		return nil
	}
	mem := regions[d.region]
	end := uint64(d.offset) + uint64(d.length)
	if end > uint64(len(mem)) {
		return nil
	}
	return mem[d.offset:end]
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// stride is how far apart things of size octets lie.
func (c *Config) stride(size int) int {
	if c.Uncoloured {
		return 1 << bits.Len(uint(size-1))
	}
	return oddLines(size)
}

// oddLines is the least odd number of cache lines that holds size octets.
func oddLines(size int) int { return ((size+cacheLine-1)/cacheLine | 1) * cacheLine }
