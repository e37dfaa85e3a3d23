package tap

// What can be asked for, and its limits.

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Limits.
const (
	maxQueues    = 256 // the kernel's
	maxAddresses = 64
	minMTU       = 68 // RFC 791: every link carries this
	maxMTU       = 65535 - etherHeader

	framesPerDirection = 128 // two usual batches; a write leaves nothing behind in a frame

	etherHeader = 14
	vlanTag     = 4 // of a received frame, beyond the MTU
)

// Config says what to open. Only Interface has no default.
type Config struct {
	// Interface is made if there is none of that name, and goes with Close. A
	// TAP interface that exists and that nobody uses is attached to, and stays;
	// without privileges, if it was made for this user. A %d stands for the
	// first number that is free.
	Interface string

	Queues  int     // 0: 1
	MAC     [6]byte // of the stack's end; zero: made up
	Persist bool    // the interface stays after Close

	// The kernel's end of the wire. Settle does it, if any of it is asked for.
	MTU           int // 0: as it is; 1500 when made
	PeerAddresses []netip.Prefix
	Up            bool

	// Settle gives an interface an MTU (0: as it is), addresses, and takes it
	// up: netconf.Settle, which stands above the devices.
	Settle func(name string, mtu int, addresses []netip.Prefix, up bool) error
}

// complete fills in the defaults and refuses what cannot be.
func (c Config) complete() (Config, error) {
	if c.Queues == 0 {
		c.Queues = 1
	}
	switch {
	case c.Interface == "":
		return c, fmt.Errorf("%w: no interface named", ErrConfig)
	case len(c.Interface) > maxName || strings.ContainsAny(c.Interface, "/ \t\n\x00"):
		return c, fmt.Errorf("%w: %q is no name of an interface", ErrConfig, c.Interface)
	case c.Queues < 0 || c.Queues > maxQueues:
		return c, fmt.Errorf("%w: %d queues: at most %d", ErrConfig, c.Queues, maxQueues)
	case c.MTU != 0 && (c.MTU < minMTU || c.MTU > maxMTU):
		return c, fmt.Errorf("%w: MTU %d: from %d to %d", ErrConfig, c.MTU, minMTU, maxMTU)
	case c.MAC[0]&1 != 0:
		return c, fmt.Errorf("%w: MAC %x is a group's", ErrConfig, c.MAC)
	case len(c.PeerAddresses) > maxAddresses:
		return c, fmt.Errorf("%w: %d addresses: at most %d", ErrConfig, len(c.PeerAddresses), maxAddresses)
	case c.Settle == nil && c.settles():
		return c, fmt.Errorf("%w: MTU, addresses or up asked for, and no function to do it", ErrConfig)
	}
	for _, a := range c.PeerAddresses {
		if !a.IsValid() {
			return c, fmt.Errorf("%w: an address is missing", ErrConfig)
		}
	}
	return c, nil
}

// settles reports whether anything of the kernel's end was asked for.
func (c *Config) settles() bool {
	return c.MTU != 0 || len(c.PeerAddresses) != 0 || c.Up
}

// chooseMAC returns the address of the stack's end: the one asked for, or one
// that is made up, locally administered. The kernel's end has another one.
func chooseMAC(wanted, kernel [6]byte) ([6]byte, error) {
	if wanted != ([6]byte{}) {
		if wanted == kernel {
			return wanted, fmt.Errorf("%w: MAC %x is that of the kernel's end", ErrConfig, wanted)
		}
		return wanted, nil
	}
	for range 8 {
		var mac [6]byte
		rand.Read(mac[:]) // never fails
		mac[0] = mac[0]&^1 | 2
		if mac != kernel {
			return mac, nil
		}
	}
	return wanted, errors.New("random numbers repeat themselves")
}
