// The network of the demonstration: namespaces, a veth, a TAP interface.

package main

import (
	"context"
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

	tapClientAddress = "10.78.0.1"
	tapStackAddress  = "10.78.0.2"

	prefixBits = "/24"
	congestion = "cubic"
)

// A world is the network. Over AF_XDP: a veth between two namespaces, the
// server's end first. Over TAP the stack makes its own way to the client, and
// the veth is the kernel's, to compare; without the right to make namespaces the
// client is here, and the kernel talks to itself.
//
//	AF_XDP   client == veth == (stack | kernel)
//	TAP      client == TAP == stack, client == veth == kernel
//	here     client == TAP == stack, client == loopback == kernel
type world struct {
	*netconf.Pair                 // nil: here
	link          string          // of the stack
	shared        bool            // the stack shares the kernel's address
	life          context.Context // of the connections that dial makes
	end           context.CancelFunc

	mu     sync.Mutex // guards what follows
	closed bool
	dials  sync.WaitGroup
}

// newWorld makes the namespaces and the veth.
func newWorld() (*world, error) {
	p, err := netconf.NewPair(
		netconf.End{Interface: "mtcp0", Addresses: []netip.Prefix{netip.MustParsePrefix(kernelAddress + prefixBits)}},
		netconf.End{Interface: "mtcp1", Addresses: []netip.Prefix{netip.MustParsePrefix(clientAddress + prefixBits)}},
	)
	if err != nil {
		return nil, err
	}
	return newWorldOn(p), nil
}

// newWorldOn is a world on a pair, or here.
func newWorldOn(p *netconf.Pair) *world {
	w := &world{Pair: p, link: linkAFXDP}
	w.life, w.end = context.WithCancel(context.Background())
	return w
}

// newWorldFor is the world of a link, at an address of the stack's own or at the
// kernel's.
func newWorldFor(link string, shared bool) (w *world, err error) {
	if link == linkTAP && len(missing(capSysAdmin)) > 0 {
		w = newWorldOn(nil)
	} else if w, err = newWorld(); err != nil {
		return nil, err
	}
	w.link, w.shared = link, shared
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
	if w.Pair == nil {
		return nil
	}
	return w.Pair.Close()
}

// clientAt, stackAt and kernelAt are where the client, the stack's server and
// the kernel's server run.
func (w *world) clientAt() place {
	if w.Pair == nil {
		return here{}
	}
	return w.client().Namespace
}

func (w *world) stackAt() place {
	if w.link == linkTAP {
		return w.clientAt()
	}
	return w.server().Namespace
}

func (w *world) kernelAt() place {
	if w.Pair == nil {
		return here{}
	}
	return w.server().Namespace
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
	err = w.clientAt().Do(func() error {
		c, err = kernelDoor{congestion}.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// kernelCounts reads the kernel's counters at the server's end.
func (w *world) kernelCounts() (k kernelCounters, err error) {
	iface := "lo"
	if w.Pair != nil {
		iface = w.server().Interface
	}
	err = w.kernelAt().Do(func() (err error) {
		k, err = readKernelCounters(iface)
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
			return requestLoad(ctx, w.clientAt(), anyCore, l, url, false)
		},
	}
}

// stackAddress is that of the stack's server.
func (w *world) stackAddress() string {
	switch {
	case w.link == linkTAP:
		return tapStackAddress
	case w.shared:
		return kernelAddress
	}
	return stackAddress
}

// stackArgs are the flags of a server on the stack of this world.
func (w *world) stackArgs() []string {
	if w.link == linkTAP {
		return []string{"--link", linkTAP, "--addr", tapStackAddress + prefixBits, "--peer", tapClientAddress + prefixBits, "--congestion", congestion}
	}
	if w.shared {
		return []string{"--iface", w.server().Interface, "--shared", "--ports", "80", "--congestion", congestion}
	}
	return []string{"--iface", w.server().Interface, "--addr", stackAddress + prefixBits, "--congestion", congestion}
}

// kernelArgs are the flags of one on the kernel's TCP.
func (w *world) kernelArgs() []string {
	return []string{"--link", linkKernel, "--congestion", congestion}
}

// kernelListen is where that one listens.
func (w *world) kernelListen() string {
	if w.Pair == nil {
		return "127.0.0.1:0"
	}
	return kernelAddress + ":80"
}

// description is the network in words; kernel, the way to the kernel's server;
// made, what is to be removed.
func (w *world) description() (network, kernel, made string) {
	switch {
	case w.link != linkTAP:
		return fmt.Sprintf("two namespaces and a veth: kernel client %s, mtcp %s, kernel server %s", clientAddress, w.stackAddress(), kernelAddress),
			"same veth and file server", "the namespaces, the veth"
	case w.Pair != nil:
		return fmt.Sprintf("two namespaces: kernel client %s with a TAP to mtcp %s, and a veth to kernel server %s", tapClientAddress, tapStackAddress, kernelAddress),
			"over the veth (a TAP has one kernel only), same file server", "the namespaces, the TAP, the veth"
	default:
		return fmt.Sprintf("here, for want of %s: kernel client %s with a TAP to mtcp %s, and loopback to kernel server", capSysAdmin.name, tapClientAddress, tapStackAddress),
			"over loopback (a TAP has one kernel only), same file server", "the TAP"
	}
}
