package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
)

// A full is a script whose device has no room while shut.
type full struct {
	*script
	shut bool
}

func (q *full) Reserve(tx []link.Frame) int {
	if q.shut {
		return 0
	}
	return q.script.Reserve(tx)
}

func TestStalled_WhenAllThatIsLeftIsToSendAndThereIsNoRoom(t *testing.T) {
	w, _ := alone(t, limits{})
	q := &full{script: w.link}
	h := newStation(t, q, ourIP, limits{}, w.now)
	w.stations = []*station{h}
	w.run(10 * time.Second) // it announces its address
	if stalled(h) || !h.Idle() {
		t.Fatal("there is nothing to do yet")
	}
	q.shut = true
	h.dial(peerIP)
	w.round()
	w.round()
	if h.Idle() || !stalled(h) {
		t.Error("a request for the neighbour's address cannot be sent: the runner may sleep a little")
	}
	q.shut = false
	w.round()
	if stalled(h) {
		t.Error("there is room again")
	}
}

func stalled(h *station) bool {
	_, is := h.Stalled()
	return is
}
