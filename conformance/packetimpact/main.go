package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/posix"
	"github.com/mtcp-go/mtcp/internal/wire"
	"google.golang.org/grpc"
)

// port is where the programs expect the service.
const port = 54321

// definition is the file of the service within a checkout of gVisor.
const definition = "test/packetimpact/proto/posix_server.proto"

func main() {
	log.SetFlags(0)
	log.SetPrefix("packetimpact: ")
	control := flag.String("ctrl_iface", "", "serve the calls at this interface's address")
	test := flag.String("test_iface", "", "put the stack on this interface, at its address")
	proto := flag.String("proto", filepath.Join(os.Getenv("PACKETIMPACT"), definition), "definition of the service")
	settings := make(map[string]string)
	flag.Func("set", "NAME=VALUE, a setting by Linux's name, as net.ipv4.tcp_rfc1337=0", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("not NAME=VALUE")
		}
		settings[name] = value
		return nil
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *control, *test, *proto, settings); err != nil {
		log.Fatal(err)
	}
}

// run is the life of the host: until a signal.
func run(ctx context.Context, control, test, proto string, settings map[string]string) (err error) {
	service, err := readService(ctx, proto)
	if err != nil {
		return err
	}
	where, err := addressOf(control)
	if err != nil {
		return err
	}
	at, err := addressOf(test)
	if err != nil {
		return err
	}
	device, err := afxdp.Open(afxdp.Config{Interface: test, Addresses: []netip.Addr{at.Addr()}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	if n := device.Info().Queues; n != 1 {
		return fmt.Errorf("%s has %d queues: one shard serves one", test, n)
	}
	c := posix.Config{
		Address: wire.IPv4Prefix{Addr: wire.FromBytes(at.Addr().AsSlice()), Bits: uint8(at.Bits())},
		MTU:     device.Info().MTU, Link: device.Queue(0),
	}
	c.Apply(func(name string) string { return settings[name] })
	w, err := newWorld(c)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	server.RegisterService(service.describe(), w)
	l, err := net.Listen("tcp", net.JoinHostPort(where.Addr().String(), strconv.Itoa(port)))
	if err != nil {
		return err
	}
	if err := describe(os.NewFile(3, "descriptor 3"), where, at, test); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	err = w.run(ctx)
	server.Stop()
	return errors.Join(err, <-served)
}

// addressOf returns the IPv4 address of an interface.
func addressOf(name string) (netip.Prefix, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("interface %q: %w", name, err)
	}
	all, err := i.Addrs()
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("interface %q: %w", name, err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("interface %q has no IPv4 address", name)
}
