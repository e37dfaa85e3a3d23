// Of connections that are being opened.

package differ

import (
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// simultaneousReasons are of a simultaneous open.
func simultaneousReasons() []Reason {
	return []Reason{
		{
			"simultaneous open: options",
			"RFC 7323 §2.2, §3.2: an option is in a SYN-ACK only if the SYN had it; Linux repeats what it offered",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-SENT" && d.sameState("SYN-RECEIVED") && d.isSegment(wire.SYN, wire.ACK) &&
					d.sameBut(dropWords(" sack", " ws", " ts"))
			}, nil,
		},
		{
			"simultaneous open: an ACK of nothing",
			"RFC 9293 §3.10.7.4, fifth: SEG.ACK = SND.UNA does not acknowledge our SYN, so a RST; Linux is ESTABLISHED",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.ACK, wire.RST) && d.facts().Ack == 0 &&
					only(d.Ours.Sent, "RST")
			}, nil,
		},
		{
			"simultaneous open: the SYN again",
			"RFC 9293 §3.10.7.4, first: an ACK; ours comes with the SYN that the peer seems to have lost, as after a passive open",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN, wire.ACK|wire.RST) && d.sameState("SYN-RECEIVED") &&
					only(d.Ours.Sent, "SYN-ACK") && only(d.Kernel.Sent, "ACK")
			}, nil,
		},
		{
			"simultaneous open: the window",
			"RFC 9293 §3.10.7.4, first: the window is what was advertised; Linux keeps a larger one from before the peer had no scale",
			stop, func(d *Difference) bool {
				return d.wasIn("SYN-SENT") && d.wasIn("SYN-RECEIVED") && d.isSegment(0, wire.SYN) &&
					d.facts().Seq > d.facts().Edge && d.facts().Seq < d.facts().Edge+nearEdge && d.kernelSilent() && only(d.Ours.Sent, "ACK")
			}, nil,
		},
		{
			"simultaneous open: refused",
			"RFC 9293 §3.10.7.4, second: from SYN-SENT a RST in SYN-RECEIVED is a refusal; Linux says ECONNRESET",
			stop, func(d *Difference) bool {
				return strings.HasSuffix(d.Kernel.Result, "ECONNRESET") && strings.HasSuffix(d.Ours.Result, "ECONNREFUSED") && d.wasIn("SYN-RECEIVED")
			}, nil,
		},
		{
			"shutdown and close while a connection is being opened",
			"RFC 9293 §3.10.5: what is given up before a door has the connection is aborted; Linux closes it in order, or later",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.wasIn("SYN-SENT") &&
					slices.Contains([]Op{ShutWrite, ShutRead, Close, Connect, Abort}, d.step().Op) ||
					d.step().Op == Read && d.did(ShutWrite) && d.Kernel.Result == "ENOTCONN"
			}, nil,
		},
	}
}

// handshakeReasons are of segments in LISTEN and SYN-SENT, and of what belongs to no handshake.
func handshakeReasons() []Reason {
	return []Reason{
		{
			"text beside a SYN-ACK",
			"RFC 9293 §3.10.7.3, fifth: text in the SYN-ACK goes through the sixth step; Linux ignores it without Fast Open",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-SENT" && d.isSegment(wire.SYN|wire.ACK, wire.RST) && (d.seg().Len > 0 || d.seg().Flags.Has(wire.FIN))
			}, nil,
		},
		{
			"FIN beside a SYN",
			"RFC 9293 §3.10.7.2, third: other controls beside the SYN wait for the handshake; Linux ignores such a SYN",
			stop, func(d *Difference) bool {
				return (d.Before == "LISTEN" || d.Before == "TIME-WAIT") && d.isSegment(wire.SYN|wire.FIN, wire.ACK|wire.RST) && d.kernelSilent() && only(d.Ours.Sent, "SYN-ACK")
			}, nil,
		},
		{
			"listener that was closed",
			"a call that RFC 9293 does not know; we reset the connection when its handshake is complete, Linux forgets it with the next segment",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.did(CloseListener) &&
					(only(d.Kernel.Sent, "RST") || only(d.Kernel.Sent, "SYN-ACK") || d.step().Op == Listen || d.Kernel.State != d.Before) ||
					d.Before == "SYN-RECEIVED" && d.step().Op == CloseListener
			}, nil,
		},
		{
			"D-SACK in SYN-RECEIVED",
			"RFC 2883 §4: what came twice is reported; Linux has no such report before the handshake is complete",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.sameState() && d.facts().Seq < d.facts().Next && d.otherBlocks()
			}, nil,
		},
		{
			"timestamp echo in SYN-RECEIVED",
			"RFC 7323 has no test of TSecr; Linux refuses the echo of any but its SYN-ACK, even of an ACK that it has sent",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.facts().HasStamp && d.Kernel.State == "SYN-RECEIVED" && d.sentBefore("ACK")
			}, nil,
		},
	}
}

// receivedReasons are of SYNs in SYN-RECEIVED, and of bad numbers there.
func receivedReasons() []Reason {
	return []Reason{
		{
			"SYN-ACK in SYN-RECEIVED",
			"RFC 9293 figure 7: that of a simultaneous open is taken with its text, if its acknowledgment is good; Linux knows only the bare one",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN|wire.ACK, wire.RST) && d.facts().Seq == d.facts().Next-1 &&
					only(d.Kernel.Sent, "ACK") && d.Kernel.State == d.Before
			},
			func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN|wire.ACK, wire.RST) && d.facts().Seq == d.facts().Next-1
			},
		},
		{
			"SYN in SYN-RECEIVED",
			"RFC 9293 §3.10.7.4, fourth: a passive open returns to LISTEN, and nothing is sent; Linux sends a RST",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN, wire.RST) && d.sameState("LISTEN", "CLOSED") &&
					d.oursSilent() && only(d.Kernel.Sent, "RST")
			}, nil,
		},
		{
			"SYN in SYN-RECEIVED with a bad acknowledgment",
			"RFC 9293 §3.10.7.4, fourth before fifth: back to LISTEN; Linux looks at the acknowledgment first",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN|wire.ACK, wire.RST) && d.Kernel.State == d.Before &&
					d.oursSilent() && only(d.Kernel.Sent, "RST")
			}, nil,
		},
		{
			"bad numbers in SYN-RECEIVED",
			"RFC 9293 §3.10.7.4, first before fifth: the sequence number is not acceptable, so an ACK; Linux looks at the acknowledgment first",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.ACK, wire.RST) && d.sameState("SYN-RECEIVED") &&
					only(d.Kernel.Sent, "RST") && only(d.Ours.Sent, "ACK") && d.facts().Ack != 1
			}, nil,
		},
		{
			"a SYN before the window",
			"RFC 9293 §3.10.7.4: a segment is trimmed to the window, and its SYN with it; Linux resets",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN, wire.RST) && d.facts().Seq < d.facts().Next &&
					only(d.Kernel.Sent, "RST") && only(d.Ours.Sent, "ACK")
			}, nil,
		},
	}
}
