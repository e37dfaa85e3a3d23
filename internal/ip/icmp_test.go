package ip

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// icmpPacket builds an ICMP packet to us.
func icmpPacket(m wire.ICMPv4, body []byte) []byte {
	b := append(make([]byte, wire.ICMPv4Len), body...)
	wire.PutICMPv4(b, m)
	return packet(b, func(h *wire.IPv4Header) { h.Proto = wire.ProtoICMP; h.TOS = 0x0b })
}

// inputICMP takes an ICMP message from peerIP.
func inputICMP(t *testing.T, h *Host, m wire.ICMPv4, body []byte) (ICMPResult, drop.Reason) {
	t.Helper()
	d := input(t, h, icmpPacket(m, body), start)
	return h.InputICMP(&d, start)
}

// outputICMP takes the next packet, which must be ICMP from us to dst.
func outputICMP(t *testing.T, h *Host, dst wire.IPv4) (wire.ICMPv4, []byte) {
	t.Helper()
	var b [2048]byte
	n, to := h.OutputICMP(b[:])
	ip, payload, why := wire.ParseIPv4(b[:n])
	if why != drop.None || to != dst || ip.Dst != dst || ip.Src != ourIP || ip.Proto != wire.ProtoICMP || ip.TTL != 64 || ip.ECN() != 0 {
		t.Fatalf("%d octets to %v: %+v %v", n, to, ip, why)
	}
	m, body, why := wire.ParseICMPv4(payload)
	if why != drop.None {
		t.Fatal(why)
	}
	return m, body
}

func TestEcho_IsAnsweredInFull(t *testing.T) {
	h := newHost(t, Config{})
	for _, n := range []int{0, 1, 56, 1472} {
		r, why := inputICMP(t, h, wire.ICMPv4{Type: wire.ICMPEchoRequest, Rest: 0x1234_0001}, pattern(n))
		if why != drop.None || r.Kind != ICMPHandled || !h.HasOutput() {
			t.Fatalf("%d octets: %+v %v", n, r, why)
		}
		m, body := outputICMP(t, h, peerIP)
		if m != (wire.ICMPv4{Type: wire.ICMPEchoReply, Rest: 0x1234_0001}) || !bytes.Equal(body, pattern(n)) || h.HasOutput() {
			t.Errorf("%d octets: answered by %+v with %d", n, m, len(body))
		}
	}
	if h.Stats().EchoReplies != 4 {
		t.Errorf("stats %+v", h.Stats())
	}
}

func TestEcho_LongerThanTheLinkIsCutOff(t *testing.T) {
	h := newHost(t, Config{})
	message := append(make([]byte, wire.ICMPv4Len), pattern(4000)...)
	wire.PutICMPv4(message, wire.ICMPv4{Type: wire.ICMPEchoRequest})
	icmp := func(h *wire.IPv4Header) { h.Proto = wire.ProtoICMP }
	input(t, h, fragment(9, message, piece{0, 2000}, icmp), start)
	d := input(t, h, fragment(9, message, piece{2000, 4008}, icmp), start)
	if _, why := h.InputICMP(&d, start); why != drop.None {
		t.Fatal(why)
	}
	if _, body := outputICMP(t, h, peerIP); !bytes.Equal(body, pattern(1472)) {
		t.Errorf("%d octets, want the first 1472 (RFC 1122 §3.2.2.6)", len(body))
	}
}

func TestEcho_ToEverybodyIsNotAnswered(t *testing.T) {
	h := newHost(t, Config{})
	b := make([]byte, wire.ICMPv4Len)
	wire.PutICMPv4(b, wire.ICMPv4{Type: wire.ICMPEchoRequest})
	d := input(t, h, packet(b, func(h *wire.IPv4Header) { h.Proto, h.Dst = wire.ProtoICMP, addr("192.0.2.255") }), start)
	if _, why := h.InputICMP(&d, start); why != drop.ICMPType || h.HasOutput() {
		t.Errorf("%v", why)
	}
}

func TestEcho_IsLimitedInRateAndNumber(t *testing.T) {
	h := newHost(t, Config{ICMPRate: 100, ICMPBurst: 10})
	d := input(t, h, icmpPacket(wire.ICMPv4{Type: wire.ICMPEchoRequest}, nil), start)
	answered := func(from time.Duration, n int) int {
		got := 0
		for k := range n {
			if _, why := h.InputICMP(&d, start.Add(from+time.Duration(k))); why == drop.None {
				got++
				outputICMP(t, h, peerIP)
			} else if why != drop.ICMPLimit {
				t.Fatal(why)
			}
		}
		return got
	}
	if got := answered(0, 100); got != 10 {
		t.Errorf("%d of 100 at once, want the burst of 10", got)
	}
	if got := answered(50*time.Millisecond, 100); got != 5 {
		t.Errorf("%d after 50 ms, want 5", got)
	}
	if got := answered(time.Hour, 100); got != 10 {
		t.Errorf("%d after an hour, want no more than the burst", got)
	}
	h = newHost(t, Config{ICMPBurst: 1000})
	queued := 0
	for range 1000 {
		if _, why := h.InputICMP(&d, start); why == drop.None {
			queued++
		}
	}
	if queued != maxICMPQueue {
		t.Errorf("%d queued, want %d", queued, maxICMPQueue)
	}
}

// quoted is a packet of ours as an error quotes it.
func quoted(change func(h *wire.IPv4Header)) []byte {
	h := wire.IPv4Header{Src: ourIP, Dst: farIP, Proto: wire.ProtoTCP, TotalLen: 1500, TTL: 1}
	if change != nil {
		change(&h)
	}
	b := make([]byte, wire.IPv4HeaderLen)
	wire.PutIPv4(b, &h)
	return append(b, 0x1f, 0x90, 0, 80, 0xde, 0xad, 0xbe, 0xef)
}

func TestErrors_AreTakenApart(t *testing.T) {
	about := ICMPResult{From: peerIP, Src: ourIP, Dst: farIP, SrcPort: 8080, DstPort: 80, Seq: 0xdeadbeef, PacketLen: 1500, Proto: wire.ProtoTCP}
	with := func(kind ICMPKind, code uint8, mtu int) ICMPResult {
		r := about
		r.Kind, r.Code, r.MTU = kind, code, mtu
		return r
	}
	tests := []struct {
		name string
		m    wire.ICMPv4
		want ICMPResult
		why  drop.Reason
	}{
		{"net", wire.ICMPv4{Type: 3, Code: 0}, with(ICMPUnreachable, 0, 0), drop.None},
		{"port", wire.ICMPv4{Type: 3, Code: 3, Rest: 1400}, with(ICMPUnreachable, 3, 0), drop.None},
		{"fragmentation", wire.ICMPv4{Type: 3, Code: 4, Rest: 1400}, with(ICMPFragNeeded, 4, 1400), drop.None},
		{"fragmentation, old router", wire.ICMPv4{Type: 3, Code: 4}, with(ICMPFragNeeded, 4, 1492), drop.None},
		{"time exceeded", wire.ICMPv4{Type: 11, Code: 1}, with(ICMPTimeExceeded, 1, 0), drop.None},
		{"parameter problem", wire.ICMPv4{Type: 12}, with(ICMPParameterProblem, 0, 0), drop.None},
		{"source quench", wire.ICMPv4{Type: 4}, ICMPResult{}, drop.ICMPQuench},
		{"redirect", wire.ICMPv4{Type: 5}, ICMPResult{}, drop.ICMPType},
		{"echo reply", wire.ICMPv4{Type: 0}, ICMPResult{}, drop.ICMPType},
		{"unknown type", wire.ICMPv4{Type: 200}, ICMPResult{}, drop.ICMPType},
	}
	for _, tt := range tests {
		h := newHost(t, Config{})
		if r, why := inputICMP(t, h, tt.m, quoted(nil)); r != tt.want || why != tt.why || h.HasOutput() {
			t.Errorf("%s: %+v %v,\nwant %+v %v", tt.name, r, why, tt.want, tt.why)
		}
	}
}

func TestErrors_ThatCannotBeAboutUsAreUnmatched(t *testing.T) {
	h := newHost(t, Config{})
	m := wire.ICMPv4{Type: wire.ICMPUnreachable, Code: 1}
	bodies := map[string][]byte{
		"no quote":            nil,
		"short quote":         quoted(nil)[:27],
		"another's packet":    quoted(func(h *wire.IPv4Header) { h.Src = peerIP }),
		"to everybody":        quoted(func(h *wire.IPv4Header) { h.Dst = wire.IPv4Broadcast }),
		"to a group":          quoted(func(h *wire.IPv4Header) { h.Dst = addr("224.0.0.1") }),
		"of a later fragment": quoted(func(h *wire.IPv4Header) { h.FragOffset = 8 }),
	}
	for name, body := range bodies {
		if _, why := inputICMP(t, h, m, body); why != drop.ICMPUnmatched {
			t.Errorf("%s: %v", name, why)
		}
	}
	d := input(t, h, icmpPacket(m, quoted(nil)), start)
	d.Broadcast = true
	if _, why := h.InputICMP(&d, start); why != drop.ICMPUnmatched {
		t.Errorf("an error to everybody: %v", why)
	}
	d = input(t, h, packet(pattern(7), func(h *wire.IPv4Header) { h.Proto = wire.ProtoICMP }), start)
	if _, why := h.InputICMP(&d, start); why != drop.ICMPShort {
		t.Errorf("seven octets: %v", why)
	}
	d = input(t, h, packet(pattern(9), func(h *wire.IPv4Header) { h.Proto = wire.ProtoICMP }), start)
	if _, why := h.InputICMP(&d, start); why != drop.ICMPChecksum {
		t.Errorf("wrong checksum: %v", why)
	}
}

func TestUnreachable_QuotesThePacket(t *testing.T) {
	h := newHost(t, Config{})
	for _, n := range []int{0, 8, 100, 1480} {
		b := packet(pattern(n), func(h *wire.IPv4Header) { h.Proto = wire.ProtoUDP })
		d := input(t, h, append(bytes.Clone(b), "padding"...), start)
		if why := h.Unreachable(&d, wire.ICMPProtoUnreachable, start); why != drop.None {
			t.Fatal(why)
		}
		m, body := outputICMP(t, h, peerIP)
		if m.Type != wire.ICMPUnreachable || m.Code != wire.ICMPProtoUnreachable || m.Rest != 0 || !bytes.Equal(body, b[:min(len(b), 548)]) {
			t.Errorf("%+v, %d octets quoted of %d", m, len(body), len(b))
		}
	}
	if h.Stats().ICMPErrors != 4 {
		t.Errorf("stats %+v", h.Stats())
	}
}

func TestUnreachable_NeverAboutBroadcastFragmentsOrErrors(t *testing.T) {
	h := newHost(t, Config{})
	udp := func(h *wire.IPv4Header) { h.Proto = wire.ProtoUDP }
	refuse := func(name string, d Datagram, want drop.Reason) {
		t.Helper()
		if why := h.Unreachable(&d, wire.ICMPProtoUnreachable, start); why != want || h.HasOutput() != (want == drop.None) {
			t.Errorf("%s: %v, want %v", name, why, want)
		}
		for h.HasOutput() {
			outputICMP(t, h, peerIP)
		}
	}
	refuse("broadcast", input(t, h, packet(nil, func(h *wire.IPv4Header) { udp(h); h.Dst = wire.IPv4Broadcast }), start), drop.ICMPLimit)
	input(t, h, fragment(5, pattern(16), piece{0, 8}, udp), start)
	refuse("fragments", input(t, h, fragment(5, pattern(16), piece{8, 16}, udp), start), drop.ICMPLimit)
	for typ := range 256 {
		want := drop.ICMPLimit
		if typ == 0 || typ == 8 {
			want = drop.None
		}
		refuse("ICMP type", input(t, h, icmpPacket(wire.ICMPv4{Type: uint8(typ)}, nil), start), want)
	}
	refuse("ICMP without a type", input(t, h, packet(nil, func(h *wire.IPv4Header) { h.Proto = wire.ProtoICMP }), start), drop.ICMPLimit)
}

func TestUnreachable_IsLimitedInRate(t *testing.T) {
	h := newHost(t, Config{ICMPBurst: 5})
	d := input(t, h, packet(nil, func(h *wire.IPv4Header) { h.Proto = wire.ProtoUDP }), start)
	sent := 0
	for range 100 {
		if h.Unreachable(&d, 2, start) == drop.None {
			sent++
		}
	}
	if sent != 5 {
		t.Errorf("%d of 100 at once, want the burst of 5", sent)
	}
	h = newHost(t, Config{ICMPBurst: 1000})
	for sent = 0; h.Unreachable(&d, 2, start) == drop.None; sent++ {
	}
	if sent != maxICMPQueue || h.Stats().ICMPErrors != maxICMPQueue {
		t.Errorf("%d queued, stats %+v", sent, h.Stats())
	}
}

func TestOutputICMP_NeedsRoom(t *testing.T) {
	h := newHost(t, Config{})
	inputICMP(t, h, wire.ICMPv4{Type: wire.ICMPEchoRequest}, pattern(100))
	if n, _ := h.OutputICMP(make([]byte, 127)); n != 0 {
		t.Errorf("%d octets into 127", n)
	}
	if n, _ := h.OutputICMP(make([]byte, 128)); n != 128 {
		t.Errorf("%d octets into 128", n)
	}
	if n, _ := h.OutputICMP(make([]byte, 128)); n != 0 {
		t.Error("and then there is nothing more")
	}
}

func TestICMPKind_Names(t *testing.T) {
	seen := map[string]bool{}
	for k := ICMPHandled; k <= ICMPParameterProblem; k++ {
		if s := k.String(); seen[s] || s == "unknown" {
			t.Errorf("%d: %q", k, s)
		}
		seen[k.String()] = true
	}
	if s := (ICMPParameterProblem + 1).String(); s != "unknown" {
		t.Errorf("%q", s)
	}
}
