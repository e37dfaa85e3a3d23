package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// stamped is racked with timestamps; its segments carry 1000 octets, too.
func stamped(t *testing.T) *rig {
	return stampedWith(t, "mss 1012 sackok ts wscale 7")
}

func stampedWith(t *testing.T, options string) *rig {
	r := newRig(t, 8, func(c *Config) {
		c.Congestion, c.NoRACK, c.NoTailProbe = cc.NewReno, false, true
	})
	r.accept(options)
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1")
	r.is(Established)
	r.out()
	return r
}

// whole reports that the reduction was taken back.
func (r *rig) whole(t *testing.T, cwnd uint32) {
	t.Helper()
	if r.c.recovery != recoveryOpen || r.c.cc.Cwnd < cwnd || r.c.cc.Ssthresh != cc.InfiniteSsthresh || r.e.Stats.Undone != 1 {
		t.Errorf("recovery %d, window %d, threshold %d, %d undone", r.c.recovery, r.c.cc.Cwnd, r.c.cc.Ssthresh, r.e.Stats.Undone)
	}
}

// reduced reports that it was not.
func (r *rig) reduced(t *testing.T) {
	t.Helper()
	if r.c.cc.Ssthresh == cc.InfiniteSsthresh || r.e.Stats.Undone != 0 {
		t.Errorf("recovery %d, window %d, threshold %d, %d undone", r.c.recovery, r.c.cc.Cwnd, r.c.cc.Ssthresh, r.e.Stats.Undone)
	}
}

// RFC 3708: all that was sent again came twice.
func TestUndo_DSACKInRecovery(t *testing.T) {
	r := inRecovery(t, 5)
	r.write(5000)
	r.collect()
	r.in(". 1 ack 3001 sack 1:1001,3001:5001")
	r.whole(t, 10_000)
}

func TestUndo_DSACKAfterRecovery(t *testing.T) {
	r := inRecovery(t, 5)
	r.in(". 1 ack 5001") // the original was late
	r.reduced(t)
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 5001 sack 1:1001") // and here is the other
	r.whole(t, 10_000)
	if r.e.SendLogs() != 0 {
		t.Error("a log is kept for nothing")
	}
}

func TestUndo_NotBeforeAllIsAccountedFor(t *testing.T) {
	r := racked(t)
	r.write(8000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 2001:8001")
	r.out(". 1:1001 ack 1", ". 1001:2001 ack 1")
	r.in(". 1 ack 8001")
	r.in(". 1 ack 8001 sack 1:1001")
	r.reduced(t)
	r.in(". 1 ack 8001 sack 1001:2001")
	r.whole(t, 10_000)
}

// A log that waits for a D-SACK goes with the rings of an idle connection.
func TestUndo_ItsMemoryIsGivenBackWhenIdle(t *testing.T) {
	r := inRecovery(t, 5)
	r.in(". 1 ack 5001")
	if r.e.SendLogs() != 1 {
		t.Fatal("no log waits")
	}
	r.after(5 * time.Second)
	if r.e.SendLogs() != 0 {
		t.Error("it waits for ever")
	}
}

// RFC 3522: the echo is older than the retransmission.
func TestUndo_EifelAfterFastRetransmit(t *testing.T) {
	for _, spurious := range []bool{true, false} {
		r := stamped(t)
		r.write(5000)
		r.collect()
		first := r.tsEcr
		r.after(100 * time.Millisecond)
		r.in(". 1 ack 1 sack 1001:5001")
		r.out(". 1:1001 ack 1")
		r.after(30 * time.Millisecond)
		if spurious {
			r.tsEcr = first
		}
		r.in(". 1 ack 5001")
		if spurious {
			r.whole(t, 10_000)
		} else {
			r.reduced(t)
		}
	}
}

func TestUndo_EifelAtAPartialAcknowledgment(t *testing.T) {
	r := stamped(t)
	r.write(6000)
	r.collect()
	first := r.tsEcr
	r.after(100 * time.Millisecond)
	r.in(". 1 ack 1 sack 1001:5001")
	r.out(". 1:1001 ack 1")
	r.after(10 * time.Millisecond)
	r.tsEcr = first
	r.in(". 1 ack 5001") // 5001:6001 is on its way
	r.whole(t, 10_000)
	r.out()
}

func TestUndo_EifelAfterATimeOut(t *testing.T) {
	for _, options := range []string{"mss 1012 sackok ts", "mss 1012 ts"} {
		for _, spurious := range []bool{true, false} {
			r := stampedWith(t, options)
			r.e.cfg.NoFRTO = true
			r.write(5000)
			r.collect()
			first := r.tsEcr
			r.untilOut()
			r.out(". 1:1001 ack 1")
			r.after(30 * time.Millisecond)
			if spurious {
				r.tsEcr = first
			}
			r.in(". 1 ack 1001")
			if spurious {
				r.whole(t, 10_000)
				r.out() // the others are on their way
			} else {
				r.reduced(t)
			}
		}
	}
}

// RFC 5682 §3.1: what was sent once only arrives after the time-out.
func TestUndo_FRTOWithSACK(t *testing.T) {
	r := racked(t)
	r.write(12_000)
	r.e.cfg.NoTailProbe = true
	r.c.lossAt, r.c.flags = 0, r.c.flags&^flagTail
	r.collect()
	r.untilOut()
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 1 sack 2001:3001")
	r.whole(t, 10_000)
}

// RFC 5682 §2.1: the first acknowledgment after a time-out that advances has new text
// sent; if that after it advances, too, the time-out was spurious, and if it is a
// duplicate there is a hole.
func TestUndo_FRTOByNewText(t *testing.T) {
	for _, x := range []struct {
		options, second string
		spurious        bool
	}{
		{renoSYN, ". 1 ack 2001", true},
		{sackOnlySYN, ". 1 ack 2001", true},
		{renoSYN, ". 1 ack 1001", false},
		{sackOnlySYN, ". 1 ack 1001 sack 10001:11001", false},
	} {
		r := sender(t, x.options)
		r.write(15_000)
		r.out(run(1, 10)...)
		r.untilOut()
		r.out(". 1:1001 ack 1")
		r.in(". 1 ack 1001")
		r.out(". 10001:11001 ack 1", ". 11001:12001 ack 1") // step 2b
		r.in(x.second)
		if x.spurious {
			r.whole(t, 10_000)
			continue
		}
		r.reduced(t)
		if got := r.collect(); len(got) == 0 || got[0] != ". 1001:2001 ack 1" {
			t.Errorf("%s: sent %q, want what is lost", x.second, got)
		}
		r.in(". 1 ack 10001") // now known to be no proof
		r.reduced(t)
	}
}

// Without SACK nobody knows what of it had arrived before the hole was filled.
func TestUndo_AFilledHoleIsNoProofWithoutSACK(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(3000)
	r.collect()
	r.in(". 1 ack 1")
	r.in(". 1 ack 1")
	r.untilOut()
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 3001")
	r.reduced(t)
}

// What was thought lost is here before anything was sent again.
func TestUndo_NothingWasSentAgain(t *testing.T) {
	r := racked(t)
	r.write(5000)
	r.collect()
	r.after(100 * time.Millisecond)
	r.in(sackTo(5))
	if r.c.recovery != recoveryFast {
		t.Fatal("no recovery")
	}
	r.in(". 1 ack 5001") // in the same batch
	r.whole(t, 10_000)
}

func TestUndo_FRTOWithoutNewTextRetransmits(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(10_000)
	r.collect()
	r.untilOut()
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 1001")
	r.out(". 1001:2001 ack 1", ". 2001:3001 ack 1")
	r.in(". 1 ack 2001")
	r.reduced(t)
}

// A time-out in fast recovery: part of the flight was sent twice.
func TestUndo_NoFRTOAfterFastRecovery(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(15_000)
	r.collect()
	r.in(". 1 ack 1 sack 1001:4001")
	r.collect()
	r.untilOut()
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 4001")
	if got := r.collect(); len(got) == 0 || got[0] != ". 4001:5001 ack 1" {
		t.Errorf("sent %q, want what is lost", got)
	}
	r.reduced(t)
}

// What D-SACKs say of one reduction must not undo another.
func TestUndo_AnotherReductionEndsIt(t *testing.T) {
	r := inRecovery(t, 5)
	r.in(". 1 ack 5001")
	r.write(2000)
	r.collect()
	r.c.flags |= flagTailSent | flagTailAgain
	r.c.words[tailEnd] = uint32(r.c.sndUna + 1000)
	before := r.c.cc.Ssthresh
	r.c.cc.Ssthresh = cc.InfiniteSsthresh
	r.in(". 1 ack 7001") // a tail loss probe repaired a loss
	if r.c.cc.Ssthresh > before {
		t.Fatal("that was no reduction")
	}
	r.in(". 1 ack 7001 sack 1:1001")
	r.reduced(t)
}

func TestDuplicateOf_FollowsRFC2883(t *testing.T) {
	r := racked(t)
	r.write(10_000)
	r.collect()
	for _, x := range []struct {
		in  string
		yes bool
	}{
		{". 1 ack 3001 sack 1:1001", true},
		{". 1 ack 3001 sack 2001:4001", true}, // part of it is below
		{". 1 ack 1 sack 5001:6001,4001:8001", true},
		{". 1 ack 1 sack 5001:6001,8001:9001", false},
		{". 1 ack 1 sack 5001:6001", false},
		{". 1 ack 1", false},
	} {
		if _, ok := duplicateOf(r.segment(x.in)); ok != x.yes {
			t.Errorf("%s: %v", x.in, ok)
		}
	}
}
