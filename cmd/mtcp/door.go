// The stack or the kernel behind one shape, so that the same servers run on
// both.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

// A door is what servers and clients reach the network through.
type door interface {
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Links() []mtcp.LinkInfo
	Stats() []mtcp.ShardStats
	Shutdown(ctx context.Context) error
	Close() error
}

var _ door = (*mtcp.Stack)(nil)

// openStack makes the stack that the flags describe, on a link that is not the
// kernel's.
func openStack(link *string, f *stackFlags) (door, error) {
	cfg, err := f.configuration(link)
	if err != nil {
		return nil, err
	}
	if err := f.check(*link); err != nil {
		return nil, err
	}
	switch l := cfg.Link.(type) {
	case mtcp.AFXDP:
		if !l.Shared {
			err = checkAddresses(f)
		}
	case mtcp.TAP:
		err = f.settleTAP(&l)
		cfg.Link = l
	}
	if err != nil {
		return nil, err
	}
	if f.Pcap == "" {
		return mtcp.New(cfg)
	}
	file, err := os.Create(f.Pcap)
	if err != nil {
		return nil, fmt.Errorf("--pcap: %w", err)
	}
	cfg.Capture = file
	s, err := mtcp.New(cfg)
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(f.Pcap))
	}
	return &captured{s, file}, nil
}

// checkAddresses refuses addresses that the kernel has: it would answer for
// them beside the stack.
func checkAddresses(f *stackFlags) error {
	info, err := netconf.Interface(f.Iface)
	if err != nil {
		return err
	}
	has := func(a netip.Addr) bool {
		return slices.ContainsFunc(info.Addresses, func(p netip.Prefix) bool { return p.Addr() == a })
	}
	for _, a := range f.Addr {
		if has(a.Addr()) {
			return fmt.Errorf("the kernel has the address %v on %s: give the stack another, or take it from the kernel with ip addr del %v dev %s",
				a.Addr(), f.Iface, a, f.Iface)
		}
	}
	return nil
}

// captured is a stack with a capture file, which is complete once the stack
// has closed.
type captured struct {
	*mtcp.Stack
	file *os.File
}

func (c *captured) Shutdown(ctx context.Context) error {
	return errors.Join(c.Stack.Shutdown(ctx), c.file.Close())
}

func (c *captured) Close() error { return errors.Join(c.Stack.Close(), c.file.Close()) }

// addressesOf lists the addresses of a stack; the kernel's are not asked for.
func addressesOf(d door) (all []string) {
	if s, ok := d.(interface{ Addresses() []netip.Prefix }); ok {
		for _, a := range s.Addresses() {
			all = append(all, a.String())
		}
	}
	return all
}

// endOf returns why a door has ended by itself; nil if it has not.
func endOf(d door) error {
	if s, ok := d.(interface{ Err() error }); ok {
		if err := s.Err(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// drain waits until the stack has no connection left, or ctx is done; it
// returns the last counters and how many connections were left.
func drain(ctx context.Context, d door) (stats []mtcp.ShardStats, left int) {
	for {
		stats, left = d.Stats(), 0
		for _, s := range stats {
			left += s.Connections
		}
		if left == 0 {
			return stats, 0
		}
		select {
		case <-ctx.Done():
			return stats, left
		case <-time.After(10 * time.Millisecond):
		}
	}
}
