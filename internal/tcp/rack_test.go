package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// racked is a sender with SACK that has measured a round trip of 100 ms.
func racked(t *testing.T) *rig {
	r := newRig(t, 8, func(c *Config) {
		c.Congestion, c.NoTimestamps, c.NoRACK, c.NoTailProbe = cc.NewReno, true, false, false
	})
	r.accept(sackOnlySYN)
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1")
	r.is(Established)
	r.out()
	return r
}

// RFC 8985 §6.2: three segments have arrived, so there is no doubt; everything
// sent with or before the latest of them is lost.
func TestRACK_WhatWasSentBeforeIsLost(t *testing.T) {
	r := racked(t)
	r.write(10_000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 2001:3001")
	r.in(". 1 ack 1 sack 2001:3001,6001:7001")
	r.out()
	r.in(". 1 ack 1 sack 2001:3001,6001:7001,8001:9001")
	r.out(". 1:1001 ack 1")
	if lost, _ := r.e.lostNow(r.c); lost != 6000 {
		t.Errorf("%d octets lost, want 6000: RFC 6675 would still hope for the last", lost)
	}
	r.in(". 1 ack 9001")
}

func TestRACK_WhatWasSentAfterIsNot(t *testing.T) {
	r := racked(t)
	r.write(5000)
	r.collect()
	r.after(10 * time.Millisecond)
	r.write(5000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 1001:5001")
	r.out(". 1:1001 ack 1")
	if r.c.lostEnd != r.c.sndUna+5000 {
		t.Errorf("lost as far as %d, want 5000", r.c.lostEnd-r.c.sndUna)
	}
}

// One segment behind the hole may be reordering: a quarter of a round trip decides,
// and what the timer is late by, as in Linux.
func TestRACK_WaitsAQuarterOfARoundTrip(t *testing.T) {
	r := racked(t)
	r.write(4000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 3001:4001")
	r.out()
	if d := r.untilOut(); d != 28*time.Millisecond {
		t.Errorf("decided after %v, want 25 ms and 3", d)
	}
	r.out(". 1:1001 ack 1")
	if r.c.recovery != recoveryFast {
		t.Error("that is no fast recovery")
	}
}

func TestRACK_ReorderingIsNoLoss(t *testing.T) {
	r := racked(t)
	r.write(4000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 3001:4001")
	r.after(20 * time.Millisecond)
	r.in(". 1 ack 4001")
	r.out()
	if r.c.recovery != recoveryOpen || r.e.Stats.FastRecoveries != 0 {
		t.Error("a segment that was late was taken for lost")
	}
	if r.e.rare(r.c).Reordering == 0 {
		t.Error("reordering was not noticed")
	}
	// From now on three segments are no proof any more.
	r.write(6000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 4001 sack 5001:8001")
	r.out()
	r.untilOut()
	r.out(". 4001:5001 ack 1")
}

func TestRACK_WithoutALogRFC6675Decides(t *testing.T) {
	r := racked(t)
	var kept int
	for {
		if _, ok := r.e.sent.Get(); !ok {
			break
		}
		kept++
	}
	r.write(10_000)
	r.collect()
	if r.e.hasRACK(r.c) || kept == 0 {
		t.Fatal("a log came from nowhere")
	}
	r.in(". 1 ack 1 sack 1001:4001")
	r.out(". 1:1001 ack 1")
	r.closed = true // the logs are the test's
}

func TestSendLog_FullNothingIsOlderThanItWas(t *testing.T) {
	var l sendLog
	for i := range uint32(3 * maxMarks) {
		l.note(seq.Value(i+1), 100*i)
	}
	for i := range uint32(3 * maxMarks) {
		at, ok := l.when(seq.Value(i + 1))
		if !ok || at < 100*i {
			t.Errorf("mark %d: sent at %d, %v", i, at, ok)
		}
	}
	l.forget(seq.Value(5))
	if l.n != maxMarks-5 || l.m[0].end != seq.Value(6) {
		t.Errorf("%d marks, the first ends at %d", l.n, l.m[0].end)
	}
}

// RFC 8985 §7: nothing comes, so after two round trips the last segment is sent
// once more, and the RTO begins anew.
func TestTailProbe_RepeatsTheLastSegment(t *testing.T) {
	r := racked(t)
	r.write(3500)
	r.c.flags |= flagNoDelay
	r.e.Send(r.c, r.now)
	r.c.want |= WantData
	r.collect()
	if d := r.untilOut(); d != 200*time.Millisecond {
		t.Errorf("probed after %v, want 200 ms", d)
	}
	r.out("P. 3001:3501 ack 1")
	if r.c.pipe != 3500 || r.c.cc.Cwnd != 10_000 {
		t.Errorf("pipe %d window %d: a probe changes neither", r.c.pipe, r.c.cc.Cwnd)
	}
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 3001:3501") // the rest is lost: RACK finds out
	r.untilOut()
	r.out(". 1:1001 ack 1")
}

func TestTailProbe_OneSegmentWaitsForADelayedAck(t *testing.T) {
	r := racked(t)
	r.write(1000)
	r.collect()
	if d := r.untilOut(); d != 300*time.Millisecond {
		t.Errorf("probed after %v, want the RTO, which is earlier than 400 ms", d)
	}
	r.out("P. 1:1001 ack 1")
	if r.c.backoff != 0 {
		t.Error("a probe is no time-out")
	}
	if d := r.untilOut(); d != 300*time.Millisecond {
		t.Errorf("time-out after %v more, want the whole RTO", d)
	}
	r.out("P. 1:1001 ack 1")
	if r.c.backoff != 1 || r.c.recovery != recoveryLoss {
		t.Error("the second is one")
	}
}

// On a short path two round trips are less than a peer may need to be scheduled.
func TestTailProbe_NotSoonerThanAPeerCanAnswer(t *testing.T) {
	r := racked(t)
	r.c.srtt = 100 * 8 // µs
	r.write(5000)
	r.collect()
	if d := r.untilOut(); d != minProbe {
		t.Errorf("probed after %v, want %v", d, minProbe)
	}
}

func TestTailProbe_SendsWhatIsNew(t *testing.T) {
	r := racked(t)
	r.c.cc.Cwnd = 2000
	r.write(4000)
	r.out(". 1:1001 ack 1", ". 1001:2001 ack 1")
	r.untilOut()
	r.out(". 2001:3001 ack 1")
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 3001")
	if r.c.cc.Ssthresh != cc.InfiniteSsthresh || r.c.has(flagTailSent) {
		t.Error("nothing was lost")
	}
}

func TestTailProbe_AFINStandsAlone(t *testing.T) {
	r := racked(t)
	r.write(1000)
	r.collect()
	r.e.Close(r.c, r.now)
	r.out("F. 1001 ack 1")
	r.untilOut()
	r.out("F. 1001 ack 1")
}

// A peer's answer to a second FIN would be answered with a RST.
func TestTailProbe_NotInLastAck(t *testing.T) {
	r := racked(t)
	r.in("F. 1 ack 1")
	r.write(3000)
	r.e.Close(r.c, r.now)
	r.collect()
	r.is(LastAck)
	r.untilOut()
	if r.collect(); r.e.Stats.TailProbes != 0 || r.e.Stats.RTOs != 1 {
		t.Errorf("%d probes, %d time-outs; want the time-out alone", r.e.Stats.TailProbes, r.e.Stats.RTOs)
	}
}

func TestTailProbe_ALossThatItRepairedIsALoss(t *testing.T) {
	for _, x := range []struct {
		in      string
		reduced bool
	}{
		{". 1 ack 3001 sack 2001:3001", false}, // it came twice (D-SACK)
		{". 1 ack 3001", true},
	} {
		r := racked(t)
		r.write(3000)
		r.collect()
		r.untilOut()
		r.out("P. 2001:3001 ack 1")
		r.in(x.in)
		r.write(1000)
		r.collect()
		r.in(". 1 ack 4001") // beyond the probe
		if got := r.c.cc.Ssthresh != cc.InfiniteSsthresh; got != x.reduced {
			t.Errorf("%s: reduced %v", x.in, got)
		}
	}
}

func TestTailProbe_NotForTheAccountOfOthers(t *testing.T) {
	r := racked(t)
	r.wnd = 0
	r.in(". 1 ack 1")
	r.write(1000)
	r.collect()
	if r.c.lossAt != 0 {
		t.Error("a window probe is no tail loss probe")
	}
	r.e.Set(r.c, sock.OptUserTimeout, uint64(time.Minute), r.now)
}

// Fast recovery answers the loss, and the word that told where the probe ended
// means something else then.
func TestTailProbe_FastRecoveryEndsIt(t *testing.T) {
	r := racked(t)
	r.write(5000)
	r.collect()
	r.untilOut()
	r.collect()
	if !r.c.has(flagTailSent) {
		t.Fatal("no probe")
	}
	r.in(". 1 ack 1 sack 1001:5001")
	if r.c.recovery != recoveryFast || r.c.flags&(flagTailSent|flagTailAgain) != 0 {
		t.Errorf("recovery %d, probe %t", r.c.recovery, r.c.has(flagTailSent))
	}
}

// The pool of logs is bounded: a connection that finds none is counted, and goes
// by RFC 6675.
func TestRACK_WithoutALogLossesAreFoundByCounts(t *testing.T) {
	r := established(t, "mss 1000 sackok", func(c *Config) { c.NoRACK = false })
	var taken []slab.Index
	for i, ok := r.e.sent.Get(); ok; i, ok = r.e.sent.Get() {
		taken = append(taken, i)
	}
	r.write(5000)
	r.collect()
	if n := r.e.Stats.SendLogsFull; n == 0 || r.c.sentLog != 0 {
		t.Errorf("%d are counted", n)
	}
	r.in(". 1 ack 1 sack 1001:2001")
	r.in(". 1 ack 1 sack 1001:3001")
	r.in(". 1 ack 1 sack 1001:4001")
	if out := r.collect(); len(out) == 0 || r.last.Seq != r.iss+1 {
		t.Errorf("sent %v, and not what was lost", out)
	}
	for _, i := range taken {
		r.e.sent.Put(i)
	}
}
