package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// cookie has a SYN answered without a connection, and returns the answer.
func (r *rig) cookie(options string, settings ...sock.Setting) sent {
	r.tb.Helper()
	r.e.SendCookie(r.segment("S 0 win 65535 "+options), testKey, MTU{Path: testMTU}, r.now, settings...)
	var p Reply
	if !r.e.PopCookie(&p) {
		r.tb.Fatal("no cookie was sent")
	}
	r.parse(r.frame[:r.e.PutReply(r.frame[:], &p)])
	r.iss = r.last.Seq
	r.ts = r.last.opts.Present.Has(wire.HasTimestamp)
	return r.last
}

// bring has a segment bring it back, and then be taken.
func (r *rig) bring(text string) {
	r.tb.Helper()
	s := r.segment(text)
	c, ok := r.e.TakeCookie(s, testKey, r.now)
	if !ok {
		r.tb.Fatalf("%q brings no cookie", text)
	}
	r.e.AcceptCookie(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, s, c, r.now)
	r.input(s)
}

func TestCookie_OpensWhatTheHandshakeWould(t *testing.T) {
	for _, options := range []string{
		fullSYN,
		"",
		"mss 1460",
		"mss 536 ts",
		"mss 1220 sackok ts",
		"mss 1360 ts wscale 14",
		"mss 8960 sackok ts wscale 0",
	} {
		t.Run(options, func(t *testing.T) {
			kept := established(t, options, nil)
			r := newRig(t, 8, nil)
			answer := r.cookie(options)
			first := synReceived(t, options, nil).last
			if answer.Flags != first.Flags || answer.Window != first.Window || answer.opts.Present != first.opts.Present ||
				answer.opts.MSS != first.opts.MSS || answer.opts.WScale != first.opts.WScale || answer.opts.TSEcr != first.opts.TSEcr {
				t.Errorf("the cookie says\n\t%+v\nthe handshake\n\t%+v", answer, first)
			}
			r.after(10 * time.Millisecond)
			r.bring(". 1 ack 1")
			r.is(Established)
			r.out()
			a, b := r.c, kept.c
			if a.mss != b.mss || a.sndScale != b.sndScale || a.rcvScale != b.rcvScale || a.sndWnd != b.sndWnd ||
				a.rcvBuf != b.rcvBuf || a.rcvAdv.Minus(a.rcvNxt) != b.rcvAdv.Minus(b.rcvNxt) ||
				a.flags&(flagTS|flagSACK|flagWS|flagPassive) != b.flags&(flagTS|flagSACK|flagWS|flagPassive) {
				t.Errorf("by cookie\n\t%+v\nby the handshake\n\t%+v", *a, *b)
			}
			if a.srtt != 0 {
				t.Errorf("a round trip of %v was measured by a clock that a cookie had changed", a.SRTT())
			}
		})
	}
}

// What we do not do is neither offered by a cookie nor taken for agreed.
func TestCookie_OffersNothingThatIsSwitchedOff(t *testing.T) {
	for name, conf := range map[string]func(*Config){
		"timestamps": func(c *Config) { c.NoTimestamps = true },
		"SACK":       func(c *Config) { c.NoSACK = true },
		"scaling":    func(c *Config) { c.NoScaling = true },
	} {
		r := newRig(t, 8, conf)
		answer, first := r.cookie(fullSYN), synReceived(t, fullSYN, conf).last
		if name == "timestamps" {
			first.opts.Present = wire.HasMSS // the others have no place without them
		}
		if answer.opts.Present != first.opts.Present {
			t.Errorf("no %s: the cookie offers %b, the handshake %b", name, answer.opts.Present, first.opts.Present)
		}
		r.bring(". 1 ack 1")
		r.is(Established)
		if got, want := r.c.flags&(flagTS|flagSACK|flagWS) != 0, name != "timestamps"; got != want {
			t.Errorf("no %s: flags %b", name, r.c.flags)
		}
	}
}

// A peer that offered no timestamp cannot bring the cookie with one, which would
// say what the SYN did not.
func TestCookie_IsNotThatOfASYNWithTimestamps(t *testing.T) {
	r := newRig(t, 8, nil)
	r.cookie("mss 1460")
	for says := range 1 << saysBits {
		if _, ok := r.e.TakeCookie(r.segment(fmt.Sprintf(". 1 ack 1 ts tsval 5 tsecr %d", 1<<20+says)), testKey, r.now); ok {
			t.Errorf("taken with a timestamp that says %d", says)
		}
	}
}

func TestCookie_WithoutTimestampsThereIsNoScaleAndNoSACK(t *testing.T) {
	r := newRig(t, 8, nil)
	if p := r.cookie("mss 1460 sackok wscale 7").opts.Present; p != wire.HasMSS {
		t.Errorf("options %b are offered, and could not be remembered", p)
	}
	r.bring(". 1 ack 1")
	if r.c.has(flagSACK) || r.c.has(flagWS) || r.c.has(flagTS) {
		t.Errorf("flags %b", r.c.flags)
	}
}

func TestCookie_RestoresEveryScaleAndTheLargestMSSThatFits(t *testing.T) {
	e := newRig(t, 4, nil).e
	for scale := range uint8(16) {
		for says := range 4 {
			sack, ecn := says&1 != 0, says&2 != 0
			in := wire.Options{Present: wire.HasMSS | wire.HasTimestamp, MSS: 1460, WScale: scale}
			if scale < 15 {
				in.Present |= wire.HasWScale
			}
			if sack {
				in.Present |= wire.HasSACKPermitted
			}
			c := e.cookieOf(&in, ecn)
			if asks := c.flags().Has(bothMarks); asks != ecn {
				t.Errorf("ECN %t came back as %t", ecn, asks)
			}
			out := c.options(7)
			if out.Present != in.Present || scale < 15 && out.WScale != scale || out.TSVal != 7 {
				t.Errorf("%+v came back as %+v", in, out)
			}
		}
	}
	for mss := range 1 << 16 {
		o := wire.Options{Present: wire.HasMSS, MSS: uint16(mss)}
		got := int(e.cookieOf(&o, false).options(0).MSS)
		if got > max(mss, minMSS) || mss >= defaultMSS && mss <= 1460 && 3*got < mss {
			t.Fatalf("MSS %d came back as %d", mss, got)
		}
	}
	if o := e.cookieOf(&wire.Options{}, false).options(0); o.MSS != defaultMSS {
		t.Errorf("a peer that offers no MSS gets %d", o.MSS)
	}
}

func TestCookie_TheTimestampNeverRunsAheadOfTheClock(t *testing.T) {
	r := newRig(t, 4, nil)
	for range 200 {
		for says := range uint8(1 << saysBits) {
			clock := milliClock(r.now) + r.e.timestampOffset(testKey)
			v := r.e.stamp(Cookie{says: says, ts: true}, testKey, r.now)
			if late := int32(clock - v); late < 0 || late >= 1<<saysBits || v&(1<<saysBits-1) != uint32(says) {
				t.Fatalf("stamp %#x at %#x says %#x", v, clock, says)
			}
		}
		r.now = r.now.Add(time.Millisecond)
	}
}

func TestCookie_LivesForOneToTwoTicks(t *testing.T) {
	r := newRig(t, 4, nil)
	r.cookie(fullSYN)
	s := r.segment(". 1 ack 1")
	for _, x := range []struct {
		after time.Duration
		good  bool
	}{{0, true}, {cookieTick, true}, {CookieLife, false}, {CookieLife + time.Hour, false}} {
		if _, ok := r.e.TakeCookie(s, testKey, r.now.Add(x.after)); ok != x.good {
			t.Errorf("after %v: %v, want %v", x.after, ok, x.good)
		}
	}
	if _, ok := r.e.TakeCookie(s, testKey, r.now.Add(-cookieTick)); ok {
		t.Error("good before it was made")
	}
}

func TestCookie_IsGoodForOnePeerAndOneSYNOnly(t *testing.T) {
	r := newRig(t, 4, nil)
	r.cookie(fullSYN)
	good := *r.segment(". 1 ack 1")
	try := func(what string, change func(s *Segment)) {
		s := good
		change(&s)
		if _, ok := r.e.TakeCookie(&s, testKey, r.now); ok {
			t.Errorf("%s: taken", what)
		}
	}
	for bit := range 32 {
		try("another acknowledgment", func(s *Segment) { s.Ack ^= 1 << bit })
		try("another sequence number", func(s *Segment) { s.Seq ^= 1 << bit })
	}
	for bit := range saysBits {
		try("other options", func(s *Segment) { s.Options.TSEcr ^= 1 << bit })
	}
	try("no timestamp", func(s *Segment) { s.Options.Present &^= wire.HasTimestamp })
	other := testKey
	other.RemotePort++
	if _, ok := r.e.TakeCookie(&good, other, r.now); ok {
		t.Error("taken from another port")
	}
	r.e.key = prf.Key{K0: 9}
	try("another key", func(*Segment) {})
}

// A guess has to hit all of the hash only if all of it is there.
func TestCookie_EveryBitOfTheHashIsChance(t *testing.T) {
	e := newRig(t, 4, nil).e
	var ones [32]int
	const peers = 1 << 12
	k := testKey
	for i := range peers {
		k.RemotePort = uint16(i)
		n := e.number(Cookie{mss: 5}, k, 1000, 7)
		if n&7 != 5 {
			t.Fatalf("%#x does not name the MSS", n)
		}
		for bit := range ones {
			ones[bit] += int(n >> bit & 1)
		}
	}
	for bit := mssBits; bit < len(ones); bit++ {
		if n := ones[bit]; n < peers*2/5 || n > peers*3/5 {
			t.Errorf("bit %d is set in %d of %d", bit, n, peers)
		}
	}
}

// 2^20 guesses at 2^-28 each: one that is right has a chance of 0.4 %, and with
// this key there is none.
func TestCookie_GuessesAreInVain(t *testing.T) {
	r := newRig(t, 4, nil)
	r.cookie(fullSYN)
	s := r.segment(". 1 ack 1")
	rnd := prf.NewRand(11)
	for range 1 << 20 {
		v := rnd.Uint64()
		s.Ack, s.Options.TSEcr = seq.Value(v), uint32(v>>32)
		if _, ok := r.e.TakeCookie(s, testKey, r.now); ok {
			t.Fatalf("%#x is taken", v)
		}
	}
}

func TestCookie_LastSegmentMayCarryTextAndFIN(t *testing.T) {
	r := newRig(t, 8, nil)
	r.cookie(fullSYN)
	r.bring("FP. 1:101 ack 1")
	r.is(CloseWait)
	r.out(". 1 ack 102")
	if got := r.read(1000); got != 100 {
		t.Errorf("%d octets came, want 100", got)
	}
}

// Text that overtakes the segment with the cookie must not end the connection.
func TestCookie_WhoIsAboutToBringOneIsNotReset(t *testing.T) {
	for _, x := range []struct {
		options string
		after   time.Duration
		want    drop.Reason
	}{
		{fullSYN, 10 * time.Millisecond, drop.CookieEarly},
		{fullSYN, cookieHaste + time.Second, drop.CookieRefused}, // it has had its time
		{"mss 1460", 10 * time.Millisecond, drop.CookieRefused},  // nothing tells it from another
	} {
		r := newRig(t, 4, nil)
		r.cookie(x.options)
		r.now = r.now.Add(x.after)
		second := r.segment("P. 101:201 ack 1")
		if _, ok := r.e.TakeCookie(second, testKey, r.now); ok {
			t.Fatal("a connection would begin with its second segment")
		}
		r.e.RefuseCookie(second, testKey, r.now)
		if r.drops(x.want) != 1 || (r.e.replies.n == 1) != (x.want == drop.CookieRefused) {
			t.Errorf("%q after %v: %d replies, %d counted as %v", x.options, x.after, r.e.replies.n, r.drops(x.want), x.want)
		}
	}
}

func TestCookie_SettingsOfTheListenerCount(t *testing.T) {
	r := newRig(t, 8, nil)
	a := r.cookie(fullSYN, sock.Setting{Option: sock.OptRcvBuf, Value: 10000}, sock.Setting{Option: sock.OptMSS, Value: 700})
	if a.Window != 10000 || a.opts.MSS != 700 || a.opts.WScale != 0 {
		t.Errorf("window %d, MSS %d, scale %d, want 10000, 700 and 0", a.Window, a.opts.MSS, a.opts.WScale)
	}
}

func TestCookie_QueueIsBoundedAndLeavesRepliesAlone(t *testing.T) {
	r := newRig(t, 4, nil)
	s := r.segment("S 0 " + fullSYN)
	for range 3 * maxCookies {
		r.e.SendCookie(s, testKey, MTU{Path: testMTU}, r.now)
	}
	if n := r.drops(drop.CookieLimit); n != 2*maxCookies || r.e.Stats.CookiesSent != maxCookies {
		t.Errorf("%d refused, %d sent", n, r.e.Stats.CookiesSent)
	}
	r.e.RefuseCookie(r.segment(". 1 ack 1"), testKey, r.now)
	if r.e.replies.n != 1 || r.drops(drop.CookieRefused) != 1 {
		t.Errorf("%d replies, %d refusals, want one each", r.e.replies.n, r.drops(drop.CookieRefused))
	}
	if n := testing.AllocsPerRun(100, func() {
		var p Reply
		r.e.PopCookie(&p)
		r.e.SendCookie(s, testKey, MTU{Path: testMTU}, r.now)
		r.e.TakeCookie(s, testKey, r.now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	r.e.cookies.n = 0
}

func BenchmarkCookie(b *testing.B) {
	r := newRig(b, 4, nil)
	s := r.segment("S 0 " + fullSYN)
	var p Reply
	b.Run("Send", func(b *testing.B) {
		for b.Loop() {
			r.e.SendCookie(s, testKey, MTU{Path: testMTU}, r.now)
			r.e.PopCookie(&p)
		}
	})
	b.Run("Refuse", func(b *testing.B) {
		a := r.segment(". 1 ack 1")
		for b.Loop() {
			r.e.TakeCookie(a, testKey, r.now)
		}
	})
}
