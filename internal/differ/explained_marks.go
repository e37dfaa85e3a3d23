// Of explicit congestion notification.

package differ

import (
	"strings"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// aboutMarks begins the names of reasons that are.
const aboutMarks = "ECN: "

// markReasons are of the handshake.
func markReasons() []Reason {
	return []Reason{
		{
			aboutMarks + "SYN sent again at once",
			"RFC 3168 §6.1.1.1: a SYN that is sent again asks for nothing; Linux sends its own again after a bad ACK in SYN-SENT, answers so one that crosses it, and counts a loss",
			stop, func(d *Difference) bool {
				crosses := d.Before == "SYN-SENT" && d.isSegment(wire.SYN, wire.ACK) && d.sameBut(dropWords(" ecn", " sack", " ws", " ts"))
				return (crosses || d.sameSending() && d.kernelReduced() && !d.weReduced()) &&
					d.anyIn("SYN-SENT", func(s *Step, f *Facts) bool { return s.Seg.Flags.Has(wire.ACK) && f.Ack != 1 })
			}, nil,
		},
		{
			aboutMarks + "SYN-ACK with CWR",
			"RFC 3168 §6.1.1: it agrees to nothing; Linux 6.18 takes it for an answer of accurate ECN, for which it has not asked",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-SENT" && d.isSegment(wire.SYN|wire.ACK|wire.CWR, wire.RST) && d.Ours.Marks == "" && d.Kernel.Marks != ""
			}, nil,
		},
		{
			aboutMarks + "SYN that asks no more",
			"RFC 3168 §6.1.1: who has received a SYN that does not ask SHOULD NOT send ECT, and so does not agree; Linux goes by the first",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN, wire.ACK|wire.RST) && d.seg().Flags&(wire.ECE|wire.CWR) != wire.ECE|wire.CWR &&
					sends(d.Ours, "SYN-ACK") && d.sameBut(dropWords(" ecn"))
			}, nil,
		},
		{
			aboutMarks + "CWR beside the FIN",
			"RFC 3168 §6.1.3: it ends the echo; Linux acknowledges the FIN first",
			goOn, func(d *Difference) bool {
				return d.sameState("TIME-WAIT") && d.isSegment(wire.FIN|wire.CWR, wire.RST) &&
					d.sameBut(func(s string) string { return dropBlocks(dropWords(" ece")(s)) })
			}, nil,
		},
		{
			aboutMarks + "old text beside a new FIN",
			"RFC 3168 §6.1.5: a mark on text outside the window is ignored; Linux takes it, because the FIN is inside",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.FIN, wire.RST) && d.isText() && d.seg().ECN == wire.CE && d.sameState() &&
					d.facts().Seq+int32(d.seg().Len) <= d.facts().Next && d.sameBut(dropWords(" ece"))
			}, nil,
		},
		{
			aboutMarks + "an orphan's echo",
			"RFC 3168 §6.1.3: every acknowledgment echoes until CWR; Linux has a record of an orphan in FIN-WAIT-2, without the echo",
			goOn, func(d *Difference) bool {
				return d.Before == "FIN-WAIT-2" && d.did(Close) && d.sameState("TIME-WAIT") && d.isSegment(wire.FIN, wire.RST) &&
					strings.Contains(strings.Join(d.Ours.Sent, ""), " ece") && d.sameBut(dropWords(" ece"))
			}, nil,
		},
		{
			aboutMarks + "ACK in TIME-WAIT",
			"RFC 3168 §6.1.4: an ACK without text must not be marked; Linux keeps the codepoint of the text before",
			goOn, func(d *Difference) bool {
				return d.Before == "TIME-WAIT" && d.Ours.Marks == "" && d.Kernel.Marks == " ect without text" && d.sameBut(dropWords())
			}, nil,
		},
		{
			aboutMarks + "echo of a SYN",
			"RFC 3168 §6.1.2: an echo is about text, and in SYN-RECEIVED only our SYN is in flight; Linux reduces its window after a simultaneous open",
			stop, func(d *Difference) bool {
				return d.wasIn("SYN-SENT") && d.sameSending() && (d.kernelReduced() || d.ahead() < 0) &&
					d.anyIn("SYN-RECEIVED", func(s *Step, _ *Facts) bool { return s.Seg.Flags.Has(wire.ECE) })
			}, nil,
		},
	}
}

// windowMarkReasons are of how far an echo reduces the window.
func windowMarkReasons() []Reason {
	return []Reason{
		{
			aboutMarks + "the window after an echo",
			"RFC 5681 §3.1: a share of what was in flight, and an echo counts as a loss (RFC 3168 §6.1.2); Linux takes a share of the window, in segments",
			stop, func(d *Difference) bool { return d.sameSending() && d.kernelReduced() && d.weReduced() }, nil,
		},
	}
}

// kernelReduced and weReduced report that the side has said that its window was
// reduced.
func (d *Difference) kernelReduced() bool { return saidReduced(d.Kernels[:d.At+1]) }
func (d *Difference) weReduced() bool     { return saidReduced(d.Us[:d.At+1]) }

func saidReduced(t Trace) bool {
	for _, o := range t {
		if strings.HasSuffix(o.Marks, "cwr") {
			return true
		}
	}
	return false
}
