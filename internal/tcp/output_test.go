package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
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
	r.out(". 3001:3401 ack 1")
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
