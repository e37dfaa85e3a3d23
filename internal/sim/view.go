// What an observer on the wire knows of a connection: enough to forge segments
// that hit its windows, or just miss them.

package sim

import (
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A View is what one end of a connection has sent.
type View struct {
	EthSrc, EthDst wire.MAC
	Local, Remote  Addr
	First          seq.Value // its initial sequence number
	End            seq.Value // after the last octet that it sent
	Ack            seq.Value // what it expects next, as far as it has said
	Window         uint32    // octets from Ack on
	TSVal          uint32
	HasTS          bool
	Synchronized   bool // it has acknowledged something
	Shard          int  // of the host, that sent it last
	scale          uint8
}

// views holds the directions that a host sends, by the host's own key.
type views struct {
	byKey map[flow.Key4]*View
	all   []*View // in the order of their first segments
}

func (v *views) see(shard int, frame []byte) {
	p, ok := parse(frame, false) // the host has just made it
	if !ok {
		return
	}
	k := flow.Key4{
		LocalIP: uint32(p.Src.IP), RemoteIP: uint32(p.Dst.IP),
		LocalPort: p.Src.Port, RemotePort: p.Dst.Port,
	}
	x := v.byKey[k]
	if x == nil || p.Flags.Has(wire.SYN) && p.Seq != x.First {
		x = &View{First: p.Seq, End: p.Seq}
		v.byKey[k] = x
		v.all = append(v.all, x)
	}
	x.Shard = shard
	x.take(&p)
}

func (x *View) take(p *Packet) {
	var o wire.Options
	wire.ParseOptions(p.Options, &o)
	x.EthSrc, x.EthDst, x.Local, x.Remote = p.EthSrc, p.EthDst, p.Src, p.Dst
	x.End = seq.Max(x.End, p.End())
	shift := x.scale
	if p.Flags.Has(wire.SYN) {
		shift, x.scale = 0, 0
		if o.Present.Has(wire.HasWScale) {
			x.scale = o.WScale
		}
	}
	if p.Flags.Has(wire.ACK) {
		x.Ack, x.Window = p.Ack, uint32(p.Window)<<shift
		x.Synchronized = true
	}
	if o.Present.Has(wire.HasTimestamp) {
		x.TSVal, x.HasTS = o.TSVal, true
	}
}

// View returns what a host has sent on one connection; nil if nothing.
func (h *Host) View(local, remote Addr) *View {
	return h.views.byKey[flow.Key4{
		LocalIP: uint32(local.IP), RemoteIP: uint32(remote.IP),
		LocalPort: local.Port, RemotePort: remote.Port,
	}]
}

// Views returns what a host has sent on all connections, oldest first.
func (h *Host) Views() []*View { return h.views.all }

// Forge begins a segment that pretends to come from the end that x has sent to:
// at just the sequence number that x expects, acknowledging all that x has
// sent, with the timestamp that the other end has sent last. It is for
// Host.Inject of x.Shard.
func (h *Host) Forge(x *View, flags wire.Flags) Packet {
	p := Packet{
		EthSrc: x.EthDst, EthDst: x.EthSrc, Src: x.Remote, Dst: x.Local,
		Seq: x.Ack, Ack: x.End, Flags: flags, Window: 1000,
	}
	for _, other := range h.world.hosts {
		if y := other.View(x.Remote, x.Local); y != nil && y.HasTS && x.HasTS {
			p.Options = Timestamp(y.TSVal, x.TSVal)
		}
	}
	return p
}

// Timestamp writes the option.
func Timestamp(value, echo uint32) []byte {
	var b [wire.TCPMaxOptionsLen]byte
	o := wire.Options{Present: wire.HasTimestamp, TSVal: value, TSEcr: echo}
	return append([]byte(nil), b[:wire.PutOptions(b[:], &o, false)]...)
}

// SYNOptions writes the options of a SYN.
func SYNOptions(o wire.Options) []byte {
	var b [wire.TCPMaxOptionsLen]byte
	return append([]byte(nil), b[:wire.PutOptions(b[:], &o, true)]...)
}
