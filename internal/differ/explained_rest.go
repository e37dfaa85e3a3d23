// Of timestamps that are echoed, of TIME-WAIT, and of calls.

package differ

import (
	"strings"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// echoReasons are of timestamps that are echoed.
func echoReasons() []Reason {
	return []Reason{
		{
			"timestamp of an old acknowledgment",
			"RFC 7323 §4.3: the timestamp of a segment in order counts, whatever it acknowledges; Linux passes over it when the ACK is old",
			forgetEcho, func(d *Difference) bool {
				return d.sameState() && d.sameBut(dropEcho) && d.any(ackIsOld)
			},
			func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST) && ackIsOld(d.step(), d.facts()) && d.seg().Stamp == StampFuture
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
			func(d *Difference) bool {
				return d.Before == "TIME-WAIT" && d.isSegment(wire.RST, 0) && d.facts().HasStamp
			},
		},
		{
			"timestamp in TIME-WAIT and of an orphan in FIN-WAIT-2",
			"RFC 7323 §4.3: that of a segment before RCV.NXT counts; Linux has a record then, which takes it only from a bare ACK in order",
			forgetEcho, func(d *Difference) bool {
				return d.sameState("TIME-WAIT", "FIN-WAIT-2") && d.sameBut(dropEcho)
			}, nil,
		},
	}
}

// lateReasons are of TIME-WAIT.
func lateReasons() []Reason {
	return []Reason{
		{
			"TIME-WAIT: a bare ACK soon after another",
			"answered once in 500 ms, or two records that disagree would answer each other for ever; Linux has the same limit, off here",
			goOn, func(d *Difference) bool {
				return d.Before == "TIME-WAIT" && d.isSegment(wire.ACK, wire.RST|wire.SYN|wire.FIN) && d.seg().Len == 0 &&
					d.sameState() && only(d.Kernel.Sent, "ACK") && d.oursSilent()
			}, nil,
		},
		{
			"TIME-WAIT: no ACK bit",
			"RFC 9293 §3.10.7.4, fifth: dropped; no TCP sends such a segment, so nobody waits for the answer of the first step; Linux gives it",
			goOn, func(d *Difference) bool {
				return d.Before == "TIME-WAIT" && d.isSegment(0, wire.RST|wire.SYN|wire.ACK) &&
					d.sameState() && only(d.Kernel.Sent, "ACK") && d.oursSilent()
			}, nil,
		},
	}
}

// callReasons are of calls.
func callReasons() []Reason {
	return []Reason{
		{
			"reset after the peer's FIN",
			"RFC 9293 §3.10.7.4, second, MUST-12: the user learns of the reset; Linux says end of file, or EPIPE",
			stop, func(d *Difference) bool {
				return (d.step().Op == Read && d.Kernel.Result == "0 octets" || d.Kernel.Result == "EPIPE" || d.Kernel.Result == "error EPIPE") &&
					strings.HasSuffix(d.Ours.Result, "ECONNRESET") && d.wasIn("CLOSE-WAIT", "LAST-ACK", "CLOSING", "TIME-WAIT")
			}, nil,
		},
		{
			"connect where a connection is",
			"RFC 9293 §3.10.1: an error, here EADDRINUSE; Linux: EADDRNOTAVAIL, or a new connection where timestamps allow it in TIME-WAIT",
			stop, func(d *Difference) bool {
				return d.step().Op == Connect && d.Ours.Result == "EADDRINUSE" &&
					(d.Kernel.Result == "EADDRNOTAVAIL" || d.Kernel.Result == "EINPROGRESS" && (d.Before == "TIME-WAIT" || d.Before == "FIN-WAIT-2"))
			}, nil,
		},
		{
			"shutdown(read)",
			"MAY-1: what is there and what comes is discarded, and acknowledged; Linux still gives it, and resets if there was a shutdown(write) as well",
			stop, func(d *Difference) bool {
				return d.did(ShutRead) && (d.step().Op == Read && d.Ours.Result != d.Kernel.Result || d.isText() && only(d.Kernel.Sent, "RST")) ||
					d.step().Op == ShutRead && only(d.Ours.Sent, "ACK") && d.sameState() ||
					d.did(ShutRead) && d.step().Op == Close && only(d.Kernel.Sent, "RST-ACK")
			}, nil,
		},
		{
			"short write",
			"write(2): less may be taken; a send ring grows once while nothing is acknowledged",
			stop, func(d *Difference) bool {
				return d.step().Op == Write && d.sameState() && d.Kernel.Result != d.Ours.Result &&
					strings.HasSuffix(d.Kernel.Result, "octets") && (strings.HasSuffix(d.Ours.Result, "octets") || d.Ours.Result == "EAGAIN")
			}, nil,
		},
		{
			"urgent data",
			"RFC 6093 §4: it is delivered in line; Linux takes the last octet out unless SO_OOBINLINE is set",
			stop, func(d *Difference) bool {
				return d.step().Op == Read && d.any(func(s *Step, _ *Facts) bool { return s.Seg.Flags.Has(wire.URG) })
			}, nil,
		},
	}
}
