// mtcp bench flood: SYNs of nobody, to measure what others notice of them.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
	"golang.org/x/sys/unix"
)

type benchFloodCmd struct {
	Iface    string        `required:"" placeholder:"DEV" help:"The interface to send on."`
	MAC      string        `required:"" placeholder:"MAC" help:"The server's, or that of the way to it."`
	Server   host          `required:"" placeholder:"IP" help:"Whom to flood."`
	Port     uint16        `required:"" help:"And where."`
	From     cidr          `default:"198.18.0.0/15" help:"Network of the sources, which nobody may have."`
	Rate     int           `default:"0" help:"SYNs a second; 0: as many as can be."`
	Duration time.Duration `default:"3s" help:"How long."`
	Broken   bool          `help:"With wrong checksums: dropped, and so the cost of a packet that is not answered."`
}

// Help shows an example.
func (*benchFloodCmd) Help() string {
	return `Needs root. For networks of one's own only: sources are random.

Example, from the client's namespace of a veth:

    mtcp bench flood --iface mtcp1 --mac 02:00:00:00:00:02 --server 10.77.0.2 --port 7 --rate 100000`
}

// Run sends until the time is over, and says how many SYNs went.
func (c *benchFloodCmd) Run(t *terminal) error {
	f, err := c.flooder()
	if err != nil {
		return err
	}
	defer unix.Close(f.socket)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	begin := time.Now()
	sent, lost := f.run(ctx, begin)
	seconds := time.Since(begin).Seconds()
	_, err = fmt.Fprintf(t.out, "%d SYNs in %.2f s, %.0f a second, %d not taken by the interface\n", sent, seconds, float64(sent)/seconds, lost)
	return err
}

// A flooder is a raw socket and the SYN that it sends.
type flooder struct {
	*benchFloodCmd
	socket int
	to     unix.SockaddrLinklayer
	rnd    *rand.Rand
	frame  []byte
}

func (c *benchFloodCmd) flooder() (*flooder, error) {
	mac, err := net.ParseMAC(c.MAC)
	if err != nil || len(mac) != len(wire.MAC{}) {
		return nil, usageError(fmt.Sprintf("--mac: %q is no MAC address", c.MAC))
	}
	dev, err := net.InterfaceByName(c.Iface)
	if err != nil {
		return nil, fmt.Errorf("--iface: %w", err)
	}
	f := &flooder{benchFloodCmd: c, rnd: rand.New(rand.NewPCG(rand.Uint64(), 1))}
	f.frame = f.syn(wire.MAC(dev.HardwareAddr), wire.MAC(mac))
	if f.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("a raw socket: %w", err)
	}
	f.to = unix.SockaddrLinklayer{Ifindex: dev.Index, Halen: uint8(len(mac))}
	copy(f.to.Addr[:], mac)
	_ = unix.SetsockoptInt(f.socket, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1) // faster, if there is such a thing
	return f, nil
}

// Where the parts of the frame stand.
const (
	floodIP   = wire.EthernetLen
	floodTCP  = floodIP + wire.IPv4HeaderLen
	floodSYNs = 20 // octets of options
)

// syn is a SYN with the options of Linux.
func (f *flooder) syn(from, to wire.MAC) []byte {
	b := make([]byte, floodTCP+wire.TCPHeaderLen+floodSYNs)
	wire.PutEthernet(b, wire.Ethernet{Dst: to, Src: from, Type: wire.EtherTypeIPv4})
	o := wire.Options{
		Present: wire.HasMSS | wire.HasSACKPermitted | wire.HasTimestamp | wire.HasWScale,
		MSS:     1460, WScale: 7, TSVal: 1,
	}
	var options [wire.TCPMaxOptionsLen]byte
	wire.PutOptions(options[:], &o, true)
	copy(b[floodTCP+wire.TCPHeaderLen:], options[:])
	return b
}

// next makes the frame another SYN, from somewhere else.
func (f *flooder) next() []byte {
	r := f.rnd.Uint64()
	src, dst := asIPv4(f.From.Masked().Addr()), asIPv4(f.Server.Addr)
	src |= wire.IPv4(uint32(r) & (1<<(32-f.From.Bits()) - 1))
	segment := f.frame[floodTCP:]
	wire.PutIPv4(f.frame[floodIP:], &wire.IPv4Header{
		Src: src, Dst: dst, TTL: 64, Proto: wire.ProtoTCP, TotalLen: uint16(len(f.frame) - floodIP),
	})
	wire.PutTCP(segment, &wire.TCP{
		SrcPort: 1024 + uint16(r>>32)%64000, DstPort: f.Port, Seq: seq.Value(f.rnd.Uint32()),
		Flags: wire.SYN, Window: 64240, HeaderLen: wire.TCPHeaderLen + floodSYNs,
	})
	wire.PutTCPChecksum(src, dst, segment)
	if f.Broken {
		segment[16] ^= 0x55
	}
	return f.frame
}

func asIPv4(a netip.Addr) wire.IPv4 {
	b := a.As4()
	return wire.IPv4(b[0])<<24 | wire.IPv4(b[1])<<16 | wire.IPv4(b[2])<<8 | wire.IPv4(b[3])
}

// run sends at the rate, in bursts of a millisecond.
func (f *flooder) run(ctx context.Context, begin time.Time) (sent, lost uint64) {
	for ctx.Err() == nil {
		past := time.Since(begin)
		if past >= f.Duration {
			break
		}
		due := sent + lost + 64
		if f.Rate > 0 {
			due = uint64(past.Seconds() * float64(f.Rate))
		}
		for sent+lost < due {
			if unix.Sendto(f.socket, f.next(), 0, &f.to) == nil {
				sent++
			} else {
				lost++
			}
		}
		if f.Rate > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	return sent, lost
}
