package mem

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// tcpFrame is a frame with just the fields that steering reads.
func tcpFrame(src, dst uint32, srcPort, dstPort uint16, options int) []byte {
	b := make([]byte, wire.EthernetLen+wire.IPv4HeaderLen+4*options+wire.TCPHeaderLen)
	binary.BigEndian.PutUint16(b[12:], wire.EtherTypeIPv4)
	p := b[wire.EthernetLen:]
	p[0], p[6], p[9] = byte(0x45+options), 0x40, wire.ProtoTCP
	binary.BigEndian.PutUint32(p[12:], src)
	binary.BigEndian.PutUint32(p[16:], dst)
	binary.BigEndian.PutUint16(p[20+4*options:], srcPort)
	binary.BigEndian.PutUint16(p[22+4*options:], dstPort)
	return b
}

func TestSteer_IsSymmetricAndTheHashItSays(t *testing.T) {
	h, _ := flow.NewToeplitz(RSSKey())
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		src, dst, sp, dp := r.Uint32(), r.Uint32(), uint16(r.Uint32()), uint16(r.Uint32())
		n := 1 + r.IntN(maxQueues)
		there := newSteering(n).steer(tcpFrame(src, dst, sp, dp, r.IntN(11)))
		if back := newSteering(n).steer(tcpFrame(dst, src, dp, sp, 0)); back != there {
			t.Fatalf("one way goes to queue %d, the other to %d of %d", there, back, n)
		}
		if want := flow.EvenIndirection(n).Queue(h.Hash4(src, dst, sp, dp)); there != want {
			t.Fatalf("queue %d, but the hash under RSSKey says %d of %d", there, want, n)
		}
	}
}

func TestSteer_SpreadsConnections(t *testing.T) {
	var count [4]int
	for port := range uint16(4000) {
		count[newSteering(4).steer(tcpFrame(0x0a000001, 0x0a000002, 32768+port, 80, 0))]++
	}
	for i, n := range count {
		if n < 800 || n > 1200 {
			t.Errorf("queue %d gets %d of 4000 connections", i, n)
		}
	}
}

func TestSteer_EverythingElseGoesToQueueZero(t *testing.T) {
	tcp := func(change func(b []byte)) []byte {
		b := tcpFrame(1, 2, 3, 5, 0)
		change(b)
		return b
	}
	whole := tcpFrame(1, 2, 3, 5, 0)
	if newSteering(64).steer(whole) == 0 {
		t.Fatal("the example must not belong to queue 0 anyway")
	}
	for name, b := range map[string][]byte{
		"empty":               {},
		"only Ethernet":       whole[:14],
		"cut IPv4 header":     whole[:33],
		"cut ports":           whole[:37],
		"ARP":                 tcp(func(b []byte) { b[13] = 6 }),
		"IPv6":                tcp(func(b []byte) { b[14] = 0x65 }),
		"short header length": tcp(func(b []byte) { b[14] = 0x44 }),
		"long header length":  tcp(func(b []byte) { b[14] = 0x4f }),
		"UDP":                 tcp(func(b []byte) { b[23] = 17 }),
		"first fragment":      tcp(func(b []byte) { b[20] = 0x20 }),
		"later fragment":      tcp(func(b []byte) { b[21] = 1 }),
	} {
		if got := newSteering(64).steer(b); got != 0 {
			t.Errorf("%s: queue %d", name, got)
		}
	}
}

func FuzzSteer_StaysInRange(f *testing.F) {
	f.Add(tcpFrame(1, 2, 3, 4, 0), 3)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		n = 1 + (n&0x7fffffff)%maxQueues
		if got := newSteering(n).steer(b); got < 0 || got >= n {
			t.Errorf("queue %d of %d", got, n)
		}
	})
}

func TestQueues_AConnectionStaysOnItsQueueNumber(t *testing.T) {
	for kind, c := range kinds {
		c.Queues = 4
		w := newWire(t, c)
		var sent [4][]int
		for i := range 200 {
			f := tcpFrame(0x0a000001, 0x0a000002, uint16(40000+i), 80, 0)
			f[40], f[41], f[42] = 0, 0, byte(i) // within the TCP header
			to := newSteering(4).steer(f)
			sent[to] = append(sent[to], i)
			transmit(w.Side(0).Queue(i%4), start, f) // whoever sends it
		}
		for i := range 4 {
			got := numbers(receive(w.Side(1).Queue(i), start+1))
			slices.Sort(got)
			if len(got) == 0 || !slices.Equal(got, sent[i]) {
				t.Errorf("%s: queue %d got %v, want %v", kind, i, got, sent[i])
			}
		}
	}
}

// A batch lies in the ring of the queue's own number, and part of it goes to others.
func TestSend_BatchesForSeveralQueuesArriveWhole(t *testing.T) {
	w := newWire(t, Config{Queues: 4, RingFrames: 128})
	sent := make([][][]byte, 4)
	for batch := range 40 { // more than the rings hold at a time
		var frames [][]byte
		for i := range 20 {
			f := tcpFrame(0x0a000001, 0x0a000002, uint16(batch*100+i), 80, 0)
			f = append(f, bytes.Repeat([]byte{byte(batch), byte(i)}, 1+i*30)...)
			frames = append(frames, f)
			sent[newSteering(4).steer(f)] = append(sent[newSteering(4).steer(f)], f)
		}
		transmit(w.Side(0).Queue(1), start, frames...)
		for i := range 4 {
			for _, f := range receive(w.Side(1).Queue(i), start+1) {
				if !bytes.Equal(f, sent[i][0]) {
					t.Fatalf("batch %d: queue %d has another frame than was sent next, or its octets differ", batch, i)
				}
				sent[i] = sent[i][1:]
			}
			if len(sent[i]) > 0 {
				t.Fatalf("batch %d: queue %d lacks %d frames", batch, i, len(sent[i]))
			}
		}
	}
}

// A stray frame comes to a queue by lot; what else happens to it does not change.
func TestQueues_StraysComeToAnyQueue(t *testing.T) {
	arrived := func(stray float64) (n [4]int, f Fate) {
		m := Impairment{Loss: 0.2, Stray: stray}
		w := newWire(t, Config{Queues: 4, Seed: 7, Impair: [2]Impairment{m}})
		for range 400 {
			transmit(w.Side(0).Queue(0), start, tcpFrame(0x0a000001, 0x0a000002, 40000, 80, 0))
		}
		for i := range n {
			n[i] = len(receive(w.Side(1).Queue(i), start+1))
		}
		return n, w.Fate(0)
	}
	home, before := arrived(0)
	spread, after := arrived(1)
	if slices.Max(home[:]) != 400-int(before.Lost) || before.Strayed != 0 {
		t.Errorf("a flow's frames came to %v, %+v", home, before)
	}
	if slices.Min(spread[:]) < 50 || after.Strayed != 400 {
		t.Errorf("strays came to %v, %+v", spread, after)
	}
	if before.Lost != after.Lost || before.Lost == 0 {
		t.Errorf("%d lost, and %d when they stray", before.Lost, after.Lost)
	}
}
