// Receive, the first phase of a round.
//
//  1. One Recv of up to a batch of frames; what we sent to ourselves and what
//     other shards hand over come the same way.
//  2. Parse all: Ethernet, ARP, IPv4, ICMP, TCP with its checksum.
//  3. Look up all.
//  4. Process each, while what the next ones need is on its way (bring.go). A
//     segment may create or free the connection of a later one, so a look-up is
//     only a hint until the key has been compared.
//  5. Frames go back at once: payload was copied into its ring.

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// An arrival is one TCP segment of the batch.
type arrival struct {
	key   flow.Key4
	owner uint32 // flow table's value by a guess, 0 none
	hash  uint32
	seg   tcp.Segment
	frame []byte // whole, for a hand-over
	flags link.Flags
}

func (s *Shard) receive(now mono.Time) int {
	s.searches = 0
	n := s.queue.Recv(now, s.rx[:s.frameMax])
	if s.crowded++; n < s.frameMax {
		s.crowded = 0
	}
	if n > 0 {
		s.counters.RxBatches++
		s.receiveBatch(s.rx[:n], now, s.fresh())
		s.queue.Release(s.rx[:n])
	}
	return n + s.receiveLocal(now) + s.receiveHandovers(now)
}

// receiveBatch runs one batch through the layers.
func (s *Shard) receiveBatch(frames []link.Frame, now mono.Time, t trail) {
	for i := range frames {
		s.parse(&frames[i], now, t)
	}
	s.processParsed(now, t)
}

// drop counts a packet refused outside the engine.
func (s *Shard) drop(r drop.Reason) { s.drops[r]++ }

// parse takes one frame up to its TCP segment; what is not TCP is dealt with.
func (s *Shard) parse(f *link.Frame, now mono.Time, t trail) {
	s.counters.RxFrames++
	var eth wire.Ethernet
	payload, ok := eth.Parse(f.Bytes)
	switch {
	case !ok:
		s.drop(drop.FrameShort)
	case eth.Dst != s.mac() && !eth.Dst.IsMulticast():
		s.drop(drop.FrameNotOurs)
	case eth.Type == wire.EtherTypeARP:
		s.counters.Flow.ARP++
		s.inputARP(payload, eth.Src, now)
		if t.fresh() {
			s.shareFrame(f)
		}
	case eth.Type == wire.EtherTypeIPv4:
		s.inputIP(f, payload, eth.Dst.IsMulticast(), now, t)
	default:
		s.drop(drop.FrameEtherType)
	}
}

func (s *Shard) inputARP(b []byte, src wire.MAC, now mono.Time) {
	if s.cfg.Neighbours.Outside {
		s.drop(drop.ARPNotOurs) // others answer for our addresses
		return
	}
	a, ok := wire.ParseARP(b)
	if !ok {
		s.drop(drop.ARPBad)
		return
	}
	if r := s.arp.Input(&a, src, now); r != drop.None {
		s.drop(r)
	}
}

func (s *Shard) inputIP(f *link.Frame, b []byte, toMany bool, now mono.Time, t trail) {
	var d ip.Datagram
	if r := s.host.Input(b, now, &d); r != drop.None {
		s.drop(r)
		return
	}
	d.Broadcast = d.Broadcast || toMany // a station's address in a frame to all of them
	switch {
	case d.Held: // a fragment: the rest is to come
		s.counters.Flow.Fragments++
	case d.Proto == wire.ProtoTCP && d.Packet == nil:
		// Put together from fragments, in memory that the next one takes: so it
		// and what came before it are processed now.
		w := s.whole(f, &d)
		s.parseTCP(&w, &d)
		s.processParsed(now, t)
	case d.Proto == wire.ProtoTCP:
		s.parseTCP(f, &d)
	case d.Proto == wire.ProtoICMP:
		s.counters.Flow.ICMP++
		s.inputICMP(f, &d, now, t.fresh())
	default:
		s.drop(drop.IPProtocol)
		s.host.Unreachable(&d, wire.ICMPProtoUnreachable, now)
	}
}

// parseTCP appends a segment to the batch.
func (s *Shard) parseTCP(f *link.Frame, d *ip.Datagram) {
	if d.Broadcast {
		s.drop(drop.TCPBroadcast) // MUST-57
		return
	}
	a := &s.parsed[s.nParsed]
	h := &a.seg.TCP
	opts, payload, r := h.Parse(d.Payload)
	switch {
	case r != drop.None:
		s.drop(r)
		return
	case h.SrcPort == 0 || h.DstPort == 0:
		s.drop(drop.TCPPort)
		return
	case !s.checksumGood(f, d, h):
		s.drop(drop.TCPChecksum) // MUST-3
		return
	case !wire.ParseOptions(opts, &a.seg.Options):
		s.drop(drop.TCPOption)
		return
	}
	a.seg.Payload, a.seg.ECN = payload, d.TOS&wire.ECNMask
	a.key = flow.Key4{
		LocalIP: uint32(d.Dst), RemoteIP: uint32(d.Src),
		LocalPort: h.DstPort, RemotePort: h.SrcPort,
	}
	a.hash = s.flows.Hash(a.key)
	a.frame, a.flags = f.Bytes, f.Flags
	s.counters.Flow.Segments++
	s.nParsed++
}

// checksumGood verifies the TCP checksum. A peer on the same machine may leave
// its completion to a device that is not there; such a packet was never on a
// wire. Only links that can have such peers say so.
func (s *Shard) checksumGood(f *link.Frame, d *ip.Datagram, h *wire.TCP) bool {
	if f.Flags&(link.ChecksumGood|link.ChecksumNone) != 0 {
		return true
	}
	if s.info.LocalPeer && h.Checksum == wire.Fold(wire.PseudoSum(d.Src, d.Dst, wire.ProtoTCP, len(d.Payload))) {
		s.counters.RxUnfilled++
		return true
	}
	return wire.TCPChecksumOK(d.Src, d.Dst, d.Payload)
}

// processParsed looks up and processes the segments of a batch.
func (s *Shard) processParsed(now mono.Time, t trail) {
	for i := range s.parsed[:s.nParsed] {
		a := &s.parsed[i]
		a.owner = s.flows.Guess(a.hash)
	}
	many := s.hasMany()
	for i := range s.parsed[:s.nParsed] {
		if many {
			s.bring(i)
		}
		s.input(&s.parsed[i], now, t)
		s.parsed[i].seg.Payload, s.parsed[i].frame = nil, nil
	}
	s.nParsed = 0
}

// input gives one segment to its connection, record or listener.
func (s *Shard) input(a *arrival, now mono.Time, t trail) {
	owner := a.owner
	if owner == 0 || !s.owns(owner, a.key) {
		owner, _ = s.flows.Find(a.key, a.hash)
	}
	switch {
	case t.taken:
		s.takenElsewhere(a, owner)
	case owner == 0:
		s.inputUnknown(a, now, t)
	case s.doubts(a, owner) && s.ask(a, t):
		// Another shard may have the connection.
	case owner&twBit != 0:
		s.inputTimeWait(a, owner&^twBit, now)
	default:
		s.inputConnection(a, slab.Index(owner), now, t)
	}
}

// owners are the connections and records of a shard, by their values in the flow
// table.
type owners Shard

// Key implements flow.Keys.
func (s *owners) Key(owner uint32) flow.Key4 {
	if owner&twBit != 0 {
		return s.tw.slab.At(slab.Index(owner &^ twBit)).Key
	}
	return s.tcbs.At(slab.Index(owner)).Key()
}

// owns checks that a looked-up owner still has the key.
func (s *Shard) owns(owner uint32, k flow.Key4) bool {
	if (*owners)(s).Key(owner) != k {
		return false
	}
	if owner&twBit != 0 {
		return s.tw.slab.InUse(slab.Index(owner &^ twBit))
	}
	i := slab.Index(owner)
	return s.tcbs.InUse(i) && s.tcbs.At(i).State() != tcp.Closed
}

func (s *Shard) inputConnection(a *arrival, i slab.Index, now mono.Time, tr trail) {
	t := s.tcbs.At(i)
	if t.State() == tcp.SynReceived && t.IsPassive() && s.acceptFull(t) && !a.seg.Flags.Has(wire.RST) {
		s.engine.Stats.SegmentsIn++
		s.drop(drop.AcceptFull) // the peer will send again
		return
	}
	handshake := t.State() == tcp.SynReceived
	why := s.engine.Input(t, &a.seg, now)
	if handshake {
		s.promise(t)
	}
	if tr.back && why == drop.None {
		s.claim(a, tr)
	}
	if n := t.Neighbour(); n != 0 && a.seg.Flags.Has(wire.ACK) {
		s.arp.Confirm(neighID(n), now)
	}
	s.touch(t)
}

// inputUnknown is a segment without a connection.
func (s *Shard) inputUnknown(a *arrival, now mono.Time, t trail) {
	v, listens := s.listeners.Lookup(a.key.LocalIP, a.key.LocalPort)
	mayBringCookie := listens && a.seg.MayBringCookie() && s.takesCookies(&s.listening[v], now)
	t.back = t.back || t.fresh() && mayBringCookie
	// What opens no connection may belong to one of another shard, also where
	// somebody listens.
	if !(listens && a.seg.Flags&(wire.SYN|wire.ACK) == wire.SYN) && (s.handOver(a, t) || s.handBack(a, t)) {
		return
	}
	switch {
	case mayBringCookie:
		s.inputCookie(a, v, now)
		return
	case listens:
		s.inputListener(a, v, now)
		return
	}
	s.engine.Stats.SegmentsIn++
	s.engine.Refuse(&a.seg, a.key)
}

// receiveLocal takes frames that we sent to ourselves.
func (s *Shard) receiveLocal(now mono.Time) int {
	n := 0
	for ; n < batch; n++ {
		b, _, ok := s.loop.Front()
		if !ok {
			break
		}
		s.inputOwn(b, now)
		s.loop.Pop()
	}
	return n
}

// inputOwn takes a packet of ours to ourselves. IPv4's checks are for packets
// of others: they refuse our own address as a source.
func (s *Shard) inputOwn(b []byte, now mono.Time) {
	s.counters.Flow.RxLocal++
	var h wire.IPv4Header
	payload, r := h.Parse(b[ipAt:])
	if r != drop.None || h.Proto != wire.ProtoTCP {
		s.drop(drop.IPProtocol)
		return
	}
	f := link.Frame{Bytes: b, Flags: link.ChecksumGood}
	s.parseTCP(&f, &ip.Datagram{Src: h.Src, Dst: h.Dst, TOS: h.TOS, Payload: payload})
	s.processParsed(now, s.ended())
}
