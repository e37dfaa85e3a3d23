package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// holding is a world with one connection on which ACKs may be held, and which
// has its send ring.
func holding(t *testing.T) (*world, *station, *peer) {
	t.Helper()
	w, h := alone(t, limits{hold: true})
	h.listen(t, 4)
	p := w.mustOpen(4000)
	w.taken()
	return w, h, p
}

func TestHold_ALoneSegmentsACKWaitsSomeRounds(t *testing.T) {
	w, h, p := holding(t)
	p.send(wire.ACK|wire.PSH, []byte("question"))
	w.round()
	if out := w.taken(); len(out) != 0 {
		t.Fatalf("sent %+v in the round of the question, want nothing yet", out)
	}
	if h.Idle() {
		t.Fatal("a held ACK must keep the runner awake")
	}
	for range holdRounds + 2 {
		w.round()
	}
	out := w.taken()
	if len(out) != 1 || out[0].ack != p.next || len(out[0].text) != 0 {
		t.Errorf("sent %+v, want the ACK once %d quiet rounds have passed", out, holdRounds)
	}
	if !h.Idle() {
		t.Error("something is left to do")
	}
}

func TestHold_TheAnswerCarriesTheACK(t *testing.T) {
	w, h, p := holding(t)
	app, ok := h.pop()
	if !ok {
		t.Fatal("nothing to accept")
	}
	p.send(wire.ACK|wire.PSH, []byte("question"))
	w.round()
	w.round() // the reader is slower than a round
	w.write(h, &app, []byte("answer"))
	w.run(time.Millisecond)
	out := w.taken()
	if len(out) != 1 || string(out[0].text) != "answer" || out[0].ack != p.next {
		t.Errorf("sent %+v, want one segment: the answer with the ACK on it", out)
	}
}

func TestHold_ABusyShardHoldsNoLongerThanTheTime(t *testing.T) {
	w, h, p := holding(t)
	begin := w.now
	p.send(wire.ACK|wire.PSH, []byte("question"))
	for range 200 {
		w.inject(toUs(5000, wire.RST)) // something arrives in every round
		w.round()
		if out := w.link.out; len(out) > 0 {
			if waited := out[0].at.Sub(begin); waited > holdTime+5*time.Microsecond {
				t.Errorf("the ACK went out after %v, want %v", waited, holdTime)
			}
			return
		}
	}
	t.Errorf("the ACK was never sent; idle: %v", h.Idle())
}

func TestHold_WhatMustNotWaitDoesNot(t *testing.T) {
	text := make([]byte, 536)
	for name, send := range map[string]func(*peer){
		"two full segments": func(p *peer) {
			p.send(wire.ACK, text)
			p.send(wire.ACK, text)
		},
		"a hole": func(p *peer) {
			p.next = p.next.Add(10)
			p.send(wire.ACK, text)
		},
		"a duplicate": func(p *peer) {
			p.send(wire.ACK, text)
			p.w.run(time.Millisecond)
			p.w.taken()
			p.next = p.next.Sub(536)
			p.send(wire.ACK, text)
		},
	} {
		w, _, p := holding(t)
		send(p)
		w.round()
		if out := w.taken(); len(out) == 0 {
			t.Errorf("%s: the ACK was held", name)
		}
	}
}
