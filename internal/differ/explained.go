// Differences that are meant: each with the text that stands for us, or the
// choice of Linux that we do not follow.

package differ

import (
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// then says how the comparison goes on after an explained difference.
type then uint8

const (
	goOn       then = iota // the sides are alike again
	forgetEcho             // but for the timestamps that they echo
	stop                   // they may be in different states from here on
)

// A Reason explains a class of differences.
type Reason struct {
	Name string // of the class
	Why  string // the text that stands for us
	then then
	fits func(d *Difference) bool
}

// Reasons are all of them; the first that fits counts.
func Reasons() []Reason {
	return slices.Concat(openReasons(), segmentReasons(), echoReasons(), lateReasons(), callReasons())
}

// Of connections that are being opened.
func openReasons() []Reason {
	return []Reason{
		{
			"simultaneous open: options",
			"RFC 7323 §2.2, §3.2: an option is in a SYN-ACK only if the SYN had it; Linux repeats what it offered",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-SENT" && d.sameState("SYN-RECEIVED") && d.isSegment(wire.SYN, wire.ACK) &&
					d.sameBut(dropWords(" sack", " ws", " ts"))
			},
		},
		{
			"simultaneous open: an ACK of nothing",
			"RFC 9293 §3.10.7.4, fifth: SEG.ACK = SND.UNA does not acknowledge our SYN, so a RST; Linux is ESTABLISHED",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.ACK, wire.RST) && d.facts().Ack == d.facts().Old &&
					only(d.Ours.Sent, "RST")
			},
		},
		{
			"simultaneous open: the SYN again",
			"RFC 9293 §3.10.7.4, first: an ACK; ours comes with the SYN that the peer seems to have lost, as after a passive open",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN, wire.ACK|wire.RST) && d.sameState("SYN-RECEIVED") &&
					only(d.Ours.Sent, "SYN-ACK") && only(d.Kernel.Sent, "ACK")
			},
		},
		{
			"text beside a SYN-ACK",
			"RFC 9293 §3.10.7.3, fifth: text in the SYN-ACK goes through the sixth step; Linux ignores it without Fast Open",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-SENT" && d.isSegment(wire.SYN|wire.ACK, wire.RST) && (d.seg().Len > 0 || d.seg().Flags.Has(wire.FIN))
			},
		},
		{
			"SYN in SYN-RECEIVED",
			"RFC 9293 §3.10.7.4, fourth: a passive open returns to LISTEN, and nothing is sent; Linux sends a RST",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN, wire.RST) && d.sameState("LISTEN", "CLOSED") &&
					d.oursSilent() && only(d.Kernel.Sent, "RST")
			},
		},
		{
			"D-SACK in SYN-RECEIVED",
			"RFC 2883 §4: what came twice is reported; Linux has no such report before the handshake is complete",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.sameState("SYN-RECEIVED") && d.sameBut(dropBlocks)
			},
		},
		{
			"timestamp echo in SYN-RECEIVED",
			"RFC 7323 has no test of TSecr; Linux refuses the echo of any but its SYN-ACK, even of an ACK that it has sent",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.facts().HasStamp && d.Kernel.State == "SYN-RECEIVED" && d.sentBefore("ACK")
			},
		},
		{
			"FIN beside a SYN",
			"RFC 9293 §3.10.7.2, third: other controls beside the SYN wait for the handshake; Linux ignores such a SYN",
			stop, func(d *Difference) bool {
				return d.Before == "LISTEN" && d.isSegment(wire.SYN|wire.FIN, wire.ACK|wire.RST) && d.kernelSilent() && only(d.Ours.Sent, "SYN-ACK")
			},
		},
		{
			"listener that was closed",
			"a call that RFC 9293 does not know; we reset the connection when its handshake is complete, Linux with its next segment",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.did(CloseListener) && only(d.Kernel.Sent, "RST") && d.Kernel.State == "CLOSED"
			},
		},
	}
}

// Of segments.
func segmentReasons() []Reason {
	return []Reason{
		{
			"malformed options",
			"MUST-7 leaves it to us: a segment whose options have an illegal length is dropped; Linux takes what stood before",
			stop, func(d *Difference) bool {
				return d.isSegment(0, 0) && (d.seg().Extra == ExtraZeroLen || d.seg().Extra == ExtraLongLen) && d.oursSilent()
			},
		},
		{
			"no timestamp",
			"RFC 7323 §3.2: a segment without the option that was agreed on is dropped silently; Linux takes it",
			stop, func(d *Difference) bool {
				return d.isSegment(0, wire.SYN|wire.RST) && d.facts().Stamps && !d.facts().HasStamp && d.oursSilent()
			},
		},
		{
			"no ACK bit, outside the window",
			"RFC 9293 §3.10.7.4, first before fifth: an ACK tells what is expected; Linux looks at the ACK bit first",
			goOn, func(d *Difference) bool {
				return d.isSegment(0, wire.ACK|wire.RST|wire.SYN) && d.kernelSilent() && only(d.Ours.Sent, "ACK") && d.sameState()
			},
		},
		{
			"ACK of what was never acknowledged",
			"RFC 5961 §5.2: an acknowledgment may be MAX.SND.WND old; Linux also refuses what is older than the connection",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST|wire.SYN) && d.facts().Ack < d.facts().Old && d.facts().Ack < 1 &&
					only(d.Kernel.Sent, "ACK") && d.Kernel.State == d.Before
			},
		},
		{
			"RST one before the window",
			"RFC 5961 §3: a RST counts at RCV.NXT only; Linux takes RCV.NXT-1 as well when a FIN has come",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.RST, 0) && d.facts().Seq == d.facts().Next-1 && d.wasIn("CLOSE-WAIT", "CLOSING", "LAST-ACK") &&
					d.Ours.State == d.Before
			},
		},
		{
			"text after a FIN",
			"RFC 9293 §3.10.7.4, seventh: text after the FIN is ignored; Linux resets the connection if the segment begins before it",
			stop, func(d *Difference) bool {
				return d.Kernel.State != d.Ours.State && only(d.Kernel.Sent, "RST") && d.isText() && d.facts().Seq < d.facts().Next &&
					slices.Contains([]string{"CLOSE-WAIT", "CLOSING", "LAST-ACK"}, d.Before)
			},
		},
		{
			"D-SACK of a FIN or SYN",
			"RFC 2883 §4: a block reports data; Linux reports the octets of FIN and SYN as well",
			goOn, func(d *Difference) bool {
				return d.isSegment(0, wire.RST) && d.seg().Flags.HasAny(wire.FIN|wire.SYN) && d.seg().Len == 0 && d.sameState() && d.sameBut(dropBlocks)
			},
		},
		{
			"D-SACK of a segment that is refused",
			"RFC 2883 §4: text came twice, whatever the segment acknowledges; Linux looks at the acknowledgment first",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST) && d.isText() && d.sameState() && d.sameBut(dropBlocks) &&
					(d.facts().Ack > d.facts().All || d.facts().Ack < d.facts().Old)
			},
		},
		{
			"segment that ends at RCV.NXT",
			"RFC 9293 §3.10.7.4, first: not acceptable; Linux takes its acknowledgment and timestamp",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST) && d.end() == d.facts().Next && d.facts().Seq < d.facts().Next
			},
		},
	}
}

// Of timestamps that are echoed.
func echoReasons() []Reason {
	return []Reason{
		{
			"timestamp of an old acknowledgment",
			"RFC 7323 §4.3: the timestamp of a segment in order counts, whatever it acknowledges; Linux passes over it when the ACK is old",
			forgetEcho, func(d *Difference) bool {
				return d.sameState() && d.sameBut(dropEcho) && d.any(func(s *Step, f *Facts) bool {
					return s.Seg.Flags.Has(wire.ACK) && f.Ack < f.Old
				})
			},
		},
		{
			"timestamp of a RST in TIME-WAIT",
			"RFC 1337: the RST is ignored, and its timestamp; Linux takes that",
			forgetEcho, func(d *Difference) bool {
				return d.sameState("TIME-WAIT") && d.sameBut(dropEcho) && d.any(func(s *Step, _ *Facts) bool {
					return s.Seg.Flags.Has(wire.RST)
				})
			},
		},
		{
			"timestamp in TIME-WAIT and of an orphan in FIN-WAIT-2",
			"RFC 7323 §4.3: that of a segment before RCV.NXT counts; Linux has a record then, which takes it only from a bare ACK in order",
			forgetEcho, func(d *Difference) bool {
				return d.sameState("TIME-WAIT", "FIN-WAIT-2") && d.sameBut(dropEcho)
			},
		},
	}
}

// Of TIME-WAIT.
func lateReasons() []Reason {
	return []Reason{
		{
			"TIME-WAIT: a bare ACK soon after another",
			"answered once in 500 ms, or two records that disagree would answer each other for ever; Linux has the same limit, off here",
			goOn, func(d *Difference) bool {
				return d.Before == "TIME-WAIT" && d.isSegment(wire.ACK, wire.RST|wire.SYN|wire.FIN) && d.seg().Len == 0 &&
					d.sameState() && only(d.Kernel.Sent, "ACK") && d.oursSilent()
			},
		},
		{
			"TIME-WAIT: no ACK bit",
			"RFC 9293 §3.10.7.4, fifth: dropped; no TCP sends such a segment, so nobody waits for the answer of the first step; Linux gives it",
			goOn, func(d *Difference) bool {
				return d.Before == "TIME-WAIT" && d.isSegment(0, wire.RST|wire.SYN|wire.ACK) &&
					d.sameState() && only(d.Kernel.Sent, "ACK") && d.oursSilent()
			},
		},
	}
}

// Of calls.
func callReasons() []Reason {
	return []Reason{
		{
			"reset after the peer's FIN",
			"RFC 9293 §3.10.7.4, second, MUST-12: the user learns of the reset; Linux says end of file, or EPIPE",
			stop, func(d *Difference) bool {
				return (d.step().Op == Read && d.Kernel.Result == "0 octets" || d.Kernel.Result == "EPIPE" || d.Kernel.Result == "error EPIPE") &&
					strings.HasSuffix(d.Ours.Result, "ECONNRESET") && d.wasIn("CLOSE-WAIT", "LAST-ACK", "CLOSING", "TIME-WAIT")
			},
		},
		{
			"simultaneous open: refused",
			"RFC 9293 §3.10.7.4, second: from SYN-SENT a RST in SYN-RECEIVED is a refusal; Linux says ECONNRESET",
			stop, func(d *Difference) bool {
				return strings.HasSuffix(d.Kernel.Result, "ECONNRESET") && strings.HasSuffix(d.Ours.Result, "ECONNREFUSED") && d.wasIn("SYN-RECEIVED")
			},
		},
		{
			"connect to whom TIME-WAIT is for",
			"RFC 9293 §3.10.1: the connection exists; the number of the error is EADDRINUSE, in Linux EADDRNOTAVAIL",
			stop, func(d *Difference) bool {
				return d.step().Op == Connect && d.sameState("TIME-WAIT") && d.Kernel.Result == "EADDRNOTAVAIL" && d.Ours.Result == "EADDRINUSE"
			},
		},
		{
			"shutdown while a connection is being opened",
			"no door of ours has it: there is no connection to shut down yet; internal/posix gives the attempt up",
			stop, func(d *Difference) bool {
				return d.step().Op == ShutWrite && d.Before == "SYN-RECEIVED" && d.Ours.State == "CLOSED"
			},
		},
	}
}

func (d *Difference) step() *Step { return &d.Sequence.Steps[d.At] }

func (d *Difference) seg() *Segment { return &d.step().Seg }

func (d *Difference) facts() *Facts { return &d.Kernel.Facts }

// isSegment reports a segment that has all flags of one set and none of the other.
func (d *Difference) isSegment(has, hasNot wire.Flags) bool {
	s := d.step()
	return s.Op == Inject && s.Seg.Flags.Has(has) && !s.Seg.Flags.HasAny(hasNot)
}

// sameState reports that both end in one of the states, or in any when none is given.
func (d *Difference) sameState(of ...string) bool {
	return d.Kernel.State == d.Ours.State && (len(of) == 0 || slices.Contains(of, d.Kernel.State))
}

func (d *Difference) kernelSilent() bool { return len(d.Kernel.Sent) == 0 }
func (d *Difference) oursSilent() bool   { return len(d.Ours.Sent) == 0 }

// isText reports a segment with text; end is the number after it.
func (d *Difference) isText() bool { return d.step().Op == Inject && d.seg().Len > 0 }

func (d *Difference) end() int32 {
	end := d.facts().Seq + int32(d.seg().Len)
	for _, f := range []wire.Flags{wire.SYN, wire.FIN} {
		if d.seg().Flags.Has(f) {
			end++
		}
	}
	return end
}

// any reports that a segment up to here is like that.
func (d *Difference) any(is func(*Step, *Facts) bool) bool {
	for i := range d.At + 1 {
		if s := &d.Sequence.Steps[i]; s.Op == Inject && is(s, &d.Kernels[i].Facts) {
			return true
		}
	}
	return false
}

// did reports that the call was made.
func (d *Difference) did(op Op) bool {
	return slices.ContainsFunc(d.Sequence.Steps[:d.At], func(s Step) bool { return s.Op == op })
}

// sentBefore reports that the kernel has sent such a thing in the present state.
func (d *Difference) sentBefore(what string) bool {
	for i := d.At - 1; i >= 0 && d.Kernels[i].State == d.Before; i-- {
		if only(d.Kernels[i].Sent, what) {
			return true
		}
	}
	return false
}

func only(sent []string, what string) bool { return len(sent) == 1 && strings.HasPrefix(sent[0], what) }

// wasIn reports that the connection has been in one of the states.
func (d *Difference) wasIn(states ...string) bool {
	for _, o := range d.Kernels[:d.At] {
		if slices.Contains(states, o.State) {
			return true
		}
	}
	return false
}

// sameBut reports that both sent the same when change is made to all of it.
func (d *Difference) sameBut(change func(string) string) bool {
	return d.Kernel.Result == d.Ours.Result &&
		slices.Equal(changed(d.Kernel.Sent, change), changed(d.Ours.Sent, change))
}

func changed(in []string, change func(string) string) (out []string) {
	for _, s := range in {
		out = append(out, change(s))
	}
	return out
}

func dropWords(words ...string) func(string) string {
	return func(s string) string {
		for _, w := range words {
			s = strings.ReplaceAll(s, w, "")
		}
		return s
	}
}

// dropBlocks leaves out SACK blocks, dropEcho the timestamp echo.
func dropBlocks(s string) string { return blocks.ReplaceAllString(s, "") }

func dropEcho(s string) string { return echo.ReplaceAllString(s, "") }
