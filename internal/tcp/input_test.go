package tcp

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Two rigs live the same random life. Whenever an expected segment comes, one
// takes the fast path and the other the eight steps: they must stay equal, down
// to the last field of the TCB. The exceptions: Stats.FastPath, and what has no
// meaning outside recovery, highRxt and lostEnd.
func TestInputExpected_EqualsTheSteps(t *testing.T) {
	lives, hits := 120, 0
	if raceEnabled || testing.Short() { // one goroutine: all of them without the race detector
		lives = 30
	}
	a, b := newRig(t, 4, nil), newRig(t, 4, nil)
	for seed := range lives {
		hits += twinLife(t, a, b, uint64(seed))
		if t.Failed() {
			t.Fatalf("in life %d", seed)
		}
	}
	if hits < 50*lives {
		t.Errorf("only %d segments took the fast path: the test shows little", hits)
	}
}

// twinLife returns how many segments took the fast path.
func twinLife(t *testing.T, ra, rb *rig, seed uint64) (hits int) {
	rnd := rand.New(rand.NewPCG(seed, 11))
	opts := make([]byte, 3)
	for i := range opts {
		opts[i] = byte(rnd.Uint32())
	}
	kind := byte(Established) + byte(seed%3)*byte(numStates) // with ECN and without
	twins := []*fuzzRig{{rig: ra}, {rig: rb}}
	for _, x := range twins {
		x.b = append([]byte{kind}, opts...)
		x.start()
		if seed%2 == 0 {
			x.e.Set(x.c, 1, 1, x.now) // OptNoDelay: more in flight
		}
	}
	a, b := twins[0], twins[1]
	for range 200 {
		script := make([]byte, 24)
		for i := range script {
			script[i] = byte(rnd.Uint32())
		}
		for _, x := range twins {
			x.tb = t
			x.b = script
			x.livelyStep()
		}
		sameLife(t, a, b)
		ack, n, psh := a.c.sndUna+seq.Value(rnd.Uint32N(a.c.flight()+1)), int(rnd.Uint32N(3000)), rnd.IntN(2) == 0
		if rnd.IntN(3) == 0 {
			n = 0
		}
		sa, sb := a.ordinary(ack, n, psh), b.ordinary(ack, n, psh)
		sa.ECN, sb.ECN = uint8(seed)&wire.ECT0, uint8(seed)&wire.ECT0
		if rnd.IntN(8) == 0 { // not ordinary after all
			odd, by := rnd.IntN(6), rnd.Uint32N(5)
			spoil(sa, odd, by)
			spoil(sb, odd, by)
		}
		if !a.e.expected(a.c, sa) {
			continue
		}
		hits++
		now := a.now.Add(time.Duration(rnd.IntN(5)) * time.Millisecond)
		a.now, b.now = now, now
		why := a.e.inputExpected(a.c, sa, now)
		sb.note()
		if got := b.e.inputSteps(b.c, sb, now); got != why {
			t.Errorf("refused for %v by the fast path, for %v by the steps", why, got)
		}
		a.check()
		b.check()
		sameLife(t, a, b)
		if t.Failed() {
			return hits
		}
		if a.c.state == Closed {
			return hits
		}
	}
	return hits
}

// ordinary is the segment that a peer sends in the ordinary course.
func (x *fuzzRig) ordinary(ack seq.Value, n int, psh bool) *Segment {
	h := wire.TCP{Seq: x.c.rcvNxt, Ack: ack, Flags: wire.ACK, Window: uint16(x.c.sndWnd >> x.c.sndScale)}
	if psh {
		h.Flags |= wire.PSH
	}
	var o wire.Options
	if x.c.has(flagTS) {
		o.Present, o.TSVal, o.TSEcr = wire.HasTimestamp, x.c.tsRecent+uint32(n&1), x.tsEcr
	}
	return assemble(x.tb, h, &o, peerText(int(int32(h.Seq-x.irs)), n))
}

// spoil changes one thing.
func spoil(s *Segment, what int, by uint32) {
	switch what {
	case 0:
		s.Window -= uint16(by)
	case 1:
		s.Seq += seq.Value(by) - 2
	case 2:
		s.Ack += seq.Value(by) - 2
	case 3:
		s.Options.TSVal -= by
	case 4:
		s.Flags ^= 1 << by
	case 5:
		s.ECN = wire.CE
	}
}

// livelyStep is a step that seldom ends the connection.
func (x *fuzzRig) livelyStep() {
	switch x.byte() % 8 {
	case 0, 1:
		x.tryWrite(int(x.byte()) << (x.byte() % 8))
		x.collect()
	case 2:
		x.read(int(x.byte()) << (x.byte() % 8))
		x.collect()
	case 3:
		x.collect()
	case 4:
		x.once()
	case 5:
		if x.c.rexmtAt > x.now.Add(time.Duration(x.byte())*time.Millisecond) {
			x.now = x.now.Add(time.Duration(x.byte()) * time.Millisecond)
			x.e.Timeout(x.c, x.now)
		}
	case 6: // beside what is expected
		h, o := x.header(x.c.rcvNxt, x.c.rcvAdv, x.c.sndUna, x.c.sndNxt)
		h.Flags = wire.ACK
		if x.c.has(flagTS) {
			o.Present |= wire.HasTimestamp
			o.TSVal = x.c.tsRecent
		}
		s := assemble(x.tb, h, &o, x.payload(h.Seq))
		s.ECN = x.mark
		x.input(s)
	default: // all that is in flight is acknowledged, all that came is read
		x.read(1 << 20)
		if x.c.state != Closed {
			x.input(x.ordinary(x.c.sndNxt, 0, false))
		}
	}
	x.e.replies.n = 0
}

func sameLife(t *testing.T, a, b *fuzzRig) {
	t.Helper()
	ta, tb := *a.c, *b.c
	for _, c := range []*TCB{&ta, &tb} {
		if c.recovery == recoveryOpen {
			c.highRxt, c.lostEnd = 0, 0
		}
	}
	if ta != tb {
		t.Errorf("fast path\n%+v\nsteps\n%+v", ta, tb)
	}
	sa, sb := a.e.Stats, b.e.Stats
	sa.FastPath, sb.FastPath = 0, 0
	if sa != sb {
		t.Error("the counters differ")
	}
	for _, s := range [][2]interface{ Len() seq.Size }{{a.e.rx(a.c), b.e.rx(b.c)}, {a.e.tx(a.c), b.e.tx(b.c)}} {
		if s[0].Len() != s[1].Len() {
			t.Error("the rings differ")
		}
	}
	pa, qa := a.e.rx(a.c).Peek()
	pb, qb := b.e.rx(b.c).Peek()
	if !bytes.Equal(pa, pb) || !bytes.Equal(qa, qb) {
		t.Error("what can be read differs")
	}
}

// Each question of the fast path has a segment for which it alone says no.
func TestExpected_AsksEveryQuestion(t *testing.T) {
	ready := func() (*rig, *Segment) {
		r := established(t, fullSYN, nil)
		r.write(100)
		r.collect()
		return r, r.segment("P. 1:11 ack 101 win 65535")
	}
	r, s := ready()
	r.c.sndWnd = 65535 << 7
	if !r.e.expected(r.c, s) {
		t.Fatal("the ordinary segment is not expected")
	}
	for _, x := range []struct {
		name string
		spot func(*rig, *Segment)
	}{
		{"state", func(r *rig, s *Segment) { r.c.state = CloseWait }},
		{"SYN", func(r *rig, s *Segment) { s.Flags |= wire.SYN }},
		{"FIN", func(r *rig, s *Segment) { s.Flags |= wire.FIN }},
		{"RST", func(r *rig, s *Segment) { s.Flags |= wire.RST }},
		{"URG", func(r *rig, s *Segment) { s.Flags |= wire.URG }},
		{"ECE", func(r *rig, s *Segment) { s.Flags |= wire.ECE }},
		{"CWR", func(r *rig, s *Segment) { s.Flags |= wire.CWR }},
		{"a mark", func(r *rig, s *Segment) { s.ECN = wire.CE }},
		{"no ACK", func(r *rig, s *Segment) { s.Flags &^= wire.ACK }},
		{"early", func(r *rig, s *Segment) { s.Seq-- }},
		{"late", func(r *rig, s *Segment) { s.Seq++ }},
		{"a FIN was seen", func(r *rig, s *Segment) { r.c.flags |= flagFinSeen }},
		{"nobody reads", func(r *rig, s *Segment) { r.c.flags |= flagReadShut }},
		{"nobody is there", func(r *rig, s *Segment) { r.c.flags |= flagOrphan }},
		{"a hole", func(r *rig, s *Segment) { r.c.ooo = 1 }},
		{"recovery", func(r *rig, s *Segment) { r.c.recovery = recoveryLoss }},
		{"scoreboard", func(r *rig, s *Segment) { r.c.sacked = 1 }},
		{"duplicates", func(r *rig, s *Segment) { r.c.dupAcks = 1 }},
		{"ACK too high", func(r *rig, s *Segment) { s.Ack++ }},
		{"ACK too low", func(r *rig, s *Segment) { s.Ack = r.c.sndUna - 1 }},
		{"duplicate ACK", func(r *rig, s *Segment) { s.Ack, s.Payload = r.c.sndUna, nil }},
		{"beyond the window", func(r *rig, s *Segment) { r.c.rcvAdv = r.c.rcvNxt + 9 }},
		{"another window", func(r *rig, s *Segment) { s.Window-- }},
		{"old timestamp", func(r *rig, s *Segment) { s.Options.TSVal = r.c.tsRecent - 1 }},
		{"no timestamp", func(r *rig, s *Segment) { s.Options.Present = 0 }},
		{"SACK", func(r *rig, s *Segment) { s.Options.Present |= wire.HasSACK }},
	} {
		r, s := ready()
		r.c.sndWnd = 65535 << 7
		x.spot(r, s)
		if r.e.expected(r.c, s) {
			t.Errorf("%s: still expected", x.name)
		}
		r.closed = true // spoilt on purpose
	}
}
