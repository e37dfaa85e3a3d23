// ICMP arrives (RFC 792, RFC 1122 §3.2.2): echo requests are answered here,
// errors are taken apart for the owner of the connection that they are about,
// all else is dropped with a reason.

package ip

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// ICMPKind says what an ICMP message means for us.
type ICMPKind uint8

// The kinds.
const (
	ICMPHandled          ICMPKind = iota // nothing for the caller to do
	ICMPUnreachable                      // Code says what
	ICMPFragNeeded                       // a packet was larger than MTU
	ICMPTimeExceeded                     // on the way, or in reassembly
	ICMPParameterProblem                 // a header was not understood
)

// String names the kind.
func (k ICMPKind) String() string {
	switch k {
	case ICMPHandled:
		return "handled"
	case ICMPUnreachable:
		return "unreachable"
	case ICMPFragNeeded:
		return "fragmentation needed"
	case ICMPTimeExceeded:
		return "time exceeded"
	case ICMPParameterProblem:
		return "parameter problem"
	}
	return "unknown"
}

// ICMPResult is an error about a packet that we are said to have sent. Anybody can
// forge one: it must be held against the connection (RFC 5927).
type ICMPResult struct {
	From      wire.IPv4 // who reports it
	Src, Dst  wire.IPv4 // of the packet: Src is ours
	SrcPort   uint16
	DstPort   uint16
	Seq       seq.Value
	PacketLen int // its total length, they say
	MTU       int // of ICMPFragNeeded: what would have passed, they say
	Kind      ICMPKind
	Code      uint8
	Proto     uint8
}

// InputICMP takes a datagram whose Proto is ICMP.
func (h *Host) InputICMP(d *Datagram, now mono.Time) (ICMPResult, drop.Reason) {
	m, body, why := wire.ParseICMPv4(d.Payload)
	if why != drop.None {
		return ICMPResult{}, why
	}
	switch m.Type {
	case wire.ICMPEchoRequest:
		return ICMPResult{}, h.echo(d, m, body, now)
	case wire.ICMPSourceQuench:
		return ICMPResult{}, drop.ICMPQuench
	case wire.ICMPUnreachable:
		if m.Code == wire.ICMPFragNeeded {
			return h.fragNeeded(d, m, body)
		}
		return h.about(d, m, body, ICMPUnreachable)
	case wire.ICMPTimeExceeded:
		return h.about(d, m, body, ICMPTimeExceeded)
	case wire.ICMPParameterProblem:
		return h.about(d, m, body, ICMPParameterProblem)
	}
	return ICMPResult{}, drop.ICMPType // redirects too: routes are configured
}

// about reads which packet of ours an error quotes.
func (h *Host) about(d *Datagram, m wire.ICMPv4, body []byte, kind ICMPKind) (ICMPResult, drop.Reason) {
	q, ok := wire.ParseIPv4Quote(body)
	if !ok || d.Broadcast || !h.IsLocal(q.Header.Src) || !h.isDestination(q.Header.Dst) {
		return ICMPResult{}, drop.ICMPUnmatched
	}
	return ICMPResult{
		From: d.Src, Src: q.Header.Src, Dst: q.Header.Dst,
		SrcPort: q.SrcPort, DstPort: q.DstPort, Seq: q.Seq, PacketLen: int(q.Header.TotalLen),
		Kind: kind, Code: m.Code, Proto: q.Header.Proto,
	}, drop.None
}

// fragNeeded reads the size that would have passed, or guesses it where the router
// is older than RFC 1191. It may be nonsense: SetPathMTU bounds it.
func (h *Host) fragNeeded(d *Datagram, m wire.ICMPv4, body []byte) (ICMPResult, drop.Reason) {
	r, why := h.about(d, m, body, ICMPFragNeeded)
	if r.MTU = m.MTU(); r.MTU == 0 {
		r.MTU = plateauBelow(r.PacketLen)
	}
	return r, why
}

// echo queues an answer. Requests to everybody are not answered (RFC 1122
// §3.2.2.6 allows it). Since we do not fragment, an answer that is too long for
// the link is cut off, as the RFC wants it then.
func (h *Host) echo(d *Datagram, m wire.ICMPv4, body []byte, now mono.Time) drop.Reason {
	if d.Broadcast {
		return drop.ICMPType
	}
	if !h.echoLimit.take(now) {
		return drop.ICMPLimit
	}
	a := h.icmp.push()
	if a == nil {
		return drop.ICMPLimit
	}
	*a = icmpAnswer{
		src: d.Dst, dst: d.Src,
		header: wire.ICMPv4{Type: wire.ICMPEchoReply, Code: m.Code, Rest: m.Rest},
		tos:    d.TOS &^ 3, // the answer is not itself capable of ECN
		body:   append(a.body[:0], body[:min(len(body), h.maxICMPBody())]...),
	}
	h.stats.EchoReplies++
	return drop.None
}

// maxICMPBody is how much of a body fits the link.
func (h *Host) maxICMPBody() int { return h.cfg.MTU - wire.IPv4HeaderLen - wire.ICMPv4Len }

// Unreachable queues an error about a datagram that nobody here wants, such as
// wire.ICMPProtoUnreachable. About broadcasts, fragments and ICMP errors none is
// ever sent (RFC 1122 §3.2.2); for those, and beyond the rate limit, the answer is
// drop.ICMPLimit.
func (h *Host) Unreachable(d *Datagram, code uint8, now mono.Time) drop.Reason {
	if d.Broadcast || d.Packet == nil {
		return drop.ICMPLimit
	}
	m := wire.ICMPv4{Type: wire.ICMPUnreachable, Code: code}
	if !h.queueError(m, d.Src, d.Dst, d.Proto, d.Packet, now) {
		return drop.ICMPLimit
	}
	return drop.None
}

// queueError queues an error about a packet from src to dst.
func (h *Host) queueError(m wire.ICMPv4, src, dst wire.IPv4, proto uint8, packet []byte, now mono.Time) bool {
	if proto == wire.ProtoICMP && !isInformational(packet) {
		return false
	}
	if !h.errorLimit.take(now) {
		return false
	}
	a := h.icmp.push()
	if a == nil {
		return false
	}
	quoted := min(len(packet), maxICMPQuote, h.maxICMPBody())
	*a = icmpAnswer{src: dst, dst: src, header: m, body: append(a.body[:0], packet[:quoted]...)}
	h.stats.ICMPErrors++
	return true
}

// isInformational reports whether an ICMP packet is one of the few about which an
// error may be sent: not an error itself, nor anything unknown.
func isInformational(packet []byte) bool {
	header := int(packet[0]&15) * 4
	if len(packet) <= header {
		return false
	}
	t := packet[header]
	return t == wire.ICMPEchoRequest || t == wire.ICMPEchoReply
}
