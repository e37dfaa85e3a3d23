package tcp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// receiver delays its first ACKs too, so that tests see the plain rules.
func receiver(t *testing.T, options string) *rig {
	return established(t, options, func(c *Config) { c.DelayFirstAck = true })
}

func TestDelayedACK_EverySecondFullSegment(t *testing.T) {
	r := receiver(t, plainSYN)
	r.in("P. 1:1461 ack 1")
	r.out()
	r.in("P. 1461:2921 ack 1")
	r.out(". 1 ack 2921") // SHLD-19
	r.in("P. 2921:4381 ack 1")
	r.out()
	if d := r.untilOut(); d != 40*time.Millisecond {
		t.Errorf("delayed by %v", d)
	}
	r.out(". 1 ack 4381")
}

func TestDelayedACK_BatchIsAcknowledgedOnce(t *testing.T) {
	r := receiver(t, plainSYN)
	for i := range 10 {
		r.in(fmt.Sprintf("P. %d:%d ack 1", 1+1460*i, 1+1460*(i+1)))
	}
	r.out(". 1 ack 14601") // MUST-58, MUST-59
}

func TestDelayedACK_SmallSegmentsWaitForTheTimer(t *testing.T) {
	r := receiver(t, plainSYN)
	for i := range 5 {
		r.in(fmt.Sprintf("P. %d:%d ack 1", 1+100*i, 101+100*i))
		r.out()
	}
	r.in("P. 501:601 ack 1")
	r.out(". 1 ack 601") // more than a segment of 536 in all
}

func TestQuickACKs_TheFirstSegmentsAreNotDelayed(t *testing.T) {
	r := established(t, plainSYN, nil)
	n := 0
	for i := range 40 {
		r.in(fmt.Sprintf("P. %d:%d ack 1", 1+100*i, 101+100*i))
		if len(r.collect()) == 0 {
			break
		}
		n++
	}
	if n != maxQuickAcks {
		t.Errorf("%d segments were acknowledged at once, want %d", n, maxQuickAcks)
	}
}

func TestDelayedACK_RidesOnTheAnswer(t *testing.T) {
	r := established(t, plainSYN, nil)
	r.in("P. 1:101 ack 1")
	r.write(50)
	r.out("P. 1:51 ack 101") // and no ACK of its own
	r.in("P. 101:201 ack 51")
	r.out() // it answers: ACKs are delayed now
	if r.untilOut(); r.c.has(flagPingPong) {
		t.Error("it did not answer in time: ACKs at once again")
	}
	r.out(". 51 ack 201")
}

func TestReassembly_HoleIsFilled(t *testing.T) {
	r := established(t, sackSYN, nil)
	r.in("P. 1001:2001 ack 1")
	r.out(". 1 ack 1 sack 1001:2001")
	r.in("P. 3001:4001 ack 1")
	r.out(". 1 ack 1 sack 3001:4001,1001:2001")
	r.in("P. 1:1001 ack 1")
	r.out(". 1 ack 2001 sack 3001:4001")
	r.in("P. 2001:3001 ack 1")
	r.out(". 1 ack 4001")
	if n := r.read(5000); n != 4000 {
		t.Errorf("read %d octets", n)
	}
}

func TestReassembly_OneSegmentFillsTwoHoles(t *testing.T) {
	r := established(t, sackSYN, nil)
	r.in("P. 101:201 ack 1")
	r.in("P. 301:401 ack 1")
	r.out(". 1 ack 1 sack 301:401,101:201")
	r.in("P. 1:351 ack 1")
	r.out(". 1 ack 401 sack 101:201") // the first that was there already
	if n := r.read(5000); n != 400 {
		t.Errorf("read %d octets", n)
	}
}

func TestReassembly_FINWaitsForTheText(t *testing.T) {
	r := established(t, sackSYN, nil)
	r.in("FP. 101:201 ack 1")
	r.out(". 1 ack 1 sack 101:201")
	r.is(Established)
	r.in("P. 1:101 ack 1")
	r.out(". 1 ack 202")
	r.is(CloseWait)
	if r.news&PeerDone == 0 {
		t.Error("no word of the end")
	}
}

func TestReassembly_FINBeforeTextThatCameIsALie(t *testing.T) {
	r := established(t, sackSYN, nil)
	r.in("P. 101:201 ack 1")
	r.in("F. 51 ack 1")
	r.in("P. 1:101 ack 1")
	if r.c.has(flagFinSeen) || r.c.rcvNxt != r.irs+201 {
		t.Error("a FIN inside text counts")
	}
}

func TestSACK_LatestBlockFirst(t *testing.T) {
	r := established(t, sackSYN, nil)
	for _, at := range []int{1001, 3001, 5001, 7001, 9001} {
		r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+500))
		r.collect()
	}
	r.in("P. 3501:3601 ack 1") // grows an older block
	r.out(". 1 ack 1 sack 3001:3601,9001:9501,7001:7501,5001:5501")
}

func TestSACK_BlocksThatMergedHideNoOlderOnes(t *testing.T) {
	r := established(t, fullSYN, nil)
	for _, at := range []int{4001, 1201, 501, 601} {
		r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+10))
	}
	r.collect()
	r.in("P. 591:603 ack 1") // beyond both ends of what 601 was
	r.collect()
	r.in("P. 1:11 ack 1")
	r.out(". 1 ack 11 sack 591:611,501:511,1201:1211")
}

func TestSACK_TheFourLatestWithoutATimestamp(t *testing.T) {
	r := established(t, sackSYN, nil)
	for _, at := range []int{9001, 101, 7001, 3001, 501} {
		r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+100))
		r.collect()
	}
	r.in("P. 1:11 ack 1")
	r.out(". 1 ack 11 sack 501:601,3001:3101,7001:7101,101:201")
}

func TestSACK_ThreeBlocksBesideATimestamp(t *testing.T) {
	r := established(t, fullSYN, nil)
	for _, at := range []int{1001, 3001, 5001, 7001} {
		r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+500))
	}
	r.out(". 1 ack 1 sack 7001:7501,5001:5501,3001:3501")
}

func TestDSACK_ReportsDuplicates(t *testing.T) {
	r := established(t, sackSYN, nil)
	r.in("P. 1:1001 ack 1")
	r.collect()
	r.in("P. 501:1001 ack 1")
	r.out(". 1 ack 1001 sack 501:1001") // RFC 2883 §4.1
	r.in("P. 801:1101 ack 1")
	r.out(". 1 ack 1101 sack 801:1001") // the old part only
	r.in("P. 2001:4001 ack 1")
	r.collect()
	r.in("P. 2501:3001 ack 1")
	r.out(". 1 ack 1101 sack 2501:3001,2001:4001") // §4.2: inside a block
	r.in(". 1101 ack 1 win 100")
	r.in("P. 1101:1102 ack 1")
	r.out(". 1 ack 1102 sack 2001:4001") // reported once
}

func TestNoSACK_EveryDuplicateACKIsSent(t *testing.T) {
	r := established(t, plainSYN, nil)
	for _, at := range []int{1001, 2001, 3001} {
		r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+1000))
	}
	r.out(". 1 ack 1", ". 1 ack 1", ". 1 ack 1")
	r.in("P. 4001:5001 ack 1")
	r.in("P. 5001:6001 ack 1")
	r.in("P. 1:1001 ack 1")
	r.out(". 1 ack 6001") // no duplicates of the new number
}

func TestReceive_NoRingMemoryAcknowledgesNothing(t *testing.T) {
	r := established(t, sackSYN, nil)
	var kept []ring.Ref
	for ref := r.e.pool.Get(1); ref != 0; ref = r.e.pool.Get(1) {
		kept = append(kept, ref)
	}
	if why := r.in("P. 1:101 ack 1"); why != drop.NoRing {
		t.Errorf("refused for %v", why)
	}
	if why := r.in("P. 301:401 ack 1"); why != drop.NoRing {
		t.Errorf("out of order: refused for %v", why)
	}
	if why := r.in("F. 101 ack 1"); why != drop.None {
		t.Errorf("FIN: refused for %v", why)
	}
	for _, s := range r.collect() {
		if s != ". 1 ack 1" {
			t.Errorf("sent %q", s)
		}
	}
	for _, ref := range kept {
		r.e.pool.Put(ref)
	}
	r.in("FP. 1:101 ack 1") // it comes again
	r.out(". 1 ack 102")
	r.is(CloseWait)
	r.read(1000)
}

func TestReceive_RangeSetsAreBounded(t *testing.T) {
	r := established(t, sackSYN, nil)
	for i := range maxRanges {
		r.in(fmt.Sprintf("P. %d:%d ack 1", 11+20*i, 21+20*i))
	}
	if why := r.in("P. 5001:5011 ack 1"); why != drop.ReassemblyFull {
		t.Errorf("one range more: %v", why)
	}
	if why := r.in("P. 21:31 ack 1"); why == drop.ReassemblyFull && r.drops(drop.ReassemblyFull) != 2 {
		t.Error("not counted")
	}
	r.collect()
	r.in("P. 1:1000 ack 1")
	r.in("P. 1001:2000 ack 1")
	r.out(". 1 ack 2000 sack 11:21")
}

func TestReceive_ARangeSetMayBeMissing(t *testing.T) {
	r := established(t, sackSYN, nil)
	for r.e.ranges.Len() < r.e.ranges.Cap() {
		i, _ := r.e.ranges.Get()
		defer r.e.ranges.Put(i)
	}
	if why := r.in("P. 101:201 ack 1"); why != drop.ReassemblyFull {
		t.Errorf("refused for %v", why)
	}
	r.out(". 1 ack 1")
	r.in("P. 1:101 ack 1")
	r.out(". 1 ack 101")
	r.closed = true // the sets are the test's
}

func TestReceive_TextForNobodyIsReset(t *testing.T) {
	for _, s := range []State{FinWait1, FinWait2} {
		r := reach(t, s)
		r.e.Close(r.c, r.now)
		r.collect()
		if why := r.in("P. 1:11 ack 2"); why != drop.DataAfterClose {
			t.Errorf("%v: refused for %v", s, why)
		}
		r.out()
		r.replies("R 2") // the number that the peer expects next
		r.is(Closed)
	}
}

// Random segments over a stream, overlapping and repeated, in and out of the
// window; the application reads now and then. What it reads is the stream.
func TestReassembly_Model(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		r := established(t, []string{plainSYN, fullSYN}[round%2], func(c *Config) {
			c.RcvBuf = []int{4096, 16384, 1 << 17}[round%3]
			c.WindowScale = []int{0, 3, 8}[round/3%3]
		})
		end := 20_000
		for steps := 0; len(r.got) < end; steps++ {
			if steps > 20_000 {
				t.Fatalf("standstill at %d", len(r.got))
			}
			next := int(r.c.rcvNxt - r.irs)
			at := max(1, next+rnd.IntN(8000)-3000)
			if rnd.IntN(3) == 0 {
				at = next
			}
			n := min(1+rnd.IntN(1460), end+1-at)
			if n <= 0 {
				continue
			}
			r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+n))
			if rnd.IntN(2) == 0 {
				r.collect()
			}
			if rnd.IntN(3) == 0 {
				r.read(rnd.IntN(5000)) // compares
			}
		}
		if !bytes.Equal(r.got, peerText(1, end)) {
			t.Fatal("not the stream")
		}
		r.release()
	}
}

func TestRangeSet_Model(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	const space = 400
	for range 300 {
		var set rangeSet
		var model [space]bool
		base := seq.Value(rnd.Uint32())
		first := 0
		for range 60 {
			a := first + rnd.IntN(space-first)
			b := min(space, a+1+rnd.IntN(30))
			x := seq.Range{First: base.Add(seq.Size(a)), End: base.Add(seq.Size(b))}
			want, covered := 0, true
			for v := a; v < b; v++ {
				if !model[v] {
					want++
					covered = false
				}
			}
			if set.covers(x) != covered {
				t.Fatalf("covers: %v, want %v", !covered, covered)
			}
			merged, fresh, ok := set.add(x)
			if !ok {
				t.Fatal("full")
			}
			for v := a; v < b; v++ {
				model[v] = true
			}
			if int(fresh) != want || merged.First.Greater(x.First) || merged.End.Less(x.End) {
				t.Fatalf("fresh %d, want %d; merged %v of %v", fresh, want, merged, x)
			}
			if rnd.IntN(10) == 0 {
				cut, gone := first+rnd.IntN(40), 0
				cut = min(cut, space-1)
				for v := first; v < cut; v++ {
					if model[v] {
						gone++
						model[v] = false
					}
				}
				first = cut
				if got := set.trim(base.Add(seq.Size(cut))); int(got) != gone {
					t.Fatalf("trimmed %d, want %d", got, gone)
				}
			}
			compareRanges(t, &set, base, model[:])
		}
	}
}

func compareRanges(t *testing.T, set *rangeSet, base seq.Value, model []bool) {
	t.Helper()
	if set.n > 0 {
		if why := brokenRanges(set); why != "" {
			t.Fatal(why)
		}
	}
	below := 0
	for v, in := range model {
		at := base.Add(seq.Size(v))
		if _, found := set.find(at); found != in {
			t.Fatalf("%d found %v, want %v", v, found, in)
		}
		if got := set.below(at); int(got) != below {
			t.Fatalf("below %d: %d, want %d", v, got, below)
		}
		if in {
			below++
		}
		if v%7 == 0 {
			gap := set.gapAt(at, base.Add(seq.Size(len(model))))
			first := v
			for first < len(model) && model[first] {
				first++
			}
			end := first
			for end < len(model) && !model[end] {
				end++
			}
			if int(gap.First-base) != first || int(gap.End-base) != end {
				t.Fatalf("gap at %d is %d..%d, want %d..%d", v, gap.First-base, gap.End-base, first, end)
			}
		}
	}
	if int(set.octets()) != below {
		t.Fatalf("octets %d, want %d", set.octets(), below)
	}
}

func TestTimestamp_EchoesTheOldestSegmentNotAcknowledged(t *testing.T) {
	r := receiver(t, fullSYN)
	r.tsVal += 100
	first := r.tsVal
	r.in("P. 1:1001 ack 1")
	r.tsVal += 50
	r.in("P. 1001:1101 ack 1") // its ACK is delayed: the echo stays
	r.untilOut()
	r.out(". 1 ack 1101")
	if r.last.opts.TSEcr != first {
		t.Errorf("echo of %d, want %d: the delay is part of the round trip", r.last.opts.TSEcr, first)
	}
}

func TestTimestamp_NotTakenFromABadACKOrOutOfOrder(t *testing.T) {
	r := established(t, fullSYN, nil)
	was := r.c.tsRecent
	r.tsVal += 1000
	r.in(". 1 ack 99") // beyond what was sent
	r.in("P. 501:601 ack 1")
	r.in("R 2")
	r.in("S 1")
	if r.c.tsRecent != was {
		t.Errorf("RFC 7323 §4.3: took %d", r.c.tsRecent)
	}
	r.in(". 1 ack 1")
	if r.c.tsRecent != r.tsVal {
		t.Error("not taken from a good one")
	}
}

func TestTimestamp_OldTextBesideNewCounts(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.in("P. 1:101 ack 1")
	r.collect()
	r.tsVal += 1000
	r.in("P. 51:151 ack 1") // begins before Last.ACK.sent, though its front is cut
	if r.c.tsRecent != r.tsVal {
		t.Error("SEG.SEQ is that of the whole segment")
	}
}

func TestPAWS_ExpiresAfter24Days(t *testing.T) {
	r := established(t, fullSYN, nil)
	old := r.tsVal - 5000
	if why := r.in(fmt.Sprintf("P. 1:11 ack 1 tsval %d", old)); why != drop.PAWS {
		t.Fatalf("refused for %v", why)
	}
	for _, d := range []time.Duration{24 * 24 * time.Hour, 60 * 24 * time.Hour} {
		s := established(t, fullSYN, nil)
		s.now = s.now.Add(d - time.Second)
		if why := s.in(fmt.Sprintf("P. 1:11 ack 1 tsval %d", old)); (why == drop.PAWS) != (d == 24*24*time.Hour) {
			t.Errorf("%v less a second: %v", d, why)
		}
		s.now = s.now.Add(time.Second)
		if why := s.in(fmt.Sprintf("P. 1:11 ack 1 tsval %d", old)); why != drop.None && why != drop.SeqOld {
			t.Errorf("after %v: %v", d, why)
		}
	}
}

func TestPAWS_DoesNotStopARST(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.in("R 1 tsval 1")
	r.is(Closed)
}

func TestChallenge_IsLimitedByTheSecond(t *testing.T) {
	r := established(t, fullSYN, nil)
	limits := make(map[int]bool)
	for range 20 {
		n := 0
		for range 50 {
			r.in("R 50")
			n += len(r.collect())
		}
		if n < r.e.cfg.ChallengeLimit || n > r.e.cfg.ChallengeLimit+3 {
			t.Errorf("%d in a second", n)
		}
		limits[n] = true
		r.now = r.now.Add(time.Second)
	}
	if len(limits) < 2 {
		t.Error("RFC 5961 §7: the limit can be counted on")
	}
	if r.drops(drop.ChallengeLimit) == 0 {
		t.Error("what was not sent is not counted")
	}
}

func TestReset_CarriesATimestamp(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.e.Abort(r.c)
	r.out("R. 1 ack 1")
	if !r.last.opts.Present.Has(wire.HasTimestamp) {
		t.Error("RFC 7323 §3.2")
	}
}

func TestAcceptable_AnEmptySegmentAtTheRightEdgeHasItsACKTaken(t *testing.T) {
	r := established(t, sackSYN, func(c *Config) { c.RcvBuf = 8192 })
	r.write(100)
	r.collect()
	edge := int(r.edge - r.irs)
	r.in("P. 1001:2001 ack 1")
	if why := r.in(fmt.Sprintf(". %d ack 101", edge)); why != drop.None || r.c.sndUna != r.c.sndNxt {
		t.Errorf("refused for %v: the peer has filled the window, and there is a hole", why)
	}
	r.collect()
	if why := r.in(fmt.Sprintf(". %d ack 101", edge+1)); why != drop.SeqUnacceptable {
		t.Errorf("beyond the edge: %v", why)
	}
}

func TestAckCanWait_OnlyForALoneSegmentInOrder(t *testing.T) {
	for _, x := range []struct {
		in   []string
		want bool
	}{
		{nil, false},
		{[]string{"P. 1:101 ack 1"}, true},
		{[]string{"P. 1:1461 ack 1"}, true},
		{[]string{"F. 1 ack 1"}, true},
		{[]string{"P. 1:1461 ack 1", "P. 1461:2921 ack 1"}, false},
		{[]string{"P. 101:201 ack 1"}, false},
		{[]string{"P. 1:101 ack 1", "P. 201:301 ack 1"}, false},
		{[]string{"P. 1:101 ack 1", "P. 1:101 ack 1"}, false},
	} {
		r := established(t, sackSYN, nil)
		for _, in := range x.in {
			r.in(in)
		}
		if got := r.c.AckCanWait(); got != x.want {
			t.Errorf("after %q: %v", x.in, got)
		}
	}
}

// RFC 2883 §4: of a segment of which parts are there already the first such
// stretch is reported, before the range that it has become part of.
func TestDSACK_OfWhatOverlaps(t *testing.T) {
	for _, x := range []struct{ in, out string }{
		{". 250:675 ack 1", ". 1 ack 100 sack 250:300,200:700"},
		{". 150:275 ack 1", ". 1 ack 100 sack 200:275,150:300,600:700,400:500"},
		{". 350:500 ack 1", ". 1 ack 100 sack 400:500,350:500,600:700,200:300"},
		{". 300:400 ack 1", ". 1 ack 100 sack 200:500,600:700"}, // touches, and does not overlap
		{". 100:550 ack 1", ". 1 ack 550 sack 200:300,600:700"},
		{". 50:75 ack 1", ". 1 ack 100 sack 50:75,600:700,400:500,200:300"},
		{". 50:250 ack 1", ". 1 ack 300 sack 50:100,600:700,400:500"}, // the oldest comes first
	} {
		r := established(t, sackOnlySYN, func(c *Config) { c.NoTimestamps = true })
		r.in(". 1:100 ack 1")
		for _, s := range []string{". 200:300 ack 1", ". 400:500 ack 1", ". 600:700 ack 1"} {
			r.in(s)
			r.collect()
		}
		r.in(x.in)
		r.out(x.out)
	}
}

// RFC 9293 §3.10.7.4, eighth step, has no condition: what came early cannot
// stand against a FIN that is in order.
func TestFIN_InOrderCountsWhateverCameEarly(t *testing.T) {
	for _, early := range []string{"P. 9:20 ack 1", "F. 9 ack 1", "FP. 9:20 ack 1"} {
		t.Run(early, func(t *testing.T) {
			r := reach(t, Established)
			r.in(early)
			r.collect()
			r.in("F. 1 ack 1")
			r.is(CloseWait)
			r.out(". 1 ack 2")
		})
	}
}

// A duplicate that was refused is not reported with a later segment.
func TestDSACK_NotOfASegmentThatWasAnsweredByARST(t *testing.T) {
	r := reach(t, SynReceived)
	r.in("P. 0:9 ack 0")
	r.replies("R 0")
	r.in("P. 1:9 ack 1")
	r.out(". 1 ack 9")
}
