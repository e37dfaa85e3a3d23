package mem

// This file marks packets, as routers do whose queue grows (RFC 3168 §5).

import "github.com/mtcp-go/mtcp/internal/wire"

// mark writes CE into the IPv4 header of a frame that may be marked, and reports
// whether it could.
func mark(frame []byte) bool {
	eth, b, ok := wire.ParseEthernet(frame)
	if !ok || eth.Type != wire.EtherTypeIPv4 {
		return false
	}
	h, _, why := wire.ParseIPv4(b)
	if why != 0 || h.ECN() == wire.NotECT {
		return false
	}
	b[1] |= wire.CE
	b[10], b[11] = 0, 0
	sum := ^wire.Fold(wire.Sum(b[:h.HeaderLen], 0))
	b[10], b[11] = byte(sum>>8), byte(sum)
	return true
}
