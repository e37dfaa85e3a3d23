package shard

// A flow that the device moves to another queue while it is being opened, or
// opened again: there is one connection, and its peer is not reset.

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A roamer is a peer whose packets come to queues that the test chooses.
type roamer struct {
	peer
	queues []*script
}

func roam(w *world, queues []*script, from uint16) *roamer {
	return &roamer{peer: peer{w: w, base: toUs(from, wire.SYN), next: toUs(from, 0).seq + 1}, queues: queues}
}

// at lets the next packets come to a queue.
func (r *roamer) at(queue int) *roamer {
	r.w.link = r.queues[queue]
	return r
}

// syn sends the SYN to a queue, and returns the answer.
func (r *roamer) syn(queue int) packet {
	r.w.Helper()
	r.at(queue)
	r.w.inject(r.base)
	r.w.run(time.Millisecond)
	for _, a := range r.w.taken() {
		if a.flags == wire.SYN|wire.ACK && a.ack == r.base.seq+1 {
			return a
		}
	}
	r.w.Fatalf("the SYN to queue %d was not answered", queue)
	return packet{}
}

// says sends a segment to a queue.
func (r *roamer) says(queue int, flags wire.Flags, text string) {
	r.at(queue).send(flags, []byte(text))
	r.w.run(time.Millisecond)
}

// wantFine checks that nobody was reset and nothing was dropped on its way.
func wantFine(t *testing.T, w *world) {
	t.Helper()
	for at, h := range w.stations {
		if st := h.stats(); st.TCP.ResetsOut != 0 || st.Drops[drop.FrameHandover] != 0 {
			t.Errorf("shard %d: %d resets, drops %v", at, st.TCP.ResetsOut, st.Drops)
		}
	}
}

// wantOne checks that one connection is left, and on which shard.
func wantOne(t *testing.T, w *world, home int) {
	t.Helper()
	for at, h := range w.stations {
		want := 0
		if at == home {
			want = 1
		}
		if u := h.Usage(); u.Connections != want || u.Flows != want {
			t.Errorf("shard %d: %d connections and %d flows, want %d", at, u.Connections, u.Flows, want)
		}
	}
}

// A SYN that is sent again may come to another queue, and open another half of a
// connection there. The peer completes one of them: the one whose SYN-ACK it sees
// first (RFC 9293 figure 9 is the duplicate that it refuses). Whichever that is,
// and wherever its segments come, it is served, and the other one is forgotten.
func TestElsewhere_ASYNToTwoQueuesMakesOneConnection(t *testing.T) {
	for _, shards := range []int{2, 4} {
		for first := range shards {
			second := (first + 1) % shards
			for _, home := range []int{first, second} {
				for at := range shards {
					t.Run(fmt.Sprintf("%d shards, SYN to %d and %d, home %d, ACK to %d", shards, first, second, home, at), func(t *testing.T) {
						oneOfTwo(t, shards, first, second, home, at)
					})
				}
			}
		}
	}
}

func oneOfTwo(t *testing.T, shards, first, second, home, at int) {
	w, queues := several(t, shards)
	r := roam(w, queues, 4000)
	answers := map[int]packet{first: r.syn(first), second: r.syn(second)}
	r.got = answers[home].seq + 1
	r.says(at, wire.ACK, "")
	other := first + second - home
	r.says(other, wire.ACK, "") // to the SYN-ACK that does not fit: RFC 5961 §4
	app, ok := w.stations[home].pop()
	if !ok {
		t.Fatalf("shard %d has no connection", home)
	}
	wantOne(t, w, home)
	want := ""
	for q := range queues {
		r.says(q, wire.ACK|wire.PSH, "text")
		want += "text"
	}
	got := make([]byte, 100)
	if n, _ := app.Read(got); string(got[:n]) != want {
		t.Errorf("read %q, want %q", got[:n], want)
	}
	w.write(w.stations[home], &app, bytes.Repeat([]byte("answer"), 10))
	w.run(time.Millisecond)
	r.at(home).take()
	if len(r.text) != 60 {
		t.Errorf("the peer has %d octets of the answer", len(r.text))
	}
	r.says(other, wire.FIN|wire.ACK, "")
	app.Close(false)
	w.run(time.Millisecond)
	r.at(home).take()
	w.run(time.Second)
	if !r.fin {
		t.Error("the peer has seen no end")
	}
	wantFine(t, w)
	for _, h := range w.stations {
		h.wantEmpty(t)
	}
}

// The late copy of a SYN comes to another queue when the connection is in use.
func TestElsewhere_ALateSYNEndsNothing(t *testing.T) {
	w, queues := several(t, 2)
	r := roam(w, queues, 4000)
	r.got = r.syn(0).seq + 1
	r.says(0, wire.ACK|wire.PSH, "before")
	r.syn(1)
	r.says(1, wire.ACK, "") // the challenge that RFC 5961 §4 prescribes
	wantOne(t, w, 0)
	if n := w.stations[1].dropped(drop.SYNElsewhere); n != 1 {
		t.Errorf("%d counted as completed elsewhere, want 1", n)
	}
	r.says(1, wire.ACK|wire.PSH, "after")
	w.run(10 * time.Minute) // nobody sends the SYN-ACK again, or gives up
	app, _ := w.stations[0].pop()
	got := make([]byte, 100)
	if n, _ := app.Read(got); string(got[:n]) != "beforeafter" {
		t.Errorf("read %q", got[:n])
	}
	if w.stations[1].waiting.Len() != 0 {
		t.Error("shard 1 has a connection, too")
	}
	wantFine(t, w)
}

// RFC 9293 §3.10.7.4, fifth step: what acknowledges nothing of ours is reset, once,
// and the handshake goes on.
func TestElsewhere_WhatNobodyBelievesIsReset(t *testing.T) {
	for _, shards := range []int{1, 2, 4} {
		w, queues := several(t, shards)
		r := roam(w, queues, 4000)
		right := r.syn(shards-1).seq + 1
		r.got = right + 5
		r.says(shards-1, wire.ACK, "")
		answers := w.taken()
		if len(answers) != 1 || answers[0].flags != wire.RST || answers[0].seq != r.got {
			t.Fatalf("%d shards: answered with %+v, want one RST at %d", shards, answers, r.got)
		}
		for at, h := range w.stations[:shards-1] {
			if n := h.stats().TCP.ResetsOut; n != 0 {
				t.Errorf("%d shards: shard %d sent %d resets", shards, at, n)
			}
		}
		r.got = right
		r.says(shards-1, wire.ACK, "")
		wantOne(t, w, shards-1)
		if _, ok := w.stations[shards-1].pop(); !ok {
			t.Errorf("%d shards: the right ACK opened nothing", shards)
		}
	}
}

// Whoever has a connection of the same addresses has to believe a segment, or
// anybody could end a handshake for a peer that has come back after a crash.
func TestElsewhere_AHandshakeIsNotForgottenForAnACKThatFitsNobody(t *testing.T) {
	w, queues := several(t, 2)
	old := roam(w, queues, 4000)
	old.got = old.syn(0).seq + 1
	old.says(0, wire.ACK, "")
	wantOne(t, w, 0)
	again := roam(w, queues, 4000)
	again.base.seq, again.next = 900_000, 900_001
	right := again.syn(1).seq + 1
	again.got = right + 5
	again.says(1, wire.ACK, "")
	again.got = right
	again.says(1, wire.ACK, "")
	if _, ok := w.stations[1].pop(); !ok {
		t.Error("the handshake that began last has come to nothing")
	}
	if n := w.stations[1].dropped(drop.SYNElsewhere); n != 0 {
		t.Errorf("%d counted as completed elsewhere, want none", n)
	}
}

// A search for whoever believes a segment costs what any other does.
func TestElsewhere_DoubtIsWithinTheLimitOfSearches(t *testing.T) {
	w, queues := several(t, 4)
	r := roam(w, queues, 4000)
	r.got = r.syn(0).seq + 5
	const flood = 60 // in a round, from the shard that the port names, so that each is a search
	for range flood {
		r.at(0).send(wire.ACK, nil)
	}
	w.run(time.Millisecond)
	var resets, dropped uint64
	for _, h := range w.stations {
		resets, dropped = resets+h.stats().TCP.ResetsOut, dropped+h.dropped(drop.FrameHandover)
	}
	if resets != maxSearches || dropped != flood-maxSearches {
		t.Errorf("%d resets and %d dropped, want %d and %d", resets, dropped, maxSearches, flood-maxSearches)
	}
}

// inTimeWait opens a connection on a shard and closes it from our side.
func (r *roamer) inTimeWait(home int) {
	r.w.Helper()
	r.got = r.syn(home).seq + 1
	r.says(home, wire.ACK, "")
	app, ok := r.w.stations[home].pop()
	if !ok {
		r.w.Fatal("no connection")
	}
	app.Close(false)
	r.w.run(time.Millisecond)
	r.take()
	r.says(home, wire.FIN|wire.ACK, "")
	if n := r.w.stations[home].Usage().TimeWaits; n != 1 {
		r.w.Fatalf("%d records, want 1", n)
	}
}

// The next connection of the same addresses may begin where nobody knows of the
// last one. What comes to the queue of the last one is not TIME-WAIT's to answer.
func TestElsewhere_TimeWaitKeepsNothingFromTheNextConnection(t *testing.T) {
	for _, shards := range []int{2, 4} {
		for home := range shards {
			w, queues := several(t, shards)
			last := roam(w, queues, 4000)
			last.inTimeWait(home)
			w.run(2 * time.Second) // our initial sequence numbers go on
			w.taken()
			there := (home + 1) % shards
			r := roam(w, queues, 4000)
			r.base.seq, r.next = 900_000, 900_001
			r.got = r.syn(there).seq + 1
			r.says(home, wire.ACK, "")
			r.says(home, wire.ACK|wire.PSH, "text")
			wantOne(t, w, there)
			if n := w.stations[home].Usage().TimeWaits; n != 0 {
				t.Errorf("%d shards: the record of the last connection is still there", shards)
			}
			app, ok := w.stations[there].pop()
			if !ok {
				t.Fatalf("%d shards: shard %d has no connection", shards, there)
			}
			got := make([]byte, 100)
			if n, _ := app.Read(got); string(got[:n]) != "text" {
				t.Errorf("%d shards: read %q", shards, got[:n])
			}
			for _, a := range w.taken() {
				if a.ack.Less(r.base.seq) {
					t.Errorf("%d shards: TIME-WAIT answered with %+v", shards, a)
				}
			}
			wantFine(t, w)
		}
	}
}

// Nobody else has anything: TIME-WAIT answers what does not fit, as ever.
func TestElsewhere_TimeWaitAnswersWhatNobodyBelieves(t *testing.T) {
	for _, shards := range []int{1, 2, 4} {
		w, queues := several(t, shards)
		r := roam(w, queues, 4000)
		r.inTimeWait(shards - 1)
		w.taken()
		end := r.next
		r.next += 5
		r.says(shards-1, wire.ACK|wire.PSH, "text")
		answers := w.taken()
		if len(answers) != 1 || answers[0].flags != wire.ACK || answers[0].ack != end || answers[0].seq != r.got {
			t.Errorf("%d shards: answered with %+v, want an ACK of %d at %d", shards, answers, end, r.got)
		}
		if n := w.stations[shards-1].Usage().TimeWaits; n != 1 {
			t.Errorf("%d shards: %d records", shards, n)
		}
	}
}

// Two shards have something, and neither believes: the one where the segment came
// answers.
func TestElsewhere_TwoThatDoubtLeaveItToTheFirst(t *testing.T) {
	for _, shards := range []int{2, 4} {
		w, queues := several(t, shards)
		last := roam(w, queues, 4000)
		last.inTimeWait(0)
		r := roam(w, queues, 4000)
		r.base.seq, r.next = 900_000, 900_001
		r.got = r.syn(shards-1).seq + 6
		for _, q := range queues {
			q.out = nil
		}
		r.says(shards-1, wire.ACK, "")
		answers := w.taken()
		for _, q := range queues[:shards-1] {
			if len(q.out) != 0 {
				t.Errorf("%d shards: another one answered", shards)
			}
		}
		if len(answers) != 1 || answers[0].flags != wire.RST || answers[0].seq != r.got {
			t.Errorf("%d shards: answered with %+v, want one RST at %d", shards, answers, r.got)
		}
	}
}

// What a shard has when it hears that a segment was another's may be good by then.
func TestElsewhere_AClaimThatIsLateEndsNothing(t *testing.T) {
	w, queues := several(t, 2)
	r := roam(w, queues, 4000)
	r.got = r.syn(0).seq + 1
	r.says(0, wire.ACK, "")
	p := r.base
	p.flags, p.seq, p.ack = wire.ACK, r.next, r.got+5
	late := func() {
		other := w.stations[1]
		other.passOn(other.peers[0], p.frame(), trail{step: 3, taken: true}.asMeta(0))
		w.run(time.Millisecond)
	}
	late()
	wantOne(t, w, 0)
	r.says(0, wire.ACK|wire.PSH, "text")
	app, _ := w.stations[0].pop()
	got := make([]byte, 100)
	if n, _ := app.Read(got); string(got[:n]) != "text" {
		t.Errorf("read %q", got[:n])
	}
	app.Close(true)
	w.run(time.Millisecond)
	late() // and of nobody
	if u := w.stations[0].Usage(); u.Connections != 0 {
		t.Errorf("left: %+v", u)
	}
}
