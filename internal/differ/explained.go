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
	forgetSACK             // but for their SACK blocks
	stop                   // they may be in different states from here on
)

// A Reason explains a class of differences.
type Reason struct {
	Name string // of the class
	Why  string // the text that stands for us
	then then
	fits func(d *Difference) bool

	// latent says of a step that it may have made the sides different though
	// both have answered alike; what shows later has this reason.
	latent func(d *Difference) bool
}

// Reasons are all of them; the first that fits counts.
func Reasons() []Reason {
	return slices.Concat(openReasons(), segmentReasons(), sendingReasons(), echoReasons(), lateReasons(), callReasons())
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
			"SYN-ACK in SYN-RECEIVED",
			"RFC 9293 figure 7: that of a simultaneous open is taken with its text, if its acknowledgment is good; Linux knows only the bare one",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.isSegment(wire.SYN|wire.ACK, wire.RST) && d.facts().Seq == d.facts().Next-1 &&
					only(d.Kernel.Sent, "ACK") && d.Kernel.State == d.Before
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
			"text beside a SYN-ACK",
			"RFC 9293 §3.10.7.3, fifth: text in the SYN-ACK goes through the sixth step; Linux ignores it without Fast Open",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-SENT" && d.isSegment(wire.SYN|wire.ACK, wire.RST) && (d.seg().Len > 0 || d.seg().Flags.Has(wire.FIN))
			}, nil,
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
			"D-SACK in SYN-RECEIVED",
			"RFC 2883 §4: what came twice is reported; Linux has no such report before the handshake is complete",
			goOn, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.sameState() && d.facts().Seq < d.facts().Next && d.sameBut(dropBlocks)
			}, nil,
		},
		{
			"timestamp echo in SYN-RECEIVED",
			"RFC 7323 has no test of TSecr; Linux refuses the echo of any but its SYN-ACK, even of an ACK that it has sent",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.facts().HasStamp && d.Kernel.State == "SYN-RECEIVED" && d.sentBefore("ACK")
			}, nil,
		},
		{
			"FIN beside a SYN",
			"RFC 9293 §3.10.7.2, third: other controls beside the SYN wait for the handshake; Linux ignores such a SYN",
			stop, func(d *Difference) bool {
				return d.Before == "LISTEN" && d.isSegment(wire.SYN|wire.FIN, wire.ACK|wire.RST) && d.kernelSilent() && only(d.Ours.Sent, "SYN-ACK")
			}, nil,
		},
		{
			"listener that was closed",
			"a call that RFC 9293 does not know; we reset the connection when its handshake is complete, Linux forgets it with the next segment",
			stop, func(d *Difference) bool {
				return d.Before == "SYN-RECEIVED" && d.did(CloseListener) &&
					(only(d.Kernel.Sent, "RST") || only(d.Kernel.Sent, "SYN-ACK") || d.step().Op == Listen || d.Kernel.State != d.Before)
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

// Of segments.
func segmentReasons() []Reason {
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
			}, nil,
		},
		{
			"RST with an old timestamp",
			"RFC 7323 §5.2: PAWS is not for RSTs; Linux has it for them in SYN-RECEIVED, and of an orphan in FIN-WAIT-2",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.RST, 0) && d.isOld() && d.facts().HasStamp && d.Kernel.State == d.Before &&
					(d.Before == "SYN-RECEIVED" || d.Before == "FIN-WAIT-2" && d.did(Close))
			}, nil,
		},
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
			"RST one before the window",
			"RFC 5961 §3: a RST counts at RCV.NXT only; Linux takes RCV.NXT-1 as well when a FIN has come",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.RST, 0) && d.facts().Seq == d.facts().Next-1 && d.wasIn("CLOSE-WAIT", "CLOSING", "LAST-ACK") &&
					d.Ours.State == d.Before
			}, nil,
		},
		{
			"text after a FIN",
			"RFC 9293 §3.10.7.4, seventh: text after the FIN is ignored; Linux resets the connection if the segment begins before it",
			stop, func(d *Difference) bool {
				return d.Kernel.State != d.Ours.State && only(d.Kernel.Sent, "RST") && d.isText() && d.facts().Seq < d.facts().Next &&
					slices.Contains([]string{"CLOSE-WAIT", "CLOSING", "LAST-ACK"}, d.Before)
			}, nil,
		},
		{
			"SACK of a FIN",
			"RFC 2018 §3: a block is of data; Linux reports the octet of a FIN that comes early as well",
			forgetSACK, func(d *Difference) bool {
				return d.isSegment(wire.FIN, wire.RST) && d.facts().Seq > d.facts().Next && d.sameState() && d.sameBut(dropBlocks)
			},
			func(d *Difference) bool { return d.isSegment(wire.FIN, wire.RST) && d.facts().Seq > d.facts().Next },
		},
		{
			"PAWS and an ACK out of order",
			"RFC 7323 §5.3, R1: an ACK says what is expected; Linux takes a bare ACK that seems to be reordered",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST|wire.SYN|wire.FIN) && d.isOld() && d.seg().Len == 0 && d.sameState() &&
					only(d.Ours.Sent, "ACK") && d.kernelSilent()
			}, nil,
		},
		{
			"the right edge",
			"RFC 9293 §3.10.7.4, first: acceptable is what is before the edge; Linux takes what begins there",
			stop, func(d *Difference) bool {
				return d.isSegment(0, wire.SYN) && d.facts().Seq == d.facts().Edge && d.end() > d.facts().Edge
			}, nil,
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
			"a RST that begins before the window",
			"RFC 5961 §3: its number is outside, so it is dropped; Linux answers if the FIN or SYN beside it reaches into the window",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.RST, 0) && d.facts().Seq < d.facts().Next && d.sameState() && only(d.Kernel.Sent, "ACK") && d.oursSilent()
			}, nil,
		},
		{
			"text that came twice, beside the ACK of our FIN",
			"RFC 9293 §3.10.7.4, first: old text is acknowledged; Linux is in TIME-WAIT then, and silent",
			goOn, func(d *Difference) bool {
				return d.Before == "CLOSING" && d.sameState("TIME-WAIT") && d.isText() && d.facts().Seq < d.facts().Next && only(d.Ours.Sent, "ACK")
			}, nil,
		},
		{
			"D-SACK of a FIN or SYN",
			"RFC 2883 §4: a block reports data; Linux reports the octets of FIN and SYN as well, but no text beside a FIN that ends the connection",
			goOn, func(d *Difference) bool {
				return d.isSegment(0, wire.RST) && d.seg().Flags.HasAny(wire.FIN|wire.SYN) && d.sameState() && d.sameBut(dropBlocks)
			}, nil,
		},
		{
			"D-SACK of a segment that is refused",
			"RFC 2883 §4: text came twice, whatever the segment acknowledges; Linux looks at the acknowledgment first",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST) && d.isText() && d.sameState() && d.sameBut(dropBlocks) &&
					(d.facts().Ack > d.facts().All || d.facts().Ack < d.facts().Old)
			}, nil,
		},
		{
			"D-SACK of a segment that PAWS refuses",
			"RFC 7323 §5.3: it is dropped, so it was not received twice; Linux reports it",
			goOn, func(d *Difference) bool {
				return d.isSegment(wire.ACK, wire.RST) && d.isText() && d.isOld() && d.sameState() && d.sameBut(dropBlocks)
			}, nil,
		},
		{
			"segment that ends at RCV.NXT",
			"RFC 9293 §3.10.7.4, first: not acceptable; Linux takes its acknowledgment and timestamp",
			stop, endsAtNext, func(d *Difference) bool { return endsAtNext(d) && d.isSegment(wire.ACK, wire.RST|wire.SYN) },
		},
	}
}

// Of how much is sent, and when again.
func sendingReasons() []Reason {
	return []Reason{
		{
			"a window that shrinks",
			"RFC 9293 §3.10.7.4, fifth: SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK set SND.WND; Linux takes only a larger one or zero then",
			stop, func(d *Difference) bool {
				return d.sameSending() && d.any(func(s *Step, _ *Facts) bool { return s.Seg.Window < normalWindow })
			}, nil,
		},
		{
			"RST beyond a window that shrank",
			"RFC 9293 §3.10.5: SEQ=SND.NXT; Linux takes the edge of the peer's window",
			stop, func(d *Difference) bool {
				return d.step().Op == Abort && only(d.Kernel.Sent, "RST-ACK") && only(d.Ours.Sent, "RST-ACK") &&
					d.any(func(s *Step, _ *Facts) bool { return s.Seg.Window < normalWindow })
			}, nil,
		},
		{
			"SACK inside a segment",
			"RFC 6675 §3 counts octets; Linux counts segments, and passes over a block that covers none",
			stop, func(d *Difference) bool {
				return d.sameSending() && d.any(func(_ *Step, f *Facts) bool { return f.Ragged })
			}, nil,
		},
		{
			"duplicate ACK with a new sequence number",
			"RFC 5681 §2: a duplicate if the window is the same; Linux counts it as an update of the window, so its third is one later",
			stop, func(d *Difference) bool {
				return !d.Sequence.Profile.SACK && d.sameSending() && d.any(func(s *Step, f *Facts) bool {
					return s.Seg.Flags.Has(wire.ACK) && f.Ack == f.Old && f.Ack < f.All && f.NewSeq
				})
			}, nil,
		},
		{
			"as many duplicate ACKs as segments",
			"RFC 5681 §3.2: the third one counts; Linux takes no more of them than segments that may have arrived",
			stop, func(d *Difference) bool {
				return !d.Sequence.Profile.SACK && d.isSegment(wire.ACK, 0) && d.sameSending() && d.any(func(s *Step, f *Facts) bool {
					return s.Seg.Flags.Has(wire.ACK) && f.Ack == f.Old && f.Flight > 0 && f.Flight <= 3
				})
			}, nil,
		},
		{
			"ACK that stops at text which was selectively acknowledged",
			"RFC 2018 §8: what was reported is sent again after a time-out only; Linux suspects at once that the peer has reneged",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.ACK, 0) && d.sameSending() && sends(d.Kernel, "again") && !sends(d.Ours, "again") &&
					d.facts().Ack > d.facts().Old && d.any(hasSACK)
			}, nil,
		},
		{
			"what is lost twice",
			"RFC 8985 §6.2: partial here, a retransmission that is lost is left to the RTO (R8985-1); Linux sends it a third time",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.ACK, 0) && d.sameSending() && sends(d.Kernel, "again") && d.sentAgain() && d.any(hasSACK)
			}, nil,
		},
		{
			"how much recovery lets go",
			"RFC 9937, RFC 6582: in octets here, in segments in Linux; RFC 8985: by round-trip times that are real in the kernel",
			stop, func(d *Difference) bool {
				return d.sameSending() && (d.sentAgain() || sends(d.Kernel, "again") && sends(d.Ours, "again"))
			}, nil,
		},
		{
			"slow start",
			"RFC 5681 §3.1 counts octets, so a part of a segment counts for that part; Linux counts segments",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.ACK, 0) && d.sameState() && d.sameBut(dropText) && d.facts().Ack > d.facts().Old
			}, nil,
		},
		{
			"the last segment that the congestion window allows",
			"RFC 5681 §3.1: it may be sent; Linux waits with it for an ACK, to make a larger bundle",
			stop, func(d *Difference) bool { return d.step().Op == Write && d.sameState() && d.sameBut(dropText) }, nil,
		},
	}
}

// sameSending reports that the sides part only in what they send of their text and
// FIN. An acknowledgment that only goes with it does not count, where nothing has
// arrived that must be acknowledged.
func (d *Difference) sameSending() bool {
	if !d.sameState() || d.Kernel.Result != d.Ours.Result {
		return false
	}
	kernel, ours := changed(d.Kernel.Sent, dropSending), changed(d.Ours.Sent, dropSending)
	if arrives := d.isText() || d.isSegment(wire.FIN, 0); !arrives {
		kernel, ours = withoutACK(kernel, len(d.Kernel.Sent)), withoutACK(ours, len(d.Ours.Sent))
	}
	return slices.Equal(kernel, ours)
}

// withoutACK leaves out the acknowledgment if something else, of n in all, was
// sent with it.
func withoutACK(sent []string, n int) []string {
	if len(sent) == 1 && n > 1 && strings.HasPrefix(sent[0], "ACK ") {
		return nil
	}
	return sent
}

func sends(o Observation, what string) bool {
	return slices.ContainsFunc(o.Sent, func(s string) bool { return strings.HasPrefix(s, what) })
}

// sentAgain reports that something was sent again before.
func (d *Difference) sentAgain() bool {
	return slices.ContainsFunc(d.Kernels[:d.At], func(o Observation) bool { return sends(o, "again") })
}

func hasSACK(s *Step, _ *Facts) bool { return len(s.Seg.SACK) > 0 }

// Of timestamps that are echoed.
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

// Of TIME-WAIT.
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

// Of calls.
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
			"simultaneous open: refused",
			"RFC 9293 §3.10.7.4, second: from SYN-SENT a RST in SYN-RECEIVED is a refusal; Linux says ECONNRESET",
			stop, func(d *Difference) bool {
				return strings.HasSuffix(d.Kernel.Result, "ECONNRESET") && strings.HasSuffix(d.Ours.Result, "ECONNREFUSED") && d.wasIn("SYN-RECEIVED")
			}, nil,
		},
		{
			"connect where a connection is",
			"RFC 9293 §3.10.1: an error, here EADDRINUSE; Linux: EADDRNOTAVAIL, or a new connection where timestamps allow it in TIME-WAIT",
			stop, func(d *Difference) bool {
				return d.step().Op == Connect && d.Ours.Result == "EADDRINUSE" &&
					(d.Kernel.Result == "EADDRNOTAVAIL" || d.Kernel.Result == "EINPROGRESS" && d.Before == "TIME-WAIT")
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
			"planned (MUST-30 to 33): it is delivered in line; Linux takes the last octet out",
			stop, func(d *Difference) bool {
				return d.step().Op == Read && d.any(func(s *Step, _ *Facts) bool { return s.Seg.Flags.Has(wire.URG) })
			}, nil,
		},
	}
}

// Steps with effects that may show later.

func isMalformed(d *Difference) bool {
	return d.isSegment(0, 0) && (d.seg().Extra == ExtraZeroLen || d.seg().Extra == ExtraLongLen)
}

func lacksStamp(d *Difference) bool {
	return d.isSegment(0, wire.SYN|wire.RST) && d.facts().Stamps && !d.facts().HasStamp
}

func endsAtNext(d *Difference) bool {
	return d.isSegment(0, 0) && d.end() == d.facts().Next && d.facts().Seq < d.facts().Next
}

func abs(n int32) int32 { return max(n, -n) }

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

// isOld reports a timestamp that goes back.
func (d *Difference) isOld() bool {
	return d.seg().Stamp == StampOld || d.any(func(s *Step, _ *Facts) bool { return s.Seg.Stamp == StampFuture })
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
	if d.any(ackIsOld) { // the echo has its own reason
		was := change
		change = func(s string) string { return dropEcho(was(s)) }
	}
	return d.Kernel.Result == d.Ours.Result &&
		slices.Equal(changed(d.Kernel.Sent, change), changed(d.Ours.Sent, change))
}

func ackIsOld(s *Step, f *Facts) bool { return s.Seg.Flags.Has(wire.ACK) && f.Ack < f.Old }

// changed makes a change to everything; what is empty then is left out.
func changed(in []string, change func(string) string) (out []string) {
	for _, s := range in {
		if s = change(s); s != "" {
			out = append(out, s)
		}
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

// dropText leaves out how far text goes, dropSending all of it and its
// acknowledgment.
func dropText(s string) string { return text.ReplaceAllString(s, "text") }

func dropSending(s string) string { return sending.ReplaceAllString(s, "") }

func dropEcho(s string) string { return echo.ReplaceAllString(s, "") }
