// Frames to send, one at a time: answers first, then what our own addresses
// need, then questions.

package neigh

import (
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// FrameLen is the length of the frames that Output writes. Padding to the
// minimum of Ethernet is the device's.
const FrameLen = wire.EthernetLen + wire.ARPLen

// reply is an answer that waits.
type reply struct {
	mac     wire.MAC
	ip, own wire.IPv4
}

// replyQueue is a bounded first-in first-out queue.
type replyQueue struct {
	ring       [maxReplies]reply
	head, tail uint32
}

func (q *replyQueue) push(r reply) bool {
	if q.tail-q.head == maxReplies {
		return false
	}
	q.ring[q.tail%maxReplies] = r
	q.tail++
	return true
}

func (q *replyQueue) pop() (reply, bool) {
	if q.tail == q.head {
		return reply{}, false
	}
	r := q.ring[q.head%maxReplies]
	q.head++
	return r, true
}

// Output writes the next frame that is wanted and returns its length; 0 when
// none is, or when b has no room for FrameLen octets.
func (t *Table) Output(b []byte, now mono.Time) int {
	if len(b) < FrameLen || t.cfg.Outside {
		return 0
	}
	t.now = now
	if n := t.outputReply(b); n > 0 {
		return n
	}
	if n := t.outputAddress(b); n > 0 {
		return n
	}
	return t.outputRequest(b)
}

// outputReply answers a question; a probe's sender has no address yet.
func (t *Table) outputReply(b []byte) int {
	for {
		r, ok := t.replies.pop()
		if !ok {
			return 0
		}
		if !t.IsUsable(r.own) {
			continue // removed in the meantime
		}
		t.stats.Replies++
		return t.put(b, r.mac, &wire.ARP{
			Op: wire.ARPReply, SenderIP: r.own, TargetMAC: r.mac, TargetIP: r.ip,
		})
	}
}

// outputAddress probes for or announces an address of ours (RFC 5227 §1.1): a
// probe has no sender address, an announcement has it twice.
func (t *Table) outputAddress(b []byte) int {
	if !t.framesDue {
		return 0
	}
	for i := range t.addresses[:t.nAddresses] {
		a := &t.addresses[i]
		if !a.wantsFrame {
			continue
		}
		a.wantsFrame = false
		p := wire.ARP{Op: wire.ARPRequest, TargetIP: a.ip}
		if a.isOurs() {
			p.SenderIP = a.ip
			t.stats.Announces++
		} else {
			t.stats.Probes++
		}
		return t.put(b, wire.Broadcast(), &p)
	}
	t.framesDue = false
	return 0
}

// outputRequest asks for a neighbour: everybody when it is unknown, itself when
// its address is to be confirmed.
func (t *Table) outputRequest(b []byte) int {
	for t.wants.n > 0 {
		i := t.wants.first
		t.wants.remove(i)
		e := &t.entries[i]
		from, ok := t.sourceFor(e.ip)
		if !ok {
			continue // nobody could answer us; the next try may find an address
		}
		to := wire.Broadcast()
		p := wire.ARP{Op: wire.ARPRequest, SenderIP: from, TargetIP: e.ip}
		if e.state == Probe {
			to, p.TargetMAC = e.mac, e.mac
		}
		t.stats.Requests++
		return t.put(b, to, &p)
	}
	return 0
}

func (t *Table) put(b []byte, to wire.MAC, p *wire.ARP) int {
	p.SenderMAC = t.cfg.MAC
	wire.PutEthernet(b, wire.Ethernet{Dst: to, Src: t.cfg.MAC, Type: wire.EtherTypeARP})
	wire.PutARP(b[wire.EthernetLen:], p)
	return FrameLen
}

// HasOutput reports whether Output may have a frame to write.
func (t *Table) HasOutput() bool {
	if t.cfg.Outside {
		return false
	}
	return t.replies.head != t.replies.tail || t.wants.n > 0 || t.framesDue
}
