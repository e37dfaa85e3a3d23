package ip

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// checkMemory verifies that every block is free or borrowed by one datagram.
func (h *Host) checkMemory(t *testing.T) {
	t.Helper()
	f := &h.fragments
	seen := make([]bool, len(f.free)+1)
	use := func(b blockID) {
		if b == noBlock || seen[b] {
			t.Fatalf("block %d is used twice", b)
		}
		seen[b] = true
	}
	for _, b := range f.free[:f.nFree] {
		use(b)
	}
	n := f.nFree
	for i := range f.partials {
		for _, b := range f.partials[i].blocks {
			if b != noBlock {
				use(b)
				n++
			}
		}
	}
	if n != len(f.free) {
		t.Fatalf("%d blocks of %d", n, len(f.free))
	}
}

// piece is a part of a datagram's payload.
type piece struct{ first, end int }

// fragment cuts a piece out of payload.
func fragment(id uint16, payload []byte, p piece, change func(h *wire.IPv4Header)) []byte {
	return packet(payload[p.first:p.end], func(h *wire.IPv4Header) {
		h.ID, h.FragOffset, h.MF = id, uint16(p.first), p.end < len(payload)
		if change != nil {
			change(h)
		}
	})
}

// cut divides n octets at random.
func cut(rng *rand.Rand, n, parts int) []piece {
	ends := map[int]bool{}
	for len(ends) < parts-1 && len(ends) < (n-1)/8 {
		ends[8*(1+rng.IntN((n-1)/8))] = true
	}
	var out []piece
	first := 0
	for at := 8; at < n; at += 8 {
		if ends[at] {
			out = append(out, piece{first, at})
			first = at
		}
	}
	return append(out, piece{first, n})
}

func TestReassembly_AnyOrderGivesTheDatagram(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		h := newHost(t, Config{})
		// A few datagrams at a time, their fragments mixed and some doubled.
		type job struct {
			id   uint16
			data []byte
			p    piece
		}
		var jobs []job
		want := map[uint16][]byte{}
		for k := range 1 + rng.IntN(5) {
			n := 9 + rng.IntN(maxReassembled-8)
			if k == 0 && seed%10 == 0 {
				n = maxReassembled
			}
			data := randomBytes(rng, n)
			id := uint16(1000 + k)
			want[id] = data
			for _, p := range cut(rng, n, 2+rng.IntN(maxFragments-1)) {
				jobs = append(jobs, job{id, data, p})
			}
		}
		rng.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
		for k, j := range jobs {
			var d Datagram
			b := fragment(j.id, j.data, j.p, nil)
			if why := h.Input(b, start.Add(time.Duration(k)), &d); why != drop.None {
				t.Fatalf("seed %d: fragment %v of %d: %v", seed, j.p, len(j.data), why)
			}
			if d.Held {
				if rng.IntN(4) == 0 {
					if why := h.Input(b, start, &d); why != drop.IPFragOverlap {
						t.Fatalf("seed %d: a duplicate: %v", seed, why)
					}
				}
				continue
			}
			if !bytes.Equal(d.Payload, want[j.id]) || d.Packet != nil || d.Src != peerIP || d.Proto != wire.ProtoTCP {
				t.Fatalf("seed %d: datagram %d of %d octets came out wrong (%d octets)", seed, j.id, len(want[j.id]), len(d.Payload))
			}
			delete(want, j.id)
		}
		if len(want) != 0 || h.fragments.nFree != len(h.fragments.free) {
			t.Fatalf("seed %d: %d datagrams never came out, %d blocks are free", seed, len(want), h.fragments.nFree)
		}
		h.checkMemory(t)
	}
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestReassembly_KeyIsAllFourFields(t *testing.T) {
	h := newHost(t, Config{})
	data := pattern(16)
	input(t, h, fragment(1, data, piece{0, 8}, nil), start)
	others := map[string]func(h *wire.IPv4Header){
		"source":   func(h *wire.IPv4Header) { h.Src = farIP },
		"dest":     func(h *wire.IPv4Header) { h.Dst = addr("192.0.2.255") },
		"protocol": func(h *wire.IPv4Header) { h.Proto = wire.ProtoUDP },
		"ID":       func(h *wire.IPv4Header) { h.ID = 2 },
	}
	for name, change := range others {
		if d := input(t, h, fragment(1, data, piece{8, 16}, change), start); !d.Held {
			t.Errorf("another %s is another datagram", name)
		}
	}
	if d := input(t, h, fragment(1, data, piece{8, 16}, nil), start); d.Held || !bytes.Equal(d.Payload, data) {
		t.Errorf("%+v", d)
	}
}

func TestReassembly_ContradictionsKillTheDatagram(t *testing.T) {
	data := pattern(64)
	longer := pattern(80)
	tests := []struct {
		name string
		b    [][]byte // the last is the contradiction
	}{
		{"overlap behind", [][]byte{fragment(1, data, piece{0, 16}, nil), fragment(1, data, piece{8, 24}, nil)}},
		{"overlap before", [][]byte{fragment(1, data, piece{8, 24}, nil), fragment(1, data, piece{0, 16}, nil)}},
		{"inside", [][]byte{fragment(1, data, piece{0, 24}, nil), fragment(1, data, piece{8, 16}, nil)}},
		{"around", [][]byte{fragment(1, data, piece{8, 16}, nil), fragment(1, data, piece{0, 24}, nil)}},
		{"same beginning", [][]byte{fragment(1, data, piece{8, 16}, nil), fragment(1, data, piece{8, 24}, nil)}},
		{"two ends", [][]byte{fragment(1, data, piece{32, 64}, nil), fragment(1, longer, piece{64, 80}, nil)}},
		{"an end before others", [][]byte{fragment(1, data, piece{32, 48}, nil), fragment(1, data[:32], piece{16, 32}, nil)}},
		{"beyond the end", [][]byte{fragment(1, data, piece{32, 64}, nil), fragment(1, longer, piece{64, 72}, nil)}},
	}
	for _, tt := range tests {
		h := newHost(t, Config{})
		for _, b := range tt.b[:len(tt.b)-1] {
			input(t, h, b, start)
		}
		var d Datagram
		if why := h.Input(tt.b[len(tt.b)-1], start, &d); why != drop.IPFragOverlap {
			t.Errorf("%s: %v", tt.name, why)
		}
		for at := 0; at < 64; at += 8 { // RFC 5722: those still to come, too
			if why := h.Input(fragment(1, data, piece{at, at + 8}, nil), start, &d); why != drop.IPFragOverlap {
				t.Errorf("%s: then the fragment at %d: %v", tt.name, at, why)
			}
		}
		if h.fragments.nFree != len(h.fragments.free) {
			t.Errorf("%s: a dead datagram keeps memory", tt.name)
		}
		h.Advance(start.Add(30 * time.Second))
		if h.Stats().FragmentTimeouts != 0 || h.HasOutput() {
			t.Errorf("%s: it was counted already, and nobody is told", tt.name)
		}
		if d := input(t, h, fragment(1, data, piece{0, 8}, nil), start.Add(30*time.Second)); !d.Held {
			t.Errorf("%s: after its time the name may be used again", tt.name)
		}
	}
}

func TestReassembly_RefusesFragmentsThatCannotBe(t *testing.T) {
	h := newHost(t, Config{})
	tests := []struct {
		name   string
		length int
		offset uint16
		mf     bool
		want   drop.Reason
	}{
		{"empty", 0, 8, true, drop.IPFragOverlap},
		{"empty last", 0, 8, false, drop.IPFragOverlap},
		{"odd length in the middle", 12, 8, true, drop.IPFragOverlap},
		{"past the largest packet", 8, 65512, false, drop.IPFragLimit},
		{"up to the largest packet", 3, 65512, false, drop.None},
	}
	for _, tt := range tests {
		b := packet(pattern(tt.length), func(h *wire.IPv4Header) { h.FragOffset, h.MF = tt.offset, tt.mf })
		var d Datagram
		if why := h.Input(b, start, &d); why != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, why, tt.want)
		}
	}
}

func TestReassembly_AtMost64Fragments(t *testing.T) {
	h := newHost(t, Config{})
	data := pattern(8 * 100)
	var d Datagram
	for k := range maxFragments {
		if why := h.Input(fragment(1, data, piece{8 * k, 8*k + 8}, nil), start, &d); why != drop.None {
			t.Fatalf("fragment %d: %v", k, why)
		}
	}
	if why := h.Input(fragment(1, data, piece{8 * maxFragments, 8*maxFragments + 8}, nil), start, &d); why != drop.IPFragLimit {
		t.Errorf("one too many: %v", why)
	}
	if h.fragments.nFree != len(h.fragments.free) {
		t.Error("its memory must be free again")
	}
}

func TestReassembly_TheOldestDatagramMakesRoom(t *testing.T) {
	h := newHost(t, Config{Datagrams: 3})
	data := pattern(16)
	for id := range uint16(4) {
		input(t, h, fragment(id, data, piece{0, 8}, nil), start.Add(time.Duration(id)))
	}
	for id := uint16(1); id < 4; id++ {
		if d := input(t, h, fragment(id, data, piece{8, 16}, nil), start.Add(10)); d.Held {
			t.Errorf("datagram %d was lost", id)
		}
	}
	if d := input(t, h, fragment(0, data, piece{8, 16}, nil), start.Add(10)); !d.Held {
		t.Error("the oldest was not")
	}
	if got := h.Stats().FragmentEvictions; got != 1 {
		t.Errorf("%d evictions, want 1", got)
	}
}

func TestReassembly_MemoryIsBounded(t *testing.T) {
	h := newHost(t, Config{ReassemblyBytes: 40 * fragmentBlock})
	big := pattern(60_000) // 30 blocks
	for id := range uint16(3) {
		for at := 0; at < 59_200; at += 1480 {
			var d Datagram
			if why := h.Input(fragment(id, big, piece{at, at + 1480}, nil), start.Add(time.Duration(id)), &d); why != drop.None {
				t.Fatalf("datagram %d at %d: %v", id, at, why)
			}
		}
		h.checkMemory(t)
	}
	if d := input(t, h, fragment(2, big, piece{59_200, 60_000}, nil), start); d.Held || !bytes.Equal(d.Payload, big) {
		t.Error("the newest must survive")
	}
	if got := h.Stats().FragmentEvictions; got != 2 {
		t.Errorf("%d evictions, want the two older ones", got)
	}
}

func TestReassembly_MemoryComesFromOthersNotFromOneself(t *testing.T) {
	h := newHost(t, Config{ReassemblyBytes: blocksPerPacket * fragmentBlock})
	big := pattern(maxReassembled)
	var d Datagram
	h.Input(fragment(9, big, piece{0, 8}, nil), start, &d)
	h.Input(fragment(9, big, piece{0, 16}, nil), start, &d) // dead from the beginning
	input(t, h, fragment(1, big, piece{0, fragmentBlock}, nil), start.Add(1))
	for k := 1; k < blocksPerPacket; k++ {
		input(t, h, fragment(2, big, piece{k * fragmentBlock, min((k+1)*fragmentBlock, len(big))}, nil), start.Add(2))
	}
	if h.fragments.nFree != 0 {
		t.Fatalf("the test wants all blocks taken, %d are free", h.fragments.nFree)
	}
	if d := input(t, h, fragment(1, big, piece{fragmentBlock, 2 * fragmentBlock}, nil), start.Add(3)); !d.Held {
		t.Fatalf("%+v", d)
	}
	if got := h.Stats().FragmentEvictions; got != 1 || h.fragments.find(partialKey{peerIP, ourIP, 1, wire.ProtoTCP}) == nil {
		t.Errorf("%d evictions, want the newer one evicted by the older", got)
	}
	if why := h.Input(fragment(9, big, piece{8, 16}, nil), start, &d); why != drop.IPFragOverlap {
		t.Errorf("%v: the dead one has no memory to give and must be remembered", why)
	}
	h.checkMemory(t)
}

func TestReassembly_DeadOnesMakeRoomToo(t *testing.T) {
	h := newHost(t, Config{Datagrams: 2})
	data := pattern(24)
	var d Datagram
	for id := range uint16(10) {
		input(t, h, fragment(id, data, piece{0, 8}, nil), start)
		if why := h.Input(fragment(id, data, piece{0, 16}, nil), start, &d); why != drop.IPFragOverlap {
			t.Fatal(why)
		}
	}
	if got := h.Stats().FragmentEvictions; got != 8 {
		t.Errorf("%d evictions, want 8", got)
	}
}

func TestReassembly_TimesOutAndTellsTheSender(t *testing.T) {
	h := newHost(t, Config{})
	data := pattern(64)
	first := fragment(1, data, piece{0, 32}, nil)
	input(t, h, first, start)
	input(t, h, fragment(2, data, piece{32, 64}, nil), start) // no beginning: nobody is told
	input(t, h, fragment(3, data, piece{0, 8}, func(h *wire.IPv4Header) { h.Dst = addr("192.0.2.255") }), start)
	if h.Next() != start.Add(30*time.Second) {
		t.Errorf("Next() = %v", h.Next())
	}
	h.Advance(start.Add(30*time.Second - 1))
	if h.HasOutput() || h.Stats().FragmentTimeouts != 0 {
		t.Fatal("too early")
	}
	h.Advance(start.Add(30 * time.Second))
	if h.Stats().FragmentTimeouts != 3 || h.Next() != mono.Never || h.fragments.nFree != len(h.fragments.free) {
		t.Errorf("stats %+v, next %v", h.Stats(), h.Next())
	}
	m, body := outputICMP(t, h, peerIP)
	if m.Type != wire.ICMPTimeExceeded || m.Code != 1 || !bytes.Equal(body, first[:28]) || h.HasOutput() {
		t.Errorf("%+v % x; more: %v", m, body, h.HasOutput())
	}
}

func TestReassembly_CongestionMarksFollowRFC3168(t *testing.T) {
	const notECT, ect1, ect0, ce = 0, 1, 2, 3
	tests := []struct {
		marks []uint8
		want  uint8
		why   drop.Reason
	}{
		{[]uint8{ect0, ect0, ect0}, ect0, drop.None},
		{[]uint8{notECT, notECT, notECT}, notECT, drop.None},
		{[]uint8{ect0, ce, ect0}, ce, drop.None},
		{[]uint8{ce, ect1, ect1}, ce, drop.None},
		{[]uint8{notECT, ce, notECT}, 0, drop.IPFragOverlap},
		{[]uint8{ce, ce, notECT}, 0, drop.IPFragOverlap},
	}
	data := pattern(24)
	for _, tt := range tests {
		h := newHost(t, Config{})
		var d Datagram
		var why drop.Reason
		for _, k := range []int{2, 0, 1} { // the first fragment is not the first to come
			why = h.Input(fragment(1, data, piece{8 * k, 8*k + 8}, func(h *wire.IPv4Header) {
				h.TOS, h.TTL = uint8(k)<<4|tt.marks[k], uint8(50+k)
			}), start, &d)
		}
		if h.fragments.nFree != len(h.fragments.free) {
			t.Errorf("%v: memory is kept", tt.marks)
		}
		if why != tt.why || why == drop.None && (d.TOS != tt.want || d.TTL != 50) {
			t.Errorf("%v: %v, TOS %#x TTL %d, want %v, %#x and those of the first fragment", tt.marks, why, d.TOS, d.TTL, tt.why, tt.want)
		}
	}
}

func TestReassembly_KeepsTheBroadcastFlag(t *testing.T) {
	h := newHost(t, Config{})
	data := pattern(16)
	all := func(h *wire.IPv4Header) { h.Dst = addr("192.0.2.255") }
	input(t, h, fragment(1, data, piece{0, 8}, all), start)
	if d := input(t, h, fragment(1, data, piece{8, 16}, all), start); d.Held || !d.Broadcast {
		t.Errorf("%+v", d)
	}
}
