// Command gvisor-peer is the server of mtcp's benchmarks on gVisor's netstack: the
// same Go code behind the same ports, over AF_XDP, or over a packet socket where
// that cannot be. mtcp bench paper starts it, and it prints events as mtcp bench
// serve --json does.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/traffic"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	nic        = 1
	congestion = "cubic"
)

// An event is a line of what is printed.
type event struct {
	Event string
	Links []mtcp.LinkInfo   `json:",omitempty"`
	Stats []mtcp.ShardStats `json:",omitempty"`
}

func main() {
	iface := flag.String("iface", "", "interface")
	addr := flag.String("addr", "", "address of the stack, with its prefix length")
	size := flag.Int("size", 64, "octets of a request, and of its answer")
	link := flag.String("link", "auto", "afxdp, packet, or auto: the first that can be")
	flag.Parse()
	if err := run(*iface, *addr, *size, *link); err != nil {
		fmt.Fprintln(os.Stderr, "gvisor-peer:", err)
		os.Exit(1)
	}
}

func run(iface, addr string, size int, link string) error {
	at, err := netip.ParsePrefix(addr)
	if err != nil || !at.Addr().Is4() {
		return fmt.Errorf("-addr: %q is no IPv4 address with a prefix length", addr)
	}
	if size < 1 || size > traffic.MaxSize {
		return fmt.Errorf("-size: 1 to %d are possible", traffic.MaxSize)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	device, err := net.InterfaceByName(iface)
	if err != nil {
		return fmt.Errorf("-iface: %w", err)
	}
	end, info, err := openLink(device, link)
	if err != nil {
		return err
	}
	s, err := newStack(end, at)
	if err != nil {
		return err
	}
	if err := serve(s, at, size); err != nil {
		return err
	}
	print(event{Event: "ready", Links: []mtcp.LinkInfo{info}})
	for got := range signals {
		if got != syscall.SIGUSR1 {
			break
		}
		print(event{Event: "counters", Stats: counters(s)})
	}
	print(event{Event: "end", Stats: counters(s)})
	return nil
}

func print(e event) { _ = json.NewEncoder(os.Stdout).Encode(e) } // a reader that has gone ends us anyway

// newStack is one with its defaults, but for SACK, which is off in the library and on
// wherever it is used, and the congestion control, which is the same for all.
func newStack(link stack.LinkEndpoint, at netip.Prefix) (*stack.Stack, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack, control := tcpip.TCPSACKEnabled(true), tcpip.CongestionControlOption(congestion)
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &control} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return nil, fmt.Errorf("option %T: %v", option, err)
		}
	}
	if err := s.CreateNIC(nic, link); err != nil {
		return nil, errors.New("interface: " + err.String())
	}
	address := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{
		Address: tcpip.AddrFrom4(at.Addr().As4()), PrefixLen: at.Bits(),
	}}
	if err := s.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
		return nil, errors.New("address: " + err.String())
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s, nil
}

// serve listens on the ports of the benchmarks.
func serve(s *stack.Stack, at netip.Prefix, size int) error {
	g := traffic.NewGoServer(size)
	failed := make(chan error, 8)
	listen := func(port uint16, serve func(net.Listener) error) error {
		l, err := gonet.ListenTCP(s, tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(at.Addr().As4()), Port: port}, ipv4.ProtocolNumber)
		if err != nil {
			return fmt.Errorf("port %d: %w", port, err)
		}
		go func() { failed <- serve(l) }() // as long as the process
		return nil
	}
	for _, port := range []int{traffic.PortRequests, traffic.PortShort, traffic.PortOut, traffic.PortIn} {
		if err := listen(uint16(port), func(l net.Listener) error { return g.Serve(l, port) }); err != nil {
			return err
		}
	}
	answer := make([]byte, size)
	traffic.Pattern(answer, 0)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(answer) // an error is the client's business
	})}
	return listen(traffic.PortHTTP, web.Serve)
}

// counters are netstack's in our words. It counts neither its idle polls nor its
// TIME_WAIT records.
func counters(s *stack.Stack) []mtcp.ShardStats {
	t, all := s.Stats(), s.Stats().NICs
	return []mtcp.ShardStats{{
		RxFrames: all.Rx.Packets.Value(), TxFrames: all.Tx.Packets.Value(),
		SegmentsIn: t.TCP.ValidSegmentsReceived.Value(), SegmentsOut: t.TCP.SegmentsSent.Value(),
		ActiveOpens: t.TCP.ActiveConnectionOpenings.Value(), PassiveOpens: t.TCP.PassiveConnectionOpenings.Value(),
		Retransmits: t.TCP.Retransmits.Value(), RTOs: t.TCP.Timeouts.Value(), FastRecoveries: t.TCP.FastRecovery.Value(),
	}}
}
