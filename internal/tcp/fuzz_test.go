package tcp

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A script turns octets into choices. When it has run out all choices are 0.
type script struct{ b []byte }

func (s *script) byte() byte {
	if len(s.b) == 0 {
		return 0
	}
	v := s.b[0]
	s.b = s.b[1:]
	return v
}

func (s *script) word() uint32 {
	return uint32(s.byte())<<24 | uint32(s.byte())<<16 | uint32(s.byte())<<8 | uint32(s.byte())
}

// near picks a position at or beside one of the edges, or a farther one.
func (s *script) near(edges ...seq.Value) seq.Value {
	c := s.byte()
	v := edges[int(c>>4)%len(edges)]
	switch c & 15 {
	case 0, 1, 2, 3, 4:
		return v
	case 5, 6:
		return v + 1
	case 7, 8:
		return v - 1
	case 9:
		return v + 1448
	case 10:
		return v + seq.Value(s.byte())
	case 11:
		return v - seq.Value(s.byte())
	case 12:
		return v + seq.Value(s.byte())<<8
	case 13:
		return v - seq.Value(s.byte())<<8
	case 14:
		return v + seq.Value(s.byte())<<24
	default:
		return v + 1<<31
	}
}

// A fuzzRig drives one connection by a script.
type fuzzRig struct {
	*rig
	script
	gone bool // the application has let go
	shut bool // it reads no more
	tw   TimeWaitRecord
	inTW bool
	mark uint8      // codepoint of the segment that header drew last
	kept []ring.Ref // taken away to exhaust the pool
}

func FuzzInput(f *testing.F) {
	for s := Closed; s < numStates; s++ {
		f.Add([]byte{byte(s), 0xff, 0, 0x10, 0, 0, 4, 0, 3, 1, 0x10, 1, 0, 0, 5})
		f.Add([]byte{byte(s), 0x3f, 2, 9, 4, 0, 0x19, 4, 9, 4, 3, 2, 3, 2, 3, 2, 7, 1, 4})
	}
	base := newRig(f, 4, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		base.tb = t
		x := &fuzzRig{rig: base, script: script{b}}
		x.run()
		base.tb = t
	})
}

// The fuzzer's scripts from a fixed seed, for every run of the tests.
func TestInput_RandomScripts(t *testing.T) {
	n := 4000
	if raceEnabled || testing.Short() { // one goroutine: all of them without the race detector
		n = 1000
	}
	rnd := rand.New(rand.NewPCG(21, 22))
	r := newRig(t, 4, nil)
	for i := range n {
		b := make([]byte, 20+rnd.IntN(400))
		for j := range b {
			b[j] = byte(rnd.Uint32())
		}
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			r.tb = t
			(&fuzzRig{rig: r, script: script{b}}).run()
		})
		r.tb = t
		if t.Failed() {
			t.Fatalf("script %d: %q", i, b)
		}
	}
}

func (x *fuzzRig) run() {
	x.start()
	for range 300 {
		if len(x.b) == 0 || x.count > 3000 { // enough said
			break
		}
		x.step()
		if x.e.replies.n > maxReplies/2 {
			x.e.replies.n = 0
		}
	}
	x.wrapUp()
}

// start begins: configuration, numbers and state.
func (x *fuzzRig) start() {
	cfg := DefaultConfig()
	first, c := x.byte(), x.byte()
	state := State(first) % numStates
	cfg.NoSACK, cfg.NoTimestamps, cfg.NoScaling = c&1 == 0, c&2 == 0, c&4 == 0
	cfg.DelayFirstAck = c&8 == 0
	cfg.WindowScale = []int{0, 2, 8, 14}[c>>4&3]
	cfg.RcvBuf = []int{4096, 8192, 65536, 1 << 20}[c>>6]
	x.reset(cfg)
	x.irs = seq.Value(x.word()) * 251
	x.reach(state, fullSYN, seq.Value(x.byte())<<24+0xff_fff0)
	if first/uint8(numStates)%2 == 0 && state >= Established {
		x.c.ecn = ecnSends | ecnEchoes
	}
}

// wrapUp ends the connection whatever state it is in. All must come back.
func (x *fuzzRig) wrapUp() {
	for _, ref := range x.kept {
		x.e.pool.Put(ref)
	}
	x.kept = nil
	if !x.gone {
		x.e.Close(x.c, x.now)
		x.check()
	}
	x.collect()
	if x.c.state != Closed && x.c.state != TimeWait && x.c.state != SynSent {
		x.e.Abort(x.c)
		x.collect()
	}
	x.release()
}

func (x *fuzzRig) step() {
	if x.inTW {
		x.stepTimeWait()
		return
	}
	switch op := x.byte(); op % 24 {
	default: // most
		x.arrive()
	case 1, 2:
		x.collect()
	case 3:
		x.once()
	case 4:
		if x.c.NextTimer() < x.now.Add(24*time.Hour) {
			x.untilTimer()
		}
	case 5:
		x.now = x.now.Add(time.Duration(x.byte()) << (x.byte() % 40))
		x.tsVal += uint32(x.byte())
		x.e.Timeout(x.c, x.now)
		x.check()
	case 6, 7:
		if !x.gone {
			x.tryWrite(int(x.byte()) << (x.byte() % 8))
		}
	case 8, 9:
		if !x.gone && !x.shut && x.c.state > SynSent {
			x.read(int(x.byte()) << (x.byte() % 10))
		}
	case 10:
		x.call()
	case 11:
		x.network()
	}
	if x.c.TakeVerdict()&EnterTW != 0 && x.c.state == TimeWait && x.byte()&1 == 0 {
		x.e.EnterTimeWait(x.c, &x.tw, x.now)
		x.e.LeaveTCB(x.c)
		x.inTW = true
		x.check()
	}
}

// once takes one segment: others may come between it and the next.
func (x *fuzzRig) once() {
	if n := x.e.Output(x.c, x.frame[:], x.now); n > 0 {
		x.parse(x.frame[:n])
		x.checkSent()
	}
	x.check()
}

// call is one of the application's.
func (x *fuzzRig) call() {
	if x.gone {
		return
	}
	switch op := x.byte(); op % 8 {
	case 0:
		x.e.Shutdown(x.c, x.now)
	case 1:
		x.e.Close(x.c, x.now)
		x.gone = true
	case 2:
		x.e.Abort(x.c)
		x.gone = true
	case 3:
		if x.c.state != SynSent {
			x.e.ShutdownRead(x.c)
			x.shut = true
		}
	case 4:
		x.e.WantTx(x.c, int(x.byte())<<8, x.now)
	case 5:
		x.e.ReadyTx(x.c)
	default:
		v := uint64(x.byte()) << (x.byte() % 40)
		x.e.Set(x.c, sock.Option(x.byte()%14), v, x.now)
	}
	x.check()
}

// network is what happens beside TCP: ICMP, dead neighbours, no memory.
func (x *fuzzRig) network() {
	at := x.near(x.c.sndUna, x.c.sndNxt)
	switch op := x.byte(); op % 6 {
	case 0:
		x.e.ICMPError(x.c, sock.HostUnreachable, x.byte()&1 == 0, at)
	case 1:
		x.e.PathMTU(x.c, int(x.byte())<<3, at, x.now)
	case 2:
		x.e.Unreachable(x.c, sock.HostUnreachable, x.now)
	case 3, 4:
		for ref := x.e.pool.Get(ring.MinSize); ref != 0; ref = x.e.pool.Get(ring.MinSize) {
			x.kept = append(x.kept, ref)
		}
	case 5:
		for _, ref := range x.kept {
			x.e.pool.Put(ref)
		}
		x.kept = x.kept[:0]
	}
	x.check()
}

// header draws the header and options of a segment near the edges of windows.
func (x *fuzzRig) header(rcvNxt, rcvAdv, sndUna, sndNxt seq.Value) (wire.TCP, wire.Options) {
	var h wire.TCP
	var o wire.Options
	h.Flags = wire.Flags(x.byte())
	c := x.byte()
	x.mark = c >> 6
	if c&3 != 0 { // mostly sane
		h.Flags = wire.ACK | h.Flags&wire.PSH
		switch c >> 2 & 15 {
		case 1, 2:
			h.Flags |= wire.FIN
		case 3:
			h.Flags |= wire.RST
		case 4:
			h.Flags |= wire.SYN
		case 5, 6:
			h.Flags |= wire.ECE
		case 7:
			h.Flags |= wire.CWR
		}
	}
	h.Seq = x.near(rcvNxt, rcvNxt, rcvNxt, rcvAdv)
	if x.c.ooo != 0 && x.c.state.in(receiving) {
		h.Seq = x.nearRanges(h.Seq)
	}
	h.Ack = x.near(sndNxt, sndUna, sndUna+1448, sndNxt)
	h.Window = []uint16{65535, 0, 1, 500, 1000, 65535, 30000, 65535}[x.byte()&7]
	c = x.byte()
	if c&1 == 0 && x.ts {
		o.Present |= wire.HasTimestamp
		o.TSVal, o.TSEcr = x.tsVal+uint32(int8(x.byte()))>>(c>>5), x.tsEcr
	}
	if c&2 != 0 {
		o.Present |= wire.HasSACK
		o.NumSACK = c >> 2 & 3
		for i := range o.SACK[:o.NumSACK] {
			o.SACK[i].First = x.near(sndUna, sndUna+1448, sndUna+2896, sndNxt)
			o.SACK[i].End = x.near(sndUna+1448, sndUna+2896, sndUna+5792, sndNxt)
		}
	}
	if c&0xf0 == 0xf0 {
		o.Present |= wire.HasMSS | wire.HasWScale | wire.HasSACKPermitted
		o.MSS, o.WScale = uint16(x.byte())<<3, x.byte()&15
	}
	return h, o
}

// nearRanges picks a position beside what came out of order.
func (x *fuzzRig) nearRanges(v seq.Value) seq.Value {
	set := x.e.ranges.At(x.c.ooo)
	switch x.byte() & 7 {
	case 0, 1:
		return set.r[0].First - 1
	case 2:
		return x.near(set.r[0].First, set.r[0].End)
	case 3, 4:
		return set.last().End + 1 + seq.Value(x.byte())
	case 5:
		return x.near(set.last().First, set.last().End)
	}
	return v
}

func (x *fuzzRig) payload(at seq.Value) []byte {
	n := []int{0, 0, 1, 10, 536, 1448, 1460, 3000}[x.byte()&7]
	return peerText(int(int32(at-x.irs)), n)
}

func (x *fuzzRig) arrive() {
	rcvNxt, rcvAdv := x.c.rcvNxt, x.c.rcvAdv
	if x.c.state == SynSent {
		rcvNxt, rcvAdv = x.irs, x.irs
	}
	h, o := x.header(rcvNxt, rcvAdv, x.c.sndUna, x.c.sndNxt)
	if x.c.state == SynSent && h.Flags.Has(wire.SYN) {
		h.Seq = x.irs
	}
	first := h.Seq
	if h.Flags.Has(wire.SYN) {
		first++
	}
	s := assemble(x.tb, h, &o, x.payload(first))
	replies := x.e.replies.n
	s.ECN = x.mark
	x.input(s)
	if x.e.replies.n > replies+1 {
		x.tb.Fatal("more than one reply to a segment")
	}
}

func (x *fuzzRig) stepTimeWait() {
	r := &x.tw
	h, o := x.header(r.rcvNxt, r.rcvNxt+65535, r.sndNxt-1, r.sndNxt)
	s := assemble(x.tb, h, &o, x.payload(h.Seq))
	x.now = x.now.Add(time.Duration(x.byte()) * time.Millisecond)
	replies := x.e.replies.n
	a, floor := x.e.InputTimeWait(r, s, x.now)
	switch {
	case x.e.replies.n > replies+1:
		x.tb.Fatal("more than one reply to a segment")
	case a == TWReuse && (!s.Flags.Has(wire.SYN) || s.Flags.HasAny(wire.RST|wire.ACK)):
		x.tb.Fatalf("%v opens a new incarnation", s.Flags)
	case a == TWReuse && floor != r.sndNxt:
		x.tb.Fatal("a new incarnation may repeat sequence numbers")
	case s.Flags.Has(wire.RST) && (a != TWStay || x.e.replies.n != replies):
		x.tb.Fatal("a RST did something to TIME-WAIT")
	}
}

// FuzzOptions has any octets for options: in the SYN that opens, and in
// segments of an established connection.
func FuzzOptions(f *testing.F) {
	f.Add([]byte{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}, []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0})
	f.Add([]byte{2, 0, 2, 1}, []byte{5, 10, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Add([]byte{2, 4, 0, 1, 0}, []byte{0, 9, 9})
	base := newRig(f, 4, nil)
	f.Fuzz(func(t *testing.T, syn, later []byte) {
		base.tb = t
		base.reset(DefaultConfig())
		raw := func(h wire.TCP, opts, data []byte) *Segment {
			opts = opts[:min(len(opts), wire.TCPMaxOptionsLen)]
			b := make([]byte, wire.TCPHeaderLen+(len(opts)+3)/4*4)
			h.HeaderLen = uint8(len(b))
			wire.PutTCP(b, &h)
			copy(b[wire.TCPHeaderLen:], opts)
			s := new(Segment)
			var list []byte
			var why drop.Reason
			s.TCP, list, s.Payload, why = wire.ParseTCP(append(b, data...))
			if why != drop.None || !wire.ParseOptions(list, &s.Options) {
				return nil
			}
			return s
		}
		s := raw(wire.TCP{Seq: base.irs, Flags: wire.SYN, Window: 65535}, syn, nil)
		if s == nil || !base.e.InputListen(s, testKey) {
			return
		}
		base.e.Accept(base.c, testSlot, testKey, MTU{Path: testMTU}, 1, s, 0, false, base.now)
		base.begin()
		base.collect()
		base.in(". 1 ack 1 ts")
		base.tryWrite(5000)
		base.collect()
		for i := range 4 {
			h := wire.TCP{Seq: base.irs + 1 + seq.Value(i*10), Ack: base.iss + 1, Flags: wire.ACK, Window: 1000}
			if s := raw(h, later, peerText(1+i*10, i%2*10)); s != nil {
				base.input(s)
			}
			base.collect()
		}
		if next := base.c.NextTimer(); next != mono.Never {
			base.untilTimer()
			base.collect()
		}
	})
}
