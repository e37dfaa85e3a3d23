// Headers of packets that leave.

package ip

import "github.com/mtcp-go/mtcp/internal/wire"

// PutHeader writes the header of a packet of totalLen octets into the first
// wire.IPv4HeaderLen of b. Packets must not be fragmented on the way, so that a
// path that is too small for them is heard of (RFC 1191).
func (h *Host) PutHeader(b []byte, proto, tos uint8, src, dst wire.IPv4, totalLen int) {
	h.ident++
	wire.PutIPv4Whole((*[wire.IPv4HeaderLen]byte)(b), tos, h.cfg.TTL, proto, uint16(totalLen), h.ident, src, dst)
}

func (h *Host) putHeader(b []byte, proto, tos uint8, src, dst wire.IPv4, totalLen int, df bool) {
	h.ident++
	wire.PutIPv4(b, &wire.IPv4Header{
		Src: src, Dst: dst,
		TotalLen: uint16(totalLen), // a packet is not longer than the MTU
		ID:       h.ident,
		TOS:      tos,
		TTL:      h.cfg.TTL,
		Proto:    proto,
		DF:       df,
	})
}
