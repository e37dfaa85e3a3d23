// The demonstration over AF_XDP: two namespaces, a veth, and servers as
// children.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/mtcp-go/mtcp/internal/netconf"
)

// Addresses of the network that is made.
const (
	clientAddress = "10.77.0.1"
	stackAddress  = "10.77.0.2"
	kernelAddress = "10.77.0.3"
	prefixBits    = "/24"
	congestion    = "cubic"
)

// A world is the network: the server's end first.
type world struct {
	*netconf.Pair
	life context.Context // of the connections that dial makes
	end  context.CancelFunc

	mu     sync.Mutex // guards what follows
	closed bool
	dials  sync.WaitGroup
}

func newWorld() (*world, error) {
	p, err := netconf.NewPair(
		netconf.End{Interface: "mtcp0", Addresses: []netip.Prefix{netip.MustParsePrefix(kernelAddress + prefixBits)}},
		netconf.End{Interface: "mtcp1", Addresses: []netip.Prefix{netip.MustParsePrefix(clientAddress + prefixBits)}},
	)
	if err != nil {
		return nil, err
	}
	w := &world{Pair: p}
	w.life, w.end = context.WithCancel(context.Background())
	return w, nil
}

// Close removes the network. net/http goes on dialling when its request
// has been given up, so that is ended first.
func (w *world) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.end()
	w.dials.Wait()
	return w.Pair.Close()
}

func (w *world) server() *netconf.Place { return &w.Ends[0] }
func (w *world) client() *netconf.Place { return &w.Ends[1] }

// dial connects through the kernel of the client's namespace.
func (w *world) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil, net.ErrClosed
	}
	w.dials.Add(1)
	w.mu.Unlock()
	defer w.dials.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.life, cancel)()
	err = w.client().Do(func() error {
		c, err = kernelDoor{congestion}.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// kernelCounts reads the kernel's counters at the server's end.
func (w *world) kernelCounts() (k kernelCounters, err error) {
	err = w.server().Do(func() (err error) {
		k, err = readKernelCounters(w.server().Interface)
		return err
	})
	return k, err
}

// subject is a server of this world at an address.
func (w *world) subject(address string) subject {
	return subject{
		base: "http://" + address,
		dial: w.dial,
		load: func(ctx context.Context, l load, url string) (loadResult, error) {
			return requestLoad(ctx, w.client().Namespace, anyCore, l, url, false)
		},
	}
}

// stackArgs are the flags of a server on the stack of this world.
func (w *world) stackArgs() []string {
	return []string{"--iface", w.server().Interface, "--addr", stackAddress + prefixBits, "--congestion", congestion}
}

// sharedArgs are those of one that shares the kernel's address.
func (w *world) sharedArgs() []string {
	return []string{"--iface", w.server().Interface, "--shared", "--ports", "80", "--congestion", congestion}
}

// kernelArgs are the flags of one on the kernel's TCP.
func (w *world) kernelArgs() []string {
	return []string{"--link", "kernel", "--congestion", congestion}
}

func (c *demoCmd) showAFXDP(ctx context.Context, t *terminal, s *site) (err error) {
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, w.Close())
		if err == nil {
			fmt.Fprintln(t.out, "removed    the namespaces, the veth, the servers and the files")
		}
	}()
	fmt.Fprintf(t.out, "network    two namespaces and a veth: kernel client %s, mtcp %s, kernel server %s\n",
		clientAddress, c.stackAddress(), kernelAddress)
	ours, err := c.showStack(ctx, t, s, w)
	if err != nil {
		return err
	}
	// The kernel comes when the XDP program has gone: as long as it is there
	// the client's end does without TSO.
	kernel, k, err := c.tryKernel(ctx, s, w)
	if err != nil {
		return fmt.Errorf("the kernel's TCP: %w", err)
	}
	c.beside(t, "same veth and file server, its own TCP ("+congestion+")", &ours, &kernel,
		fmt.Sprintf("%s of %s segments retransmitted", group(k.retransmitted), group(k.segmentsOut)))
	return nil
}

// stackAddress is where the stack serves.
func (c *demoCmd) stackAddress() string {
	if c.Shared {
		return kernelAddress
	}
	return stackAddress
}

// showStack measures mtcp serve.
func (c *demoCmd) showStack(ctx context.Context, t *terminal, s *site, w *world) (m measured, err error) {
	args := w.stackArgs()
	if c.Shared {
		args = w.sharedArgs()
		g, err := startGuest(ctx, w, w.server().Namespace)
		if err != nil {
			return m, err
		}
		defer func() {
			ended := g.end()
			if err == nil && ended == nil {
				fmt.Fprintf(t.out, "beside     %s\n", g.text())
			}
			err = errors.Join(err, ended)
		}()
	}
	child, err := startServer(ctx, w.server().Namespace, anyCore, append(args, "--listen", ":80", "--root", s.dir)...)
	if err != nil {
		return m, err
	}
	defer child.kill()
	for _, line := range linkLines(child.ready.Links) {
		fmt.Fprintln(t.out, line)
	}
	say := func(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }
	m, err = c.try(ctx, s, w.subject(c.stackAddress()), say)
	if err != nil {
		if at, countErr := child.counters(ctx); countErr == nil {
			c.ours(t, &m, at.Stats)
		}
		return m, err
	}
	end, err := child.stop(ctx)
	if err != nil {
		return m, err
	}
	c.ours(t, &m, end.Stats)
	return m, nil
}

// tryKernel measures the same server on the kernel's TCP.
func (c *demoCmd) tryKernel(ctx context.Context, s *site, w *world) (m measured, k kernelCounters, err error) {
	child, err := startServer(ctx, w.server().Namespace, anyCore,
		append(w.kernelArgs(), "--listen", kernelAddress+":80", "--root", s.dir)...)
	if err != nil {
		return m, k, err
	}
	defer child.kill()
	before, err := w.kernelCounts()
	if err != nil {
		return m, k, err
	}
	if m, err = c.try(ctx, s, w.subject(kernelAddress), quiet); err != nil {
		return m, k, err
	}
	after, err := w.kernelCounts()
	if err != nil {
		return m, k, err
	}
	_, err = child.stop(ctx)
	return m, after.since(before), err
}
