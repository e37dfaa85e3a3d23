// A packet arrives:
//
//  1. its header is checked
//  2. its source must be one station, and not ourselves
//  3. its destination must be ours, or a broadcast
//  4. a fragment waits for the rest of its datagram

package ip

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Datagram is what a packet carried, or several that were its fragments.
type Datagram struct {
	Src, Dst wire.IPv4
	Proto    uint8
	TOS      uint8
	TTL      uint8

	// Broadcast: sent to everybody. The owner may set it too, for a frame that
	// came by link-layer broadcast: no error is sent about such packets.
	Broadcast bool

	// Held: a fragment that was kept until the others come. The rest of the
	// Datagram means nothing.
	Held bool

	// Payload is valid until the packet's memory is reused, and for a reassembled
	// datagram until the next call of Input.
	Payload []byte

	// Packet is the whole packet as it came, to be quoted in an error; nil for a
	// reassembled datagram.
	Packet []byte
}

// Input takes a packet without its Ethernet header; padding may follow it. With
// drop.None there is a datagram in d, unless d.Held.
func (h *Host) Input(packet []byte, now mono.Time, d *Datagram) drop.Reason {
	var header wire.IPv4Header
	payload, why := header.Parse(packet)
	if why != drop.None {
		return why
	}
	if !h.isSourceValid(header.Src) {
		return drop.IPSource
	}
	isBroadcast := false
	if !h.IsLocal(header.Dst) {
		if isBroadcast = h.isBroadcast(header.Dst); !isBroadcast {
			return drop.IPNotOurs
		}
	}
	d.Src, d.Dst = header.Src, header.Dst
	d.Proto, d.TOS, d.TTL = header.Proto, header.TOS, header.TTL
	d.Broadcast, d.Held = isBroadcast, false
	d.Payload, d.Packet = payload, packet[:header.TotalLen]
	if header.IsFragment() {
		return h.inputFragment(&header, d, now)
	}
	return drop.None
}

// isSourceValid refuses sources to which nothing could be answered (RFC 1122
// §3.2.1.3, RFC 9293 MUST-63), and our own addresses, which nobody else has.
func (h *Host) isSourceValid(src wire.IPv4) bool {
	return isUnicast(src) && h.meanings.find(src) == meansNothing
}
