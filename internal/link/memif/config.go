package memif

// What can be asked for, and its limits.

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Limits.
const (
	maxQueues     = 64
	maxRegions    = 16      // of a peer
	maxMapped     = 1 << 30 // octets of a peer's regions, or of ours
	minRing       = 32      // descriptors of a ring of ours
	maxLog2Ring   = 14      // of anybody's: an index has 16 bits
	maxBuffer     = 65536
	maxSocketPath = 107 // sun_path, without the end mark
	minMTU        = 68  // RFC 791: every link carries this

	framesPerDirection = 128 // lent to a shard: two usual batches

	maxPending  = 8               // connections to the socket that have not said who they are
	maxAccepts  = 64              // new connections in a second; more wait
	maxMessages = 32              // control messages of one connection in a row
	maxUnread   = 4096            // thrown away at its end: a socket's buffer holds fewer
	maxShake    = 5 * time.Second // from connecting to connected
	minRetry    = 10 * time.Millisecond
	maxRetry    = time.Second
	stallAfter  = 200 * time.Millisecond // a ring that was full for so long is not waited for: as long as a peer may be kept from its processor
	kickCheck   = time.Second            // how often a stuck kick is looked for

	defaultRing   = 1024
	defaultBuffer = 2048
	defaultMTU    = 1500

	etherHeader = 14
	vlanTag     = 4
)

// Role is who makes the memory.
type Role uint8

// The roles. DPDK calls them server and client.
const (
	Master Role = iota // listens on the socket, uses the slave's memory
	Slave              // connects, makes the memory
)

func (r Role) String() string {
	if r == Slave {
		return "slave"
	}
	return "master"
}

// Config says what to open. Only Socket has no default.
type Config struct {
	// Socket is the path of the UNIX socket. One that begins with @ is a name in
	// the abstract namespace.
	Socket string
	Role   Role
	ID     uint32 // of the interface; both sides say the same
	Secret string // at most 24 octets; a master that has one asks for it

	Queues     int     // rings in each direction; both sides have as many. 0: 1
	RingSize   int     // descriptors of each ring, a power of two: the slave's counts. 0: 1024
	BufferSize int     // octets of each packet buffer: the slave's counts. 0: 2048, or what the MTU needs
	MTU        int     // 0: 1500
	MAC        [6]byte // zero: made up

	// HugePages makes a slave try them, and lets a master accept them. Either
	// side can take a huge page from under the other one, whose next access
	// then kills it: so only with a peer that is trusted.
	HugePages bool

	// Uncoloured puts buffers and frames at strides of a power of two: to see what
	// other strides are worth.
	Uncoloured bool

	// Changed, which may be nil, is called by Serve when the peer has come or
	// gone, and why.
	Changed func(up bool, why string)
}

// complete fills in the defaults and refuses what cannot be.
func (c Config) complete() (Config, error) {
	setDefault(&c.Queues, 1)
	setDefault(&c.RingSize, defaultRing)
	setDefault(&c.MTU, defaultMTU)
	setDefault(&c.BufferSize, max(defaultBuffer, roundUp(frameSize(c.MTU), cacheLine)))
	bad := func(format string, args ...any) (Config, error) {
		return c, fmt.Errorf("memif: %w: "+format, append([]any{ErrConfig}, args...)...)
	}
	switch {
	case c.Socket == "":
		return bad("no socket named")
	case len(c.Socket) > maxSocketPath || strings.Contains(c.Socket, "\x00"):
		return bad("%q is no name of a socket: at most %d octets", c.Socket, maxSocketPath)
	case c.Role > Slave:
		return bad("role %d: master or slave", c.Role)
	case len(c.Secret) > secretSize:
		return bad("a secret of %d octets: at most %d", len(c.Secret), secretSize)
	case c.Queues < 0 || c.Queues > maxQueues:
		return bad("%d queues: at most %d", c.Queues, maxQueues)
	case c.RingSize < minRing || c.RingSize > 1<<maxLog2Ring || bits.OnesCount(uint(c.RingSize)) != 1:
		return bad("ring size %d: a power of two from %d to %d", c.RingSize, minRing, 1<<maxLog2Ring)
	case c.MTU < minMTU || frameSize(c.MTU) > maxBuffer:
		return bad("MTU %d: from %d to %d", c.MTU, minMTU, maxBuffer-etherHeader-vlanTag)
	case c.BufferSize < frameSize(c.MTU) || c.BufferSize > maxBuffer:
		return bad("buffer size %d: from %d, for the MTU, to %d", c.BufferSize, frameSize(c.MTU), maxBuffer)
	case c.Role == Slave && layoutOf(&c).size > maxMapped:
		return bad("%d queues of %d buffers of %d octets take more than %d octets", c.Queues, c.RingSize, c.BufferSize, maxMapped)
	case c.MAC[0]&1 != 0:
		return bad("MAC %x is a group's", c.MAC)
	case binary.NativeEndian.Uint16([]byte{1, 0}) != 1:
		return bad("the protocol needs a little-endian machine")
	}
	if c.MAC == ([6]byte{}) {
		rand.Read(c.MAC[:]) // never fails
		c.MAC[0] = c.MAC[0]&^1 | 2
	}
	return c, nil
}

func setDefault(v *int, to int) {
	if *v == 0 {
		*v = to
	}
}

// frameSize is the largest frame for an MTU, a VLAN tag included.
func frameSize(mtu int) int { return etherHeader + vlanTag + mtu }
