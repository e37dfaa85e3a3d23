// The demonstration without rights: two stacks in this process, on a wire
// between them.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/mtcp-go/mtcp"
)

func (c *demoCmd) showLocal(ctx context.Context, t *terminal, s *site) error {
	wire, err := mtcp.NewWire(mtcp.WireConfig{})
	if err != nil {
		return err
	}
	end := func(i int, address string) (*mtcp.Stack, error) {
		return mtcp.New(mtcp.Config{
			Link:        wire.End(i),
			Addresses:   []netip.Prefix{netip.MustParsePrefix(address + prefixBits)},
			Connections: 1 << 14,
			RingMemory:  128 << 20,
			TCP:         mtcp.TCP{Congestion: congestion},
		})
	}
	server, err := end(0, stackAddress)
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := end(1, clientAddress)
	if err != nil {
		return err
	}
	defer client.Close()

	fmt.Fprintf(t.out, "network    two stacks in this process: client %s, server %s\n", clientAddress, stackAddress)
	for _, line := range linkLines(server.Links()) {
		fmt.Fprintln(t.out, line)
	}
	say := func(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }
	ours, err := c.tryLocal(ctx, s, server, ":80", client.DialContext, say)
	if err != nil {
		return err
	}
	c.ours(t, &ours, append(server.Stats(), client.Stats()...))
	door := kernelDoor{}
	kernel, err := c.tryLocal(ctx, s, door, "127.0.0.1:0", door.DialContext, quiet)
	if err != nil {
		return fmt.Errorf("the kernel's TCP: %w", err)
	}
	c.beside(t, "loopback, packets of up to 64 KiB", &ours, &kernel, "retransmissions not counted")
	return nil
}

// tryLocal serves and fetches in this process.
func (c *demoCmd) tryLocal(ctx context.Context, s *site, d door, listen string, dial dialer, say func(string, ...any)) (m measured, err error) {
	l, err := d.Listen(ctx, "tcp4", listen)
	if err != nil {
		return m, err
	}
	files := &http.Server{Handler: http.FileServer(http.Dir(s.dir))}
	served := make(chan error, 1)
	go func() { served <- files.Serve(l) }() // until Close below
	defer func() {
		files.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.MustParseAddr(stackAddress), at.Port())
	}
	return c.try(ctx, s, subject{
		base: "http://" + at.String(),
		dial: dial,
		load: func(ctx context.Context, l load, url string) (loadResult, error) {
			return httpLoad(ctx, dial, l, url, false), nil
		},
	}, say)
}
