// Steps: what happens to a side, in terms that mean the same to both. A segment's
// numbers are relative to what the side itself has sent: the next octet that it
// expects, the right edge of its window, the last octet that it sent.

package differ

import (
	"fmt"
	"strings"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// Op is what a step does.
type Op uint8

// The steps.
const (
	Inject        Op = iota // a segment arrives
	Listen                  // socket, bind, listen
	Connect                 // socket, bind, connect; it does not block
	Accept                  //
	Write                   // N octets
	Read                    // at most N octets
	ShutWrite               //
	ShutRead                //
	Close                   //
	CloseListener           //
	Abort                   // close with a linger time of 0
	NoDelay                 // Nagle's algorithm off
	SocketError             // getsockopt(SO_ERROR)
	numOps
)

var opNames = [numOps]string{
	"segment", "listen", "connect", "accept", "write", "read", "shutdown(write)", "shutdown(read)", "close",
	"close(listener)", "abort", "nodelay", "error",
}

// SeqBase is where a sequence number counts from.
type SeqBase uint8

// The bases of sequence numbers.
const (
	AtNext SeqBase = iota // what the side acknowledged last
	AtISS                 // the peer's first sequence number
	AtEdge                // the right edge of the side's window
)

// AckBase is where an acknowledgment counts from.
type AckBase uint8

// The bases of acknowledgments and of SACK blocks.
const (
	AckAll AckBase = iota // all that the side has sent
	AckOld                // the highest that was acknowledged before
	AckISS                // the side's first sequence number
)

// Stamp is what timestamp a segment has.
type Stamp uint8

// The timestamps.
const (
	StampAuto   Stamp = iota // the next one, if both sides have agreed on them
	StampNone                // none, whatever was agreed
	StampOld                 // one that is far behind
	StampSame                // that of the segment before
	StampFuture              // one far ahead
	StampForced              // one though it was not agreed on
	numStamps
)

var stampNames = [numStamps]string{"", "ts=none", "ts=old", "ts=same", "ts=future", "ts=forced"}

// Extra is something odd in the option list.
type Extra uint8

// The odd option lists.
const (
	ExtraNone     Extra = iota
	ExtraUnknown        // an unknown option with its length
	ExtraZeroLen        // an unknown option of length 0
	ExtraLongLen        // an unknown option that ends beyond the header
	ExtraKnownLen       // an MSS option of a wrong length
	ExtraEnd            // the end of the list, and rubbish
	ExtraMSS            // an MSS option, where it does not belong unless there is a SYN
	numExtras
)

var extraNames = [numExtras]string{"", "opt=unknown", "opt=len0", "opt=toolong", "opt=mss-len", "opt=end", "opt=mss"}

// A Block is a SACK block: offsets from a base.
type Block struct {
	Base       AckBase
	First, End int32
}

// A Segment is one that the peer sends.
type Segment struct {
	Flags    wire.Flags
	Seq      SeqBase
	SeqOff   int32
	Ack      AckBase
	AckOff   int32
	Len      uint16
	Window   uint16
	Urgent   uint16
	Reserved bool
	BadSum   bool
	Stamp    Stamp
	Extra    Extra
	ECN      uint8 // codepoint of its packet
	SACK     []Block
}

// A Step is a segment or a call.
type Step struct {
	Op  Op
	N   int
	Seg Segment
}

// A Profile is what does not change within a sequence: what the peer offers in
// its SYN, and where its numbers begin.
type Profile struct {
	MSS     int // -1: no option
	Scale   int // -1: no option
	SACK    bool
	TS      bool
	ISS     uint32
	SideISS uint32 // where the side's numbers are said to begin before it has told
	Clock   uint32 // the peer's timestamp at step 0
	RcvBuf  int    // SO_RCVBUF of the side; 0: as it is
}

// A Sequence is what both sides are put through.
type Sequence struct {
	Seed    uint64
	Profile Profile
	Steps   []Step
}

func call(op Op, n int) Step { return Step{Op: op, N: n} }

func (s Step) String() string {
	switch s.Op {
	case Inject:
		return s.Seg.String()
	case Write, Read:
		return fmt.Sprintf("%s %d", opNames[s.Op], s.N)
	}
	return opNames[s.Op]
}

func (g Segment) String() string {
	var b strings.Builder
	b.WriteString(g.Flags.String())
	fmt.Fprintf(&b, " seq=%s%s", [...]string{"next", "iss", "edge"}[g.Seq], offset(g.SeqOff))
	if g.Flags.Has(wire.ACK) {
		fmt.Fprintf(&b, " ack=%s%s", [...]string{"all", "old", "iss"}[g.Ack], offset(g.AckOff))
	}
	if g.Len > 0 {
		fmt.Fprintf(&b, " len=%d", g.Len)
	}
	if g.Window != normalWindow {
		fmt.Fprintf(&b, " win=%d", g.Window)
	}
	if g.Urgent != 0 {
		fmt.Fprintf(&b, " urg=%d", g.Urgent)
	}
	for _, x := range g.SACK {
		fmt.Fprintf(&b, " sack=%s%s..%s", [...]string{"all", "old", "iss"}[x.Base], offset(x.First), offset(x.End))
	}
	for _, word := range []struct {
		is   bool
		text string
	}{
		{g.Stamp != StampAuto, stampNames[g.Stamp]}, {g.Extra != ExtraNone, extraNames[g.Extra]},
		{g.Reserved, "reserved"}, {g.BadSum, "badsum"}, {g.ECN != 0, [...]string{"", "ect1", "ect0", "ce"}[g.ECN&3]},
	} {
		if word.is {
			b.WriteString(" " + word.text)
		}
	}
	return b.String()
}

func offset(n int32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%+d", n)
}

func (p Profile) String() string {
	s := ""
	for _, word := range []struct {
		is   bool
		text string
	}{
		{p.MSS >= 0, fmt.Sprintf("mss=%d ", p.MSS)}, {p.Scale >= 0, fmt.Sprintf("ws=%d ", p.Scale)},
		{p.SACK, "sack "}, {p.TS, "ts "}, {p.RcvBuf > 0, fmt.Sprintf("rcvbuf=%d ", p.RcvBuf)},
	} {
		if word.is {
			s += word.text
		}
	}
	return strings.TrimSpace(s)
}
