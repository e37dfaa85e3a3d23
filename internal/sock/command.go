package sock

import (
	"runtime"
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/slab"
)

// Op says what a Command asks for.
type Op uint8

// The commands.
const (
	OpNone         Op = iota
	OpConnect         // open a connection to Remote; Token names the request
	OpCancel          // give up the request Token
	OpSend            // octets to send were published
	OpWantTx          // a writer waits: attach or grow the send ring to Token octets
	OpWindow          // the application read past the notify position
	OpShutdown        // FIN after what was written
	OpShutdownRead    // discard what arrives
	OpSet             // Option = Token
	OpClose           // the application is done with Handle: close in order
	OpAbort           // the application is done with Handle: reset
	OpCall            // run the function that Token names
)

// Option names a setting of one connection; OpSet carries its value.
type Option uint8

// The settings.
const (
	OptNoDelay      Option = iota + 1 // 0 or 1
	OptCork                           // 0 or 1
	OptKeepAlive                      // 0 or 1
	OptKeepIdle                       // nanoseconds
	OptKeepInterval                   // nanoseconds
	OptKeepCount                      // probes
	OptLinger                         // nanoseconds, or LingerOff
	OptUserTimeout                    // nanoseconds, 0 for the default
	OptRcvBuf                         // octets
	OptSndBuf                         // octets
	OptTOS                            // the octet of the IP header
	OptTTL                            // hops
	OptFinWait2                       // nanoseconds that an orphan waits for the peer's FIN, 0 for the default
	OptMSS                            // largest segment either way, octets, before the connection opens
	OptUrgent                         // position in the send stream up to which text is urgent
)

// A Setting is an option with its value, of a connection that is to be opened.
type Setting struct {
	Option Option
	Value  uint64
}

// LingerOff is the value of OptLinger that means: close in the background.
const LingerOff = ^uint64(0)

// A Command is one request of an application to a shard: with the ring's turn
// word one cache line. Addresses are IPv6 or IPv4-mapped.
type Command struct {
	Op         Op
	Option     Option
	LocalPort  uint16
	RemotePort uint16
	_          [2]byte
	Handle     slab.Handle
	Token      uint64 // names a request or a function, or is the value of Option
	Local      [16]byte
	Remote     [16]byte
}

// A Mailbox carries commands to one shard. Any goroutine may Send.
type Mailbox struct {
	ring   *ring.MPSC[Command]
	bell   ring.Doorbell
	wake   func()
	closed atomic.Bool
}

// NewMailbox returns a mailbox over a ring; wake is called, from the sending
// goroutine, when the shard sleeps.
func NewMailbox(r *ring.MPSC[Command], wake func()) *Mailbox {
	m := cacheline.New[Mailbox]()
	*m = Mailbox{ring: r, wake: wake}
	return m
}

// Send hands a command over. When the ring is full it yields until the shard
// has taken some: a shard always does, because no command makes it wait.
func (m *Mailbox) Send(c *Command) {
	for !m.ring.Push(c) {
		if m.closed.Load() {
			return
		}
		m.Ring()
		runtime.Gosched()
	}
	m.Ring()
}

// Ring wakes the shard if it sleeps.
func (m *Mailbox) Ring() {
	if m.bell.Ring() {
		m.wake()
	}
}

// Close says that nobody takes commands any more: what is sent is lost.
func (m *Mailbox) Close() { m.closed.Store(true) }

// IsClosed reports that Close was called. Any goroutine may ask.
func (m *Mailbox) IsClosed() bool { return m.closed.Load() }

// Take returns the next command. Shard only.
func (m *Mailbox) Take(c *Command) bool { return m.ring.Pop(c) }

// Arm announces that the shard is about to sleep. False means that commands
// wait: do not sleep. Shard only.
func (m *Mailbox) Arm() bool {
	m.bell.Arm()
	if m.ring.Empty() {
		return true
	}
	m.bell.Disarm()
	return false
}

// Disarm says that the shard is awake. Shard only.
func (m *Mailbox) Disarm() { m.bell.Disarm() }
