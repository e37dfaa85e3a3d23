package afxdp

// How many channels an interface uses: an ioctl with a pointer inside, hence
// unsafe. Both structures live on this stack for the length of the call, and
// the kernel writes only within ethtoolChannels.

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolChannels is struct ethtool_channels.
type ethtoolChannels struct {
	cmd                                    uint32
	maxRx, maxTx, maxOther, maxCombined    uint32
	rxCount, txCount, otherCount, combined uint32
}

// ifreq is struct ifreq with ifr_data.
type ifreq struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte // the kernel copies the whole union
}

// channels returns the receive and transmit queues in use, 0 when the driver
// does not say.
func channels(fd int, name string) (rx, tx int) {
	c := ethtoolChannels{cmd: unix.ETHTOOL_GCHANNELS}
	var req ifreq
	if len(name) >= len(req.name) {
		return 0, 0
	}
	copy(req.name[:], name)
	req.data = unsafe.Pointer(&c)
	var pin runtime.Pinner // the kernel sees c only through a field of req
	pin.Pin(&c)
	defer pin.Unpin()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return 0, 0
	}
	return c.queues()
}

// queues counts a combined channel as one of each.
func (c *ethtoolChannels) queues() (rx, tx int) {
	return int(c.rxCount + c.combined), int(c.txCount + c.combined)
}
