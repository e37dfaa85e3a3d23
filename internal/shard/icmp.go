// ICMP for connections: errors reach the connection that they quote, if they
// quote something that is in flight (RFC 5927).

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// inputICMP takes a message: echo requests are answered below, errors find
// their connection. One that quotes a connection of another shard goes there.
func (s *Shard) inputICMP(f *link.Frame, d *ip.Datagram, now mono.Time, fresh bool) {
	e, r := s.host.InputICMP(d, now)
	if r != drop.None {
		s.drop(r)
		return
	}
	if e.Kind == ip.ICMPHandled || e.Proto != wire.ProtoTCP {
		return
	}
	k := flow.Key4{
		LocalIP: uint32(e.Src), RemoteIP: uint32(e.Dst),
		LocalPort: e.SrcPort, RemotePort: e.DstPort,
	}
	v, ok := s.flows.Lookup(k)
	if !ok && fresh && s.cfg.Shards > 1 {
		s.shareFrame(f)
		return
	}
	if !ok || v&twBit != 0 {
		s.drop(drop.ICMPUnmatched)
		return
	}
	t := s.tcbs.At(slab.Index(v))
	if e.Kind == ip.ICMPFragNeeded {
		if !s.engine.InFlight(t, e.Seq) {
			s.drop(drop.ICMPUnmatched)
			return
		}
		s.engine.PathMTU(t, s.host.SetPathMTU(e.Dst, e.MTU, now), e.Seq, now)
	} else if why, hard := meaning(&e); !s.engine.ICMPError(t, why, hard, e.Seq) {
		s.drop(drop.ICMPUnmatched)
		return
	}
	s.touch(t)
}

// meaning translates an ICMP error, and says whether it is a hard one (RFC 9293
// §3.9.2.2; Linux's mapping to error numbers).
func meaning(e *ip.ICMPResult) (why sock.Errno, hard bool) {
	if e.Kind != ip.ICMPUnreachable {
		return sock.HostUnreachable, false
	}
	switch e.Code {
	case wire.ICMPNetUnreachable, wire.ICMPNetUnknown, wire.ICMPNetProhibited, wire.ICMPNetUnreachableTOS:
		return sock.NetUnreachable, true
	case wire.ICMPHostUnknown:
		return sock.HostDown, true
	case wire.ICMPHostIsolated:
		return sock.NoNetwork, true
	case wire.ICMPSourceRouteFailed:
		return sock.NoRouting, true
	case wire.ICMPProtoUnreachable:
		return sock.ProtocolUnreachable, true
	case wire.ICMPPortUnreachable:
		return sock.Refused, true
	default:
		return sock.HostUnreachable, true
	}
}
