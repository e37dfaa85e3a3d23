package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// unacknowledged is a world with a connection whose answer is on its way, and
// whose time to be sent again has passed while the shard stood still.
func unacknowledged(t *testing.T) (*world, *peer) {
	t.Helper()
	w, h := alone(t, limits{})
	h.listen(t, 4)
	p := w.mustOpen(4000)
	app, ok := h.pop()
	if !ok {
		t.Fatal("nothing to accept")
	}
	w.write(h, &app, []byte("answer"))
	w.run(time.Millisecond)
	if out := w.taken(); len(out) != 1 {
		t.Fatalf("%d segments, want the answer", len(out))
	}
	w.now = w.now.Add(5 * time.Second)
	return w, p
}

// others puts n segments of nobody's connection before the shard.
func (w *world) others(n int) {
	for range n {
		w.inject(toUs(5000, wire.RST))
	}
}

func TestTimers_WaitForWhatHasArrived(t *testing.T) {
	w, p := unacknowledged(t)
	w.others(3 * batch)
	p.got = p.got.Add(6)
	p.send(wire.ACK, nil)
	for range 10 {
		w.round()
	}
	if out := w.taken(); len(out) != 0 {
		t.Errorf("sent %+v, though the acknowledgment had arrived", out)
	}
}

func TestTimers_DoNotWaitForEver(t *testing.T) {
	w, _ := unacknowledged(t)
	for range crowdedRounds + 1 {
		w.others(batch)
		w.round()
	}
	if out := w.taken(); len(out) == 0 || string(out[0].text) != "answer" {
		t.Errorf("sent %+v after %d rounds with more than a batch waiting, want the answer again", out, crowdedRounds+1)
	}
}

func TestOutput_SendsTwoBatchesWhileMoreThanOneWaits(t *testing.T) {
	const n = 3 * batch
	w, h := alone(t, limits{})
	h.listen(t, n)
	var apps []sock.App
	for i := range uint16(n) {
		p := w.mustOpen(4000 + i)
		app, ok := h.pop()
		if !ok {
			t.Fatal("nothing to accept")
		}
		w.write(h, &app, []byte("first"))
		w.run(time.Millisecond)
		p.got = p.got.Add(5)
		p.send(wire.ACK, nil)
		apps = append(apps, app)
	}
	for i := range apps {
		h.Waiter(apps[i].Handle)
		apps[i].ParkWrite(len("second"))
	}
	w.run(time.Millisecond)
	w.taken()
	for i := range apps {
		if _, s := apps[i].Write([]byte("second")); s != sock.Done {
			t.Fatal(s)
		}
	}
	for i, want := range []int{2 * batch, batch, 0} {
		w.round()
		if out := w.taken(); len(out) != want {
			t.Errorf("%d segments in round %d, want %d", len(out), i, want)
		}
	}
}
