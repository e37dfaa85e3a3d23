package tcp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestOutput_PSHEndsWhatWasWritten(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(2500)
	r.e.Set(r.c, sock.OptNoDelay, 1, r.now)
	r.out(". 1:1001 ack 1", ". 1001:2001 ack 1", "P. 2001:2501 ack 1")
}

func TestNagle_OneSmallSegmentInFlight(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.out("P. 1:101 ack 1")
	r.write(50)
	r.out() // Nagle holds it
	r.write(60)
	r.out()
	r.in(". 1 ack 101")
	r.out("P. 101:211 ack 1") // together
}

func TestNagle_MinshallLetsTheEndOfABigWriteGo(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(1100)
	r.out(". 1:1001 ack 1", "P. 1001:1101 ack 1") // no small one was in flight
	r.write(100)
	r.out()
	r.write(900) // fills a segment
	r.out("P. 1101:2101 ack 1")
	r.write(10)
	r.out()
	r.in(". 1 ack 1101") // the small one is acknowledged
	r.out("P. 2101:2111 ack 1")
}

func TestNagle_CanBeTurnedOff(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.collect()
	r.write(50)
	r.out()
	r.e.Set(r.c, sock.OptNoDelay, 1, r.now) // MUST-17; what waits goes
	r.out("P. 101:151 ack 1")
	r.write(1)
	r.out("P. 151:152 ack 1")
}

func TestNagle_FINTakesTheRestAlong(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.collect()
	r.write(50)
	r.out()
	r.e.Shutdown(r.c, r.now)
	r.out("FP. 101:151 ack 1")
}

func TestCork_OnlyFullSegmentsUntilTimeOut(t *testing.T) {
	r := sender(t, renoSYN)
	r.e.Set(r.c, sock.OptCork, 1, r.now)
	r.write(1500)
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 1001")
	r.out()
	if d := r.untilOut(); d < 200*time.Millisecond || d > 210*time.Millisecond {
		t.Errorf("the rest goes after %v: never, or too soon (MUST-60)", d)
	}
	r.out("P. 1001:1501 ack 1")
	r.in(". 1 ack 1501")
	r.write(10)
	r.out()
	r.e.Set(r.c, sock.OptCork, 0, r.now)
	r.out("P. 1501:1511 ack 1")
}

func TestSWS_SenderWaitsForHalfTheLargestWindow(t *testing.T) {
	r := sender(t, "mss 1000") // no scaling
	r.wnd = 2000
	r.c.sndMax = 2000
	r.in(". 1 ack 1")
	r.write(5000)
	r.out(". 1:1001 ack 1", ". 1001:2001 ack 1")
	r.in(". 1 ack 2001 win 300")
	r.out() // 300 octets of 2000 are not worth a segment
	r.in(". 1 ack 2001 win 999")
	r.out()
	r.in(". 1 ack 2001 win 1000")
	r.out(". 2001:3001 ack 1")
	r.in(". 1 ack 3001 win 400")
	r.out()
	if d := r.untilOut(); d < 200*time.Millisecond || d > 300*time.Millisecond {
		t.Errorf("override time-out of %v", d)
	}
	r.out("P. 3001:3401 ack 1") // PSH: nothing can follow for now
}

func TestPersist_ProbesWithBackOffForEver(t *testing.T) {
	r := sender(t, renoSYN)
	r.in(". 1 ack 1 win 0")
	r.write(500)
	r.out()
	want := 210 * time.Millisecond // SHLD-29: the first after one RTO
	for i := range 60 {
		if d := r.untilOut(); d != min(want, 120*time.Second) {
			t.Fatalf("probe %d after %v, want %v", i, d, min(want, 120*time.Second))
		}
		r.out(". 0 ack 1") // no octet of text, one below SND.UNA
		r.in(". 1 ack 1 win 0")
		r.out()
		want = min(2*want, time.Hour)
	}
	r.in(". 1 ack 1 win 100")
	r.out("P. 1:501 ack 1")
	if r.c.backoff != 0 {
		t.Error("an open window does not end the back-off")
	}
	if d := r.untilOut(); d != 210*time.Millisecond {
		t.Errorf("RTO of %v after the probes", d)
	}
}

func TestPersist_APeerThatDoesNotAnswerIsGivenUp(t *testing.T) {
	r := sender(t, renoSYN)
	r.in(". 1 ack 1 win 0")
	r.write(500)
	r.collect()
	start := r.now
	for r.c.state == Established {
		r.untilTimer()
		r.collect()
	}
	if d := r.now.Sub(start); d < 100*time.Second || r.c.Errno() != sock.TimedOut {
		t.Errorf("%v after %v", r.c.Errno(), d)
	}
	if n := r.e.Stats.Probes; n != 15 {
		t.Errorf("%d probes", n)
	}
}

func TestPersist_AnOrphanIsNotProbedForEver(t *testing.T) {
	r := sender(t, renoSYN)
	r.in(". 1 ack 1 win 0")
	r.write(500)
	r.e.Close(r.c, r.now)
	r.out()
	for range 30 {
		if r.c.state == Closed {
			return
		}
		r.untilOut()
		r.collect()
		if r.c.state != Closed {
			r.in(". 1 ack 1 win 0")
			r.collect()
		}
	}
	t.Error("a peer with a window of zero holds an orphan for ever")
}

func TestPersist_AFINWaitsForTheWindowToo(t *testing.T) {
	r := sender(t, renoSYN)
	r.in(". 1 ack 1 win 0")
	r.e.Shutdown(r.c, r.now)
	r.out()
	r.untilOut()
	r.out(". 0 ack 1")
	r.in(". 1 ack 1 win 1")
	r.out("F. 1 ack 1")
}

func TestProbe_DoesNotSettleTheACKThatIsOwed(t *testing.T) {
	r := established(t, renoSYN, func(c *Config) { c.DelayFirstAck = true; c.NoTimestamps = true })
	r.in("P. 1:11 ack 1 win 0")
	r.write(500)
	r.out()
	r.c.rexmtAt = r.now // the probe is due before the delayed ACK
	r.untilOut()
	r.out(". 0 ack 11")
	if r.c.ackAt == 0 {
		t.Fatal("the peer reads nothing in a probe: the ACK is still owed")
	}
	r.untilOut()
	r.out(". 1 ack 11")
}

func TestRestartAfterIdle_ShrinksTheWindow(t *testing.T) {
	r := sender(t, renoSYN)
	r.c.cc.Cwnd = 40000
	r.write(1000)
	r.collect()
	r.in(". 1 ack 1001")
	r.after(10 * time.Second)
	r.write(30000)
	if n := len(r.collect()); n != 10 {
		t.Errorf("%d segments after ten idle seconds, want the initial window", n)
	}
	if r.c.cc.ID() != cc.NewReno {
		t.Error("not what the test means to look at")
	}
}

func TestOutput_LostTextGoesBeforeNew(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(10000)
	r.collect()
	for _, in := range []string{". 1 ack 1 sack 2001:3001", ". 1 ack 1 sack 2001:4001", ". 1 ack 1 sack 2001:5001"} {
		r.in(in)
	}
	r.out(". 1:1001 ack 1")
	r.write(50) // small: it would fit where the lost segment does not
	r.out()
}

func TestOutput_StaleControlWantDoesNotHideTheRest(t *testing.T) {
	r := synReceived(t, renoSYN, nil)
	r.in("S 0") // again: SYN-ACK wanted
	r.in("P. 1:11 ack 1")
	r.out(". 1 ack 11")
}

func TestTinyMSS_IsRaisedToWhatCanCarryOptions(t *testing.T) {
	for _, mss := range []string{"mss 1", "mss 47", "mss 48"} {
		r := established(t, mss+" sackok ts wscale 7", nil)
		if r.c.mss != minMSS {
			t.Errorf("%s: %d", mss, r.c.mss)
		}
		r.in("P. 11:21 ack 1")
		r.in("P. 31:41 ack 1")
		r.in("P. 51:61 ack 1")
		r.write(36)
		got := r.collect() // checked by the harness: text and options within the MSS
		if len(got) < 2 {
			t.Errorf("sent %q", got)
		}
	}
}

func TestMSS_DefaultIs536(t *testing.T) {
	r := established(t, "wscale 7", nil)
	r.write(1000)
	r.out(". 1:537 ack 1", "P. 537:1001 ack 1")
}

func TestMSS_OptionsThatAreSentCountAgainstIt(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.write(3000)
	r.out(". 1:1449 ack 1", ". 1449:2897 ack 1", "P. 2897:3001 ack 1")
	r.in("P. 101:201 ack 1") // a hole: SACK takes 12 octets more
	r.write(3000)
	r.in(". 1 ack 3001")
	if got := r.collect(); len(got) == 0 || got[0] != ". 3001:4437 ack 1 sack 101:201" {
		t.Errorf("sent %q", got)
	}
}

func TestBundle_EndsWithPSH(t *testing.T) {
	r := established(t, "mss 1000", func(c *Config) { c.Congestion, c.NoTimestamps, c.NoBundles = cc.NewReno, true, false })
	r.c.srtt = 100_000 * 8 // slow: bundles of two
	r.wnd = 5000
	r.in(". 1 ack 1")
	r.write(7500)
	r.out(". 1:1001 ack 1", "P. 1001:2001 ack 1", ". 2001:3001 ack 1", "P. 3001:4001 ack 1", ". 4001:5001 ack 1")
	r.in(". 1 ack 2001")
	r.out(". 5001:6001 ack 1", "P. 6001:7001 ack 1") // another burst, and its end
	r.c.srtt = 1000 * 8
	r.c.cc.Cwnd = 100_000 // fast: as many as fit
	r.wnd = 65535
	r.in(". 1 ack 7001")
	r.write(9500)
	got := r.collect()
	for i, s := range got {
		if want := i == 0 || i == len(got)-1; strings.HasPrefix(s, "P") != want && i > 0 {
			t.Errorf("segment %d of %d: %s", i, len(got), s)
		}
	}
}

// say tells the engine what a writer with more to say has written.
func (r *rig) say(n int, more bool) {
	slots, err := ring.NewMPSC(nil, make([]ring.Slot[sock.Command], 8))
	if err != nil {
		r.tb.Fatal(err)
	}
	app := sock.Bind(&r.blocks[testSlot], r.e.mem, sock.NewMailbox(slots, func() {}), slab.Handle(testSlot))
	if got, _ := app.WriteMore(make([]byte, n), more); got != n {
		r.e.WantTx(r.c, n, r.now)
		if got, _ = app.WriteMore(make([]byte, n), more); got != n {
			r.tb.Fatalf("wrote %d of %d octets", got, n)
		}
	}
	r.text = append(r.text, make([]byte, n)...)
	r.e.Send(r.c, r.now)
}

func TestMore_HoldsSmallSegmentsUntilAnAcknowledgment(t *testing.T) {
	r := sender(t, renoSYN)
	r.c.flags |= flagNoDelay
	r.say(1100, true)
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 1001")
	r.out(". 1001:1101 ack 1") // not pushed: more was promised
	r.say(50, true)
	r.out()
	r.say(50, false)
	r.out("P. 1101:1201 ack 1")
}

func TestMore_IsProbedForWhenNothingIsInFlight(t *testing.T) {
	r := sender(t, renoSYN)
	r.say(10, true)
	r.out()
	r.untilOut()
	r.out("P. 1:11 ack 1") // and so it cannot stay for ever (MUST-60)
}

func TestCork_NoDelayOpensItOnce(t *testing.T) {
	r := sender(t, renoSYN)
	r.e.Set(r.c, sock.OptCork, 1, r.now)
	r.write(10)
	r.out()
	r.e.Set(r.c, sock.OptNoDelay, 1, r.now)
	r.out("P. 1:11 ack 1")
	r.write(10)
	r.out()
	r.e.Set(r.c, sock.OptCork, 0, r.now)
	r.out("P. 11:21 ack 1")
}

// RFC 7661: a window that is not used does not grow, one that was used in the
// last round trip does, to twice what was in flight.
func TestWindow_GrowsOnlyAsFarAsItWasUsed(t *testing.T) {
	for _, x := range []struct{ segments, cwnd int }{{4, 10}, {6, 12}, {9, 18}, {10, 20}} {
		r := sender(t, renoSYN)
		r.write(1000 * x.segments)
		r.collect()
		for end := 2; end < x.segments; end += 2 {
			r.in(fmt.Sprintf(". 1 ack %d", 1000*end+1))
		}
		r.in(fmt.Sprintf(". 1 ack %d", 1000*x.segments+1))
		if got := int(r.c.cc.Cwnd) / 1000; got != x.cwnd {
			t.Errorf("%d segments were in flight: window %d, want %d", x.segments, got, x.cwnd)
		}
	}
}

// The interface may be so small that all options do not fit beside text.
func TestHeader_FitsTheSmallestInterface(t *testing.T) {
	r := newRig(t, 8, nil)
	r.e.Connect(r.c, testSlot, testKey, MTU{Path: 68}, r.now)
	b := make([]byte, 48) // what IPv4 leaves of 68
	if n := r.e.Output(r.c, b, r.now); n != 40 {
		t.Errorf("SYN of %d octets", n)
	}
	if r.c.ourMSS != 28 {
		t.Errorf("MSS %d, want 28", r.c.ourMSS)
	}
}

func TestSettings_HoldFromTheFirstSegment(t *testing.T) {
	r := newRig(t, 8, nil)
	r.e.Connect(r.c, testSlot, testKey, MTU{Path: 1200, Route: 1500}, r.now, sock.Setting{Option: sock.OptRcvBuf, Value: 8000}, sock.Setting{Option: sock.OptTOS, Value: 0x10})
	if r.c.ourMSS != 1460 || r.c.mss != 1160 {
		t.Errorf("MSS %d announced, %d sent: the path binds only what is sent", r.c.ourMSS, r.c.mss)
	}
	if r.c.rcvScale != 0 || r.c.rcvBuf != 8000 || r.c.tos != 0x10 {
		t.Errorf("scale %d buffer %d TOS %#x", r.c.rcvScale, r.c.rcvBuf, r.c.tos)
	}
	r.e.Connect(r.c, testSlot, testKey, MTU{Path: 1200, Route: 1500}, r.now, sock.Setting{Option: sock.OptMSS, Value: 1300})
	if r.c.ourMSS != 1300 || r.c.mss != 1160 {
		t.Errorf("MSS %d announced, %d sent, want 1300 and 1160", r.c.ourMSS, r.c.mss)
	}
	r.e.Connect(r.c, testSlot, testKey, MTU{Path: 1500}, r.now, sock.Setting{Option: sock.OptMSS, Value: 500})
	if r.c.ourMSS != 500 || r.c.mss != 500 || r.c.rcvScale != 8 {
		t.Errorf("MSS %d and %d, scale %d", r.c.ourMSS, r.c.mss, r.c.rcvScale)
	}
}

func TestAccount_OfBusyAndLimitedTime(t *testing.T) {
	r := sender(t, renoSYN)
	r.wnd = 0
	r.in(". 1 ack 1")
	r.after(time.Second)
	r.write(1000)
	r.out()
	r.after(100 * time.Millisecond)
	r.wnd = 2000
	r.in(". 1 ack 1")
	r.out("P. 1:1001 ack 1")
	r.after(50 * time.Millisecond)
	r.in(". 1 ack 1001")
	r.after(time.Second)
	i := r.e.Info(r.c, r.now)
	if i.Busy != 150*time.Millisecond || i.WindowLimited != 100*time.Millisecond {
		t.Errorf("busy %v, limited %v", i.Busy, i.WindowLimited)
	}
}

// A piece of odd length before the ring's end turns the sum of what follows. The
// stream is never empty, so that it does not begin anew.
func TestOutput_SumsWhatItWrites(t *testing.T) {
	for _, peer := range []string{renoSYN, fullSYN} {
		r := established(t, peer, func(c *Config) { c.Sums = true })
		r.c.flags |= flagNoDelay
		odd := 0
		for at := 1; at < 200_000; at += 999 {
			r.write(999)
			tx := r.e.tx(r.c)
			if first := len(tx.LendAt(r.c.sndNxt, 999)); first < 999 && first%2 != 0 {
				odd++
			}
			n := r.e.Output(r.c, r.frame[:], r.now)
			if want := wire.Fold(wire.Sum(r.frame[:n], 0)); n < 999 || wire.Fold(r.e.Sum()) != want {
				t.Fatalf("at %d: %d octets with sum %#x, want %#x", at, n, wire.Fold(r.e.Sum()), want)
			}
			if at > 1 {
				r.in(fmt.Sprintf(". 1 ack %d", at))
			}
		}
		if odd == 0 {
			t.Error("no text was split at an odd place")
		}
	}
}

// The end of a bundle is marked after the header was summed.
func TestOutput_SumsThePushOfABundle(t *testing.T) {
	r := established(t, renoSYN, func(c *Config) { c.Sums, c.NoBundles = true, false })
	r.write(12_000)
	pushed := false
	for n := 1; n > 0; {
		if n = r.e.Output(r.c, r.frame[:], r.now); n > 0 && wire.Fold(r.e.Sum()) != wire.Fold(wire.Sum(r.frame[:n], 0)) {
			t.Fatalf("segment with flags %v: wrong sum", wire.Flags(r.frame[tcpFlagsAt]))
		}
		pushed = pushed || n > 0 && wire.Flags(r.frame[tcpFlagsAt]).Has(wire.PSH) && r.c.sndNxt != r.c.sndEnd
	}
	if !pushed {
		t.Error("no bundle ended before the text did")
	}
}

func TestSegments_AreGuessedFromTheText(t *testing.T) {
	for _, c := range []struct {
		unsent int
		lossy  bool
		want   int
	}{
		{0, false, 2},
		{64, false, 2},
		{1000, false, 2},
		{1001, false, 3},
		{12_000, false, 14},
		{64, true, 1 << 16},
	} {
		const at = seq.Value(1<<32 - 100) // so that the text wraps
		b := &TCB{mss: 1000, sndNxt: at, sndEnd: at.Add(seq.Size(c.unsent))}
		if c.lossy {
			b.recovery = recoveryFast
		}
		if n := b.Segments(); n != c.want {
			t.Errorf("%d octets, lossy %v: %d segments, want %d", c.unsent, c.lossy, n, c.want)
		}
	}
}
