// Of segments: which are acceptable, and what is done with text and FIN.

package differ

import (
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// orderReasons are of which checks there are, and their order.
func orderReasons() []Reason {
	return []Reason{
		{
			"malformed options",
			"MUST-7 leaves it to us: a segment whose options have an illegal length is dropped; Linux takes what stood before",
			stop, func(d *Difference) bool { return isMalformed(d) && d.oursSilent() }, isMalformed,
		},
		{
			"no timestamp",
			"RFC 7323 §3.2: a segment without the option that was agreed on is dropped silently; Linux takes it",
			stop, func(d *Difference) bool { return lacksStamp(d) && d.oursSilent() }, lacksStamp,
		},
		{
			"no ACK bit, outside the window",
			"RFC 9293 §3.10.7.4, first before fifth: an ACK tells what is expected; Linux looks at the ACK bit first",
			goOn, func(d *Difference) bool {
				return d.isSegment(0, wire.ACK|wire.RST|wire.SYN) && d.kernelSilent() && only(d.Ours.Sent, "ACK") && d.sameState()
			}, nil,
		},
		{
			"ACK of what was never acknowledged",
			"RFC 5961 §5.2: an acknowledgment may be MAX.SND.WND old; Linux also refuses what is older than the connection",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST|wire.SYN) && d.facts().Ack < d.facts().Old && d.facts().Ack < 1 &&
					only(d.Kernel.Sent, "ACK") && d.Kernel.State == d.Before
			},
			func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST|wire.SYN) && d.facts().Ack < d.facts().Old && d.facts().Ack < 1 && d.end() > d.facts().Seq
			},
		},
		{
			"segment that ends at RCV.NXT",
			"RFC 9293 §3.10.7.4, first: not acceptable; Linux takes its acknowledgment and timestamp",
			stop, endsAtNext, func(d *Difference) bool { return endsAtNext(d) && d.isSegment(wire.ACK, wire.RST|wire.SYN) },
		},
		{
			"PAWS and an ACK out of order",
			"RFC 7323 §5.3, R1: an ACK says what is expected; Linux takes a bare ACK that seems to be reordered",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST|wire.SYN|wire.FIN) && d.isOld() && d.seg().Len == 0 && d.sameState() &&
					only(d.Ours.Sent, "ACK") && d.kernelSilent()
			}, nil,
		},
	}
}

// resetReasons are of RSTs.
func resetReasons() []Reason {
	return []Reason{
		{
			"RST with an old timestamp",
			"RFC 7323 §5.2: PAWS is not for RSTs; Linux has it for them in SYN-RECEIVED, and of an orphan in FIN-WAIT-2",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.RST, 0) && d.isOld() && d.facts().HasStamp && d.Kernel.State == d.Before &&
					(d.Before == "SYN-RECEIVED" || d.Before == "FIN-WAIT-2" && d.did(Close))
			}, nil,
		},
		{
			"RST one before the window",
			"RFC 5961 §3: a RST counts at RCV.NXT only; Linux takes RCV.NXT-1 as well when a FIN has come",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.RST, 0) && d.facts().Seq == d.facts().Next-1 && d.wasIn("CLOSE-WAIT", "CLOSING", "LAST-ACK") &&
					d.Ours.State == d.Before
			}, nil,
		},
		{
			"a RST that begins before the window",
			"RFC 5961 §3: its number is outside, so it is dropped; Linux answers if the FIN or SYN beside it reaches into the window",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.RST, 0) && d.facts().Seq < d.facts().Next && d.sameState() && only(d.Kernel.Sent, "ACK") && d.oursSilent()
			}, nil,
		},
	}
}

// windowReasons are of the right edge of the window.
func windowReasons() []Reason {
	return []Reason{
		{
			"the right edge",
			"RFC 9293 §3.10.7.4, first: acceptable is what is before the edge; Linux takes what begins there",
			stop, func(d *Difference) bool {
				return d.isSegment(0, wire.SYN) && d.facts().Seq == d.facts().Edge && d.end() > d.facts().Edge
			},
			func(d *Difference) bool {
				return d.isSegment(0, wire.SYN) && d.facts().Seq == d.facts().Edge && d.end() > d.facts().Edge
			},
		},
		{
			"the last unit of the window",
			"RFC 7323 §2.4: what was promised is taken though the header cannot show it any more; the sides round otherwise",
			stop, func(d *Difference) bool {
				f := d.facts()
				return d.isSegment(0, wire.SYN) && (abs(d.end()-f.Edge) <= 256 || abs(f.Seq-f.Edge) <= 256)
			}, nil,
		},
		{
			"text that reaches beyond the window",
			"RFC 9293 §3.10.7.4: the segment is trimmed to the window; Linux takes all or nothing of it",
			stop, func(d *Difference) bool {
				return d.isText() && d.end() > d.facts().Edge && d.facts().Seq < d.facts().Edge
			},
			func(d *Difference) bool {
				return d.isText() && d.end() > d.facts().Edge && d.facts().Seq < d.facts().Edge
			},
		},
	}
}

// delayReasons are of delayed acknowledgments.
func delayReasons() []Reason {
	return []Reason{
		{
			"ACK that is delayed for longer",
			"MUST-40: less than 500 ms, here 40; Linux delays by up to the round-trip time, which is more than a step here, and the next step repeats to it what it has not acknowledged",
			stop, func(d *Difference) bool {
				return d.isText() && d.isSegment(wire.ACK, wire.RST|wire.SYN|wire.FIN) && d.facts().Seq == d.facts().Next && d.sameState() &&
					d.kernelSilent() && only(d.Ours.Sent, "ACK")
			}, nil,
		},
	}
}

// finReasons are of FINs, and of text after them.
func finReasons() []Reason {
	return []Reason{
		{
			"FIN inside text that came early",
			"RFC 9293 §3.10.7.4, seventh before eighth: the text is received, and RCV.NXT beyond the FIN; Linux drops what came early",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.FIN, wire.RST) && d.isText() && d.Ours.State == d.Before && only(d.Ours.Sent, "ACK") && d.any(func(_ *Step, f *Facts) bool {
					return f.Seq > f.Next
				})
			}, nil,
		},
		{
			"text after a FIN",
			"RFC 9293 §3.10.7.4, seventh: text after the FIN is ignored, and a second FIN; Linux takes that, or resets, if the segment begins before it",
			stop, func(d *Difference) bool {
				return (sends(d.Kernel, "RST") || d.isSegment(wire.FIN, 0) && only(d.Kernel.Sent, "ACK")) && d.isText() && d.facts().Seq < d.facts().Next &&
					slices.Contains([]string{"CLOSE-WAIT", "CLOSING", "LAST-ACK"}, d.Before)
			}, nil,
		},
		{
			"text for nobody: a FIN that comes early",
			"RFC 9293 §3.6.1: a RST answers text that nobody will read; Linux does not wait for that of which a FIN tells",
			stop, func(d *Difference) bool {
				return d.did(Close) && d.isSegment(wire.FIN, wire.RST) && d.facts().Seq > d.facts().Next && only(d.Kernel.Sent, "RST") && only(d.Ours.Sent, "ACK")
			}, nil,
		},
		{
			"an orphan in FIN-WAIT-2",
			"RFC 9293 §3.10.7.4 holds; Linux keeps a record that does not look at acknowledgments, answers RSTs, and is ended by a SYN",
			stop, func(d *Difference) bool {
				return d.Before == "FIN-WAIT-2" && d.did(Close) && d.isSegment(0, 0) && d.Ours.State == d.Before &&
					(only(d.Ours.Sent, "ACK") || d.oursSilent() && d.isSegment(wire.RST, 0))
			}, nil,
		},
		{
			"text that came twice, beside the ACK of our FIN",
			"RFC 9293 §3.10.7.4, first: old text is acknowledged; Linux is in TIME-WAIT then, and silent",
			goOn, func(d *Difference) bool {
				return d.Before == "CLOSING" && d.sameState("TIME-WAIT") && d.isText() && d.facts().Seq < d.facts().Next && only(d.Ours.Sent, "ACK")
			}, nil,
		},
	}
}

// sackReasons are of SACK blocks.
func sackReasons() []Reason {
	return []Reason{
		{
			"SACK of a FIN",
			"RFC 2018 §3: a block is of data; Linux reports the octet of a FIN that comes early as well",
			forgetSACK, func(d *Difference) bool {
				return d.isSegment(wire.FIN, wire.RST) && d.facts().Seq > d.facts().Next && d.sameState() && d.otherBlocks()
			},
			func(d *Difference) bool { return d.isSegment(wire.FIN, wire.RST) && d.facts().Seq > d.facts().Next },
		},
		{
			"SACK of a fifth range",
			"RFC 2018 §4: as many blocks as fit, those reported before first; Linux remembers four ranges and no more",
			forgetSACK, func(d *Difference) bool {
				kernel, ours := d.sackBlocks()
				return d.sameState() && d.sameBut(dropBlocks) && len(ours) >= 3 && len(kernel) < len(ours) && slices.Equal(kernel, ours[:len(kernel)])
			}, nil,
		},
		{
			"D-SACK of a FIN or SYN",
			"RFC 2883 §4: a block reports data; Linux reports the octets of FIN and SYN as well, but no text beside a FIN that ends the connection",
			goOn, func(d *Difference) bool {
				return d.isSegment(0, wire.RST) && d.seg().Flags.HasAny(wire.FIN|wire.SYN) && d.sameState() && d.otherBlocks()
			}, nil,
		},
		{
			"D-SACK of a segment that is refused",
			"RFC 2883 §4: text came twice, whatever the segment acknowledges; Linux looks at the acknowledgment first",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST) && d.isText() && d.sameState() && d.otherBlocks() &&
					(d.facts().Ack > d.facts().All || d.facts().Ack < d.facts().Old)
			}, nil,
		},
		{
			"D-SACK of text that fills a gap",
			"RFC 2883 §4: what is there already is reported; Linux does not when the text continues one range and reaches into the next",
			goOn, func(d *Difference) bool {
				return d.isText() && d.facts().Seq > d.facts().Next && d.sameState() && only(d.Kernel.Sent, "ACK") && only(d.Ours.Sent, "ACK") &&
					strings.HasPrefix(dropEcho(d.Kernel.Sent[0]), dropEcho(firstBlock.ReplaceAllString(d.Ours.Sent[0], "$1"))) &&
					dropEcho(d.Kernel.Sent[0]) != dropEcho(d.Ours.Sent[0])
			}, nil,
		},
		{
			"D-SACK of a segment that PAWS refuses",
			"RFC 7323 §5.3: it is dropped, so it was not received twice; Linux reports it",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST) && d.isText() && d.isOld() && d.sameState() && d.otherBlocks()
			}, nil,
		},
	}
}
