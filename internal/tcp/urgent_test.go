package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// urgentLeft is what an application learns of the peer's urgent text.
func (r *rig) urgentLeft() int {
	mark, ok := r.blocks[testSlot].Mark()
	if read := r.e.rx(r.c).ReadPos(); ok && mark.Greater(read) {
		return int(mark.Minus(read))
	}
	return 0
}

// urgent is the application's next n octets, which are urgent.
func (r *rig) urgent(n int) {
	r.tb.Helper()
	r.e.MarkUrgent(r.c, r.e.tx(r.c).WritePos()+seq.Value(n))
	r.write(n)
}

func TestUrgent_PointerDesignatesTheOctetAfter(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.write(100)
	r.out("P. 1:101 ack 1")
	r.urgent(3)
	r.out("P.U 101:104 ack 1 urg 3")
	r.in(". 1 ack 104")
	r.write(10)
	r.out("P. 104:114 ack 1") // no more of it
	if r.e.rare(r.c).UrgentOut {
		t.Error("still urgent")
	}
}

func TestUrgent_TextOfAnyLengthIsAnnouncedWithEachSegment(t *testing.T) {
	const n = 200_000
	r := established(t, "mss 1460 wscale 7", func(c *Config) { c.InitialWindow, c.SndBuf = 100, 1<<20 })
	r.e.MarkUrgent(r.c, r.iss+1+n)
	text := 0
	for sent := 0; sent < n; {
		sent += r.tryWrite(n - sent)
		r.collect()
		if !r.e.rare(r.c).UrgentOut {
			t.Fatal("no more urgent")
		}
		if left := n - int(r.last.Seq-r.iss-1); int(r.last.Urgent) != min(left, 65535) {
			t.Fatalf("%d octets before the end the pointer says %d", left, r.last.Urgent)
		}
		text = int(r.last.Seq-r.iss) - 1 + len(r.last.data)
		r.in(fmt.Sprintf(". 1 ack %d", int(r.last.Seq-r.iss)+len(r.last.data)))
	}
	r.collect()
	if text == 0 {
		t.Error("nothing was sent")
	}
}

func TestUrgent_AnnouncedThoughTheWindowIsShut(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.write(100)
	r.out("P. 1:101 ack 1")
	r.in(". 1 ack 101 win 0")
	r.out()
	r.urgent(3)
	r.out(".U 101 ack 1 urg 3")
	r.in(". 1 ack 101 win 1000")
	r.out("P.U 101:104 ack 1 urg 3")
}

func TestUrgent_NagleDoesNotHoldIt(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.write(10)
	r.out("P. 1:11 ack 1")
	r.write(10)
	r.out() // a small segment is in flight
	r.urgent(1)
	r.out("P.U 11:22 ack 1 urg 11")
}

func TestUrgent_RetransmissionsCarryItToo(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.urgent(3)
	r.out("P.U 1:4 ack 1 urg 3")
	r.after(time.Second)
	r.out("P.U 1:4 ack 1 urg 3")
}

func TestUrgent_PeersTextIsInLineAndItsEndIsKnown(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.news = 0
	r.in("P.U 1:11 ack 1 urg 5")
	r.collect()
	if r.news&Readable == 0 || !r.blocks[testSlot].TakeUrgentNews() || r.urgentLeft() != 5 {
		t.Errorf("news %b, %d octets of urgent text", r.news, r.urgentLeft())
	}
	if n := r.read(4); n != 4 || r.urgentLeft() != 1 {
		t.Errorf("read %d, %d left", n, r.urgentLeft())
	}
	if n := r.read(100); n != 6 || r.urgentLeft() != 0 {
		t.Errorf("read %d, %d left", n, r.urgentLeft())
	}
	r.in("P. 11:12 ack 1")
	r.collect()
	if _, ok := r.blocks[testSlot].Mark(); ok || r.e.rare(r.c).UrgentIn {
		t.Error("what was read is still kept")
	}
}

func TestUrgent_TellsOfEachAdvanceAndOfNothingElse(t *testing.T) {
	r := established(t, "mss 1460", nil)
	for _, x := range []struct {
		in   string
		news bool
		left int
	}{
		{".U 1 ack 1 urg 100", true, 100},      // what is still to come
		{"P.U 1:11 ack 1 urg 100", false, 100}, // the same
		{"P.U 11:21 ack 1 urg 5", false, 100},  // an older end
		{"P.U 21:31 ack 1 urg 200", true, 220}, // further
		{"P.U 31:41 ack 1 urg 0", false, 220},
		{"P. 41:51 ack 1", false, 220},
		{"P.U 1:11 ack 1 urg 65535", false, 220}, // not in the window: an old segment
	} {
		r.news = 0
		r.in(x.in)
		r.collect()
		if x.news && r.news&Readable == 0 {
			t.Errorf("%s: nobody is woken", x.in)
		}
		if got := r.blocks[testSlot].TakeUrgentNews(); got != x.news || r.urgentLeft() != x.left {
			t.Errorf("%s: news %v, %d left, want %v, %d", x.in, got, r.urgentLeft(), x.news, x.left)
		}
	}
}

// MUST-66: URG is looked at even when the receive window is zero.
func TestUrgent_HeardThoughOurWindowIsShut(t *testing.T) {
	r := established(t, "mss 1460", func(c *Config) { c.RcvBuf, c.RcvBufMax, c.WindowScale = 4096, 4096, 0 })
	for at := 1; r.c.rcvAdv != r.c.rcvNxt; {
		n := min(int(r.c.rcvAdv.Minus(r.c.rcvNxt)), 1000)
		r.in(fmt.Sprintf(". %d:%d ack 1", at, at+n))
		at += n
		r.collect()
	}
	next := int(r.c.rcvNxt - r.irs)
	r.in(fmt.Sprintf(".U %d ack 1 urg 7", next))
	if !r.blocks[testSlot].TakeUrgentNews() || r.urgentLeft() != int(r.e.rx(r.c).Len())+7 {
		t.Errorf("%d left, with %d octets unread", r.urgentLeft(), r.e.rx(r.c).Len())
	}
	r.collect()
}

func TestUrgent_AMarkOnWhatWaitsLetsItGo(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.write(10)
	r.out("P. 1:11 ack 1")
	r.write(10)
	r.out() // Nagle holds it
	r.e.MarkUrgent(r.c, r.e.tx(r.c).WritePos())
	r.out("P.U 11:21 ack 1 urg 10")
}

func TestUrgent_AMarkAheadOfItsTextSendsNothingByItself(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.e.MarkUrgent(r.c, r.e.tx(r.c).WritePos()+3)
	r.out()
	r.write(3)
	r.out("P.U 1:4 ack 1 urg 3")
}

func TestUrgent_NoMarkOnWhatIsAcknowledgedOrBeyondTheEnd(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.write(100)
	r.out("P. 1:101 ack 1")
	r.in(". 1 ack 101 win 0")
	r.e.MarkUrgent(r.c, r.iss+101)
	r.out() // there is nothing to announce
	r.in(". 1 ack 101 win 1000")
	r.e.Shutdown(r.c, r.now)
	r.e.MarkUrgent(r.c, r.iss+200)
	r.out("F. 101 ack 1")
}

func TestUrgent_NagleHoldsWhatComesAfterIt(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.urgent(3)
	r.out("P.U 1:4 ack 1 urg 3")
	r.write(10)
	r.out() // it is not urgent, and small, and something is in flight
	r.in(". 1 ack 4")
	r.out("P. 4:14 ack 1")
}

// A SYN and a RST announce nothing, and the field holds no more than it can.
func TestUrgent_NeitherASYNNorARSTCarriesIt(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.e.MarkUrgent(r.c, r.iss+1+100_000)
	r.write(10)
	r.out("P.U 1:11 ack 1 urg 65535")
	r.e.Abort(r.c)
	r.out("R. 11 ack 1")
	r = synSent(t, nil)
	r.e.rare(r.c).UrgentOut, r.e.rare(r.c).UrgentEnd = true, uint32(r.iss+100)
	r.after(time.Second)
	r.collect()
	if r.last.Flags != wire.SYN || r.last.Urgent != 0 {
		t.Errorf("%v with an urgent pointer of %d", r.last.Flags, r.last.Urgent)
	}
}

// Sixth step: only while text can still be received, by somebody.
func TestUrgent_NoneIsHeardAfterThePeersFIN(t *testing.T) {
	for _, s := range []State{CloseWait, LastAck, Closing} {
		r := reach(t, s)
		r.in(".U 2 ack 1 urg 7")
		if r.blocks[testSlot].TakeUrgentNews() {
			t.Errorf("%v: heard", s)
		}
		r.collect()
	}
	r := established(t, "mss 1460", nil)
	r.e.ShutdownRead(r.c)
	r.in(".U 1 ack 1 urg 7")
	if r.blocks[testSlot].TakeUrgentNews() {
		t.Error("nobody reads any more, and it was heard")
	}
	r.collect()
}

// The pointer counts from the segment's first octet, though that was received
// before; and what has been read is no news.
func TestUrgent_CountsFromTheSegmentAsItCame(t *testing.T) {
	r := established(t, "mss 1460", nil)
	r.in("P. 1:11 ack 1")
	r.collect()
	r.read(10)
	r.in("P.U 1:21 ack 1 urg 15")
	if !r.blocks[testSlot].TakeUrgentNews() || r.urgentLeft() != 5 {
		t.Errorf("%d octets left, want 5", r.urgentLeft())
	}
	r.collect()
	r = established(t, "mss 1460", nil)
	r.in("P. 1:11 ack 1")
	r.collect()
	r.read(10)
	r.in("P.U 1:21 ack 1 urg 10")
	if r.blocks[testSlot].TakeUrgentNews() {
		t.Error("what has been read is announced")
	}
	r.collect()
}
