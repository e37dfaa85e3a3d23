// Of how much is sent, and when again.

package differ

import (
	"github.com/mtcp-go/mtcp/internal/wire"
)

// flowReasons are of windows.
func flowReasons() []Reason {
	return []Reason{
		{
			"a window that shrinks",
			"RFC 9293 §3.10.7.4, fifth: SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK set SND.WND; Linux takes only a larger one or zero then",
			stop, func(d *Difference) bool {
				return d.sameSending() && d.any(shrinksAlone)
			}, nil,
		},
		{
			"the window of a segment that was trimmed",
			"RFC 9293 §3.10.7.4, first: it begins at RCV.NXT then, so it is new; Linux compares the number that it came with",
			stop, func(d *Difference) bool {
				return d.sameSending() && d.any(func(s *Step, _ *Facts) bool { return s.Seg.Window != normalWindow }) &&
					d.any(func(s *Step, f *Facts) bool { return f.Seq < f.Next && s.Seg.Len > 0 })
			}, nil,
		},
		{
			"the window of a segment that was overtaken",
			"RFC 9293 §3.10.7.4, fifth: SND.WL1 < SEG.SEQ, and an ACK beyond a hole has set SND.WL1; Linux takes a window that shuts",
			stop, func(d *Difference) bool {
				return d.sameSending() && d.any(func(s *Step, _ *Facts) bool { return s.Seg.Window == 0 }) &&
					d.any(func(s *Step, f *Facts) bool { return s.Seg.Flags.Has(wire.ACK) && f.Seq > f.Next && f.Seq <= f.Edge })
			}, nil,
		},
		{
			"a little text at the end of the window",
			"MUST-38: not less than a segment, unless it is all there is; Linux sends it if nothing small is in flight",
			stop, func(d *Difference) bool {
				return d.sameState() && d.sameBut(dropText) && d.ahead() > 0 && d.ahead() < 1460 && d.any(func(s *Step, _ *Facts) bool { return s.Seg.Window < normalWindow })
			}, nil,
		},
		{
			"RST beyond a window that shrank",
			"RFC 9293 §3.10.5: SEQ=SND.NXT; Linux takes the edge of the peer's window",
			stop, func(d *Difference) bool {
				return d.step().Op == Abort && only(d.Kernel.Sent, "RST-ACK") && only(d.Ours.Sent, "RST-ACK") &&
					d.any(shrinksAlone)
			}, nil,
		},
		{
			"FIN and congestion window",
			"RFC 5681 §3.1: the window is of octets of text, and a FIN has none; Linux counts it as a segment",
			stop, func(d *Difference) bool {
				return (d.step().Op == ShutWrite || d.step().Op == Close) && d.sameSending() && sends(d.Ours, "FIN") && !sends(d.Kernel, "FIN")
			}, nil,
		},
		{
			"slow start",
			"RFC 5681 §3.1 counts octets, so a part of a segment counts for that part; Linux counts segments",
			stop, func(d *Difference) bool {
				if !d.sameState() || !d.sameBut(dropText) {
					return false
				}
				return d.isSegment(wire.ACK, 0) && d.facts().Ack > d.facts().Old && abs(int32(d.ahead())) <= 2*1460 ||
					d.step().Op == Write && d.ahead() > 0 && d.ahead() <= 1460 && d.any(func(_ *Step, f *Facts) bool { return f.Ack > 1 })
			}, nil,
		},
		{
			"the last segment that the congestion window allows",
			"RFC 5681 §3.1: it may be sent; Linux waits with it for an ACK, to make a larger bundle",
			stop, func(d *Difference) bool {
				return d.step().Op == Write && d.sameState() && d.sameBut(dropText) && d.ahead() < 0 && d.ahead() >= -1460
			}, nil,
		},
	}
}

// duplicateReasons are of duplicate ACKs.
func duplicateReasons() []Reason {
	return []Reason{
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
	}
}

// recoveryReasons are of loss recovery.
func recoveryReasons() []Reason {
	return []Reason{
		{
			"SACK inside a segment",
			"RFC 6675 §3 counts octets; Linux counts segments, and passes over a block that covers none",
			stop, func(d *Difference) bool {
				return d.sameSending() && d.any(func(_ *Step, f *Facts) bool { return f.Ragged })
			}, nil,
		},
		{
			"SYN sent again at once",
			"RFC 9293 §3.10.7.3: a bad ACK in SYN-SENT changes nothing; Linux sends its SYN again then, and counts that as a loss",
			stop, func(d *Difference) bool {
				return d.sameSending() && d.anyIn("SYN-SENT", func(s *Step, f *Facts) bool { return s.Seg.Flags.Has(wire.ACK) && f.Ack != 1 })
			}, nil,
		},
		{
			"when what was passed over is lost",
			"RFC 8985 §6.2: a quarter of the least round-trip time after; that is real in the kernel and virtual here, and the step may end before",
			stop, func(d *Difference) bool {
				return d.isSegment(wire.ACK, 0) && d.sameSending() && hasSACK(d.step(), nil) && sends(d.Kernel, "again") != sends(d.Ours, "again")
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
			"how much recovery lets go",
			"RFC 9937, RFC 6582: in octets here, in segments in Linux; RFC 8985: by round-trip times that are real in the kernel",
			stop, func(d *Difference) bool {
				return d.sameSending() && (d.sentAgain() || sends(d.Kernel, "again") && sends(d.Ours, "again"))
			}, nil,
		},
	}
}
