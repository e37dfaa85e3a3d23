package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
)

// inRecovery has sent n segments of 1000 octets, of which the first is lost and
// sent again.
func inRecovery(t *testing.T, n int) *rig {
	r := racked(t)
	r.write(n * 1000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(sackTo(n))
	r.out(". 1:1001 ack 1")
	return r
}

// sackTo acknowledges nothing but the segments from the second to the n-th.
func sackTo(n int) string { return ". 1 ack 1 sack 1001:" + itoa(n*1000+1) }

// RFC 8985 §6.2: what was sent after the retransmission has arrived, and that has
// not, a round trip later.
func TestRACK_ARetransmissionThatIsLostIsSentAgain(t *testing.T) {
	r := inRecovery(t, 5)
	r.write(1000)
	r.out("P. 5001:6001 ack 1")
	r.after(100 * time.Millisecond)
	r.in(sackTo(6))
	r.out(". 1:1001 ack 1")
	if r.e.Stats.RTOs != 0 || r.c.recovery != recoveryFast {
		t.Errorf("%d time-outs, recovery %d", r.e.Stats.RTOs, r.c.recovery)
	}
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 6001")
	if r.c.recovery != recoveryOpen || r.e.SendLogs() != 0 {
		t.Errorf("recovery %d, %d logs", r.c.recovery, r.e.SendLogs())
	}
}

// RFC 8985 §6.2 step 2: what comes sooner than any answer ever did is the answer to
// the first transmission, and says nothing of what was sent before the second.
func TestRACK_AnAnswerThatIsTooQuickIsToTheFirstTransmission(t *testing.T) {
	for _, x := range []struct {
		after time.Duration
		lost  bool
	}{{20 * time.Millisecond, false}, {100 * time.Millisecond, true}} {
		r := racked(t)
		r.write(4000)
		r.collect()
		r.after(100 * time.Millisecond)
		r.in(". 1 ack 1 sack 1001:2001")
		r.untilOut()
		r.out(". 1:1001 ack 1")
		r.after(x.after)
		r.in(". 1 ack 2001")
		if lost := r.c.lostEnd == r.c.sndUna+2000; lost != x.lost {
			t.Errorf("after %v: the segments behind it are lost: %v", x.after, lost)
		}
	}
}

// The same by the timestamp (RFC 8985 §6.2 step 2).
func TestRACK_AnOldEchoIsToTheFirstTransmission(t *testing.T) {
	for _, old := range []bool{true, false} {
		r := stamped(t)
		r.write(4000)
		r.collect()
		first := r.tsEcr
		r.after(100 * time.Millisecond)
		r.in(". 1 ack 1 sack 1001:2001")
		r.untilOut()
		r.out(". 1:1001 ack 1")
		r.after(100 * time.Millisecond)
		if old {
			r.tsEcr = first
		}
		at := r.e.sent.At(r.c.sentLog).at
		r.in(". 1 ack 1001 sack 1001:2001")
		if moved := r.c.sentLog != 0 && r.e.sent.At(r.c.sentLog).at != at; moved == old {
			t.Errorf("old echo %v: the time moved: %v", old, moved)
		}
	}
}

// RFC 5681 §4.3: a loss in the retransmission is a second sign of congestion.
func TestRACK_ALossOfARetransmissionReducesAgain(t *testing.T) {
	r := inRecovery(t, 10)
	if r.c.cc.Ssthresh != 5000 {
		t.Fatalf("threshold %d, want 5000", r.c.cc.Ssthresh)
	}
	r.write(20_000)
	r.collect()
	r.in(". 1 ack 1 sack 1001:10001")
	n := r.c.sndNxt.Minus(r.iss) - 1
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 1001:" + itoa(int(n)+1))
	got := r.collect()
	if len(got) == 0 || got[0] != ". 1:1001 ack 1" {
		t.Fatalf("sent %q", got)
	}
	if r.c.cc.Ssthresh >= 5000 || r.c.cc.Ssthresh < 2000 {
		t.Errorf("threshold %d, want less than before", r.c.cc.Ssthresh)
	}
}

// A tail loss probe was sent later than the log of first transmissions says.
func TestRACK_ATailProbeIsNotLostYet(t *testing.T) {
	r := racked(t)
	r.write(2000)
	r.collect()
	r.untilOut()
	r.out("P. 1001:2001 ack 1")
	r.after(10 * time.Millisecond)
	r.write(1000)
	r.out("P. 2001:3001 ack 1")
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 2001:3001")
	r.out(". 1:1001 ack 1")
	if r.c.lostEnd != r.c.sndUna+1000 {
		t.Errorf("lost as far as %d, want 1000: the probe is 110 ms old", r.c.lostEnd-r.c.sndUna)
	}
	r.untilOut()
	r.out(". 1001:2001 ack 1")
	if r.e.Stats.RTOs != 0 {
		t.Error("that was a time-out")
	}
}

// RFC 8985 §6.2 step 4: the window for what is late grows with each round that has
// D-SACKs, and not by those that answer a tail loss probe.
func TestRACK_TheReorderingWindowGrowsByDSACK(t *testing.T) {
	r := racked(t)
	r.e.rare(r.c).Reordering = 1
	is := func(want uint32, why string) {
		t.Helper()
		if w := r.e.reorderWindow(r.c); w != want {
			t.Errorf("%s: %d µs, want %d", why, w, want)
		}
	}
	is(25_000, "at first")
	una := 1
	round := func() {
		r.write(4000)
		r.collect()
		r.after(100 * time.Millisecond)
		una += 4000
		r.in(ackOf(una-2000) + " sack 1:1001")
		r.in(ackOf(una-1000) + " sack 1001:2001") // the same round
		r.in(ackOf(una))
	}
	round()
	is(50_000, "after a round with two")
	for range 5 {
		round()
	}
	is(100_000, "at last: a round trip")
	for range reorderKeep {
		r.e.keepReordering(r.c)
	}
	is(25_000, "after recoveries without any")
	r.c.flags |= flagTailSent | flagTailAgain
	r.c.words[tailEnd] = uint32(r.iss + 1001)
	r.write(4000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(ackOf(una+2000) + " sack 1:1001")
	is(25_000, "after the answer to a probe")
}

// Of a burst the end was sent last: it is not lost as soon as the middle has come.
func TestRACK_TheEndOfABurstWasSentLast(t *testing.T) {
	r := racked(t)
	r.write(10_000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 1001:2001")
	r.in(". 1 ack 1 sack 1001:3001")
	r.in(". 1 ack 1 sack 1001:3001,8001:9001")
	r.out(". 1:1001 ack 1")
	r.after(120 * time.Millisecond)
	r.in(". 1 ack 4001 sack 8001:9001")
	if got := r.collect(); len(got) != 3 || got[0] != ". 4001:5001 ack 1" {
		t.Errorf("sent %q, want three segments from 4001 on", got)
	}
	if end := r.c.lostEnd - r.iss; end > 9001 {
		t.Errorf("lost as far as %d", end)
	}
}

// When the marks are full the last stands for more, with the later time; and no hole
// is forgotten.
func TestResent_MarksAreBounded(t *testing.T) {
	var l sendLog
	for i := range uint32(3 * maxAgain) {
		l.noteAgain(seq.Range{First: seq.Value(10 * i), End: seq.Value(10*i + 5)}, i)
	}
	if l.resent != maxAgain || l.again[maxAgain-1].end != 30*maxAgain-5 || l.again[maxAgain-1].at != 3*maxAgain-1 {
		t.Errorf("%d marks, the last %v", l.resent, l.again[maxAgain-1])
	}
	l.noteAgain(seq.Range{First: 20, End: 25}, 100) // lost again: it moves to the end
	n := 0
	for _, m := range l.again[:l.resent] {
		if m.first == 20 && m.at == 100 {
			n++
		} else if m.first.Less(25) && m.end.Greater(20) {
			t.Errorf("%v is there twice", m)
		}
	}
	if n != 1 {
		t.Errorf("%d marks of what was sent again twice", n)
	}
	l.forget(30 * maxAgain)
	if l.resent != 0 {
		t.Errorf("%d marks of what was acknowledged", l.resent)
	}
}

// RFC 9937: no more than is delivered while something new is found lost.
func TestRecovery_PRRIsCautiousWhileMoreIsLost(t *testing.T) {
	for _, more := range []bool{false, true} {
		r := racked(t)
		r.c.cc.Cwnd = 20_000
		r.write(40_000)
		r.collect()
		r.after(100 * time.Millisecond)
		r.in(". 1 ack 1 sack 1001:9001")
		r.collect()
		r.c.pipe = 1000
		r.c.words[prrOut], r.c.words[prrDelivered] = 8000, 8000
		in := ackNews{advanced: true, delivered: 2000, lost: more}
		r.e.reduceProportionally(r.c, &in)
		if got, want := r.c.cc.Cwnd-1000, uint32(3000); more == (got == want) {
			t.Errorf("more lost %v: sends %d", more, got)
		}
	}

}

// What time alone does not find lost must not keep the timer running.
func TestRACK_TheTimerDoesNotRunForNothing(t *testing.T) {
	r := racked(t)
	r.write(3000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 1001:2001")
	l := r.e.sent.At(r.c.sentLog)
	l.noteAgain(seq.Range{First: r.iss + 2001, End: r.iss + 3001}, l.at-1000)
	l.m[0].at = l.at + 1 // as the last mark of a full log, which stands for later ones
	r.e.armLoss(r.c, r.now)
	if r.c.lossAt == 0 {
		t.Fatal("no timer was set")
	}
	end := r.now.Add(100 * time.Millisecond)
	for n := 0; r.c.NextTimer() < end; n++ {
		if n > 10 {
			t.Fatal("timers without end")
		}
		r.untilTimer()
		r.collect()
	}
}
