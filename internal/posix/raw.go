// The link: raw IP to the outside, Ethernet to the shard. It answers the shard's
// ARP requests itself: every address but the host's own has the same neighbour.

package posix

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var (
	ourMAC  = wire.MAC{2, 0, 0, 0, 0, 1}
	peerMAC = wire.MAC{2, 0, 0, 0, 0, 2}
)

// batch is how many frames are reserved at once.
const batch = 64

type raw struct {
	info    link.Info
	arrived [][]byte
	sent    []Packet
	room    [batch][]byte
	count   link.Counters
}

var _ link.Queue = (*raw)(nil)

func newRaw(mtu int) *raw {
	r := &raw{info: link.Info{Name: "raw IP", Mode: "in-process", MAC: ourMAC, MTU: mtu, Queues: 1}}
	for i := range r.room {
		r.room[i] = make([]byte, wire.EthernetLen+mtu)
	}
	return r
}

// arrive queues an IP packet for the host.
func (r *raw) arrive(packet []byte) {
	f := make([]byte, wire.EthernetLen+len(packet))
	wire.PutEthernet(f, wire.Ethernet{Dst: ourMAC, Src: peerMAC, Type: wire.EtherTypeIPv4})
	copy(f[wire.EthernetLen:], packet)
	r.arrived = append(r.arrived, f)
}

func (r *raw) waits() bool { return len(r.arrived) > 0 }

// Recv implements link.Queue.
func (r *raw) Recv(_ mono.Time, rx []link.Frame) int {
	n := min(len(rx), len(r.arrived))
	for i := range n {
		rx[i] = link.Frame{Bytes: r.arrived[i]}
		r.count.RxFrames++
		r.count.RxOctets += uint64(len(r.arrived[i]))
	}
	r.arrived = r.arrived[n:]
	return n
}

// Release implements link.Queue.
func (r *raw) Release([]link.Frame) {}

// Reserve implements link.Queue.
func (r *raw) Reserve(tx []link.Frame) int {
	n := min(len(tx), batch)
	for i := range n {
		tx[i] = link.Frame{Bytes: r.room[i]}
	}
	return n
}

// Send implements link.Queue.
func (r *raw) Send(now mono.Time, tx []link.Frame) {
	for i := range tx {
		var eth wire.Ethernet
		payload, ok := eth.Parse(tx[i].Bytes)
		switch {
		case !ok: // only returned
		case eth.Type == wire.EtherTypeARP:
			r.answer(payload)
		case eth.Type == wire.EtherTypeIPv4 && len(r.sent) < maxPackets:
			r.count.TxFrames++
			r.count.TxOctets += uint64(len(tx[i].Bytes))
			r.sent = append(r.sent, Packet{now, append([]byte(nil), payload...)})
		default:
			r.count.TxDropped++
		}
	}
}

// answer replies to an ARP request.
func (r *raw) answer(b []byte) {
	a, ok := wire.ParseARP(b)
	if !ok || a.Op != wire.ARPRequest || a.SenderIP.IsUnspecified() || a.SenderIP == a.TargetIP {
		return // a probe, or an announcement
	}
	f := make([]byte, wire.EthernetLen+wire.ARPLen)
	wire.PutEthernet(f, wire.Ethernet{Dst: ourMAC, Src: peerMAC, Type: wire.EtherTypeARP})
	wire.PutARP(f[wire.EthernetLen:], &wire.ARP{
		Op: wire.ARPReply, SenderMAC: peerMAC, SenderIP: a.TargetIP, TargetMAC: ourMAC, TargetIP: a.SenderIP,
	})
	r.arrived = append(r.arrived, f)
}

// Wait implements link.Queue: nobody sleeps here.
func (r *raw) Wait(time.Duration) {}

// Wake implements link.Queue.
func (r *raw) Wake() {}

// Info implements link.Queue.
func (r *raw) Info() link.Info { return r.info }

// Counters implements link.Queue.
func (r *raw) Counters() link.Counters { return r.count }

// Close implements link.Queue.
func (r *raw) Close() error { return nil }
