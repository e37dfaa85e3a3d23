package ip

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestPutHeader_DoesNotLetThePacketBeFragmented(t *testing.T) {
	h := newHost(t, Config{TTL: 33, Seed: 4})
	b := make([]byte, 100)
	ids := map[uint16]bool{}
	for range 1000 {
		h.PutHeader(b, wire.ProtoTCP, 2, ourIP, farIP, 100)
		got, payload, why := wire.ParseIPv4(b)
		ids[got.ID] = true
		got.ID = 0
		want := wire.IPv4Header{Src: ourIP, Dst: farIP, TotalLen: 100, TOS: 2, TTL: 33, Proto: wire.ProtoTCP, HeaderLen: 20, DF: true}
		if why != drop.None || got != want || len(payload) != 80 {
			t.Fatalf("%+v %v, want %+v", got, why, want)
		}
	}
	if len(ids) != 1000 {
		t.Errorf("%d different IDs in 1000 packets", len(ids))
	}
	other := newHost(t, Config{Seed: 5})
	if other.ident == newHost(t, Config{Seed: 4}).ident {
		t.Error("IDs begin where the seed says")
	}
}
