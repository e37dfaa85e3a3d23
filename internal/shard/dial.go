// Active opens: from the wish for a connection to who gets it. What the peer
// opens goes the same way from opened on.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Connect is an active open: OpConnect, or with settings from a function of
// OpCall.
func (s *Shard) Connect(c *sock.Command, now mono.Time, settings ...sock.Setting) {
	remote, ok := fromWide(c.Remote)
	local, _ := fromWide(c.Local)
	k, why := flow.Key4{}, sock.Invalid
	if ok {
		k, why = s.newKey(flow.Key4{
			LocalIP: uint32(local), RemoteIP: uint32(remote), LocalPort: c.LocalPort, RemotePort: c.RemotePort,
		})
	}
	var t *tcp.TCB
	if why == sock.OK {
		t, why = s.open(k, now, settings...)
	}
	if why != sock.OK {
		s.answerDial(c.Token, sock.Accepted{}, why)
		return
	}
	s.dials[t.Slot()] = c.Token
}

// open takes a slot for an active open.
func (s *Shard) open(k flow.Key4, now mono.Time, settings ...sock.Setting) (*tcp.TCB, sock.Errno) {
	if s.over != sock.OK {
		return nil, s.over
	}
	i, ok := s.tcbs.Get()
	if !ok {
		s.drop(drop.NoTCB)
		return nil, sock.NoMemory
	}
	if !s.flows.Insert(k, uint32(i)) {
		s.tcbs.Put(i)
		s.drop(drop.NoTCB)
		return nil, sock.NoMemory
	}
	t := s.tcbs.At(i)
	s.engine.Connect(t, i, k, s.mtu(k, now), now, settings...)
	s.touch(t)
	return t, sock.OK
}

// mtu returns what packets of a new connection may have.
func (s *Shard) mtu(k flow.Key4, now mono.Time) tcp.MTU {
	path, route := s.host.MTUs(wire.IPv4(k.RemoteIP), now)
	return tcp.MTU{Path: path, Route: route}
}

// newKey completes the 4-tuple of an active open: a local address or port that
// is zero is chosen.
func (s *Shard) newKey(k flow.Key4) (flow.Key4, sock.Errno) {
	remote, local := wire.IPv4(k.RemoteIP), wire.IPv4(k.LocalIP)
	if remote.IsUnspecified() || remote.IsMulticast() || remote.IsBroadcast() || k.RemotePort == 0 {
		return k, sock.Invalid // MUST-46
	}
	src, _, _, routed := s.host.Route(remote)
	switch {
	case !local.IsUnspecified() && !s.host.IsLocal(local):
		return k, sock.NotLocal
	case !routed:
		s.drop(drop.IPNoRoute)
		return k, sock.NetUnreachable
	case local.IsUnspecified():
		k.LocalIP = uint32(src) // MUST-44
	}
	if k.LocalPort != 0 {
		if _, used := s.flows.Lookup(k); used {
			return k, sock.AddressInUse
		}
		return k, sock.OK
	}
	knowsHome := s.cfg.Shards > 1 && s.info.Incoming != nil
	if !(knowsHome && s.nextPort(&k, true)) && !s.nextPort(&k, false) {
		s.drop(drop.PortsUsed)
		return k, sock.NoPort
	}
	return k, sock.OK
}

// nextPort gives k the next port that is free, or of these one by which the
// device brings the packets to this shard, so that nothing is handed over.
func (s *Shard) nextPort(k *flow.Key4, atHome bool) (ok bool) {
	k.LocalPort, ok = s.ports.Next(k.LocalIP, k.RemoteIP, k.RemotePort, func(p uint16) bool {
		k.LocalPort = p
		return (!atHome || s.info.Incoming(*k) == s.cfg.ID) && s.portFree(*k)
	})
	return ok
}

// portFree says whether the 4-tuple may be used by a new connection of this
// shard. With several shards the port names the owner, so that whoever
// receives a packet of the connection knows whose it is.
func (s *Shard) portFree(k flow.Key4) bool {
	if s.cfg.Shards > 1 && s.ownerOfPort(k.LocalPort) != s.cfg.ID {
		return false
	}
	if _, listening := s.listeners.Lookup(k.LocalIP, k.LocalPort); listening {
		return false
	}
	_, used := s.flows.Lookup(k)
	return !used
}

// cancel gives up an active open that has not been answered yet.
func (s *Shard) cancel(token uint64) {
	for i, have := range s.dials {
		if have == token {
			t := s.tcbs.At(i)
			s.engine.Abort(t)
			s.touch(t)
			return
		}
	}
}

func (s *Shard) answerDial(token uint64, c sock.Accepted, why sock.Errno) {
	s.woke = true
	s.events.Dialed(token, c, why)
}

// dialFailed answers an active open that came to nothing.
func (s *Shard) dialFailed(t *tcp.TCB, i slab.Index) {
	token, ok := s.dials[i]
	if !ok {
		return
	}
	delete(s.dials, i)
	why := s.broke(t)
	if why == sock.OK {
		why = sock.Aborted
	}
	s.answerDial(token, sock.Accepted{}, why)
}

// opened hands a new connection to who asked for it.
func (s *Shard) opened(t *tcp.TCB, i slab.Index, now mono.Time) {
	switch {
	case t.IsPassive():
		s.accepted(t, i)
		return
	case t.Listed()&handledBit != 0:
		return // tell says so
	}
	token, ok := s.dials[i]
	if !ok {
		return
	}
	delete(s.dials, i)
	if !s.pool.Low() { // when memory is short, only those who write get some
		s.engine.ReadyTx(t)
	}
	s.blocks[i].Raise(sock.Connected, 0)
	s.answerDial(token, s.describe(t, i), sock.OK)
}

// describe is what an application is told of a connection.
func (s *Shard) describe(t *tcp.TCB, i slab.Index) sock.Accepted {
	k := t.Key()
	return sock.Accepted{
		Handle: s.tcbs.Handle(i),
		Local:  wide(wire.IPv4(k.LocalIP)), LocalPort: k.LocalPort,
		Remote: wide(wire.IPv4(k.RemoteIP)), RemotePort: k.RemotePort,
		Shard: uint32(s.cfg.ID),
	}
}

// wide writes an IPv4 address as IPv4-mapped IPv6.
func wide(a wire.IPv4) (b [16]byte) {
	b[10], b[11] = 0xff, 0xff
	a.Put(b[12:])
	return b
}

// fromWide reads it back; all zeros is the unspecified address.
func fromWide(b [16]byte) (wire.IPv4, bool) {
	if b == ([16]byte{}) {
		return 0, true
	}
	if [12]byte(b[:12]) != [12]byte{10: 0xff, 11: 0xff} {
		return 0, false
	}
	return wire.FromBytes(b[12:]), true
}
