package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

func TestConnect_OffersEverything(t *testing.T) {
	r := synSent(t, nil)
	o := r.last.opts
	want := wire.HasMSS | wire.HasSACKPermitted | wire.HasTimestamp | wire.HasWScale
	if o.Present != want || o.MSS != 1460 || o.WScale != 8 || o.TSEcr != 0 || r.last.Window != 65535 {
		t.Errorf("SYN with %+v window %d", o, r.last.Window)
	}
}

func TestAccept_MirrorsOnlyWhatWasOffered(t *testing.T) {
	for _, x := range []struct {
		options string
		want    wire.OptionMask
	}{
		{"", wire.HasMSS},
		{"mss 1000", wire.HasMSS},
		{"sackok", wire.HasMSS | wire.HasSACKPermitted},
		{"ts", wire.HasMSS | wire.HasTimestamp},
		{"wscale 3", wire.HasMSS | wire.HasWScale},
		{fullSYN, wire.HasMSS | wire.HasSACKPermitted | wire.HasTimestamp | wire.HasWScale},
	} {
		r := synReceived(t, x.options, nil)
		if r.last.opts.Present != x.want || r.last.opts.MSS != 1460 {
			t.Errorf("%q is answered by %+v", x.options, r.last.opts)
		}
	}
}

func TestConfig_OptionsCanBeOff(t *testing.T) {
	r := synReceived(t, fullSYN, func(c *Config) { c.NoSACK, c.NoTimestamps, c.NoScaling = true, true, true })
	if r.last.opts.Present != wire.HasMSS {
		t.Errorf("SYN-ACK with %+v", r.last.opts)
	}
	s := synSent(t, func(c *Config) { c.NoSACK, c.NoTimestamps, c.NoScaling = true, true, true })
	if s.last.opts.Present != wire.HasMSS {
		t.Errorf("SYN with %+v", s.last.opts)
	}
	s.in("S. 0 ack 1 " + fullSYN)
	if s.c.has(flagSACK | flagTS | flagWS) {
		t.Error("the peer turned on what we did not offer")
	}
}

func TestSimultaneousOpen_BothAnswerAndOpen(t *testing.T) {
	r := synSent(t, nil)
	r.in("S 0 " + fullSYN)
	r.is(SynReceived)
	r.out("S. 0 ack 1")
	r.in("S 0 " + fullSYN) // again: our answer was lost
	r.out("S. 0 ack 1")
	r.in("S. 0 ack 1 " + fullSYN)
	r.is(Established)
	r.out(". 1 ack 1")
	if r.news&Opened == 0 {
		t.Error("no word of it")
	}
	// By a bare ACK, too.
	s := synSent(t, nil)
	s.in("S 0 " + fullSYN)
	s.collect()
	s.in(". 1 ack 1")
	s.is(Established)
	// A RST is a refusal (MUST-11).
	x := synSent(t, nil)
	x.in("S 0 " + fullSYN)
	x.collect()
	x.in("R 1")
	x.is(Closed)
	if x.c.Errno() != sock.Refused {
		t.Errorf("error %v", x.c.Errno())
	}
}

func TestSimultaneousOpen_RetriesForThreeMinutes(t *testing.T) {
	r := synSent(t, nil)
	r.in("S 0")
	r.collect()
	at := retries(r)
	if end := at[len(at)-1]; end < 3*time.Minute {
		t.Errorf("given up after %v", end)
	}
}

func TestOpen_WhatWasQueuedEarlyGoesFirst(t *testing.T) {
	r := synSent(t, nil)
	r.e.WantTx(r.c, 1000, r.now)
	r.write(100)
	r.e.Shutdown(r.c, r.now)
	r.out()
	r.is(SynSent)
	r.in("S. 0 ack 1 mss 1460")
	r.is(FinWait1)
	r.out("FP. 1:101 ack 1") // and the ACK on it
}

func TestClose_UnreadTextIsAnAbort(t *testing.T) {
	for _, s := range []State{Established, FinWait1, FinWait2} {
		r := reach(t, s)
		r.in("P. 1:11 ack " + map[State]string{Established: "1", FinWait1: "1", FinWait2: "2"}[s])
		r.collect()
		r.e.Close(r.c, r.now)
		got := r.collect()
		if len(got) != 1 || r.last.Flags != wire.RST|wire.ACK {
			t.Errorf("%v: sent %q: SHLD-3", s, got)
		}
		r.is(Closed)
	}
}

func TestClose_InEachState(t *testing.T) {
	for _, x := range []struct {
		state State
		out   string
		next  State
	}{
		{SynSent, "", Closed},
		{SynReceived, "", SynReceived}, // after the handshake
		{Established, "F. 1 ack 1", FinWait1},
		{CloseWait, "F. 1 ack 2", LastAck},
		{FinWait1, "", FinWait1},
		{FinWait2, "", FinWait2},
		{Closing, "", Closing},
		{LastAck, "", LastAck},
		{TimeWait, "", TimeWait},
		{Closed, "", Closed},
	} {
		r := reach(t, x.state)
		r.e.Close(r.c, r.now)
		r.check()
		r.out(list(x.out)...)
		r.is(x.next)
		if !r.c.IsOrphan() {
			t.Errorf("%v: not an orphan", x.state)
		}
	}
}

func TestClose_InSynReceivedFollowsTheHandshake(t *testing.T) {
	r := synReceived(t, fullSYN, nil)
	r.e.Close(r.c, r.now)
	r.out()
	r.in(". 1 ack 1")
	r.is(FinWait1)
	r.out("F. 1 ack 1")
}

func TestAbort_InEachState(t *testing.T) {
	for _, x := range []struct {
		state State
		out   string
		next  State
	}{
		{SynSent, "", Closed},
		{SynReceived, "R. 1 ack 1", Closed},
		{Established, "R. 1 ack 1", Closed},
		{CloseWait, "R. 1 ack 2", Closed},
		{FinWait1, "R. 2 ack 1", Closed},
		{FinWait2, "R. 2 ack 1", Closed},
		{Closing, "", Closed},
		{LastAck, "", Closed},
		{TimeWait, "", TimeWait},
		{Closed, "", Closed},
	} {
		for _, kill := range []bool{false, true} {
			r := reach(t, x.state)
			if kill {
				r.e.Kill(r.c, sock.Aborted)
			} else {
				r.e.Abort(r.c)
			}
			r.check()
			r.out(list(x.out)...)
			r.is(x.next)
			if fin := r.news&Finished != 0; fin != (x.next == Closed && x.state != Closed) {
				t.Errorf("%v: Finished %v", x.state, fin)
			}
		}
	}
}

func TestLingerZero_IsAnAbort(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.e.Set(r.c, sock.OptLinger, 0, r.now)
	r.write(10)
	r.e.Close(r.c, r.now)
	r.out("R. 1 ack 1")
	r.is(Closed)
}

// RFC 9293 §3.10.5: in CLOSING and LAST-ACK the peer has closed, too, and needs no
// RST.
func TestLingerZero_IsSilentWhenBothHaveClosed(t *testing.T) {
	for _, s := range []State{Closing, LastAck} {
		r := reach(t, s)
		r.e.Set(r.c, sock.OptLinger, 0, r.now)
		r.e.Close(r.c, r.now)
		r.out()
		r.after(time.Second)
		r.out()
		r.is(Closed)
	}
}

// The peer that has not seen our FIN still waits for text.
func TestAbort_BeforeTheFINIsSentNeedsARST(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.in("F. 1 ack 1 win 0")
	r.out(". 1 ack 2")
	r.write(10)
	r.e.Shutdown(r.c, r.now)
	r.out()
	r.is(LastAck)
	r.e.Abort(r.c)
	r.out("R. 1 ack 2")
	r.is(Closed)
}

func TestShutdown_HalfCloseBothWays(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.e.Shutdown(r.c, r.now)
	r.out("F. 1 ack 1")
	r.in(". 1 ack 2")
	r.in("P. 1:101 ack 2") // the peer goes on
	r.collect()
	if r.read(200) != 100 {
		t.Error("nothing is received after our FIN")
	}
	s := established(t, fullSYN, nil)
	s.in("F. 1 ack 1")
	s.collect()
	s.write(100) // and so may we
	s.out("P. 1:101 ack 2")
	s.in(". 2 ack 101")
	s.e.Shutdown(s.c, s.now)
	s.out("F. 101 ack 2")
	s.in(". 2 ack 102")
	s.is(Closed)
}

func TestShutdown_NothingIsSentAfterIt(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.write(10)
	r.e.Shutdown(r.c, r.now)
	r.out("FP. 1:11 ack 1")
	r.e.tx(r.c).Write([]byte("late"))
	r.e.Send(r.c, r.now)
	r.e.Shutdown(r.c, r.now)
	r.out()
}

func TestShutdownRead_DiscardsAndKeepsTheWindowOpen(t *testing.T) {
	r := established(t, fullSYN, func(c *Config) { c.RcvBuf = 8192 })
	r.in("P. 1:101 ack 1")
	r.e.ShutdownRead(r.c)
	r.collect()
	if n := r.feed(100_000, 1448); n != 100_000 {
		t.Errorf("took %d octets", n)
	}
	if r.e.rx(r.c).Len() != 0 {
		t.Error("octets wait for nobody")
	}
}

func TestICMP_SoftErrorsAreReportedWhenItGivesUp(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.collect()
	if !r.e.ICMPError(r.c, sock.HostUnreachable, true, r.c.sndUna) {
		t.Error("not believed")
	}
	r.is(Established) // RFC 5461: also a hard one does not end it now
	retries(r)
	if r.c.Errno() != sock.HostUnreachable {
		t.Errorf("error %v", r.c.Errno())
	}
}

func TestSoftError_IsToldUntilItIsRefuted(t *testing.T) {
	r := sender(t, renoSYN)
	is := func(want sock.Errno, when string) {
		t.Helper()
		if got := r.e.SoftError(r.c); got != want {
			t.Errorf("%v %s, want %v", got, when, want)
		}
	}
	r.write(100)
	r.collect()
	is(sock.OK, "at first")
	r.e.ICMPError(r.c, sock.HostUnreachable, false, r.c.sndUna)
	is(sock.HostUnreachable, "after a report")
	r.in(". 1 ack 101")
	is(sock.OK, "after an acknowledgment")
}

func TestSoftError_TellsThatR1IsPassed(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.collect()
	for i := range r1 + 2 {
		want := sock.OK
		if i >= r1 {
			want = sock.TimedOut
		}
		if got := r.e.SoftError(r.c); got != want {
			t.Errorf("%v after %d retransmissions, want %v", got, i, want)
		}
		r.untilOut()
		r.collect()
	}
	r.in(". 1 ack 101")
	if got := r.e.SoftError(r.c); got != sock.OK {
		t.Errorf("%v after an acknowledgment", got)
	}
}

func TestSoftError_TellsOfProbesButNotOfAShutWindow(t *testing.T) {
	r := sender(t, renoSYN)
	r.in(". 1 ack 1 win 0")
	r.write(100)
	r.collect()
	for range 2 * r1 {
		r.untilOut()
		r.collect()
		r.in(". 1 ack 1 win 0")
	}
	if got := r.e.SoftError(r.c); got != sock.OK {
		t.Errorf("%v of a peer that answers each probe", got)
	}
	for range r1 {
		r.untilOut()
		r.collect()
	}
	if got := r.e.SoftError(r.c); got != sock.TimedOut {
		t.Errorf("%v of one that answers no more", got)
	}
}

func TestICMP_AnACKRefutesASoftError(t *testing.T) {
	for _, answer := range []string{". 1 ack 101", ". 1 ack 1 win 9"} { // fast path and steps
		r := sender(t, renoSYN)
		r.write(100)
		r.collect()
		r.e.ICMPError(r.c, sock.HostUnreachable, false, r.c.sndUna)
		r.in(answer)
		r.in(". 1 ack 101")
		r.write(100)
		r.collect()
		retries(r)
		if r.c.Errno() != sock.TimedOut {
			t.Errorf("error %v, long refuted", r.c.Errno())
		}
	}
}

func TestICMP_HardErrorsEndTheHandshake(t *testing.T) {
	r := synSent(t, nil)
	r.e.ICMPError(r.c, sock.ProtocolUnreachable, false, r.c.sndUna)
	r.is(SynSent)
	r.e.ICMPError(r.c, sock.ProtocolUnreachable, true, r.c.sndUna)
	r.is(Closed)
	if r.c.Errno() != sock.ProtocolUnreachable {
		t.Errorf("error %v", r.c.Errno())
	}
}

func TestICMP_MustQuoteWhatIsInFlight(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.collect()
	for _, at := range []seq.Value{r.c.sndUna - 1, r.c.sndNxt, r.c.sndNxt + 1000} {
		if r.e.ICMPError(r.c, sock.HostUnreachable, true, at) || r.e.PathMTU(r.c, 600, at, r.now) || r.e.InFlight(r.c, at) {
			t.Errorf("RFC 5927 §4.1: %d is not in flight", at-r.iss)
		}
	}
}

func TestPathMTU_SendsAgainInSmallerSegments(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(3000)
	r.collect()
	if !r.e.PathMTU(r.c, 540, r.c.sndUna, r.now) {
		t.Fatal("not believed")
	}
	r.out(". 1:501 ack 1", ". 501:1001 ack 1", ". 1001:1501 ack 1", ". 1501:2001 ack 1", ". 2001:2501 ack 1", "P. 2501:3001 ack 1")
	if r.c.cc.Cwnd != 10000 {
		t.Errorf("cwnd %d: that was no congestion", r.c.cc.Cwnd)
	}
	r.in(". 1 ack 3001")
	if r.c.recovery != recoveryOpen {
		t.Error("still recovering")
	}
	r.e.PathMTU(r.c, 9000, r.c.sndUna, r.now)
	if r.c.mss != 500 {
		t.Error("an MTU was raised")
	}
}

func TestUnreachable_WaitsAndTriesAgain(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.e.Unreachable(r.c, sock.HostUnreachable, r.now) // before it left
	r.out()
	r.untilOut()
	r.e.Unreachable(r.c, sock.HostUnreachable, r.now)
	r.untilOut()
	r.out("P. 1:101 ack 1")
	if d := r.c.rexmtAt.Sub(r.now); d < 200*time.Millisecond {
		t.Errorf("RTO of %v", d)
	}
	r.in(". 1 ack 101")
	// And in the end it gives up.
	r.write(100)
	for range 400 {
		if r.c.state == Closed {
			break
		}
		r.e.Unreachable(r.c, sock.HostUnreachable, r.now)
		r.untilTimer()
	}
	if r.c.Errno() != sock.HostUnreachable {
		t.Errorf("%v %v", r.c.state, r.c.Errno())
	}
	s := synSent(t, nil)
	s.e.Unreachable(s.c, sock.HostUnreachable, s.now)
	s.is(Closed)
	x := established(t, fullSYN, nil)
	x.e.Abort(x.c)
	x.c.TakeVerdict()
	x.e.Unreachable(x.c, sock.HostUnreachable, x.now) // the RST has nowhere to go
	if x.c.TakeVerdict()&Finished == 0 || x.c.want != 0 {
		t.Error("waits for ever to send a RST")
	}
}

func TestWantTx_StarvedWriterIsServedLater(t *testing.T) {
	r := established(t, fullSYN, nil)
	var kept []ring.Ref
	for ref := r.e.pool.Get(1); ref != 0; ref = r.e.pool.Get(1) {
		kept = append(kept, ref)
	}
	r.e.WantTx(r.c, 1000, r.now)
	if r.c.TakeVerdict()&Writable != 0 || r.e.Stats.RingWaits != 1 {
		t.Error("writable without a ring")
	}
	for range 5 {
		if d := r.untilTimer(); d != starvedRetry {
			t.Errorf("asked again after %v", d)
		}
	}
	for _, ref := range kept {
		r.e.pool.Put(ref)
	}
	r.now = r.now.Add(time.Hour) // quiet for long
	r.e.Timeout(r.c, r.now)
	if r.c.TakeVerdict()&Writable == 0 {
		t.Fatal("memory came back and nobody was told")
	}
	r.after(r.e.cfg.IdleRings - 1)
	if !r.e.tx(r.c).HasRing() {
		t.Fatal("the ring was taken back before the writer woke")
	}
	r.write(100)
	r.out("P. 1:101 ack 1")
}

func TestWantTx_GrowsWithTheWindow(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.write(64 << 10)
	if n := r.tryWrite(1); n != 0 {
		t.Fatal("the first ring has no end")
	}
	r.c.cc.Cwnd = 100_000
	if n := r.tryWrite(100_000); n != 100_000 { // the larger ring holds what is unsent, too
		t.Errorf("wrote %d octets more", n)
	}
	s := established(t, fullSYN, nil)
	s.e.Set(s.c, sock.OptSndBuf, 8192, s.now)
	s.c.cc.Cwnd = 1 << 20
	if n := s.tryWrite(100_000); n != 8192 {
		t.Errorf("wrote %d into a buffer of 8192", n)
	}
}

// A writer with more to say than there is room for gets a ring for that, also
// while there is some room: octet by octet it would never come to an end.
func TestWantTx_GrowsWhileThereIsSomeRoom(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.write(100)
	if n := r.e.tx(r.c).Size(); n != ring.MinSize {
		t.Fatalf("a ring of %d octets for 100", n)
	}
	r.e.WantTx(r.c, 300, r.now)
	if r.e.tx(r.c).Offered() {
		t.Error("a larger ring for what there is room for")
	}
	r.e.WantTx(r.c, 20_000, r.now)
	if !r.e.tx(r.c).Offered() || r.c.TakeVerdict()&Writable == 0 {
		t.Error("no larger ring for a writer of 20,000 octets, or it was not told")
	}
	if n := r.tryWrite(20_000); n != 20_000 {
		t.Errorf("wrote %d of 20,000 octets", n)
	}
}

func TestIdleRings_GoBackAndComeAgain(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.in("P. 1:101 ack 1")
	r.read(200)
	r.write(100)
	r.collect()
	r.in(". 101 ack 101")
	if r.e.pool.InUse() == 0 {
		t.Fatal("no rings in use")
	}
	start := r.now
	for r.e.pool.InUse() > 0 {
		r.untilTimer()
	}
	if d := r.now.Sub(start); d > time.Second {
		t.Errorf("rings of an idle connection went back after %v", d)
	}
	if r.c.NextTimer() != mono.Never {
		t.Error("an idle connection has a timer")
	}
	r.in("P. 101:201 ack 101")
	r.read(200)
	r.write(100)
	r.out("P. 101:201 ack 201")
}

func TestIdleRings_ComeBackAfterALongFlight(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(100)
	r.collect()
	r.after(200 * time.Millisecond)
	for range 4 { // lost again and again
		r.untilOut()
		r.collect()
	}
	r.in(". 1 ack 101")
	r.collect()
	start := r.now
	for r.c.NextTimer() != mono.Never {
		r.untilTimer()
		r.collect()
	}
	if r.e.pool.InUse() != 0 || r.now.Sub(start) > 10*time.Second {
		t.Errorf("%d octets in use, %v after the last ACK", r.e.pool.InUse(), r.now.Sub(start))
	}
}

func TestIdleRings_UnreadTextKeepsItsRing(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.in("P. 1:101 ack 1")
	r.collect()
	n := 0
	for start := r.now; r.now.Sub(start) < time.Hour; n++ {
		r.untilTimer()
		r.collect()
	}
	if n > 200 {
		t.Errorf("%d timers in an hour of waiting", n)
	}
	if r.read(1000) != 100 {
		t.Error("the text is gone")
	}
}

func TestISN_FollowsRFC6528(t *testing.T) {
	r := newRig(t, 4, nil)
	k := testKey
	at := func(k flow.Key4, now mono.Time) seq.Value { return r.e.isn(k, now) }
	for d := time.Microsecond * 5; d < 3*time.Hour; d *= 3 {
		if !at(k, r.now.Add(d)).Greater(at(k, r.now)) {
			t.Errorf("not beyond itself after %v", d)
		}
	}
	if d := at(k, r.now.Add(time.Second)).Minus(at(k, r.now)); d < 200_000 || d > 300_000 {
		t.Errorf("%d numbers a second, want one every 4 µs (MUST-8)", d)
	}
	// Distances between tuples look random: bits are half and half.
	ones := [32]int{}
	const n = 4000
	for i := range n {
		a, b := k, k
		a.RemotePort, b.RemotePort = uint16(i), uint16(i+1)
		for bit := range 32 {
			ones[bit] += int(at(a, r.now)-at(b, r.now)) >> bit & 1
		}
	}
	for bit, c := range ones {
		if c < n*4/10 || c > n*6/10 {
			t.Errorf("bit %d of the distance is set %d times of %d", bit, c, n)
		}
	}
	other := New(DefaultConfig(), Resources{Blocks: r.blocks, Pool: r.e.pool, Ranges: slab.New(make([]RangeSet, 2)), Sent: slab.New(make([]SendLog, 2)), Secret: prf.Key{K0: 1, K1: 3}})
	if other.isn(k, r.now) == at(k, r.now) || other.timestampOffset(k) == r.e.timestampOffset(k) {
		t.Error("MUST-9: the secret does not matter")
	}
}

func TestTimestampOffset_IsThatOfTheTuple(t *testing.T) {
	r := synSent(t, nil)
	first := r.last.opts.TSVal
	r.e.Abort(r.c)
	r.e.Release(r.c)
	r.now = r.now.Add(time.Minute)
	r.e.Connect(r.c, testSlot, testKey, MTU{Path: testMTU}, r.now)
	r.begin()
	r.out("S 0")
	if d := r.last.opts.TSVal - first; d != 60_000 {
		t.Errorf("the clock of the tuple moved by %d ms in a minute: RFC 6191 needs one clock", d)
	}
}

func TestReplies_AreBounded(t *testing.T) {
	r := newRig(t, 4, nil)
	for range 2 * maxReplies {
		r.e.Refuse(r.segment("S 0"), testKey)
	}
	if r.e.Replies() != maxReplies || r.drops(drop.ReplyLimit) != maxReplies {
		t.Errorf("%d replies, %d dropped", r.e.Replies(), r.drops(drop.ReplyLimit))
	}
	var p Reply
	n := 0
	for r.e.PopReply(&p) {
		n++
	}
	if n != maxReplies {
		t.Errorf("%d", n)
	}
	for range 3 { // few use few places, wherever the last of many stood
		r.e.Refuse(r.segment("S 0"), testKey)
		if r.e.replies.first != 0 || !r.e.PopReply(&p) {
			t.Errorf("a lone reply stands at %d", r.e.replies.first)
		}
	}
}

func TestTCB_TellsWhatItIs(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.e.Set(r.c, sock.OptTOS, 0x28, r.now)
	r.e.Set(r.c, sock.OptTTL, 9, r.now)
	c := r.c
	if c.State() != Established || c.Key() != testKey || c.Slot() != testSlot || !c.IsPassive() || c.TOS() != 0x28 || c.TTL() != 9 || c.Listener() != 1 {
		t.Errorf("%v %v %v %v %v %v %v", c.State(), c.Key(), c.Slot(), c.IsPassive(), c.TOS(), c.TTL(), c.Listener())
	}
	c.ForgetListener()
	c.SetListed(3)
	c.SetListNext(4)
	c.SetListPrev(5)
	if c.Listener() != 0 || c.Listed() != 3 || c.ListNext() != 4 || c.ListPrev() != 5 {
		t.Error("the shard's words are not kept")
	}
}
