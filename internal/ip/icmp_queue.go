// What ICMP has to send: a bounded queue, and the limits of its rate.

package ip

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// icmpAnswer is a message that waits.
type icmpAnswer struct {
	src, dst wire.IPv4
	header   wire.ICMPv4
	tos      uint8
	body     []byte // a part of the queue's memory that stays with its place
}

// icmpQueue is a first-in first-out ring whose places own their memory.
type icmpQueue struct {
	ring       [maxICMPQueue]icmpAnswer
	head, tail uint32
}

func makeICMPQueue(mtu int) icmpQueue {
	var q icmpQueue
	memory := make([]byte, maxICMPQueue*mtu)
	for i := range q.ring {
		q.ring[i].body = memory[i*mtu : i*mtu : (i+1)*mtu]
	}
	return q
}

// push returns the next free place; nil when the queue is full.
func (q *icmpQueue) push() *icmpAnswer {
	if q.tail-q.head == maxICMPQueue {
		return nil
	}
	a := &q.ring[q.tail%maxICMPQueue]
	q.tail++
	return a
}

func (q *icmpQueue) len() int { return int(q.tail - q.head) }

// HasOutput reports whether OutputICMP has a packet to write.
func (h *Host) HasOutput() bool { return h.icmp.len() > 0 }

// OutputICMP writes the next answer or error as an IP packet and returns its
// length and destination; 0 when there is none, or when b is too short for it. It
// may be fragmented on its way, since nobody would listen to complaints.
func (h *Host) OutputICMP(b []byte) (n int, dst wire.IPv4) {
	if h.icmp.len() == 0 {
		return 0, 0
	}
	a := &h.icmp.ring[h.icmp.head%maxICMPQueue]
	n = wire.IPv4HeaderLen + wire.ICMPv4Len + len(a.body)
	if len(b) < n {
		return 0, 0
	}
	h.icmp.head++
	message := b[wire.IPv4HeaderLen:n]
	copy(message[wire.ICMPv4Len:], a.body)
	wire.PutICMPv4(message, a.header)
	h.putHeader(b, wire.ProtoICMP, a.tos, a.src, a.dst, n, false)
	return n, a.dst
}

// bucket is a token bucket: so many a second, so many at once.
type bucket struct {
	interval time.Duration // of one token
	burst    time.Duration // of as many as may be saved up
	debtEnds mono.Time     // when all tokens taken so far are paid for
}

func makeBucket(rate, burst int) bucket {
	interval := max(time.Second/time.Duration(rate), 1)
	return bucket{interval: interval, burst: interval * time.Duration(burst)}
}

// take takes a token; false when there is none.
func (b *bucket) take(now mono.Time) bool {
	ends := max(b.debtEnds, now).Add(b.interval)
	if ends.Sub(now) > b.burst {
		return false
	}
	b.debtEnds = ends
	return true
}
