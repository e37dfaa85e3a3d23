package ip

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestPacketPath_DoesNotAllocate(t *testing.T) {
	h := newHost(t, Config{Datagrams: 4, ReassemblyBytes: 1 << 17})
	data := packet(pattern(1480), nil)
	ping := icmpPacket(wire.ICMPv4{Type: wire.ICMPEchoRequest}, pattern(56))
	big := pattern(3000)
	first, last := fragment(1, big, piece{0, 1480}, nil), fragment(1, big, piece{1480, 3000}, nil)
	lost := fragment(2, big, piece{0, 1480}, nil)
	var d Datagram
	var out [1500]byte
	now, dst := start, addr("10.0.0.1")
	n := testing.AllocsPerRun(500, func() {
		now, dst = now.Add(time.Second), dst+1
		h.Input(data, now, &d)
		h.Unreachable(&d, 2, now)
		h.Input(ping, now, &d)
		h.InputICMP(&d, now)
		h.Input(first, now, &d)
		h.Input(last, now, &d)
		h.Input(lost, now, &d)
		h.Advance(now)
		h.SetPathMTU(dst, 1000, now)
		h.PutHeader(out[:], wire.ProtoTCP, 0, ourIP, dst, 1500)
		for h.HasOutput() {
			h.OutputICMP(out[:])
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per round, want none", n)
	}
}

func BenchmarkInput(b *testing.B) {
	h := newHost(b, Config{})
	p := packet(pattern(1480), nil)
	var d Datagram
	for b.Loop() {
		if h.Input(p, start, &d) != drop.None {
			b.Fatal("refused")
		}
	}
}

func BenchmarkPutHeader(b *testing.B) {
	h := newHost(b, Config{})
	var out [wire.IPv4HeaderLen]byte
	for b.Loop() {
		h.PutHeader(out[:], wire.ProtoTCP, 0, ourIP, farIP, 1500)
	}
}

func BenchmarkRoute(b *testing.B) {
	h := newHost(b, Config{})
	for b.Loop() {
		if _, _, _, ok := h.Route(farIP); !ok {
			b.Fatal("no route")
		}
	}
}

func BenchmarkPathMTU(b *testing.B) {
	h := newHost(b, Config{})
	h.SetPathMTU(farIP, 1400, start)
	for b.Loop() {
		if h.PathMTU(farIP, start) != 1400 {
			b.Fatal("lost")
		}
	}
}

func BenchmarkReassembly_3000(b *testing.B) {
	h := newHost(b, Config{})
	big := pattern(3000)
	first, last := fragment(1, big, piece{0, 1480}, nil), fragment(1, big, piece{1480, 3000}, nil)
	var d Datagram
	b.SetBytes(3000)
	for b.Loop() {
		h.Input(first, start, &d)
		if h.Input(last, start, &d) != drop.None || d.Held {
			b.Fatal("incomplete")
		}
	}
}

func BenchmarkEcho(b *testing.B) {
	h := newHost(b, Config{})
	p := icmpPacket(wire.ICMPv4{Type: wire.ICMPEchoRequest}, pattern(56))
	var d Datagram
	var out [1500]byte
	now := start
	for b.Loop() {
		now = now.Add(time.Millisecond)
		h.Input(p, now, &d)
		h.InputICMP(&d, now)
		if n, _ := h.OutputICMP(out[:]); n == 0 {
			b.Fatal("no answer")
		}
	}
}
