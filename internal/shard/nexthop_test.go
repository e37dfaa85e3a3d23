package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestReply_WaitsForItsNeighbour(t *testing.T) {
	w, h := alone(t, limits{})
	w.inject(toUs(4000, wire.SYN)) // nobody listens, and nobody knows the peer's MAC
	w.run(10 * time.Millisecond)
	out := w.taken()
	if len(out) != 1 || !out[0].flags.Has(wire.RST|wire.ACK) || out[0].ack != 1001 {
		t.Errorf("sent %+v, want the RST that the SYN deserves, once ARP has answered", out)
	}
	if n := h.dropped(drop.NeighbourUnresolved); n != 0 {
		t.Errorf("%d replies were lost", n)
	}
}

func TestReply_WaitingOnesAreBoundedAndEndWithTheirNeighbour(t *testing.T) {
	w, h := alone(t, limits{})
	w.answerARP = false
	for i := range uint16(2 * maxAsked) {
		w.inject(toUs(4000+i, wire.SYN))
	}
	w.run(10 * time.Second)
	if n := h.dropped(drop.NeighbourUnresolved); n != 2*maxAsked {
		t.Errorf("%d replies are counted as lost, want all %d", n, 2*maxAsked)
	}
	if out := w.taken(); len(out) != 0 {
		t.Errorf("%d segments were sent to a neighbour that is not there", len(out))
	}
	if !h.Idle() {
		t.Error("something is left to do")
	}
}
