// Package host gives the examples their stacks, as their flags say: one on an
// interface of this machine or on a TAP, or, without either, two on a wire in
// this process, one to serve and one to ask.
package host

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp"
)

// The addresses of the two stacks on a wire.
const (
	ClientIP = "10.0.0.1"
	ServerIP = "10.0.0.2"
)

// drainPatience is how long requests and connections have to end after a signal.
const drainPatience = 5 * time.Second

// A Stop ends a server: it takes nothing new, and completes what is in progress.
type Stop func(context.Context) error

// Serve begins to serve on a stack, and returns how to stop.
type Serve func(*mtcp.Stack) (Stop, error)

// Ask is a client's part: ask the server at an address.
type Ask func(ctx context.Context, s *mtcp.Stack, server string) error

// Run runs an example to its end, which for a server is a signal.
func Run(serve Serve, ask Ask) {
	log.SetFlags(0)
	iface := flag.String("interface", "", "be on this interface, by AF_XDP")
	tap := flag.String("tap", "", "be on this TAP interface, which is made if there is none")
	peer := flag.String("peer", "10.9.0.1/24", "the kernel's address on the TAP")
	address := flag.String("address", "10.9.0.2/24", "the stack's own address, on an interface or a TAP")
	gateway := flag.String("gateway", "", "the next hop to other networks")
	server := flag.String("ask", "", "be the client, of the server at this address")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var link mtcp.Link
	switch {
	case *iface != "":
		link = mtcp.AFXDP{Interface: *iface}
	case *tap != "":
		p, err := netip.ParsePrefix(*peer)
		check(err)
		link = mtcp.TAP{Interface: *tap, Peer: []netip.Prefix{p}}
	default:
		check(inProcess(ctx, serve, ask))
		return
	}
	stack, err := onLink(link, *address, *gateway)
	check(err)
	if *server != "" {
		check(errors.Join(ask(ctx, stack, *server), stack.Close()))
		return
	}
	end, err := serve(stack)
	check(err)
	log.Printf("serving at %s until a signal comes", *address)
	<-ctx.Done()
	check(drain(end, stack))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// onLink makes the stack that a server or client on a network has.
func onLink(link mtcp.Link, address, gateway string) (*mtcp.Stack, error) {
	at, err := netip.ParsePrefix(address)
	if err != nil {
		return nil, fmt.Errorf("-address: %w", err)
	}
	c := mtcp.Config{Link: link, Addresses: []netip.Prefix{at}}
	if gateway != "" {
		if c.Gateway, err = netip.ParseAddr(gateway); err != nil {
			return nil, fmt.Errorf("-gateway: %w", err)
		}
	}
	return mtcp.New(c)
}

// inProcess serves on one stack and asks from the other.
func inProcess(ctx context.Context, serve Serve, ask Ask) error {
	client, server, err := Pair(mtcp.WireConfig{})
	if err != nil {
		return err
	}
	defer client.Close()
	end, err := serve(server)
	if err != nil {
		return errors.Join(err, server.Close())
	}
	return errors.Join(ask(ctx, client, ServerIP), drain(end, server))
}

// drain ends a server and its stack in good order.
func drain(end Stop, s *mtcp.Stack) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainPatience)
	defer cancel()
	return errors.Join(end(ctx), s.Shutdown(ctx))
}

// Get fetches a URL and prints what came.
func Get(ctx context.Context, c *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Printf("%s %s: %s\n", answer.Proto, answer.Status, body)
	return err
}

// Pair makes two stacks on a wire in this process, with limits that suit an
// example.
func Pair(c mtcp.WireConfig) (client, server *mtcp.Stack, err error) {
	wire, err := mtcp.NewWire(c)
	if err != nil {
		return nil, nil, err
	}
	start := func(end int, ip string) (*mtcp.Stack, error) {
		return mtcp.New(mtcp.Config{
			Link:        wire.End(end),
			Addresses:   []netip.Prefix{netip.MustParsePrefix(ip + "/24")},
			Connections: 1 << 10,
			TimeWaits:   1 << 10,
			RingMemory:  64 << 20,
		})
	}
	if client, err = start(0, ClientIP); err != nil {
		return nil, nil, err
	}
	if server, err = start(1, ServerIP); err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return client, server, nil
}
