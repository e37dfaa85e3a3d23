package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/technique"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// What goes first has half of the frames, and every second one where there is only
// one: text does not wait for an end of handshakes, or of answers to strays.
func TestOutput_WhatGoesFirstLeavesHalf(t *testing.T) {
	for name, x := range map[string]struct {
		port  uint16
		flags wire.Flags
	}{"handshakes": {port, wire.SYN}, "strays": {port + 1, wire.ACK}} {
		for _, frames := range []int{1, 4} {
			w, h := alone(t, limits{technique: technique.Choice{Batch: frames}})
			h.listen(t, 128)
			w.mustOpen(4000)
			app, _ := h.pop()
			h.Waiter(app.Handle)
			app.ParkWrite(4)
			w.run(time.Millisecond)
			w.taken()
			from := uint16(5000)
			crowd := func() {
				for range frames {
					p := toUs(from, x.flags)
					p.dstPort = x.port
					w.inject(p)
					from++
				}
				w.round()
			}
			crowd()
			app.Write([]byte("text"))
			crowd()
			crowd()
			texts, others := 0, 0
			for _, p := range w.taken() {
				if texts += len(p.text) / 4; len(p.text) == 0 {
					others++
				}
			}
			if texts != 1 || others < frames {
				t.Errorf("%s, %d frames a round: %d texts and %d answers in three rounds", name, frames, texts, others)
			}
		}
	}
}
