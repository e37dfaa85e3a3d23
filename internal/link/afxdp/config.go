package afxdp

// What can be asked for, and its limits.

import (
	"fmt"
	"net/netip"
	"time"
)

// Limits and defaults.
const (
	defaultFrameSize = 2048
	defaultFrames    = 4096
	minFrames        = 128     // half of them receive, so two batches of 32
	maxFrames        = 1 << 20 // 2 GiB of 2048: beyond any use
	maxQueues        = 256
	maxAddresses     = 1024
	maxFragments     = 4096 // packets in pieces, the kernel forgets the oldest

	etherHeader  = 14
	etherMin     = etherHeader
	rxHeadroom   = 256 // XDP_PACKET_HEADROOM: the kernel's, in front of each packet
	txHeadroom   = 64  // ours, for transmit metadata; a cache line
	txMetadata   = 16  // octets of struct xsk_tx_metadata that we use
	colourStride = 64
	maxColours   = 8
	skbBudget    = 256 // descriptors that one system call may send in copy mode
)

// Mode is how the program is attached.
type Mode uint8

// The modes of attachment.
const (
	ModeAuto    Mode = iota // native, or else generic
	ModeNative              // in the driver, or not at all
	ModeGeneric             // in the kernel's stack: works everywhere, slower
)

// CopyMode is how packets get into the frames.
type CopyMode uint8

// The copy modes.
const (
	CopyAuto CopyMode = iota // zero-copy, or else copy
	CopyNever
	CopyAlways
)

// Requirement is what must be obtained, for Open to succeed.
type Requirement uint8

// The requirements.
const (
	RequireNothing Requirement = iota
	RequireNative
	RequireZeroCopy // and native
)

// Switch is a setting that may be left to the device.
type Switch uint8

// The positions of a Switch.
const (
	Auto Switch = iota
	On
	Off
)

// Config says what to open. Only Interface has no default.
type Config struct {
	Interface string
	Queues    int          // 0: as many as the interface has; another number is refused
	Addresses []netip.Addr // IPv4 addresses of the stack, exclusively: the kernel does not see their packets

	// Shared says that the addresses are the kernel's too. Then the kernel keeps
	// their packets, except TCP to the ports of AddPort and AddPortRange and what
	// belongs to it: see shared.go. There are no such ports at first.
	Shared bool

	FrameSize int // 2048 (the default) or 4096; larger than the MTU by 270
	Frames    int // per queue, half for each direction; a power of two; 0: 4096
	RingSize  int // receive and transmit ring; a power of two; 0: half of Frames

	Mode       Mode        // to try
	Copy       CopyMode    // to try
	Require    Requirement // to obtain
	TxChecksum Switch      // On: refuse to open without it

	// BusyPoll makes reading drive the interface instead of its interrupts, for
	// this long a time at most. 0: off. It needs napi_defer_hard_irqs and
	// gro_flush_timeout to be of use, and does nothing on a veth.
	BusyPoll time.Duration
}

// complete fills in the defaults and refuses what cannot be.
func (c Config) complete() (Config, error) {
	if c.FrameSize == 0 {
		c.FrameSize = defaultFrameSize
	}
	if c.Frames == 0 {
		c.Frames = defaultFrames
	}
	if c.RingSize == 0 {
		c.RingSize = c.Frames / 2
	}
	switch {
	case c.Interface == "":
		return c, fmt.Errorf("%w: no interface named", ErrConfig)
	case c.FrameSize != 2048 && c.FrameSize != 4096:
		return c, fmt.Errorf("%w: frame size %d is neither 2048 nor 4096", ErrConfig, c.FrameSize)
	case !powerOfTwo(c.Frames) || c.Frames < minFrames || c.Frames > maxFrames:
		return c, fmt.Errorf("%w: %d frames: must be a power of two from %d to %d", ErrConfig, c.Frames, minFrames, maxFrames)
	case !powerOfTwo(c.RingSize) || c.RingSize < minFrames/2 || c.RingSize > c.Frames/2:
		return c, fmt.Errorf("%w: ring size %d: must be a power of two from %d to half of the frames", ErrConfig, c.RingSize, minFrames/2)
	case c.Queues < 0 || c.Queues > maxQueues:
		return c, fmt.Errorf("%w: %d queues: at most %d", ErrConfig, c.Queues, maxQueues)
	case len(c.Addresses) > maxAddresses:
		return c, fmt.Errorf("%w: %d addresses: at most %d", ErrConfig, len(c.Addresses), maxAddresses)
	case c.Mode > ModeGeneric || c.Copy > CopyAlways || c.TxChecksum > Off || c.Require > RequireZeroCopy:
		return c, fmt.Errorf("%w: unknown mode", ErrConfig)
	case c.Mode == ModeGeneric && c.Copy == CopyNever:
		return c, fmt.Errorf("%w: generic mode always copies", ErrConfig)
	case c.Mode == ModeGeneric && c.Require != RequireNothing:
		return c, fmt.Errorf("%w: generic mode asked for, and native mode required", ErrConfig)
	case c.Copy == CopyAlways && c.Require == RequireZeroCopy:
		return c, fmt.Errorf("%w: copying asked for, and zero-copy required", ErrConfig)
	case c.BusyPoll < 0 || c.BusyPoll > time.Second:
		return c, fmt.Errorf("%w: busy poll %v: at most a second", ErrConfig, c.BusyPoll)
	}
	for _, a := range c.Addresses {
		if err := checkAddress(a); err != nil {
			return c, err
		}
	}
	return c, nil
}

// memory returns the octets of one queue: frames, and descriptors of its four
// rings.
func (c *Config) memory() int { return c.Frames*c.FrameSize + 2*c.RingSize*16 + c.Frames*8 }

func checkAddress(a netip.Addr) error {
	if !a.Is4() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() {
		return fmt.Errorf("%w: %v is no IPv4 address that a host may have", ErrConfig, a)
	}
	return nil
}

func powerOfTwo(n int) bool { return n > 0 && n&(n-1) == 0 }
