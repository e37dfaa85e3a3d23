package afxdp

// What can be known without opening a device: for advice, beforehand. Nothing
// here attaches a program or binds a socket.

import (
	"golang.org/x/sys/unix"
)

// What one queue of the default configuration asks of a machine.
const (
	MaxMTU      = defaultFrameSize - rxHeadroom - etherHeader
	MaxQueues   = maxQueues
	QueueMemory = defaultFrameSize * defaultFrames // locked
)

// Offer is what a driver says that it can do. Before Linux 6.3 nobody says, and
// Known is false. A driver may say so and yet refuse, for reasons of its
// settings.
type Offer struct {
	Known      bool
	Native     bool // XDP in the driver, with redirection to sockets
	ZeroCopy   bool
	Fragments  bool // packets larger than a frame
	TxChecksum bool // in zero-copy mode
}

// Offers asks for the driver of an interface of the present network namespace.
func Offers(ifindex int) Offer { return readFeatures(ifindex).offer() }

func (f features) offer() Offer {
	const native = featureBasic | featureRedirect
	return Offer{
		Known:      f.known,
		Native:     f.xdp&native == native,
		ZeroCopy:   f.xdp&featureZeroCopy != 0,
		Fragments:  f.xdp&featureFragments != 0,
		TxChecksum: f.xsk&featureTxChecksum != 0,
	}
}

// Try loads the program and opens a socket, and closes both again. The error
// says what a device would have met.
func Try() error {
	p, err := loadProgram(1, false)
	if err != nil {
		return explain(stepLoad, "this machine", err)
	}
	p.close()
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return explain(stepSocket, "this machine", err)
	}
	return unix.Close(fd)
}
