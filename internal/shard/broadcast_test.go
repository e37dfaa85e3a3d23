package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// MUST-57: a SYN that was sent to many is discarded without a word.
func TestTCP_ToBroadcastIsDroppedSilently(t *testing.T) {
	for _, c := range []struct {
		what string
		mac  wire.MAC
		ip   wire.IPv4
	}{
		{"the subnet's broadcast", wire.Broadcast(), ourIP | 0xffff},
		{"the subnet's broadcast, in a frame to us", ourMAC, ourIP | 0xffff},
		{"255.255.255.255", wire.Broadcast(), wire.IPv4Broadcast},
		{"255.255.255.255, in a frame to us", ourMAC, wire.IPv4Broadcast},
		{"our address, in a frame to all", wire.Broadcast(), ourIP},
		{"our address, in a frame to a group", wire.MAC{1, 0, 0x5e, 0, 0, 1}, ourIP},
	} {
		for _, to := range []uint16{port, 99} { // open and closed
			w, h := alone(t, limits{})
			h.listen(t, 8)
			w.run(time.Minute) // our address has been announced
			w.taken()
			w.answerARP = false // a request would be a word too
			p := toUs(4000, wire.SYN)
			p.to, p.dst, p.dstPort = c.mac, c.ip, to
			w.inject(p)
			w.run(time.Minute)
			if n := len(w.link.out); n != 0 {
				t.Errorf("%s, port %d: %d frames sent", c.what, to, n)
			}
			if n := h.dropped(drop.TCPBroadcast); n != 1 || h.Usage().Connections != 0 {
				t.Errorf("%s, port %d: %d counted, %d connections", c.what, to, n, h.Usage().Connections)
			}
		}
	}
}
