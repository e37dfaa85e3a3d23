package mem

import (
	"math"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
)

const start = mono.Time(time.Second)

func newWire(t testing.TB, c Config) *Wire {
	t.Helper()
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// transmit sends each frame in a batch of its own size's frames.
func transmit(q *Queue, now mono.Time, frames ...[]byte) {
	var tx [maxBatch]link.Frame
	for len(frames) > 0 {
		n := q.Reserve(tx[:min(len(frames), maxBatch)])
		for i := range n {
			tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, frames[i])]
		}
		q.Send(now, tx[:n])
		frames = frames[n:]
	}
}

// receive takes everything that has arrived, as copies.
func receive(q *Queue, now mono.Time) [][]byte {
	var all [][]byte
	var rx [8]link.Frame
	for {
		n := q.Recv(now, rx[:])
		for i := range n {
			all = append(all, append([]byte(nil), rx[i].Bytes...))
		}
		q.Release(rx[:n])
		if n == 0 {
			return all
		}
	}
}

// numbered returns n different frames of 60 octets.
func numbered(n int) [][]byte {
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = make([]byte, 60)
		frames[i][40], frames[i][41], frames[i][42] = byte(i>>16), byte(i>>8), byte(i)
	}
	return frames
}

func number(frame []byte) int {
	return int(frame[40])<<16 | int(frame[41])<<8 | int(frame[42])
}

func numbers(frames [][]byte) []int {
	n := make([]int, len(frames))
	for i := range frames {
		n[i] = number(frames[i])
	}
	return n
}

func TestNew_RefusesWhatCannotBe(t *testing.T) {
	for _, c := range []Config{
		{MTU: 67}, {MTU: 65536}, {MTU: -1}, {Queues: -1}, {Queues: 65}, {RingFrames: -1}, {RingFrames: 1<<20 + 1},
		{Impair: [2]Impairment{{Loss: 1.1}}}, {Impair: [2]Impairment{{Stray: -0.1}}}, {Impair: [2]Impairment{{}, {Loss: -0.1}}},
		{Impair: [2]Impairment{{Duplicate: math.NaN()}}}, {Impair: [2]Impairment{{Corrupt: 2}}}, {Impair: [2]Impairment{{Reorder: 2}}},
		{Impair: [2]Impairment{{Delay: -1}}}, {Impair: [2]Impairment{{Jitter: -1}}}, {Impair: [2]Impairment{{ReorderBy: -1}}},
		{Impair: [2]Impairment{{QueueLimit: -1}}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestInfo_SaysWhatWasBuilt(t *testing.T) {
	w := newWire(t, Config{Queues: 3, MTU: 9000, Impair: [2]Impairment{1: {Loss: 0.5}}, MAC: [2][6]byte{1: {2, 3, 4, 5, 6, 7}}})
	a, b := w.Side(0).Queue(2).Info(), w.Side(1).Queue(0).Info()
	if a.MAC != [6]byte{2, 0, 0, 0, 0, 1} || b.MAC != [6]byte{2, 3, 4, 5, 6, 7} {
		t.Errorf("MACs %x and %x", a.MAC, b.MAC)
	}
	if a.MTU != 9000 || a.Queues != 3 || a.Mode != "in-process" || b.Mode != "in-process, impaired" || a.TxChecksum || a.LocalPeer {
		t.Errorf("%+v, %+v", a, b)
	}
}
