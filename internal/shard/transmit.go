// Transmit, the last phase: ARP and ICMP, then replies that no connection
// sends, then the ready lists in this order: control (SYN, FIN's RST), ACK,
// data, and last what is left of SYN cookies, of which the first go before the
// lists. A connection that has more to say goes to the end of its list, so
// that all share the batch.
//
// What goes first has half of the frames, and what is left at the end: the FINs of
// old connections would otherwise wait for an end of new ones, and their peers
// would send theirs again.

package shard

import (
	"encoding/binary"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Frame layout of what we send.
const (
	ipAt  = wire.EthernetLen
	tcpAt = ipAt + wire.IPv4HeaderLen

	checksumAt = 16 // of the field in a TCP header
)

// frames is how many will be wanted, at a guess: reserving a whole batch for
// every ACK costs more than the ACK, and for every answer a tenth of a round trip.
// What does not fit goes with the next round.
func (s *Shard) frames() int {
	n := s.engine.Replies() + s.asked.again + 2*s.lists[listControl-1].n + 4*s.lists[listAck-1].n + s.dataFrames()
	if s.arp.HasOutput() || s.host.HasOutput() {
		n += 8
	}
	return min(n, s.frameMax)
}

// dataFrames is how many the first connections with data want, and four for each
// of the others.
func (s *Shard) dataFrames() int {
	const first = 4
	l := &s.lists[listData-1]
	n := 0
	for i, k := l.head, 0; i != 0 && k < first; k++ {
		t := s.tcbs.At(i)
		n += min(t.Segments(), maxSegments)
		i = t.ListNext()
	}
	return n + 4*max(l.n-first, 0)
}

// transmit fills and sends at most one batch of frames.
func (s *Shard) transmit(now mono.Time) int {
	s.releaseHeld(now)
	s.isStalled = false
	if !s.hasOutput() {
		return 0
	}
	s.txHave = s.queue.Reserve(s.tx[:s.frames()])
	s.txUsed = 0
	s.odd = 1 - s.odd
	s.all()
	s.sendARP(now)
	s.sendICMP(now)
	s.half()
	s.sendReplies(now)
	s.all()
	s.sendCookies(cookieShare, now)
	s.half()
	s.sendList(listControl, now)
	s.half()
	s.sendList(listAck, now)
	s.all()
	s.sendList(listData, now)
	s.sendReplies(now)
	s.sendList(listControl, now)
	s.sendList(listAck, now)
	s.sendCookies(batch, now)
	sent, lost := s.txUsed, 0
	local := s.txLocal
	s.txLocal = 0
	if s.isDown {
		sent, lost = 0, s.txUsed
		s.drops[drop.LinkDown] += uint64(lost)
	}
	if s.txHave > 0 {
		for i := sent; i < s.txHave; i++ {
			s.tx[i].Bytes, s.tx[i].Flags = s.tx[i].Bytes[:0], 0
		}
		s.queue.Send(now, s.tx[:s.txHave])
	}
	if sent > 0 {
		s.counters.TxBatches++
		s.counters.TxFrames += uint64(sent)
	}
	if s.txHave == 0 && local == 0 {
		s.counters.TxStalls++
		s.isStalled = true
	}
	return sent + lost + local
}

// half lets what comes next have half of the frames that are left, all the rest.
func (s *Shard) half() { s.txEnd = s.txUsed + (s.txHave-s.txUsed+s.odd)/2 }
func (s *Shard) all()  { s.txEnd = s.txHave }

// frame returns the next free frame's memory, nil when the share is used.
func (s *Shard) frame() []byte {
	if s.txUsed == s.txEnd {
		return nil
	}
	return s.tx[s.txUsed].Bytes
}

// commit makes the frame that was filled part of the batch.
func (s *Shard) commit(n int) {
	f := &s.tx[s.txUsed]
	f.Bytes = f.Bytes[:n]
	s.txUsed++
}

func (s *Shard) sendARP(now mono.Time) {
	for b := s.frame(); b != nil; b = s.frame() {
		n := s.arp.Output(b, now)
		if n == 0 {
			return
		}
		s.tx[s.txUsed].Flags = 0
		s.commit(n)
	}
}

// sendICMP sends echo replies and errors.
func (s *Shard) sendICMP(now mono.Time) {
	for b := s.frame(); b != nil; b = s.frame() {
		n, dst := s.host.OutputICMP(b[ipAt:])
		if n == 0 {
			return
		}
		mac, _, way := s.resolve(dst, now)
		if way != wayOpen {
			s.drop(drop.NeighbourUnresolved)
			continue
		}
		s.counters.Flow.TxICMP++
		s.tx[s.txUsed].Flags = 0
		s.emit(b[:ipAt+n], mac, dst)
	}
}

// sendReplies sends the engine's segments that belong to no connection.
func (s *Shard) sendReplies(now mono.Time) {
	var r tcp.Reply
	for b := s.frame(); b != nil && (s.popAsked(&r) || s.engine.PopReply(&r)); b = s.frame() {
		if s.sendReply(b, &r, now) == wayAsked {
			s.keepReply(&r)
		}
	}
}

// sendCookies sends as many SYN-ACKs of no connection. Only some of them wait for
// their neighbour: the peer will try again.
func (s *Shard) sendCookies(most int, now mono.Time) {
	var r tcp.Reply
	for b := s.frame(); b != nil && most > 0 && s.engine.PopCookie(&r); b = s.frame() {
		most--
		if s.sendReply(b, &r, now) != wayAsked {
			continue
		}
		if s.asked.n < maxAsked/2 {
			s.keepReply(&r)
		} else {
			s.drop(drop.NeighbourUnresolved)
		}
	}
}

func (s *Shard) sendReply(b []byte, r *tcp.Reply, now mono.Time) way {
	dst := wire.IPv4(r.Key.RemoteIP)
	mac, _, way := s.resolve(dst, now)
	switch way {
	case wayOpen:
		n := s.engine.PutReply(b[tcpAt:], r)
		s.finish(b[:tcpAt+n], wire.Sum(b[tcpAt:tcpAt+n], 0), wire.IPv4(r.Key.LocalIP), dst, mac, 0)
	case wayAsked:
	default:
		s.drop(drop.NeighbourUnresolved)
	}
	return way
}

// sendList lets the connections of a list send, in turn, as long as there are
// frames. One that has had its share and wants more goes to the end.
func (s *Shard) sendList(n uint8, now mono.Time) {
	many := s.hasMany()
	for s.frame() != nil {
		t := s.pop(n)
		if t == nil {
			return
		}
		if next := s.lists[n-1].head; next != 0 && many {
			s.bringConnection(next)
		}
		sent := s.send(t, now)
		if t.SettleTimers() { // nothing else is new, as nearly always
			s.schedule(t, t.Slot())
		}
		if sent == 0 || t.HasNews() {
			s.touch(t)
		}
		if sent > 0 {
			s.file(t)
		}
	}
}

// send writes segments of one connection until it has no more, has had its
// share, or there is no room for them. It returns how many.
func (s *Shard) send(t *tcp.TCB, now mono.Time) int {
	k := t.Key()
	dst := wire.IPv4(k.RemoteIP)
	mac, ok := s.nextHop(t, dst, now)
	if !ok {
		return 0
	}
	for sent := range maxSegments {
		b := s.frame()
		if b == nil || mac == s.mac() && s.loop.Free() == 0 {
			return sent
		}
		n := s.engine.Output(t, b[tcpAt:], now)
		if n == 0 {
			return sent
		}
		s.finish(b[:tcpAt+n], s.engine.Sum(), wire.IPv4(k.LocalIP), dst, mac, t.TOS()|s.engine.ECN())
	}
	return maxSegments
}

// finish completes a TCP packet, of whose segment sum is the partial sum: checksum,
// IPv4 and Ethernet headers.
func (s *Shard) finish(b []byte, sum uint64, src, dst wire.IPv4, mac wire.MAC, tos uint8) {
	segment := b[tcpAt:]
	f := &s.tx[s.txUsed]
	f.Flags = 0
	switch {
	case s.info.TxChecksum && mac != s.mac():
		// The device adds the sum over the segment to what the field holds.
		sum := wire.Fold(wire.PseudoSum(src, dst, wire.ProtoTCP, len(segment)))
		binary.BigEndian.PutUint16(segment[checksumAt:], sum)
		f.Flags, f.ChecksumStart, f.ChecksumOffset = link.WantChecksum, tcpAt, checksumAt
	case !s.sums:
		wire.PutTCPChecksum(src, dst, segment)
	default:
		wire.PutTCPSum(src, dst, segment, sum)
	}
	s.host.PutHeader(b[ipAt:], wire.ProtoTCP, tos, src, dst, len(b)-ipAt)
	s.emit(b, mac, dst)
}

// emit puts the Ethernet header in front and adds the frame to the batch, or
// to our own input when it is for us.
func (s *Shard) emit(b []byte, mac wire.MAC, dst wire.IPv4) {
	wire.PutEthernet(b, wire.Ethernet{Dst: mac, Src: s.mac(), Type: wire.EtherTypeIPv4})
	if mac == s.mac() {
		s.counters.Flow.TxLocal++
		s.sendLocal(b)
		return
	}
	s.commit(len(b))
}

// sendLocal queues a frame for ourselves: to a connection of this shard.
func (s *Shard) sendLocal(b []byte) {
	place := s.loop.Reserve()
	if place == nil || len(b) > len(place) {
		s.drop(drop.FrameNoTx)
		return
	}
	copy(place, b)
	s.loop.Commit(len(b), 0)
	s.txLocal++
}
