package tcp

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
	"github.com/mtcp-go/mtcp/internal/wire"
)

const (
	renoSYN     = "mss 1000 wscale 7"
	sackOnlySYN = "mss 1000 sackok wscale 7"
)

// sender is established with a segment size of 1000, NewReno, a window of ten
// segments, a round trip of 10 ms and an RTO of 210 ms.
func sender(t *testing.T, options string) *rig {
	return established(t, options, func(c *Config) {
		c.Congestion = cc.NewReno
		c.NoTimestamps = true
	})
}

// run renders n segments of 1000 octets from relative position first on.
func run(first, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(". %d:%d ack 1", first+1000*i, first+1000*(i+1)))
	}
	return all
}

func TestRecovery_FastRetransmitAfterThreeDuplicates(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(20000)
	r.out(run(1, 10)...)
	r.in(". 1 ack 1")
	r.out(". 10001:11001 ack 1") // limited transmit, RFC 3042
	r.in(". 1 ack 1")
	r.out(". 11001:12001 ack 1")
	r.in(". 1 ack 1")
	r.out(". 1:1001 ack 1") // fast retransmit
	if r.c.recovery != recoveryFast || r.c.cc.Ssthresh != 5000 {
		t.Errorf("recovery %d ssthresh %d, want half of the window of ten", r.c.recovery, r.c.cc.Ssthresh)
	}
	r.after(10 * time.Millisecond)
	r.in(". 1 ack 12001") // the hole is filled
	if r.c.recovery != recoveryOpen || r.c.cc.Cwnd != 5000 {
		t.Errorf("recovery %d cwnd %d, want the threshold", r.c.recovery, r.c.cc.Cwnd)
	}
	r.out(run(12001, 5)...)
}

func TestRecovery_WhatIsNoDuplicate(t *testing.T) {
	for _, x := range []struct{ in, why string }{
		{". 1 ack 1 win 65000", "another window"},
		{"P. %d:%d ack 1", "text"},
		{". 1 ack 0", "an older number"},
	} {
		r := sender(t, renoSYN)
		r.write(10000)
		r.collect()
		at := 1
		for i := range 5 {
			in := x.in
			if in[0] == 'P' {
				in = fmt.Sprintf(in, at, at+10)
				at += 10
			}
			if i%2 == 1 && in == ". 1 ack 1 win 65000" {
				in = ". 1 ack 1 win 64000"
			}
			r.in(in)
		}
		if r.c.recovery != recoveryOpen {
			t.Errorf("%s counted as a duplicate ACK", x.why)
		}
	}
}

func TestRecovery_NewRenoRetransmitsAHolePerPartialACK(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(10000)
	r.collect()
	for range 3 {
		r.in(". 1 ack 1")
	}
	r.out("" + ". 1:1001 ack 1")
	r.in(". 1 ack 3001") // partial: 3001 is missing, too
	got := r.collect()
	if len(got) == 0 || got[0] != ". 3001:4001 ack 1" {
		t.Fatalf("sent %q, want the next hole first", got)
	}
	if r.c.recovery != recoveryFast {
		t.Error("a partial ACK ended the recovery")
	}
	r.in(". 1 ack 10001")
	if r.c.recovery != recoveryOpen {
		t.Error("a full ACK did not end the recovery")
	}
}

func TestRecovery_OldDuplicatesAfterATimeOutStartNothing(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(4000)
	r.collect()
	r.untilOut()
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 4001") // all was there: the time-out was spurious
	r.write(4000)
	r.collect()
	for range 4 {
		r.in(". 1 ack 4001") // of what was sent again
	}
	if r.e.Stats.FastRecoveries != 0 {
		t.Error("RFC 6582 §3.2: duplicates at recover start no recovery")
	}
}

func TestRecovery_SACKRetransmitsOnlyHoles(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(10000)
	r.collect()
	// 1 and 4001 are lost.
	r.in(". 1 ack 1 sack 1001:2001")
	r.in(". 1 ack 1 sack 1001:3001")
	r.out()
	r.in(". 1 ack 1 sack 1001:4001")
	r.out(". 1:1001 ack 1")
	for _, end := range []int{6001, 7001, 8001, 9001} {
		r.in(fmt.Sprintf(". 1 ack 1 sack 5001:%d,1001:4001", end))
	}
	got := r.collect()
	if len(got) != 1 || got[0] != ". 4001:5001 ack 1" {
		t.Fatalf("sent %q, want only the second hole", got)
	}
	r.in(". 1 ack 4001 sack 5001:10001")
	r.out()
	r.in(". 1 ack 10001")
	if r.c.recovery != recoveryOpen || r.c.cc.Cwnd != 5000 || r.c.sacked != 0 {
		t.Errorf("recovery %d cwnd %d", r.c.recovery, r.c.cc.Cwnd)
	}
}

// RFC 6675 §5: three duplicates suffice even if few octets were reported.
func TestRecovery_SACKOfSmallSegments(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.e.Set(r.c, sock.OptNoDelay, 1, r.now)
	for range 8 {
		r.write(50)
		r.collect()
	}
	r.in(". 1 ack 1 sack 51:101")
	r.in(". 1 ack 1 sack 51:151")
	r.out()
	r.in(". 1 ack 1 sack 51:201")
	r.out(". 1:51 ack 1")
}

func TestRecovery_PRRSendsInProportion(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.c.cc.Cwnd = 20000
	r.write(60000)
	r.out(run(1, 20)...)
	sent, acks := 0, 0
	for end := 2001; end <= 20001; end += 1000 {
		r.in(fmt.Sprintf(". 1 ack 1 sack 1001:%d", end))
		acks++
		n := len(r.collect())
		sent += n
		if n > 2 {
			t.Errorf("a burst of %d segments for one ACK", n)
		}
	}
	r.in(". 1 ack 20001")
	sent += len(r.collect())
	// 19 ACKs and one for the rest: half as many segments as left the network,
	// and at the end a window of ssthresh.
	if r.c.cc.Cwnd != 10000 || r.c.recovery == recoveryFast && r.c.flight() > 10000 {
		t.Errorf("cwnd %d, want 10000", r.c.cc.Cwnd)
	}
	if sent < 10 || sent > 13 {
		t.Errorf("%d segments for %d ACKs, want about half", sent, acks)
	}
}

func TestRecovery_DeliveredCountsAnOctetOnce(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(10000)
	r.collect()
	r.in(". 1 ack 1 sack 1001:9001")
	r.collect()
	before := r.c.words[prrDelivered]
	if before != 8000 {
		t.Fatalf("delivered %d, want 8000", before)
	}
	r.in(". 1 ack 9001")
	if got := r.c.words[prrDelivered] - before; got != 1000 {
		t.Errorf("the hole of 1000 octets counts as %d delivered", got)
	}
}

// The words of the TCB mean something else in fast recovery.
func TestRecovery_ItsWordsEndWithIt(t *testing.T) {
	for _, end := range []struct {
		name string
		by   func(r *rig)
	}{
		{"by an acknowledgment", func(r *rig) { r.in(". 1 ack 10001") }},
		{"by a time-out", func(r *rig) { r.untilOut() }},
	} {
		r := sender(t, sackOnlySYN)
		r.write(10000)
		r.collect()
		r.in(". 1 ack 1 sack 1001:9001")
		r.collect()
		if r.c.recovery != recoveryFast || r.c.words[prrDelivered] != 8000 {
			t.Fatalf("recovery %d, delivered %d", r.c.recovery, r.c.words[prrDelivered])
		}
		end.by(r)
		if r.c.recovery == recoveryFast {
			t.Fatalf("%s: it goes on", end.name)
		}
		want := [3]uint32{maxOut: r.c.flight(), outSeq: uint32(r.c.sndNxt)}
		if r.c.words != want {
			t.Errorf("%s: words %d, want %d", end.name, r.c.words, want)
		}
	}
}

func TestRecovery_RTOBeginsAgainWithOneSegment(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(10000)
	r.collect()
	r.in(". 1 ack 1 sack 3001:4001")
	if d := r.untilOut(); d != 210*time.Millisecond {
		t.Errorf("RTO after %v", d)
	}
	r.out(". 1:1001 ack 1")
	if r.c.cc.Cwnd != 1000 || r.c.cc.Ssthresh != 5000 {
		t.Errorf("cwnd %d ssthresh %d", r.c.cc.Cwnd, r.c.cc.Ssthresh)
	}
	r.in(". 1 ack 1001 sack 3001:4001")
	r.out(". 1001:2001 ack 1", ". 2001:3001 ack 1") // slow start
	r.in(". 1 ack 2001 sack 3001:4001")
	r.out(". 4001:5001 ack 1", ". 5001:6001 ack 1") // what was reported is not sent again
}

func TestRecovery_RenegedTextIsSentAgain(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(4000)
	r.collect()
	r.in(". 1 ack 1 sack 1001:4001")
	r.collect()
	r.in(". 1 ack 1001") // and no word of the rest: the peer has dropped it
	r.out()
	r.untilOut()
	r.out(". 1001:2001 ack 1")
	if r.c.sacked != 0 {
		t.Error("RFC 2018 §8: the reports are still believed")
	}
}

func TestRecovery_FINIsRetransmittedWithAndWithoutText(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(1500)
	r.e.Shutdown(r.c, r.now)
	r.out(". 1:1001 ack 1", "FP. 1001:1501 ack 1")
	r.untilOut()
	r.out(". 1:1001 ack 1")
	r.in(". 1 ack 1001")
	r.out("FP. 1001:1501 ack 1")
	r.in(". 1 ack 1501") // the text came, the FIN did not: a strange peer
	r.out()
	r.untilOut()
	r.out("F. 1501 ack 1")
	r.in(". 1 ack 1502")
	r.is(FinWait2)
}

// After more than 2 GiB without a loss old positions must not look new.
func TestRecovery_PositionsOfLongAgoMeanNothing(t *testing.T) {
	for _, options := range []string{renoSYN, sackOnlySYN} {
		r := sender(t, options)
		// 3 GiB later: what the last recovery left stays where it was.
		skip := seq.Value(3 << 30)
		tx := r.e.tx(r.c)
		r.c.sndUna, r.c.sndNxt, r.c.sndEnd = r.c.sndUna+skip, r.c.sndNxt+skip, r.c.sndEnd+skip
		r.c.sndWL2 += skip
		r.e.blocks[testSlot].StartTx(r.e.mem, r.c.sndEnd)
		_ = tx
		r.iss += skip
		r.write(3000)
		r.out(". 1:1001 ack 1", ". 1001:2001 ack 1", "P. 2001:3001 ack 1")
		r.write(100) // minshall is old as well
		r.out("P. 3001:3101 ack 1")
		for range 3 {
			in := ". 1 ack 1"
			if r.c.has(flagSACK) {
				in = fmt.Sprintf(". 1 ack 1 sack 1001:%d", 2001+int(r.c.dupAcks)*50)
			}
			r.in(in)
		}
		r.out(". 1:1001 ack 1")
	}
}

func TestRecovery_ShrunkenWindow(t *testing.T) {
	r := sender(t, sackOnlySYN)
	r.write(10000)
	r.collect()
	r.in(". 1 ack 1001 win 15") // 1920 octets: SHLD-15, nothing new
	r.write(5000)
	r.out()
	r.untilOut()
	r.out(". 1001:2001 ack 1") // SHLD-16: old text inside the window
	r.in(". 1 ack 2001 win 0") // shut: one goes even so (MAY-7), as a probe
	r.out(". 2001:3001 ack 1")
	for i := range 40 { // SHLD-17, MUST-34, MUST-37: no end as long as it answers
		r.untilOut()
		if got := r.collect(); len(got) != 1 || got[0] != ". 2001:3001 ack 1" {
			t.Fatalf("time-out %d: sent %q", i, got)
		}
		r.in(". 1 ack 2001 win 0")
		r.out()
	}
	r.in(". 1 ack 10001")
	r.is(Established)
}

func TestRTT_FollowsRFC6298(t *testing.T) {
	r := sender(t, renoSYN)
	if r.c.SRTT() != 10*time.Millisecond || r.c.rttVar/4 != 5000 || r.c.rto != 210_000 {
		t.Fatalf("after the handshake: SRTT %v RTTVAR %d RTO %d", r.c.SRTT(), r.c.rttVar/4, r.c.rto)
	}
	r.write(500)
	r.collect()
	r.after(50 * time.Millisecond)
	r.in(". 1 ack 501")
	// SRTT = 7/8·10 + 1/8·50, RTTVAR = 3/4·5 + 1/4·40.
	if r.c.SRTT() != 15*time.Millisecond || r.c.rttVar/4 != 13750 {
		t.Errorf("SRTT %v RTTVAR %d µs", r.c.SRTT(), r.c.rttVar/4)
	}
}

func TestRTT_KarnTakesNoSampleFromWhatWasSentTwice(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(500)
	r.collect()
	r.untilOut()
	r.collect()
	r.after(30 * time.Millisecond)
	r.in(". 1 ack 501")
	if r.c.SRTT() != 10*time.Millisecond {
		t.Errorf("SRTT %v", r.c.SRTT())
	}
	if r.c.backoff != 0 {
		t.Error("progress does not end the back-off")
	}
}

func TestRTT_TimestampsTellWhichTransmission(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.write(500)
	r.collect()
	r.untilOut()
	r.collect()
	r.after(90 * time.Millisecond)
	r.in(". 1 ack 501") // echoes the second transmission
	if got, want := r.c.SRTT(), 20*time.Millisecond; got != want {
		t.Errorf("SRTT %v, want %v: 7/8·10 + 1/8·90", got, want)
	}
}

func TestRTT_SamplesAreBounded(t *testing.T) {
	r := established(t, fullSYN, nil)
	for _, us := range []uint32{0, 1, 1 << 20, 1<<32 - 1, 3_600_000_000, 7} {
		r.e.measured(r.c, us)
		if r.c.SRTT() > maxRTT*time.Microsecond || r.c.rto > 120_000_000 || r.c.rto < 200_000 {
			t.Errorf("after %d µs: SRTT %v RTO %d", us, r.c.SRTT(), r.c.rto)
		}
	}
}

// The measure of recovery: bulk over a path with losses comes to an end in a
// time that shows no needless waiting.
func TestPair_BulkUnderLossIsNotSlow(t *testing.T) {
	for _, x := range []struct {
		loss  float64
		sack  bool
		limit time.Duration
	}{
		{0, true, time.Second},
		{0.001, true, 2 * time.Second},
		{0.01, true, 6 * time.Second},
		{0.03, true, 20 * time.Second},
		{0.01, false, 12 * time.Second},
	} {
		cfg := pairConfig{a: side0(), b: side0(), loss: x.loss, delay: 5 * time.Millisecond, rate: 125 << 20, queue: 1 << 20}
		cfg.a.send, cfg.a.chunk = 4<<20, 1<<16
		cfg.a.cfg.NoSACK = !x.sack
		cfg.a.poolMiB, cfg.b.poolMiB = 32, 32
		p := newPair(t, cfg, 9)
		p.run()
		st := &p.a.e.Stats
		took := p.now.Sub(testStart)
		t.Logf("loss %.1f%% sack %v: %v, %d segments again, %d time-outs, %d recoveries, %d lost",
			x.loss*100, x.sack, took, st.Retransmits, st.RTOs, st.FastRecoveries, p.lost)
		if took-time.Minute > x.limit && took > x.limit {
			t.Errorf("loss %.1f%% sack %v: 4 MiB took %v", x.loss*100, x.sack, took)
		}
		if int(st.Retransmits) > 3*p.lost+20 {
			t.Errorf("%d retransmissions for %d losses", st.Retransmits, p.lost)
		}
	}
}

func TestPair_HugeTransferWrapsTheSequenceSpace(t *testing.T) {
	cfg := pairConfig{a: side0(), b: side0(), delay: time.Millisecond, loss: 0.002}
	cfg.a.send, cfg.a.chunk = 2<<20, 1<<16
	cfg.a.fixISS, cfg.a.iss = true, 0xffff_0000
	newPair(t, cfg, 4).run()
}

// Random blocks never corrupt the scoreboard, and what is reported is not sent
// again before a time-out.
func TestScoreboard_RandomReports(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		r := sender(t, sackOnlySYN)
		r.c.cc.Cwnd = 40000
		r.write(40000)
		r.collect()
		reported := make(map[int]bool)
		for range 30 {
			a := 1 + rnd.IntN(40)*1000
			n := 1 + rnd.IntN(3)
			end := min(a+n*1000, 40001)
			s := r.segment(fmt.Sprintf(". 1 ack 1 sack %d:%d", a, end))
			for v := a; v < end; v += 1000 {
				reported[v] = true
			}
			r.input(s)
			for r.c.want&WantData != 0 {
				size := r.e.Output(r.c, r.frame[:], r.now)
				if size == 0 {
					break
				}
				r.parse(r.frame[:size])
				if at := int(r.last.Seq - r.iss); reported[at] && r.last.Flags.Has(wire.ACK) && at <= 40000 {
					t.Fatalf("%d was reported and is sent again", at)
				}
			}
			if a == 1 {
				break // a report at SND.UNA contradicts itself; enough
			}
		}
		r.release()
	}
}

// What a duplicate ACK stood for makes the window grow once, when it is
// acknowledged for good, and not for the time before (RFC 3042 and slow start).
func TestRecovery_DisorderMakesTheWindowGrowOnce(t *testing.T) {
	r := sender(t, renoSYN)
	r.write(15000)
	r.out(run(1, 10)...)
	r.in(". 1 ack 1")
	r.in(". 1 ack 1")
	r.collect()
	r.in(". 1 ack 3001") // three segments, two of which had been told of
	if r.c.cc.Cwnd != 11000 {
		t.Errorf("window %d, want one segment more", r.c.cc.Cwnd)
	}
}
