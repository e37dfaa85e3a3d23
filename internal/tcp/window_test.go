package tcp

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// feed has the peer send n octets in segments of size, as far as the window
// goes, and returns how many were taken.
func (r *rig) feed(n, size int) int {
	r.tb.Helper()
	start := r.c.rcvNxt
	for sent := 0; sent < n; sent += size {
		at := int(r.c.rcvNxt - r.irs)
		room := int(r.edge - r.c.rcvNxt)
		if room <= 0 {
			break
		}
		r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+min(size, room, n-sent)))
		r.collect()
	}
	return int(r.c.rcvNxt - start)
}

func TestWindow_ClosesAtTheBufferOctetByOctet(t *testing.T) {
	for _, scale := range []int{0, 4, 8, 14} {
		r := established(t, fullSYN, func(c *Config) { c.RcvBuf, c.WindowScale = 4096, scale })
		buf := int(r.c.rcvBuf)
		if n := r.feed(3*buf, 1); n > buf {
			t.Errorf("scale %d: %d octets fitted into a buffer of %d", scale, n, buf)
		} else if n < buf-1<<scale {
			t.Errorf("scale %d: only %d octets of %d", scale, n, buf)
		}
		r.untilOut()
		r.collect()
		if r.last.Window != 0 {
			t.Errorf("scale %d: the window is %d", scale, r.last.Window)
		}
	}
}

func TestWindow_OpensByWorthwhileSteps(t *testing.T) {
	r := established(t, plainSYN, func(c *Config) { c.RcvBuf = 8192 })
	r.feed(10000, 1000)
	if r.edge != r.c.rcvNxt {
		t.Fatalf("%d octets of window are left", r.edge-r.c.rcvNxt)
	}
	r.read(1000)
	r.out() // MUST-39: not worth a word
	r.in(". 8193 ack 1")
	r.in("P. 8192:8193 ack 1") // whatever is answered, the window stays shut
	r.out(". 1 ack 8193")
	if r.last.Window != 0 {
		t.Errorf("silly window of %d", r.last.Window)
	}
	r.read(460)
	r.out(". 1 ack 8193")
	if r.last.Window != 1460 {
		t.Errorf("window of %d, want a segment's", r.last.Window)
	}
}

// A peer that named no MSS gets small segments, and sends large ones: it would wait
// for room for one, or send less.
func TestWindow_StepsAreAsLargeAsThePeersSegments(t *testing.T) {
	r := established(t, "", func(c *Config) { c.RcvBuf = 8192 })
	r.feed(10000, 1024)
	r.read(1023)
	r.out() // not worth a word
	r.in("P. 8192:8193 ack 1")
	if r.out(". 1 ack 8193"); r.last.Window != 0 {
		t.Errorf("silly window of %d", r.last.Window)
	}
	r.read(1)
	r.out(". 1 ack 8193")
	if r.last.Window != 1024 {
		t.Errorf("window of %d, want a segment's", r.last.Window)
	}
}

func TestWindow_TellsWhatIsTakenBackByRoundingStillCounts(t *testing.T) {
	r := established(t, fullSYN, func(c *Config) { c.RcvBuf, c.WindowScale = 4096, 8 })
	r.feed(4000, 1)
	left := int(r.c.rcvAdv - r.c.rcvNxt)
	if left == 0 || r.edge == r.c.rcvAdv && left >= 256 {
		t.Skip("nothing was rounded")
	}
	at := int(r.c.rcvNxt - r.irs)
	r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+left)) // RFC 7323 §2.4: honoured
	if r.c.rcvNxt != r.c.rcvAdv {
		t.Error("text inside what was promised once was refused")
	}
}

func TestZeroWindow_ACKAndRSTAreProcessed(t *testing.T) {
	r := established(t, plainSYN, func(c *Config) { c.RcvBuf = 4096 })
	r.write(100)
	r.collect()
	r.feed(5000, 1000)
	r.in("P. 4097:4197 ack 101") // a probe with text
	if r.c.sndUna != r.c.sndNxt {
		t.Error("MUST-66: the ACK did not count")
	}
	r.out(". 101 ack 4097")
	r.in("R 4097")
	r.is(Closed)
}

func TestWindow_ReadingIsHeardWhenItMatters(t *testing.T) {
	r := established(t, plainSYN, func(c *Config) { c.RcvBuf = 8192 })
	if at := r.notify(); int32(at-r.c.rcvNxt) < 1<<20 {
		t.Error("wants to hear of reading while the window is wide open")
	}
	r.feed(5000, 1000)
	r.untilOut()
	r.collect()
	at := r.notify()
	// From there on windowLimit is a step beyond what is promised.
	if got := r.c.windowLimit(at); got.Minus(r.c.rcvAdv) != r.c.silly() {
		t.Errorf("wants to hear at %d: a step of %d", at-r.irs, got.Minus(r.c.rcvAdv))
	}
	// The application reads beyond that while it sees an old position.
	r.e.rx(r.c).Advance(r.c.rcvNxt)
	r.c.want = 0
	r.e.setNotify(r.c)
	if r.c.want&WantAck == 0 {
		t.Error("nobody would tell the peer that the window is open")
	}
}

// While the window is wide open the position stays where it is as long as it is far
// ahead, and is moved on before reading can come there.
func TestWindow_WhatIsFarAheadIsNotMovedForEachSegment(t *testing.T) {
	r := established(t, plainSYN, nil)
	for _, c := range []struct {
		ahead seq.Size
		moves bool
	}{{farAhead, false}, {farAhead / 2, false}, {farAhead/2 - 1, true}, {0, true}, {farAhead + 1, true}} {
		at := r.c.rcvNxt.Add(c.ahead)
		r.blocks[testSlot].SetNotify(at)
		r.e.setNotify(r.c)
		want := at
		if c.moves {
			want = r.c.rcvNxt.Add(farAhead)
		}
		if got := r.notify(); got != want {
			t.Errorf("%d ahead: moved by %d, want %d", c.ahead, int32(got-at), int32(want-at))
		}
	}
}

// notify is the read position from which the engine wants to hear of reading.
func (r *rig) notify() seq.Value {
	word := reflect.ValueOf(&r.blocks[testSlot]).Elem().FieldByName("rxNotify").FieldByName("v")
	return seq.Value(word.Uint())
}

func TestAutotuning_FollowsTheReader(t *testing.T) {
	r := established(t, fullSYN, func(c *Config) { c.RcvBufMax = 1 << 20 })
	for range 20 {
		r.feed(1<<20, 1448)
		r.read(1 << 20)
		r.now = r.now.Add(6 * time.Millisecond)
		r.collect()
	}
	if r.c.rcvBuf != 1<<20 {
		t.Errorf("the buffer is %d after a fast reader", r.c.rcvBuf)
	}
	slow := established(t, fullSYN, nil)
	for range 200 {
		slow.feed(2000, 1000)
		slow.read(1 << 20)
		slow.now = slow.now.Add(12 * time.Millisecond)
		slow.collect()
	}
	if slow.c.rcvBuf != 64<<10 {
		t.Errorf("the buffer is %d after a slow peer", slow.c.rcvBuf)
	}
}

func TestAutotuning_NotIfTheApplicationChose(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.e.Set(r.c, sock.OptRcvBuf, 100_000, r.now)
	for range 50 {
		r.feed(60000, 1448)
		r.read(1 << 20)
		r.now = r.now.Add(12 * time.Millisecond)
		r.collect()
	}
	if r.c.rcvBuf != 100_000 {
		t.Errorf("the buffer is %d", r.c.rcvBuf)
	}
}

func TestRingGrowth_KeepsWhatIsOutOfOrder(t *testing.T) {
	r := established(t, sackSYN, nil)
	r.in("P. 1:1001 ack 1")
	if r.e.rx(r.c).Size() != ring.PageSize {
		t.Fatalf("the first ring has %d octets", r.e.rx(r.c).Size())
	}
	r.in("P. 2001:3001 ack 1")  // in the small ring
	r.in("P. 9001:10001 ack 1") // needs a larger one
	r.in("P. 3001:9001 ack 1")
	r.in("P. 1001:2001 ack 1")
	if n := r.read(20000); n != 10000 { // compared by the harness
		t.Errorf("read %d", n)
	}
}

// A ring that has been read empty makes way for one of the right size; one that
// has not is followed by one for the window.
func TestRing_FitsWhatArrives(t *testing.T) {
	r := established(t, sackSYN, nil)
	size := func() int { return int(r.e.rx(r.c).Size()) }
	at := 1
	take := func(n int) {
		r.in(fmt.Sprintf("P. %d:%d ack 1", at, at+n))
		at += n
	}
	for _, step := range []struct{ octets, size int }{{100, 512}, {512, 512}, {600, 4096}, {100, 4096}, {1000, 4096}} {
		take(step.octets)
		if size() != step.size {
			t.Fatalf("a ring of %d octets for %d, want %d", size(), step.octets, step.size)
		}
		r.read(step.octets)
	}
	for range 5 {
		take(1000)
	}
	if size() < int(r.c.rcvBuf) {
		t.Errorf("a ring of %d octets with a window of %d open", size(), r.c.rcvBuf)
	}
	r.read(5000)
}

func TestSetRcvBuf_NeverTakesBackAPromise(t *testing.T) {
	r := established(t, fullSYN, nil)
	r.e.Set(r.c, sock.OptRcvBuf, 4096, r.now)
	r.feed(70000, 1448) // checked by the harness
	r.read(1 << 20)
	r.feed(70000, 1448)
	s := newRig(t, 4, nil)
	s.connect()
	s.e.Set(s.c, sock.OptRcvBuf, 4096, s.now)
	s.in("S. 0 ack 1 mss 1460")
	s.out(". 1 ack 1") // checked by the harness against the SYN's window
}

func TestSYN_WindowIsNotScaled(t *testing.T) {
	r := synSent(t, nil)
	r.in("S. 0 ack 1 win 1000 " + fullSYN)
	if r.c.sndWnd != 1000 {
		t.Errorf("window of %d from a SYN-ACK", r.c.sndWnd)
	}
	s := synSent(t, nil)
	s.in("S. 0:10 ack 1 win 1000 " + fullSYN) // with text it goes through the steps as well
	if s.c.sndWnd != 1000 {
		t.Errorf("window of %d from a SYN-ACK with text", s.c.sndWnd)
	}
	both := synSent(t, nil)
	both.in("S 0 win 900 " + fullSYN)
	both.out("S. 0 ack 1")
	both.in("S. 0 ack 1 win 1000 " + fullSYN)
	both.is(Established)
	if both.c.sndWnd != 1000 {
		t.Errorf("window of %d from the SYN-ACK of a simultaneous open", both.c.sndWnd)
	}
}

func TestWindow_AnOldSegmentDoesNotSetIt(t *testing.T) {
	r := established(t, plainSYN, nil)
	r.write(3000)
	r.collect()
	r.in("P. 301:401 ack 1461 win 5000")
	r.in("P. 1:101 ack 1461 win 9000") // sent before
	if r.c.sndWnd != 5000 {
		t.Errorf("window of %d", r.c.sndWnd)
	}
	r.in(". 101 ack 2921 win 7000") // sent before by its number, but its ACK is news
	if r.c.sndWnd != 7000 {
		t.Errorf("window of %d", r.c.sndWnd)
	}
}
