package afxdp

// UMEM: the memory of the frames, shared with the kernel.
//
//	 0        1              half         half+1            frames
//	+--------+--------+-----+------------+------------+----+
//	| receive: fill ring,   | transmit: free list, tx ring,|
//	| rx ring, or lent      | completion ring, or lent     |
//	+--------+--------+-----+------------+------------+----+
//
//	one receive frame:  | 256, the kernel's | packet ...           |
//	one transmit frame: | 64 + colour (metadata at its end) | packet ... |
//
// It is mmap memory in race builds too: the kernel writes to it, and the Go
// heap may not be pinned for ever. The mapping is valid from mapUMEM until
// unmap, which Queue.Close calls after the socket is closed.

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// umem is the frames of one queue.
type umem struct {
	mem       []byte
	frameSize uint64
	half      uint64 // address of the first transmit frame
	colours   uint64 // different offsets of packets in transmit frames
}

func mapUMEM(c *Config, maxPacket int) (umem, error) {
	mem, err := unix.Mmap(-1, 0, c.FrameSize*c.Frames, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return umem{}, err
	}
	slack := (c.FrameSize - txHeadroom - maxPacket) / colourStride
	return umem{
		mem:       mem,
		frameSize: uint64(c.FrameSize),
		half:      uint64(len(mem) / 2),
		colours:   uint64(min(maxColours, 1+max(0, slack))),
	}, nil
}

func (u *umem) unmap() error { return unix.Munmap(u.mem) }

// register hands the memory to the socket. With metadata, transmit descriptors
// may ask for checksums.
func (u *umem) register(fd int, metadata bool) error {
	reg := unix.XDPUmemReg{
		Addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(u.mem)))),
		Len:  uint64(len(u.mem)),
		Size: uint32(u.frameSize),
	}
	if metadata {
		reg.Flags = unix.XDP_UMEM_TX_METADATA_LEN
		reg.Tx_metadata_len = txMetadata
	}
	return setOption(fd, unix.XDP_UMEM_REG, &reg)
}

// chunk is the start of the frame that an address lies in.
func (u *umem) chunk(address uint64) uint64 { return address &^ (u.frameSize - 1) }

// transmitAddress is where the packet of a transmit frame begins. Frames at a
// stride of a power of two would all fall into the same few cache sets.
func (u *umem) transmitAddress(chunk uint64) uint64 {
	return chunk + txHeadroom + chunk/u.frameSize%u.colours*colourStride
}

// holds reports whether a received descriptor lies within one receive frame.
func (u *umem) holds(address uint64, size uint32) bool {
	return address < u.half && size != 0 && address&(u.frameSize-1)+uint64(size) <= u.frameSize
}

// metadata is struct xsk_tx_metadata as far as a request for a checksum needs.
type metadata struct {
	flags  uint64
	start  uint16
	offset uint16
	_      uint32
}

// putMetadata asks the kernel to fill in a checksum of the packet at address.
// The octets in front of it belong to the same frame, and are aligned.
func (u *umem) putMetadata(address uint64, start, offset uint16) {
	m := (*metadata)(unsafe.Pointer(&u.mem[address-txMetadata]))
	*m = metadata{flags: unix.XDP_TXMD_FLAGS_CHECKSUM, start: start, offset: offset}
}
