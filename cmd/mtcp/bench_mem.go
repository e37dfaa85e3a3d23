// mtcp bench load --link mem: both halves in one process, over an in-process wire,
// for what is measured with a client and a server on the same core.

package main

import (
	"errors"
	"net/netip"

	"github.com/mtcp-go/mtcp"
)

// ownServer is the server of a load that brought its own; nil otherwise.
type ownServer struct {
	stack *mtcp.Stack
	end   func() error
	began mtcp.ShardStats
}

// sides opens the client's stack, and with --link mem the server's.
func (c *benchLoadCmd) sides() (*mtcp.Stack, []netip.Addr, *ownServer, error) {
	switch c.Link {
	case linkMem:
	case linkKernel:
		return nil, nil, nil, usageError("--link kernel: the load is made by the stack")
	default:
		s, from, err := c.open(mtcp.MemifSlave, c.Sources)
		return s, from, nil, err
	}
	wire, err := mtcp.NewWire(mtcp.WireConfig{Queues: c.Queues})
	if err != nil {
		return nil, nil, nil, err
	}
	from := c.sources()
	client, server := c.config(), c.config()
	c.together = c.Door == "net" && len(c.CPU) > 0
	for _, cfg := range []*mtcp.Config{&client, &server} {
		if err := errors.Join(c.choose(cfg), c.place(cfg)); err != nil {
			return nil, nil, nil, err
		}
	}
	client.Link, server.Link = wire.End(0), wire.End(1)
	for _, a := range from {
		client.Addresses = append(client.Addresses, netip.PrefixFrom(a, c.Addr.Bits()))
	}
	server.Addresses = []netip.Prefix{netip.PrefixFrom(c.Server.Addr, c.Addr.Bits())}
	s, err := mtcp.New(server)
	if err != nil {
		return nil, nil, nil, err
	}
	half := benchServeCmd{halfFlags: c.halfFlags, Door: c.Door, Size: c.Size}
	half.Addr = cidr{server.Addresses[0]}
	end, err := half.start(s)
	if err != nil {
		return nil, nil, nil, errors.Join(err, s.Close())
	}
	o := &ownServer{stack: s, end: end, began: total(s.Stats())}
	x, err := mtcp.New(client)
	if err != nil {
		return nil, nil, nil, errors.Join(err, o.close())
	}
	return x, from, o, nil
}

// sources are the addresses that the client connects from.
func (c *benchLoadCmd) sources() (all []netip.Addr) {
	for a := c.Addr.Addr(); len(all) < c.Sources; a = a.Next() {
		all = append(all, a)
	}
	return all
}

func (o *ownServer) close() error {
	if o == nil {
		return nil
	}
	return errors.Join(o.stack.Close(), o.end())
}

// stats are the server's counts of the load.
func (o *ownServer) stats() *mtcp.ShardStats {
	if o == nil {
		return nil
	}
	t := total(o.stack.Stats())
	t.Busy -= o.began.Busy
	t.RxFrames -= o.began.RxFrames
	t.TxFrames -= o.began.TxFrames
	return &t
}
