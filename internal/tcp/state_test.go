package tcp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A cell is one segment arriving in one state (RFC 9293 §3.10.7).
type cell struct {
	in    string
	next  State
	out   string // what the connection sends, separated by |
	reply string // what is sent without a connection
	drop  drop.Reason
	errno sock.Errno
	why   string
}

func TestHarness_ReachesEveryState(t *testing.T) {
	for s := Closed; s < numStates; s++ {
		t.Run(s.String(), func(t *testing.T) { reach(t, s).is(s) })
	}
}

// runCell brings a fresh connection into a state and has the segment arrive.
func runCell(t *testing.T, state State, x cell) {
	t.Helper()
	t.Run(strings.ReplaceAll(x.in, " ", "_"), func(t *testing.T) {
		r := reach(t, state)
		defer func() {
			if t.Failed() {
				t.Log("because:", x.why)
			}
		}()
		if got := r.in(x.in); got != x.drop {
			t.Errorf("refused for %v, want %v", got, x.drop)
		}
		r.replies(list(x.reply)...)
		r.out(list(x.out)...)
		r.is(x.next)
		if got := r.c.Errno(); got != x.errno {
			t.Errorf("error %v, want %v", got, x.errno)
		}
		if broke := r.news&Broke != 0; broke != (x.errno != sock.OK) {
			t.Errorf("Broke: %v", broke)
		}
		if fin := r.news&Finished != 0; fin != (x.next == Closed) {
			t.Errorf("Finished: %v in %v", fin, x.next)
		}
	})
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "|")
}

// §3.10.7.1: to CLOSED everything but a RST is answered by one.
func TestSegmentArrives_Closed(t *testing.T) {
	for _, x := range []cell{
		{in: "S 0", reply: "R. 0 ack 1", drop: drop.TCPNoListener, why: "no ACK: SEQ 0, ACK SEG.SEQ+SEG.LEN"},
		{in: "S. 0 ack 7", reply: "R 7", drop: drop.TCPNoListener, why: "SEQ is SEG.ACK"},
		{in: "SF 0", reply: "R. 0 ack 2", drop: drop.TCPNoListener, why: "SYN and FIN count"},
		{in: ". 5 ack 9", reply: "R 9", drop: drop.TCPNoListener},
		{in: "P. 5:15 ack 9", reply: "R 9", drop: drop.TCPNoListener},
		{in: "F 5", reply: "R. 0 ack 6", drop: drop.TCPNoListener},
		{in: "F. 5 ack 9", reply: "R 9", drop: drop.TCPNoListener},
		{in: "R 5", drop: drop.TCPRefusedRST},
		{in: "R. 5 ack 9", drop: drop.TCPRefusedRST},
	} {
		t.Run(x.in, func(t *testing.T) {
			r := newRig(t, 4, nil)
			want := list(x.reply)
			if len(want) > 0 && strings.HasPrefix(want[0], "R.") {
				r.iss = 0
			}
			if got := r.e.Refuse(r.segment(x.in), testKey); got != x.drop {
				t.Errorf("refused for %v, want %v", got, x.drop)
			}
			r.replies(want...)
			// A TCB that has ended answers the same.
			r = reach(t, Closed)
			r.iss = 0
			if got := r.in(x.in); got != x.drop {
				t.Errorf("TCB: refused for %v, want %v", got, x.drop)
			}
			r.replies(want...)
		})
	}
}

// §3.10.7.2.
func TestSegmentArrives_Listen(t *testing.T) {
	for _, x := range []struct {
		in    string
		isSYN bool
		reply string
		why   string
	}{
		{"S 0", true, "", "a connection begins"},
		{"SF 0", true, "", "the FIN is left for later"},
		{"S 0:5", true, "", "so is text"},
		{"S. 0 ack 7", false, "R 7", "an ACK to a listener: reset"},
		{". 0 ack 7", false, "R 7", "an ACK to a listener: reset"},
		{"F. 0 ack 7", false, "R 7", "an ACK to a listener: reset"},
		{"R 0", false, "", "a RST is ignored"},
		{"R. 0 ack 7", false, "", "a RST is ignored"},
		{"F 0", false, "", "neither: dropped"},
		{"- 0", false, "", "neither: dropped"},
	} {
		t.Run(x.in, func(t *testing.T) {
			r := newRig(t, 4, nil)
			if got := r.e.InputListen(r.segment(x.in), testKey); got != x.isSYN {
				t.Errorf("is a SYN: %v; %s", got, x.why)
			}
			if !x.isSYN && r.drops(drop.ListenACK) != 1 {
				t.Error("the drop was not counted")
			}
			r.replies(list(x.reply)...)
		})
	}
}

// §3.10.7.3.
func TestSegmentArrives_SynSent(t *testing.T) {
	for _, x := range []cell{
		{in: "S. 0 ack 1", next: Established, out: ". 1 ack 1", why: "the handshake completes"},
		{in: "S. 0 ack 0", next: SynSent, reply: "R 0", drop: drop.AckUnacceptable, why: "ACK of nothing we sent"},
		{in: "S. 0 ack 2", next: SynSent, reply: "R 2", drop: drop.AckUnacceptable, why: "ACK beyond our SYN"},
		{in: ". 0 ack 2", next: SynSent, reply: "R 2", drop: drop.AckUnacceptable, why: "an old connection"},
		{in: ". 0 ack 1", next: SynSent, drop: drop.SeqUnacceptable, why: "no SYN and no RST: dropped"},
		{in: "P. 0:9 ack 1", next: SynSent, drop: drop.SeqUnacceptable, why: "no SYN and no RST: dropped"},
		{in: "F. 0 ack 1", next: SynSent, drop: drop.SeqUnacceptable, why: "no SYN and no RST: dropped"},
		{in: "F 0", next: SynSent, drop: drop.SeqUnacceptable, why: "no SYN and no RST: dropped"},
		{in: "R 0", next: SynSent, drop: drop.RSTOutside, why: "anybody could have sent it"},
		{in: "R. 0 ack 2", next: SynSent, drop: drop.AckUnacceptable, why: "no RST is answered"},
		{in: "R. 0 ack 0", next: SynSent, drop: drop.AckUnacceptable, why: "no RST is answered"},
		{in: "R. 0 ack 1", next: Closed, errno: sock.Refused, why: "connection refused"},
		{in: "SR. 0 ack 1", next: Closed, errno: sock.Refused, why: "RST is looked at before SYN"},
		{in: "S 0", next: SynReceived, out: "S. 0 ack 1", why: "simultaneous open"},
		{in: "SF 0", next: SynReceived, out: "S. 0 ack 1", why: "the FIN comes again"},
		{in: "S 0:9", next: SynReceived, out: "S. 0 ack 1", why: "the text comes again"},
		{in: "SF. 0 ack 1", next: CloseWait, out: ". 1 ack 2", why: "SYN-ACK and FIN at once"},
		{in: "S. 0:9 ack 1", next: Established, out: ". 1 ack 10", why: "text beside the SYN-ACK"},
	} {
		runCell(t, SynSent, x)
	}
}

// §3.10.7.4 in SYN-RECEIVED, from LISTEN.
func TestSegmentArrives_SynReceived(t *testing.T) {
	for _, x := range []cell{
		{in: ". 1 ack 1", next: Established, why: "the handshake completes"},
		{in: "P. 1:9 ack 1", next: Established, out: ". 1 ack 9", why: "text on the third segment"},
		{in: "F. 1 ack 1", next: CloseWait, out: ". 1 ack 2", why: "FIN on the third segment"},
		{in: ". 1 ack 0", next: SynReceived, reply: "R 0", drop: drop.AckUnacceptable, why: "ACK =< SND.UNA: reset"},
		{in: ". 1 ack 2", next: SynReceived, reply: "R 2", drop: drop.AckUnacceptable, why: "ACK > SND.NXT: reset"},
		{in: "S 0", next: SynReceived, out: "S. 0 ack 1", drop: drop.SeqOld, why: "our SYN-ACK was lost"},
		{in: "S 0:9", next: SynReceived, out: "S. 0 ack 1", drop: drop.SeqOld, why: "our SYN-ACK was lost"},
		{in: "S 1", next: Closed, drop: drop.SYNInWindow, why: "4th step: back to LISTEN"},
		{in: "SF 1", next: Closed, drop: drop.SYNInWindow, why: "4th step: back to LISTEN"},
		{in: "S. 1 ack 1", next: Closed, drop: drop.SYNInWindow, why: "4th step: back to LISTEN"},
		{in: "S 1 ts tsval 1", next: SynReceived, out: ". 1 ack 1", drop: drop.PAWS, why: "RFC 7323 §5.3 has no exception for a SYN"},
		{in: "S. 0:9 ack 1", next: SynReceived, out: ". 1 ack 1", drop: drop.SYNInWindow, why: "only its text is in the window: an old SYN ends nothing"},
		{in: "P. 0:9 ack 0", next: SynReceived, reply: "R 0", drop: drop.AckUnacceptable, why: "a RST and no ACK, though some text is old"},
		{in: "S 99999", next: SynReceived, out: ". 1 ack 1", drop: drop.SYNInWindow, why: "outside the window: an ACK, no more"},
		{in: "S. 0 ack 1", next: SynReceived, out: ". 1 ack 1", drop: drop.SYNInWindow, why: "outside the window: an ACK, no more"},
		{in: "F 1", next: SynReceived, drop: drop.AckMissing, why: "no ACK: dropped"},
		{in: "- 1", next: SynReceived, drop: drop.AckMissing, why: "no ACK: dropped"},
		{in: "R 1", next: Closed, why: "back to LISTEN, nobody is told (MUST-11)"},
		{in: "R. 1 ack 1", next: Closed, why: "back to LISTEN, nobody is told (MUST-11)"},
		{in: "R 0", next: SynReceived, drop: drop.RSTOutside, why: "outside the window"},
		{in: "R 2", next: SynReceived, out: ". 1 ack 1", drop: drop.RSTInWindow, why: "in the window and not exact: challenge"},
		{in: "R 99999", next: SynReceived, drop: drop.RSTOutside, why: "outside the window"},
		{in: ". 0 ack 1", next: SynReceived, out: ". 1 ack 1", drop: drop.SeqUnacceptable, why: "1st step: an ACK"},
		{in: ". 99999 ack 1", next: SynReceived, out: ". 1 ack 1", drop: drop.SeqUnacceptable, why: "1st step: an ACK"},
		{in: ". 3:9 ack 1", next: Established, out: ". 1 ack 1 sack 3:9", why: "in the window: the ACK counts, the text waits"},
	} {
		runCell(t, SynReceived, x)
	}
}

// synchronized are the cells that the synchronized states have in common: q is
// RCV.NXT, a is SND.NXT, ack is what the state sends as an ACK.
func synchronized(t *testing.T, s State, q, a int) {
	f := fmt.Sprintf
	ack := f(". %d ack %d", a, q)
	for _, x := range []cell{
		{in: f("S %d", q), next: s, out: ack, drop: drop.SYNInWindow, why: "RFC 5961 §4: challenge"},
		{in: f("S %d", q+100), next: s, out: ack, drop: drop.SYNInWindow, why: "RFC 5961 §4: challenge"},
		{in: "S 0", next: s, out: ack, drop: drop.SYNInWindow, why: "RFC 5961 §4: wherever it is"},
		{in: f("S %d ts tsval 1", q), next: s, out: ack, drop: drop.PAWS, why: "RFC 7323 §5.3: an ACK as well"},
		{in: f("S. %d ack %d", q, a), next: s, out: ack, drop: drop.SYNInWindow, why: "RFC 5961 §4: challenge"},
		{in: f("S. 0 ack %d", a), next: s, out: ack, drop: drop.SYNInWindow, why: "our ACK of the handshake was lost"},
		{in: f("SF %d", q), next: s, out: ack, drop: drop.SYNInWindow, why: "RFC 5961 §4: challenge"},
		{in: f("SR. %d ack %d", q+9, a), next: s, out: ack, drop: drop.RSTInWindow, why: "RST is looked at first"},
		{in: f("R %d", q+1), next: s, out: ack, drop: drop.RSTInWindow, why: "RFC 5961 §3: challenge"},
		{in: f("R. %d ack %d", q+50000, a), next: s, out: ack, drop: drop.RSTInWindow, why: "RFC 5961 §3: challenge"},
		{in: f("R %d", q-1), next: s, drop: drop.RSTOutside, why: "outside: dropped"},
		{in: f("R %d", q+100000), next: s, drop: drop.RSTOutside, why: "outside: dropped"},
		{in: f("R %d:%d", q-5, q+5), next: s, out: ack, drop: drop.RSTInWindow, why: "its text reaches into the window, its number is not exact"},
		{in: f("- %d", q), next: s, drop: drop.AckMissing, why: "5th step: dropped"},
		{in: f("F %d", q), next: s, drop: drop.AckMissing, why: "5th step: dropped"},
		{in: f("P %d:%d", q, q+5), next: s, drop: drop.AckMissing, why: "5th step: dropped"},
		{in: f(". %d ack %d", q, a+1), next: s, out: ack, drop: drop.AckUnacceptable, why: "ACK of what was never sent"},
		{in: f("F. %d ack %d", q, a+1), next: s, out: ack, drop: drop.AckUnacceptable, why: "no FIN counts beside a bad ACK"},
		{in: f(". %d ack %d", q, a-70000000), next: s, out: ack, drop: drop.AckUnacceptable, why: "RFC 5961 §5: older than the largest window"},
		{in: f(". %d ack %d", q-1, a), next: s, out: ack, drop: drop.SeqUnacceptable, why: "a keep-alive is answered"},
		{in: f(". %d ack %d", q+100000, a), next: s, out: ack, drop: drop.SeqUnacceptable, why: "1st step"},
		{in: f("P. %d:%d ack %d", q+100000, q+100009, a), next: s, out: ack, drop: drop.SeqUnacceptable, why: "1st step"},
		{in: f(". %d ack %d nots", q, a), next: s, drop: drop.NoTimestamp, why: "RFC 7323 §3.2"},
		{in: f(". %d ack %d tsval 1", q, a), next: s, out: ack, drop: drop.PAWS, why: "RFC 7323 §5.3"},
	} {
		runCell(t, s, x)
	}
}

func TestSegmentArrives_Established(t *testing.T) {
	synchronized(t, Established, 1, 1)
	for _, x := range []cell{
		{in: ". 1 ack 1", next: Established},
		{in: ". 1 ack 0", next: Established, why: "an old ACK is ignored"},
		{in: "P. 1:9 ack 1", next: Established, out: ". 1 ack 9", why: "first text: acknowledged at once"},
		{in: "PU. 1:9 ack 1", next: Established, out: ". 1 ack 9", why: "urgent text is taken in line"},
		{in: "F. 1 ack 1", next: CloseWait, out: ". 1 ack 2", why: "8th step"},
		{in: "FP. 1:9 ack 1", next: CloseWait, out: ". 1 ack 10", why: "8th step"},
		{in: "F. 9 ack 1", next: Established, out: ". 1 ack 1", why: "a FIN beyond a hole waits, and tells of the hole"},
		{in: "P. 9:20 ack 1", next: Established, out: ". 1 ack 1 sack 9:20", why: "a hole: ACK at once"},
		{in: "R 1", next: Closed, errno: sock.Reset, why: "exactly RCV.NXT"},
		{in: "R. 1 ack 1", next: Closed, errno: sock.Reset, why: "exactly RCV.NXT"},
		{in: "R. 1:20 ack 1", next: Closed, errno: sock.Reset, why: "a RST may carry text (SHLD-2)"},
		{in: "R. 1 ack 99", next: Closed, errno: sock.Reset, why: "its ACK does not matter"},
		{in: "P. 0:9 ack 1", next: Established, out: ". 1 ack 9 sack 0:1", why: "the old part is cut and reported"},
		{in: "P. 2147483648:2147483650 ack 1", next: Established, out: ". 1 ack 1", drop: drop.SeqUnacceptable, why: "half the space ahead: not old, though its end seems to be"},
	} {
		runCell(t, Established, x)
	}
}

func TestSegmentArrives_CloseWait(t *testing.T) {
	synchronized(t, CloseWait, 2, 1)
	for _, x := range []cell{
		{in: ". 2 ack 1", next: CloseWait},
		{in: "F. 1 ack 1", next: CloseWait, out: ". 1 ack 2", drop: drop.SeqUnacceptable, why: "the FIN again: our ACK was lost"},
		{in: "F. 2 ack 1", next: CloseWait, why: "no second FIN"},
		{in: "P. 2:9 ack 1", next: CloseWait, why: "no text after a FIN"},
		{in: "R 2", next: Closed, errno: sock.Reset},
		{in: "R 65536", next: CloseWait, drop: drop.RSTOutside, why: "just behind the window: dropped, not challenged"},
	} {
		runCell(t, CloseWait, x)
	}
}

func TestSegmentArrives_FinWait1(t *testing.T) {
	synchronized(t, FinWait1, 1, 2)
	for _, x := range []cell{
		{in: ". 1 ack 1", next: FinWait1, why: "our FIN is not acknowledged"},
		{in: ". 1 ack 2", next: FinWait2},
		{in: "F. 1 ack 1", next: Closing, out: ". 2 ack 2", why: "simultaneous close"},
		{in: "F. 1 ack 2", next: TimeWait, out: ". 2 ack 2", why: "FIN and the ACK of ours"},
		{in: "FP. 1:9 ack 2", next: TimeWait, out: ". 2 ack 10", why: "with the last text"},
		{in: "P. 1:9 ack 1", next: FinWait1, out: ". 2 ack 9", why: "half-closed: text is received"},
		{in: "P. 1:9 ack 2", next: FinWait2, out: ". 2 ack 9", why: "half-closed: text is received"},
		{in: "R 1", next: Closed, errno: sock.Reset},
	} {
		runCell(t, FinWait1, x)
	}
}

func TestSegmentArrives_FinWait2(t *testing.T) {
	synchronized(t, FinWait2, 1, 2)
	for _, x := range []cell{
		{in: ". 1 ack 2", next: FinWait2},
		{in: "F. 1 ack 2", next: TimeWait, out: ". 2 ack 2"},
		{in: "FP. 1:9 ack 2", next: TimeWait, out: ". 2 ack 10"},
		{in: "F. 9 ack 2", next: FinWait2, out: ". 2 ack 1", why: "text is missing before it"},
		{in: "P. 1:9 ack 2", next: FinWait2, out: ". 2 ack 9"},
		{in: "R 1", next: Closed, errno: sock.Reset},
	} {
		runCell(t, FinWait2, x)
	}
}

func TestSegmentArrives_Closing(t *testing.T) {
	synchronized(t, Closing, 2, 2)
	for _, x := range []cell{
		{in: ". 2 ack 1", next: Closing},
		{in: ". 2 ack 2", next: TimeWait},
		{in: "F. 1 ack 1", next: Closing, out: ". 2 ack 2", drop: drop.SeqUnacceptable, why: "our ACK was lost; an ACK outside the window does not count"},
		{in: "F. 2 ack 2", next: TimeWait, why: "the ACK counts"},
		{in: "P. 2:9 ack 1", next: Closing, why: "no text after a FIN"},
		{in: "R 2", next: Closed, errno: sock.Reset, why: "closed all the same, but not in order"},
	} {
		runCell(t, Closing, x)
	}
}

func TestSegmentArrives_LastAck(t *testing.T) {
	synchronized(t, LastAck, 2, 2)
	for _, x := range []cell{
		{in: ". 2 ack 1", next: LastAck},
		{in: ". 2 ack 2", next: Closed},
		{in: "F. 1 ack 1", next: LastAck, out: ". 2 ack 2", drop: drop.SeqUnacceptable, why: "our ACK was lost"},
		{in: "F. 2 ack 2", next: Closed, why: "the ACK counts"},
		{in: "P. 2:9 ack 1", next: LastAck, why: "no text after a FIN"},
		{in: "R 2", next: Closed, errno: sock.Reset, why: "closed all the same, but not in order"},
	} {
		runCell(t, LastAck, x)
	}
}

// Until the shard has made a record of it, a TCB in TIME-WAIT ends for nothing
// (RFC 1337): more of the batch may be for it.
func TestSegmentArrives_TimeWaitTCB(t *testing.T) {
	for _, x := range []cell{
		{in: "R 2", next: TimeWait, drop: drop.TimeWaitRST},
		{in: "R. 2 ack 2", next: TimeWait, drop: drop.TimeWaitRST},
		{in: "S 2", next: TimeWait, out: ". 2 ack 2", drop: drop.TimeWaitOther},
		{in: "F. 1 ack 2", next: TimeWait, out: ". 2 ack 2", drop: drop.TimeWaitOther},
		{in: "P. 2:9 ack 2", next: TimeWait, out: ". 2 ack 2", drop: drop.TimeWaitOther},
		{in: ". 2 ack 2", next: TimeWait},
	} {
		runCell(t, TimeWait, x)
	}
}

// A FIN, the ACK of ours and a RST in one batch: the record is made.
func TestTimeWait_RSTInTheBatchOfTheFINEndsNothing(t *testing.T) {
	r := reach(t, FinWait2)
	r.in("F. 1 ack 2")
	r.in("R 2")
	if v := r.c.TakeVerdict(); v&EnterTW == 0 || v&(Finished|Broke) != 0 {
		t.Fatalf("verdict %b", v)
	}
	var tw TimeWaitRecord
	r.e.EnterTimeWait(r.c, &tw, r.now)
	r.e.LeaveTCB(r.c)
	r.is(Closed)
	r.replies(". 2 ack 2") // of the FIN
}

// transitions walks through every edge of the diagram.
var transitions = []struct {
	from, to State
	how      func(*rig)
}{
	{Closed, SynSent, func(r *rig) { r.connect() }},
	{Closed, SynReceived, func(r *rig) { r.accept(fullSYN) }},
	{SynSent, SynReceived, func(r *rig) { r.reach(SynSent, ""); r.in("S 0 mss 1460") }},
	{SynSent, Established, func(r *rig) { r.reach(SynSent, ""); r.in("S. 0 ack 1 mss 1460") }},
	{SynSent, Closed, func(r *rig) { r.reach(SynSent, ""); r.in("R. 0 ack 1") }},
	{SynReceived, Established, func(r *rig) { r.reach(Established, fullSYN) }},
	{SynReceived, Closed, func(r *rig) { r.reach(SynReceived, fullSYN); r.in("R 1") }},
	{Established, FinWait1, func(r *rig) { r.reach(FinWait1, fullSYN) }},
	{Established, CloseWait, func(r *rig) { r.reach(CloseWait, fullSYN) }},
	{Established, Closed, func(r *rig) { r.reach(Established, fullSYN); r.in("R 1") }},
	{CloseWait, LastAck, func(r *rig) { r.reach(LastAck, fullSYN) }},
	{CloseWait, Closed, func(r *rig) { r.reach(CloseWait, fullSYN); r.in("R 2") }},
	{FinWait1, FinWait2, func(r *rig) { r.reach(FinWait2, fullSYN) }},
	{FinWait1, Closing, func(r *rig) { r.reach(Closing, fullSYN) }},
	{FinWait1, Closed, func(r *rig) { r.reach(FinWait1, fullSYN); r.in("R 1") }},
	{FinWait2, TimeWait, func(r *rig) { r.reach(TimeWait, fullSYN) }},
	{FinWait2, Closed, func(r *rig) { r.reach(FinWait2, fullSYN); r.in("R 1") }},
	{Closing, TimeWait, func(r *rig) { r.reach(Closing, fullSYN); r.in(". 2 ack 2") }},
	{Closing, Closed, func(r *rig) { r.reach(Closing, fullSYN); r.in("R 2") }},
	{LastAck, Closed, func(r *rig) { r.reach(LastAck, fullSYN); r.in(". 2 ack 2") }},
	{TimeWait, Closed, func(r *rig) { r.reach(TimeWait, fullSYN); r.e.LeaveTCB(r.c) }},
}

func TestSetState_EveryLegalTransitionIsReached(t *testing.T) {
	var reached [numStates]set
	for _, x := range transitions {
		r := newRig(t, 4, nil)
		x.how(r)
		if r.e.Stats.Transitions[x.from][x.to] != 1 {
			t.Errorf("%v to %v was not taken", x.from, x.to)
		}
		reached[x.from] |= 1 << x.to
	}
	if reached != legal {
		t.Errorf("reached %b, legal are %b", reached, legal)
	}
}

func TestSetState_IllegalTransitionsPanic(t *testing.T) {
	for from := Closed; from < numStates; from++ {
		for to := Closed; to < numStates; to++ {
			if to.in(legal[from]) {
				continue
			}
			r := newRig(t, 4, nil)
			r.c.state = from
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v to %v did not panic", from, to)
					}
				}()
				r.e.setState(r.c, to)
			}()
		}
	}
}

func TestState_NamesAreThoseOfTheRFC(t *testing.T) {
	if SynReceived.String() != "SYN-RECEIVED" || TimeWait.String() != "TIME-WAIT" || State(99).String() != "invalid" {
		t.Error(SynReceived, TimeWait, State(99))
	}
}

// A segment to a record (§3.10.7.4, TIME-WAIT; RFC 1337; RFC 6191).
func TestInputTimeWait(t *testing.T) {
	for _, x := range []struct {
		in    string
		want  TimeWaitAnswer
		reply string
		drop  drop.Reason
		why   string
	}{
		{". 2 ack 2", TWStay, "", drop.None, "a late ACK"},
		{". 2 ack 1", TWStay, "", drop.None, "a late ACK of less"},
		{". 2 ack 900", TWStay, "", drop.None, "as in Linux: nothing is in flight that it could be wrong about"},
		{". 2 ack 2 ts tsval 1", TWStay, ". 2 ack 2", drop.TimeWaitOther, "PAWS"},
		{"R 2", TWStay, "", drop.TimeWaitRST, "RFC 1337"},
		{"R. 2 ack 2", TWStay, "", drop.TimeWaitRST, "RFC 1337"},
		{"R 50", TWStay, "", drop.TimeWaitRST, "RFC 1337"},
		{"F. 1 ack 2", TWRestart, ". 2 ack 2", drop.None, "the FIN again: 2 MSL begin again"},
		{"F. 1 ack 1", TWRestart, ". 2 ack 2", drop.None, "the FIN again"},
		{"F. 2 ack 2", TWStay, ". 2 ack 2", drop.TimeWaitOther, "a FIN that cannot be"},
		{"F 1", TWStay, "", drop.AckMissing, "no TCP sends that"},
		{"P. 1:9 ack 2", TWStay, ". 2 ack 2", drop.TimeWaitOther, "late text"},
		{". 900 ack 2", TWStay, ". 2 ack 2", drop.TimeWaitOther, "not what we expect: an ACK"},
		{"S. 2 ack 2", TWStay, ". 2 ack 2", drop.TimeWaitOther, "no new connection"},
		{"S 2 ts tsval 9000000", TWReuse, "", drop.None, "RFC 6191: a newer timestamp, whatever the number"},
		{"S -9 ts tsval 9000000", TWReuse, "", drop.None, "RFC 6191: a newer timestamp, whatever the number"},
		{"S 900 ts tsval 1", TWStay, ". 2 ack 2", drop.TimeWaitOther, "RFC 6191: an older one, whatever the number"},
		{"S 900 nots", TWReuse, "", drop.None, "no timestamp: the number is larger (MAY-2)"},
		{"S 2 nots", TWStay, ". 2 ack 2", drop.TimeWaitOther, "the number is not larger"},
		{"S 1 nots", TWStay, ". 2 ack 2", drop.TimeWaitOther, "the number is not larger"},
		{"SF 900 nots", TWReuse, "", drop.None, "FIN or not"},
	} {
		t.Run(strings.ReplaceAll(x.in, " ", "_"), func(t *testing.T) {
			r, tw := timeWaiting(t)
			before := r.drops(x.drop)
			got, floor := r.e.InputTimeWait(tw, r.segment(x.in), r.now)
			if got != x.want || got == TWReuse && floor != tw.sndNxt {
				t.Errorf("answer %d floor %d, want %d: %s", got, floor, x.want, x.why)
			}
			if x.drop != drop.None && r.drops(x.drop) != before+1 {
				t.Errorf("not counted as %v", x.drop)
			}
			r.replies(list(x.reply)...)
		})
	}
}

// What goes beyond what either side has sent may be of a new incarnation; nothing
// else is in doubt, nor what would begin or break a connection.
func TestDoubts_TimeWaitWhatGoesBeyondTheConnection(t *testing.T) {
	r, tw := timeWaiting(t)
	for in, want := range map[string]bool{
		". 2 ack 2": false, "F. 1 ack 2": false, "P. 1:9 ack 1": false,
		". 3 ack 2": true, ". 2 ack 3": true, "P. 900:909 ack 900": true, "F. 900 ack 2": true,
		"S 900": false, "S. 900 ack 900": false, "R 900": false, "R. 900 ack 900": false, "F 900": false,
	} {
		if got := tw.Doubts(r.segment(in)); got != want {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
}

// A passive open that is half open is all that another shard may have, too.
func TestDoubts_AHalfOpenConnectionWhatItHasNotSent(t *testing.T) {
	for in, want := range map[string]bool{
		". 1 ack 1": false, "P. 1:9 ack 1": false, ". 900 ack 1": false,
		". 1 ack 0": true, ". 1 ack 2": true, "F. 9 ack 900": true,
		"S 0": false, "S. 0 ack 900": false, "R 1": false, "R. 1 ack 900": false, "F 1": false,
	} {
		for s := SynSent; s <= TimeWait; s++ {
			r := reach(t, s)
			if got := r.c.Doubts(r.segment(in)); got != (want && s == SynReceived) {
				t.Errorf("%v: %s: %v", s, in, got)
			}
		}
	}
	r := synSent(t, nil)
	r.in("S 0 " + fullSYN)
	r.out("S. 0 ack 1")
	r.is(SynReceived)
	if r.c.Doubts(r.segment(". 1 ack 900")) {
		t.Error("a port that we dialled from is one shard's")
	}
}

// RFC 9293 §3.10.7.4, second step, for who prefers it to RFC 1337, with RFC 5961
// §3: the number must be exact.
func TestInputTimeWait_RSTEndsItIfSaid(t *testing.T) {
	for in, want := range map[string]TimeWaitAnswer{"R 2": TWEnd, "R. 2 ack 2": TWEnd, "R 3": TWStay, "R 1": TWStay} {
		r, tw := timeWaiting(t)
		r.e.cfg.TimeWaitRST = true
		if got, _ := r.e.InputTimeWait(tw, r.segment(in), r.now); got != want {
			t.Errorf("%s: answer %d, want %d", in, got, want)
		}
		r.replies()
	}
}

// timeWaiting has a record. Time has gone on since.
func timeWaiting(t *testing.T) (*rig, *TimeWaitRecord) {
	r := reach(t, TimeWait)
	tw := new(TimeWaitRecord)
	r.e.EnterTimeWait(r.c, tw, r.now)
	r.e.LeaveTCB(r.c)
	if tw.Until != r.now.Add(time.Minute) {
		t.Fatalf("TIME-WAIT lasts %v", tw.Until.Sub(r.now))
	}
	r.replies() // the ACK of the FIN is out already
	r.now = r.now.Add(time.Second)
	r.tsVal += 1000
	return r, tw
}

func TestTimeWait_BareACKsAreAnsweredSeldom(t *testing.T) {
	r, tw := timeWaiting(t)
	bare := func(want ...string) {
		t.Helper()
		r.e.InputTimeWait(tw, r.segment(". 900 ack 2"), r.now)
		r.replies(want...)
	}
	bare(". 2 ack 2")
	bare() // or two records that disagree would answer each other for ever
	r.now = r.now.Add(lateAnswer)
	bare(". 2 ack 2")
	if r.drops(drop.ChallengeLimit) != 1 {
		t.Error("what was not answered was not counted")
	}
	r.e.InputTimeWait(tw, r.segment("F. 1 ack 2"), r.now)
	r.replies(". 2 ack 2") // text and FIN are answered in any case
}

func TestTimeWait_AnswersCarryTheTimestampAndWindow(t *testing.T) {
	r, tw := timeWaiting(t)
	r.e.InputTimeWait(tw, r.segment("F. 1 ack 2"), r.now)
	r.replies(". 2 ack 2")
	o := r.last.opts
	if o.Present != wire.HasTimestamp || o.TSEcr != r.tsVal || o.TSVal != r.c.timestamp(r.now) {
		t.Errorf("options %+v, want the echo of the FIN's timestamp %d", o, r.tsVal)
	}
	if r.last.Window == 0 {
		t.Error("the window is shut")
	}
}

func TestTimeWait_EchoesTheLastTimestampInOrder(t *testing.T) {
	r, tw := timeWaiting(t)
	r.e.InputTimeWait(tw, r.segment(". 2 ack 2"), r.now)
	r.replies()
	r.e.InputTimeWait(tw, r.segment("P. 1:9 ack 2 ts tsval 1"), r.now)
	r.replies(". 2 ack 2")
	if r.last.opts.TSEcr != r.tsVal {
		t.Errorf("echo %d, want that of the bare ACK, %d (RFC 7323 §4.3)", r.last.opts.TSEcr, r.tsVal)
	}
}

func TestAccept_AfterTimeWaitBeginsBeyondTheOldConnection(t *testing.T) {
	r, tw := timeWaiting(t)
	s := r.segment("S 900 mss 1460 ts tsval 9000000")
	_, floor := r.e.InputTimeWait(tw, s, r.now)
	r.e.Release(r.c)
	for _, f := range []struct{ floor, want string }{{"old", "beyond"}, {"far", "own"}} {
		fl := floor
		if f.floor == "far" {
			fl = r.e.isn(testKey, r.now) - 5 // the clock has passed it already
		} else {
			fl = r.e.isn(testKey, r.now) // not even the same
		}
		r.e.Accept(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, s, fl, true, r.now)
		if !r.c.sndUna.Greater(fl) {
			t.Errorf("begins at %d, the old connection ended at %d", r.c.sndUna, fl)
		}
		if own := r.c.sndUna == r.e.isn(testKey, r.now); own != (f.want == "own") {
			t.Errorf("floor %s: begins at its own number: %v", f.floor, own)
		}
	}
}
