package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// retries runs time-outs until the connection gives up, and returns when each
// segment went, from the beginning.
func retries(r *rig) (at []time.Duration) {
	start := r.now
	for r.c.state != Closed {
		r.untilTimer()
		if len(r.collect()) > 0 {
			at = append(at, r.now.Sub(start))
		}
	}
	return append(at, r.now.Sub(start))
}

func TestSYN_IsRetriedForThreeMinutes(t *testing.T) {
	r := synSent(t, nil)
	at := retries(r)
	for i, want := range []time.Duration{1, 3, 7, 15, 31, 63, 127} {
		if at[i] != want*time.Second {
			t.Errorf("SYN %d after %v, want %v s", i+2, at[i], want)
		}
	}
	if end := at[len(at)-1]; end < 3*time.Minute {
		t.Errorf("given up after %v: MUST-23", end)
	}
	if r.c.Errno() != sock.TimedOut || r.news&Broke == 0 {
		t.Errorf("error %v", r.c.Errno())
	}
}

func TestSYNACK_IsRetriedAndThenForgotten(t *testing.T) {
	r := synReceived(t, fullSYN, nil)
	if n := len(retries(r)); n != 6 {
		t.Errorf("%d SYN-ACKs and the end", n)
	}
	r.is(Closed)
}

func TestRTO_GivesUpAtR2(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.collect()
	at := retries(r)
	if n := len(at) - 1; n != 15 {
		t.Errorf("%d retransmissions", n)
	}
	if at[0] != 210*time.Millisecond || at[1] != 630*time.Millisecond {
		t.Errorf("retransmissions at %v", at[:2])
	}
	if end := at[len(at)-1]; end < 100*time.Second || r.c.Errno() != sock.TimedOut { // SHLD-11
		t.Errorf("%v after %v", r.c.Errno(), end)
	}
}

func TestRTO_DoubtsTheNeighbourAtR1(t *testing.T) {
	r := sender(t, renoSYN)
	r.c.SetNeighbour(7)
	r.write(100)
	r.collect()
	for range r1 - 1 {
		r.untilOut()
		r.collect()
	}
	if r.c.Neighbour() != 7 {
		t.Error("doubted too early")
	}
	r.untilOut()
	if r.c.Neighbour() != 0 {
		t.Error("MUST-20: the neighbour is not doubted at R1")
	}
}

func TestRTO_CountsBackOffWithoutOverflow(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.collect()
	r.in(". 1 ack 1 win 0") // shut, with text in flight, and answered for ever
	for range 300 {
		r.untilOut()
		r.collect()
		if r.c.backoff > 20 && r.c.rexmtAt.Sub(r.now) != 120*time.Second {
			t.Fatalf("back-off %d waits %v", r.c.backoff, r.c.rexmtAt.Sub(r.now))
		}
		r.in(". 1 ack 1 win 0")
		r.collect()
	}
	r.is(Established)
}

func TestHandshakeLoss_BeginsCarefully(t *testing.T) {
	for _, x := range []struct {
		options string
		losses  int
		rto     time.Duration
		cwnd    uint32
	}{
		{renoSYN, 0, 210 * time.Millisecond, 10000},
		{renoSYN, 1, 3 * time.Second, 10000},
		{renoSYN, 2, 3 * time.Second, 1000},
		{"mss 1012 ts", 1, 210 * time.Millisecond, 10000}, // a timestamp measured the path
	} {
		r := synReceived(t, x.options, nil)
		for range x.losses {
			r.untilOut()
			r.out("S. 0 ack 1")
		}
		r.after(10 * time.Millisecond)
		r.in(". 1 ack 1")
		if got := time.Duration(r.c.rto) * time.Microsecond; got != x.rto || r.c.cc.Cwnd != x.cwnd || r.c.backoff != 0 {
			t.Errorf("%+v: RTO %v cwnd %d", x, got, r.c.cc.Cwnd)
		}
	}
}

func TestUserTimeout_CountsFromTheLastProgress(t *testing.T) {
	r := sender(t, renoSYN)
	r.e.Set(r.c, sock.OptUserTimeout, uint64(5*time.Second), r.now)
	// Something is always in flight for longer than the time-out, with progress.
	at := 1
	r.write(500)
	r.collect()
	for range 100 {
		r.write(1000)
		r.collect()
		r.after(100 * time.Millisecond)
		at += 500
		r.in(ackOf(at))
		r.collect()
		at += 500
		r.in(ackOf(at))
		r.collect()
	}
	start := r.now
	for r.c.state != Closed {
		r.untilTimer()
		r.collect()
	}
	if d := r.now.Sub(start); d < 4900*time.Millisecond || d > 5200*time.Millisecond || r.c.Errno() != sock.TimedOut {
		t.Errorf("%v after %v without progress", r.c.Errno(), d)
	}
}

func ackOf(n int) string { return ". 1 ack " + itoa(n) }

func itoa(n int) string {
	s := ""
	for ; n > 0; n /= 10 {
		s = string(rune('0'+n%10)) + s
	}
	return s
}

func TestUserTimeout_HoldsForTheHandshakeToo(t *testing.T) {
	r := newRig(t, 4, nil)
	r.e.Connect(r.c, testSlot, testKey, MTU{Path: testMTU}, r.now)
	r.begin()
	r.e.Set(r.c, sock.OptUserTimeout, uint64(10*time.Second), r.now)
	r.out("S 0")
	at := retries(r)
	if end := at[len(at)-1]; end != 10*time.Second {
		t.Errorf("given up after %v", end)
	}
}

func TestKeepAlive_IsOffByDefault(t *testing.T) {
	r := established(t, fullSYN, nil)
	if r.c.keepAt != 0 {
		t.Error("MUST-25")
	}
	if r.e.cfg.KeepIdle < 2*time.Hour {
		t.Error("MUST-28")
	}
}

func TestKeepAlive_ProbesAnIdlePeerWithoutText(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.e.Set(r.c, sock.OptKeepAlive, 1, r.now)
	start := r.now
	r.in(". 1 ack 1")
	if d := r.untilOut(); d != 2*time.Hour {
		t.Errorf("first probe after %v", d)
	}
	r.out(". 0 ack 1") // SHLD-12
	r.in(". 1 ack 1")
	if d := r.untilOut(); d != 2*time.Hour { // answered: from the beginning
		t.Errorf("next probe after %v", d)
	}
	r.out(". 0 ack 1")
	n := 1
	for r.c.state == Established { // MUST-29: not the first one kills
		if d := r.untilOut(); d != 75*time.Second {
			t.Errorf("probe %d after %v", n, d)
		}
		if got := r.collect(); len(got) != 1 {
			t.Fatalf("sent %q", got)
		}
		n++
	}
	if n != 10 || r.last.Flags.String() != "RST|ACK" || r.c.Errno() != sock.TimedOut { // the tenth is the RST
		t.Errorf("%d probes, then %v, error %v", n-1, r.last.Flags, r.c.Errno())
	}
	if r.e.Stats.ResetsOut != 1 {
		t.Errorf("%d resets counted", r.e.Stats.ResetsOut)
	}
	_ = start
}

func TestKeepAlive_OnlyWhenNothingIsOutstanding(t *testing.T) {
	r := established(t, fullSYN, func(c *Config) { c.KeepAlive = true })
	r.e.Set(r.c, sock.OptKeepIdle, uint64(30*time.Second), r.now)
	r.in(". 1 ack 1 win 0")
	r.write(100)
	r.collect()
	for range 40 {
		r.untilOut()
		r.collect()
		if r.c.state != Established {
			t.Fatal("window probes were taken for keep-alives")
		}
		r.in(". 1 ack 1 win 0")
		r.collect()
	}
	if r.e.Stats.KeepAlives != 0 {
		t.Errorf("MUST-26: %d keep-alives while text waits", r.e.Stats.KeepAlives)
	}
}

func TestKeepAlive_SettingsAreSeconds(t *testing.T) {
	r := established(t, fullSYN, func(c *Config) { c.KeepAlive = true })
	r.e.Set(r.c, sock.OptKeepIdle, uint64(1500*time.Millisecond), r.now)
	r.e.Set(r.c, sock.OptKeepInterval, uint64(time.Second), r.now)
	r.e.Set(r.c, sock.OptKeepCount, 2, r.now)
	r.in(". 1 ack 1")
	for _, want := range []time.Duration{2 * time.Second, time.Second, time.Second} {
		if d := r.untilOut(); d != want {
			t.Errorf("%v, want %v", d, want)
		}
		r.collect()
	}
	r.is(Closed)
}

func TestOrphan_FinWait2HasALimit(t *testing.T) {
	r := reach(t, FinWait2)
	r.after(time.Hour)
	r.is(FinWait2) // half-closed, and the application still reads
	r.e.Close(r.c, r.now)
	if d := r.untilTimer(); d != time.Minute {
		t.Errorf("after %v", d)
	}
	r.is(Closed)
	r.out()
}

// A connection may have a limit of its own, as with Linux's TCP_LINGER2.
func TestOrphan_FinWait2OfOneConnection(t *testing.T) {
	for set, want := range map[time.Duration]time.Duration{time.Second: time.Second, 0: DefaultConfig().FinWait2} {
		r := reach(t, FinWait2)
		r.e.Set(r.c, sock.OptFinWait2, uint64(set), r.now)
		r.e.Close(r.c, r.now)
		start := r.now
		for r.c.state != Closed {
			r.untilTimer()
		}
		if d := r.now.Sub(start); d != want {
			t.Errorf("set to %v: ended after %v", set, d)
		}
	}
}

func TestOrphan_ReachesFinWait2AndItsLimit(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.e.Close(r.c, r.now)
	r.out("F. 1 ack 1")
	r.in(". 1 ack 2")
	r.is(FinWait2)
	for r.c.state != Closed {
		r.untilTimer()
	}
	if r.e.Stats.ResetsOut != 0 || r.c.Errno() != sock.OK {
		t.Error("the end of FIN-WAIT-2 is no error")
	}
}

func TestOrphan_IsRetriedLessOften(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.e.Close(r.c, r.now)
	r.collect()
	if n := len(retries(r)) - 1; n != 8 {
		t.Errorf("%d retransmissions", n)
	}
}

func TestLinger_EndsWithARST(t *testing.T) {
	r := sender(t, renoSYN)
	r.e.Set(r.c, sock.OptLinger, uint64(2*time.Second), r.now)
	r.write(100)
	r.e.Close(r.c, r.now)
	r.collect()
	start := r.now
	for r.c.state != Closed {
		r.untilTimer()
		r.collect()
	}
	if d := r.now.Sub(start); d != 2*time.Second || r.last.Flags.String() != "RST|ACK" {
		t.Errorf("%v after %v", r.last.Flags, d)
	}
}

func TestTimeout_OfAnEndedConnectionDoesNothing(t *testing.T) {
	for _, s := range []State{Closed, TimeWait} {
		r := reach(t, s)
		r.e.Timeout(r.c, r.now.Add(time.Hour))
		r.is(s)
		r.out()
	}
}

func TestNextTimer_IsTheEarliest(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.c.rexmtAt, r.c.ackAt, r.c.keepAt, r.c.idleAt = 50, 40, 30, 20
	for i, at := range []*int64{(*int64)(&r.c.idleAt), (*int64)(&r.c.keepAt), (*int64)(&r.c.ackAt), (*int64)(&r.c.rexmtAt)} {
		if got := int64(r.c.NextTimer()); got != *at {
			t.Errorf("%d: %d, want %d", i, got, *at)
		}
		*at = 0
	}
}
