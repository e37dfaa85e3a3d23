package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// marking is a sender whose text may be marked: segments of 1000, NewReno, a
// window of ten segments.
func marking(t *testing.T, options string) *rig {
	r := newRig(t, 8, func(c *Config) { c.Congestion, c.NoTimestamps = cc.NewReno, true })
	r.asked(options)
	return r
}

// asked has completed a passive open whose peer asked for ECN.
func (r *rig) asked(options string) {
	r.tb.Helper()
	s := r.segment("SEW 0 win 65535 " + options)
	r.e.Accept(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, s, 0, false, r.now)
	r.begin()
	r.out("S.E 0 ack 1")
	r.after(10 * time.Millisecond)
	r.in(". 1 ack 1")
	r.is(Established)
	r.out()
	r.news = 0
}

// marked renders n segments of new text of 1000 octets.
func marked(first, n int) (all []string) {
	for _, s := range run(first, n) {
		all = append(all, s+" ect0")
	}
	return all
}

func active(c *Config) { c.ECN = ECNActive }

func TestECN_ModesHaveNames(t *testing.T) {
	for m, name := range ecnModes {
		if got, ok := ParseECNMode(name); !ok || got != ECNMode(m) {
			t.Errorf("%s: %d, %t", name, got, ok)
		}
	}
	if _, ok := ParseECNMode("on"); ok {
		t.Error("a mode that is none")
	}
}

// RFC 3168 §6.1.1, passive: which SYN asks.
func TestECN_AnswersWhoAsks(t *testing.T) {
	for _, x := range []struct {
		syn    string
		mode   ECNMode
		ae     bool
		answer string
	}{
		{"SEW 0", ECNPassive, false, "S.E 0 ack 1"},
		{"SEW 0", ECNActive, false, "S.E 0 ack 1"},
		{"SEW 0", ECNOff, false, "S. 0 ack 1"},
		{"S 0", ECNActive, false, "S. 0 ack 1"},
		{"SE 0", ECNPassive, false, "S. 0 ack 1"},
		{"SW 0", ECNPassive, false, "S. 0 ack 1"},
		{"SEW 0 ect0", ECNPassive, false, "S. 0 ack 1"}, // a path that writes these bits
		{"SEW 0 ect0", ECNPassive, true, "S.E 0 ack 1"}, // AccECN's SYN may have them
	} {
		r := newRig(t, 8, func(c *Config) { c.ECN = x.mode })
		s := r.segment(x.syn)
		s.AE = x.ae
		r.e.Accept(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, s, 0, false, r.now)
		r.begin()
		r.out(x.answer)
		r.after(10 * time.Millisecond)
		r.in(". 1 ack 1")
		has := x.answer[2] == 'E'
		if i := r.e.Info(r.c, r.now); i.ECN != has || r.e.Stats.ECNOpens == 1 != has {
			t.Errorf("%+v: ECN %t, counted %d", x, i.ECN, r.e.Stats.ECNOpens)
		}
		r.write(10)
		want := "P. 1:11 ack 1"
		if has {
			want += " ect0"
		}
		r.out(want)
	}
}

// RFC 3168 §6.1.1, active: which SYN-ACK agrees.
func TestECN_AsksOnlyIfActive(t *testing.T) {
	for _, x := range []struct {
		mode     ECNMode
		syn, ack string
		has      bool
	}{
		{ECNActive, "SEW 0", "S.E 0 ack 1", true},
		{ECNActive, "SEW 0", "S.E 0 ack 1 ect0", true}, // RFC 5562: a SYN-ACK may be marked
		{ECNActive, "SEW 0", "S. 0 ack 1", false},
		{ECNActive, "SEW 0", "S.EW 0 ack 1", false}, // reflected
		{ECNActive, "SEW 0", "S.W 0 ack 1", false},
		{ECNPassive, "S 0", "S.E 0 ack 1", false},
		{ECNOff, "S 0", "S.E 0 ack 1", false},
	} {
		r := newRig(t, 8, func(c *Config) { c.ECN = x.mode })
		r.e.Connect(r.c, testSlot, testKey, MTU{Path: testMTU}, r.now)
		r.begin()
		r.out(x.syn)
		r.in(x.ack)
		r.is(Established)
		r.out(". 1 ack 1")
		r.write(10)
		want := "P. 1:11 ack 1"
		if x.has {
			want += " ect0"
		}
		r.out(want)
	}
}

// §6.1.1.1: a SYN that is sent again asks no more. A peer that answers the first may
// mark its text, and is told; ours is not.
func TestECN_SYNThatIsSentAgainDoesNotAsk(t *testing.T) {
	r := newRig(t, 8, active)
	r.e.Connect(r.c, testSlot, testKey, MTU{Path: testMTU}, r.now)
	r.begin()
	r.out("SEW 0")
	r.untilTimer()
	r.out("S 0")
	r.untilTimer()
	r.out("S 0")
	r.in("S.E 0 ack 1")
	r.out(". 1 ack 1")
	r.write(10)
	r.out("P. 1:11 ack 1")
	r.in("P. 1:11 ack 11 ce")
	r.out(".E 11 ack 11")
}

func TestECN_PeerThatAsksNoMore(t *testing.T) {
	r := newRig(t, 8, nil)
	r.e.Accept(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, r.segment("SEW 0"), 0, false, r.now)
	r.begin()
	r.out("S.E 0 ack 1")
	r.in("SEW 0")
	r.out("S.E 0 ack 1")
	r.in("S 0")
	r.out("S. 0 ack 1")
	r.in(". 1 ack 1")
	r.write(10)
	r.out("P. 1:11 ack 1")
	r.in("P. 1:11 ack 11 ce")
	r.out(".E 11 ack 11")
}

func TestECN_SYNsThatCross(t *testing.T) {
	for _, x := range []struct {
		mode           ECNMode
		ours, in, next string
		text           string
	}{
		{ECNActive, "SEW 0", "SEW 0", "S.E 0 ack 1", "P. 1:11 ack 1 ect0"},
		{ECNActive, "SEW 0", "S 0", "S. 0 ack 1", "P. 1:11 ack 1"},
		{ECNPassive, "S 0", "SEW 0", "S. 0 ack 1", "P. 1:11 ack 1"},
	} {
		r := newRig(t, 8, func(c *Config) { c.ECN = x.mode })
		r.e.Connect(r.c, testSlot, testKey, MTU{Path: testMTU}, r.now)
		r.begin()
		r.out(x.ours)
		r.in(x.in)
		r.out(x.next)
		r.in("S.E 0 ack 1")
		r.is(Established)
		r.collect()
		r.write(10)
		r.out(x.text)
	}
}

// A cookie keeps it in the timestamp, as Linux's does; without one it is lost.
func TestECN_InACookie(t *testing.T) {
	for _, x := range []struct{ syn, answer, text string }{
		{"SEW 0 mss 1460 ts", "S.E 0 ack 1", "P. 1:11 ack 1 ect0"},
		{"SEW 0 mss 1460", "S. 0 ack 1", "P. 1:11 ack 1"},
		{"S 0 mss 1460 ts", "S. 0 ack 1", "P. 1:11 ack 1"},
	} {
		r := newRig(t, 8, nil)
		s := r.segment(x.syn)
		r.e.SendCookie(s, testKey, MTU{Path: testMTU}, r.now)
		var p Reply
		if !r.e.PopCookie(&p) {
			t.Fatal("no cookie")
		}
		r.iss = p.Seq
		if got := r.parse(r.frame[:r.e.PutReply(r.frame[:], &p)]); got != x.answer {
			t.Fatalf("%s: %s, want %s", x.syn, got, x.answer)
		}
		if r.e.Stats.ECNOpens != 0 {
			t.Error("what is forgotten was counted")
		}
		r.ts = s.Options.Present.Has(wire.HasTimestamp)
		ack := r.segment(". 1 ack 1")
		c, ok := r.e.TakeCookie(ack, testKey, r.now)
		if !ok {
			t.Fatal("the cookie is not known")
		}
		r.e.AcceptCookie(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, ack, c, r.now)
		r.sentTo = r.c.sndNxt
		r.input(ack)
		r.is(Established)
		r.write(10)
		r.out(x.text)
	}
}

// §6.1.3: from the first mark until CWR each acknowledgment says so, also those that
// ride on text; and only marks on text in the window count.
func TestECN_MarkIsEchoedUntilCWR(t *testing.T) {
	r := marking(t, renoSYN)
	r.in("P. 1:1001 ack 1 ect0")
	r.out(". 1 ack 1001")
	r.in("P. 1001:2001 ack 1 ce")
	r.out(".E 1 ack 2001")
	r.in("P. 2001:3001 ack 1 ect0")
	r.out(".E 1 ack 3001")
	r.write(10)
	r.out("P.E 1:11 ack 3001 ect0")
	r.in("P.W 3001:4001 ack 11 ect0")
	r.out(". 11 ack 4001")
	r.in("P.W 4001:5001 ack 11 ce") // and marked itself
	r.out(".E 11 ack 5001")
	r.in("P.W 5001:6001 ack 11")
	r.out(". 11 ack 6001")
	if r.e.Stats.MarksIn != 2 {
		t.Errorf("%d marks counted, want 2", r.e.Stats.MarksIn)
	}
	if i := r.e.Info(r.c, r.now); !i.ECNSeen {
		t.Error("text came that might have been marked, and Info does not say so")
	}
}

func TestECN_MarksThatDoNotCount(t *testing.T) {
	for _, x := range []struct{ in, why string }{
		{". 1 ack 1 ce", "no text"},
		{"P. 1:1001 ack 1 ce", "it was all there before"},
		{"P. 1001:2001 ack 9999 ce", "an acknowledgment of what was not sent"},
		{"P. 900001:901001 ack 1 ce", "outside the window"},
		{"P. 1001:2001 ack 1 ect1", "a codepoint that is no mark"},
	} {
		r := marking(t, renoSYN)
		r.in("P. 1:1001 ack 1 ect0")
		r.collect()
		r.in(x.in)
		for _, s := range r.collect() {
			if s[1] == 'E' {
				t.Errorf("%s: %s, though there was %s", x.in, s, x.why)
			}
		}
		if r.e.Stats.MarksIn != 0 {
			t.Errorf("%s: counted, though there was %s", x.in, x.why)
		}
	}
	r := established(t, renoSYN, nil)
	r.in("P.W 1:1001 ack 1 ce")
	r.out(". 1 ack 1001") // nothing was agreed on
}

// A CWR outside the window ends nothing.
func TestECN_CWRThatDoesNotCount(t *testing.T) {
	r := marking(t, renoSYN)
	r.in("P. 1:1001 ack 1 ce")
	r.out(".E 1 ack 1001")
	r.in("P.W 1:1001 ack 1")
	r.out(".E 1 ack 1001")
	r.in("P. 1001:2001 ack 1")
	r.out(".E 1 ack 2001")
	r.in(".W 2001 ack 1") // but one without text does, and is not answered
	r.out()
	r.in("P. 2001:3001 ack 1")
	r.out(". 1 ack 3001")
}

// Delayed ACKs: a mark and CWR are answered at once, also where the application
// answers and would carry it.
func TestECN_MarkIsToldAtOnce(t *testing.T) {
	r := newRig(t, 8, func(c *Config) { c.DelayFirstAck = true })
	r.asked(renoSYN)
	r.in("P. 1:101 ack 1 ect0")
	r.out()
	r.write(10)
	r.out("P. 1:11 ack 101 ect0")
	r.in("P. 101:201 ack 11 ce")
	r.out(".E 11 ack 201")
	r.in("P.W 201:301 ack 11 ect0")
	r.out(". 11 ack 301")
}

// §6.1.2: an echo reduces the window as a loss does, once per window of text, and
// nothing is sent again; the next new text says so, on one segment.
func TestECN_EchoReducesOncePerWindow(t *testing.T) {
	r := marking(t, renoSYN)
	r.write(60000)
	r.out(marked(1, 10)...)
	r.after(10 * time.Millisecond)
	r.in(".E 1 ack 1001")
	if r.c.recovery != recoveryMarked || r.c.cc.Ssthresh != 5000 {
		t.Fatalf("recovery %d ssthresh %d, want half of the window of ten", r.c.recovery, r.c.cc.Ssthresh)
	}
	r.out(".W 10001:11001 ack 1 ect0")
	for ack := 2001; ack <= 10001; ack += 1000 {
		r.in(".E 1 ack " + itoa(ack))
		for _, s := range r.collect() {
			if s[1] == 'W' {
				t.Errorf("%s: told once is enough", s)
			}
		}
	}
	if r.c.cc.Cwnd != 5000 || r.c.flight() != 5000 {
		t.Errorf("cwnd %d, in flight %d, want half", r.c.cc.Cwnd, r.c.flight())
	}
	r.in(".E 1 ack 10001") // CWR has not been acknowledged yet
	if n := r.e.Stats.ECNReductions; n != 1 {
		t.Errorf("%d reductions for one window", n)
	}
	r.in(".E 1 ack 11001") // CWR has: this is news
	if n := r.e.Stats.ECNReductions; n != 2 || r.c.cc.Ssthresh != 2000 {
		t.Errorf("%d reductions, ssthresh %d", n, r.c.cc.Ssthresh)
	}
	if r.e.Stats.Retransmits != 0 || r.e.Stats.FastRecoveries != 0 {
		t.Error("something was sent again, though nothing was lost")
	}
}

// "SHOULD NOT increase the congestion window in response to the receipt of an
// ECN-Echo ACK packet": also where it does not reduce it.
func TestECN_WindowDoesNotGrowWithAnEcho(t *testing.T) {
	r := marking(t, renoSYN)
	r.write(60000)
	r.collect()
	r.c.recover = r.c.sndNxt // it was reduced for this window
	before := r.c.cc.Cwnd
	r.in(".E 1 ack 1001")
	if r.c.cc.Cwnd != before {
		t.Errorf("cwnd %d, was %d", r.c.cc.Cwnd, before)
	}
	r.in(". 1 ack 2001")
	if r.c.cc.Cwnd != before+1000 {
		t.Errorf("cwnd %d without an echo, was %d", r.c.cc.Cwnd, before)
	}
}

func TestECN_EchoesThatDoNotCount(t *testing.T) {
	for _, x := range []struct {
		name string
		make func() *rig
		in   string
	}{
		{"not agreed on", func() *rig { return sender(t, renoSYN) }, ".E 1 ack 1001"},
		{"nothing in flight", func() *rig {
			r := marking(t, renoSYN)
			r.write(1000)
			r.collect()
			r.in(". 1 ack 1001")
			return r
		}, ".E 1 ack 1001"},
		{"an old acknowledgment", func() *rig {
			r := marking(t, renoSYN)
			r.write(20000)
			r.collect()
			r.in(". 1 ack 2001")
			return r
		}, ".E 1 ack 1001"},
		{"of what was not sent", func() *rig { return marking(t, renoSYN) }, ".E 1 ack 50001"},
		{"not acceptable", func() *rig {
			r := marking(t, renoSYN)
			r.write(20000)
			r.collect()
			return r
		}, ".E 900001 ack 1001"},
	} {
		r := x.make()
		before := r.c.cc.Ssthresh
		r.in(x.in)
		if r.c.cc.Ssthresh != before || r.c.recovery != recoveryOpen || r.e.Stats.ECNReductions != 0 {
			t.Errorf("%s: ssthresh %d, recovery %d", x.name, r.c.cc.Ssthresh, r.c.recovery)
		}
	}
}

// The handshake's last ACK may carry ECE; the window has not been used.
func TestECN_EchoOfTheHandshakeIsNone(t *testing.T) {
	r := newRig(t, 8, nil)
	r.e.Accept(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, r.segment("SEW 0"), 0, false, r.now)
	r.begin()
	r.out("S.E 0 ack 1")
	r.in(".E 1 ack 1")
	r.is(Established)
	if r.e.Stats.ECNReductions != 0 {
		t.Error("the window was reduced for a SYN")
	}
}

// A loss in a window that was reduced for a mark reduces it no further; and echoes
// in recovery do nothing. Retransmissions are not marked.
func TestECN_LossInAMarkedWindow(t *testing.T) {
	r := marking(t, sackOnlySYN)
	r.write(60000)
	r.out(marked(1, 10)...)
	r.in(".E 1 ack 1001")
	r.out(".W 10001:11001 ack 1 ect0")
	for _, sack := range []string{"2001:3001", "2001:4001", "2001:5001"} {
		r.in(".E 1 ack 1001 sack " + sack)
	}
	if r.c.recovery != recoveryFast || r.c.cc.Ssthresh != 5000 {
		t.Fatalf("recovery %d ssthresh %d", r.c.recovery, r.c.cc.Ssthresh)
	}
	sent := r.collect()
	if len(sent) == 0 || sent[0] != ". 1001:2001 ack 1" {
		t.Fatalf("sent %q, want what is lost first, and not marked", sent)
	}
	r.in(".E 1 ack 11001")
	if r.c.recovery != recoveryOpen || r.c.cc.Cwnd != 5000 || r.e.Stats.ECNReductions != 1 {
		t.Errorf("recovery %d cwnd %d, %d reductions", r.c.recovery, r.c.cc.Cwnd, r.e.Stats.ECNReductions)
	}
}

// A mark is no mistake: that the loss before it was none takes nothing of its
// reduction back (RFC 3708, RFC 3168 §6.1.2).
func TestECN_AMarkIsNotUndone(t *testing.T) {
	r := marking(t, sackOnlySYN)
	r.write(60000)
	r.collect()
	r.in(". 1 ack 1 sack 1001:4001")
	r.out(". 1:1001 ack 1", ".W 10001:11001 ack 1 ect0")
	r.in(". 1 ack 10001") // the original was late
	r.collect()
	lost := r.c.cc.Ssthresh
	r.in(".E 1 ack 12001")
	r.collect()
	marked := r.c.cc.Ssthresh
	if r.e.Stats.FastRecoveries != 1 || r.e.Stats.ECNReductions != 1 || marked >= lost {
		t.Fatalf("threshold %d after the loss, %d after the mark", lost, marked)
	}
	r.in(". 1 ack 12001 sack 1:1001") // and here is the other
	if r.e.Stats.Undone != 0 || r.c.cc.Ssthresh != marked {
		t.Errorf("threshold %d after the D-SACK, %d undone", r.c.cc.Ssthresh, r.e.Stats.Undone)
	}
}

// Without SACK, duplicates of the acknowledgment with which a recovery ended are no
// news (RFC 6582 §3.2); but for a mark nothing was sent again, so they are.
func TestECN_LossAfterAMarkedWindow(t *testing.T) {
	r := marking(t, renoSYN)
	r.write(60000)
	r.collect()
	for ack := 1001; ack <= 10001; ack += 1000 {
		r.in(".E 1 ack " + itoa(ack))
		r.collect()
	}
	if r.c.recovery != recoveryOpen || r.c.sndUna != r.c.recover {
		t.Fatalf("recovery %d", r.c.recovery)
	}
	for range 3 {
		r.in(".E 1 ack 10001")
	}
	if all := r.collect(); len(all) == 0 || all[0] != ". 10001:11001 ack 1" {
		t.Errorf("sent %q, want what is lost", all)
	}
}

// §6.1.2: CWR follows each reduction, whatever its reason.
func TestECN_LossIsToldToo(t *testing.T) {
	r := marking(t, renoSYN)
	r.write(60000)
	r.collect()
	for range 3 {
		r.in(". 1 ack 1")
	}
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 10001")
	if all := r.collect(); all[0] != ".W 10001:11001 ack 1 ect0" || all[1] != ". 11001:12001 ack 1 ect0" {
		t.Errorf("sent %q, want CWR on the first new text", all)
	}

	r = marking(t, renoSYN)
	r.write(3000)
	r.collect()
	r.untilTimer()
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 3001")
	r.write(1000)
	r.out("P.W 3001:4001 ack 1 ect0")
}

// §6.1.2: at a window of one segment the timer paces.
func TestECN_WindowOfOneSegmentWaitsForTheTimer(t *testing.T) {
	r := newRig(t, 8, func(c *Config) { c.Congestion, c.NoTimestamps, c.InitialWindow = cc.NewReno, true, 1 })
	r.asked(renoSYN)
	r.write(5000)
	r.out(marked(1, 1)...)
	r.after(10 * time.Millisecond)
	r.in(".E 1 ack 1001")
	r.out()
	if r.c.cc.Cwnd != 1000 {
		t.Fatalf("cwnd %d, want one segment", r.c.cc.Cwnd)
	}
	r.in(".E 1 ack 1001 win 60000") // news of the window does not help
	r.out()
	if d := r.untilOut(); d < 200*time.Millisecond {
		t.Errorf("waited %v, want a time-out", d)
	}
	r.out(".W 1001:2001 ack 1 ect0")
	if r.e.Stats.RTOs != 0 || r.e.Stats.Retransmits != 0 {
		t.Error("that was taken for a loss")
	}
	r.in(". 1 ack 2001")
	r.out(marked(2001, 2)...)
}

// A window of two segments becomes one; one of few that are in flight is reduced
// even if nothing is left to be reduced in proportion.
func TestECN_SmallWindows(t *testing.T) {
	r := newRig(t, 8, func(c *Config) { c.Congestion, c.NoTimestamps, c.InitialWindow = cc.NewReno, true, 2 })
	r.asked(renoSYN)
	r.write(5000)
	r.out(marked(1, 2)...)
	r.in(".E 1 ack 2001")
	if r.c.cc.Cwnd != 1000 || r.c.recovery != recoveryOpen {
		t.Errorf("cwnd %d, recovery %d, want one segment at once", r.c.cc.Cwnd, r.c.recovery)
	}
	r.out(".W 2001:3001 ack 1 ect0")
	r = marking(t, renoSYN)
	r.write(4000)
	r.collect()
	r.in(".E 1 ack 4001")
	if r.c.cc.Cwnd != 2000 || r.c.recovery != recoveryOpen {
		t.Errorf("cwnd %d, recovery %d, want half of what was in flight", r.c.cc.Cwnd, r.c.recovery)
	}
}

// Neither a tail loss probe that repeats nor a probe of the window is marked; one of
// new text is.
func TestECN_ProbesAreNotMarked(t *testing.T) {
	r := newRig(t, 8, func(c *Config) { c.NoTailProbe, c.NoTimestamps = false, true })
	r.asked(sackOnlySYN)
	r.write(1000)
	r.out("P. 1:1001 ack 1 ect0")
	r.untilOut()
	r.out("P. 1:1001 ack 1")
	r.in(". 1 ack 1001 win 0")
	r.write(1000)
	r.out()
	r.untilOut()
	r.out(". 1000 ack 1")
}

// What ends a connection has neither flags nor marks, and a FIN without text is not
// marked.
func TestECN_EndsWithoutMarks(t *testing.T) {
	r := marking(t, renoSYN)
	r.in("P. 1:1001 ack 1 ce")
	r.e.Shutdown(r.c, r.now)
	r.out("F.E 1 ack 1001")
	r.e.Abort(r.c)
	r.out("R. 2 ack 1001")
}

// The two bits are TCP's own, whatever an application says.
func TestECN_BitsAreNotTheApplications(t *testing.T) {
	r := marking(t, renoSYN)
	r.e.Set(r.c, sock.OptTOS, 0xff, r.now)
	if r.c.TOS() != 0xfc {
		t.Errorf("TOS %#x", r.c.TOS())
	}
}

// wasReduced holds for positions that are in flight, whatever their numbers.
func TestECN_OldPositionsAreNoReductions(t *testing.T) {
	c := TCB{sndUna: 0xffff_ff00, sndNxt: 0x100}
	for _, x := range []struct {
		recover seq.Value
		is      bool
	}{{0xffff_ff00, true}, {0, true}, {0x100, true}, {0x101, false}, {0xffff_feff, false}, {0x8000_0000, false}} {
		if c.recover = x.recover; c.wasReduced() != x.is {
			t.Errorf("%#x: %t", uint32(x.recover), !x.is)
		}
	}
}
