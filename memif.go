package mtcp

import (
	"fmt"
	"log/slog"

	"github.com/mtcp-go/mtcp/internal/link/memif"
	"github.com/mtcp-go/mtcp/internal/param"
	"github.com/mtcp-go/mtcp/internal/runner"
	"github.com/mtcp-go/mtcp/internal/technique"
)

// A MemifRole is who makes the memory of a Memif link.
type MemifRole uint8

// The roles of a Memif link. DPDK calls them server and client.
const (
	MemifMaster MemifRole = iota // listens on the socket
	MemifSlave                   // connects, and makes the memory
)

// Memif is shared memory between this process and another: a second stack, or
// a program with DPDK's net_memif. The link is there at once; packets pass
// while the other side is there, which may come, go, crash and come back at any
// time. The Config's Logger hears of it.
//
// The other side is not trusted: whatever it writes into the memory is copied
// before it is looked at. Fields left zero have the defaults that are named.
type Memif struct {
	// Socket is the path of the UNIX socket over which the two meet; with an @ in
	// front, a name in the abstract namespace. A master makes it, and removes it
	// with the stack.
	Socket string

	// Role is who makes the memory, a slave; a master makes the socket. The other
	// side has the other role. Default: master; master or slave.
	Role MemifRole

	// ID names the interface. Both sides say the same. Default: 0; 1 to
	// 4294967295.
	ID uint32

	// Secret proves the right to the interface, in at most 24 octets. Both sides
	// say the same. None asks for no proof.
	Secret string

	// Queues is the number of rings in each direction, and so of shards. Both
	// sides have as many. Default: 1; 1 to 64.
	Queues int

	// RingSize is the length of a ring: a slave chooses it. Default: 1024; a power
	// of two from 32 to 16384 packets.
	RingSize int

	// BufferSize is the memory of a packet: a slave chooses it. Default: 2KiB, or
	// what the MTU needs; 86 to 64KiB.
	BufferSize int

	// MTU is the largest IP packet, on both sides: the protocol does not tell, and
	// what is larger is dropped and counted. Default: 1500; 68 to 65518.
	MTU int

	// MAC is the Ethernet address of the stack's end. None makes one up.
	MAC [6]byte

	// HugePages lets the memory be of huge pages. Only for another side that is
	// trusted: it could then crash this one.
	HugePages bool
}

func (x Memif) open(c *Config) (openLink, error) {
	if err := param.Memif.Complete(&x); err != nil {
		return openLink{}, fmt.Errorf("memif: %w", err)
	}
	d, err := memif.Open(x.device(c.Logger))
	if err != nil {
		return openLink{}, err
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		d.Serve()
	}()
	o := openLink{clock: runner.NewClock(), close: func() error {
		err := d.Close()
		<-served
		return err
	}}
	for i := range d.Queues() {
		o.queues = append(o.queues, d.Queue(i))
	}
	return o, nil
}

// device translates to the device's terms.
func (x Memif) device(log *slog.Logger) memif.Config {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return memif.Config{
		Socket:     x.Socket,
		Role:       memif.Role(x.Role),
		ID:         x.ID,
		Secret:     x.Secret,
		Queues:     x.Queues,
		RingSize:   x.RingSize,
		BufferSize: x.BufferSize,
		MTU:        x.MTU,
		MAC:        x.MAC,
		HugePages:  x.HugePages,
		Uncoloured: technique.Present().Without.Has(technique.Colouring),
		Changed: func(up bool, why string) {
			if up {
				log.Info("link up", "socket", x.Socket, "peer", why)
			} else {
				log.Warn("link down", "socket", x.Socket, "why", why)
			}
		},
	}
}
