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

// explains reports that the reason is one for d. Where the sides part in marks only,
// it must be about marks.
func (r *Reason) explains(d *Difference) bool {
	x := d.Ours
	x.Marks = d.Kernel.Marks
	return r.fits(d) && (strings.HasPrefix(r.Name, aboutMarks) || !d.Kernel.equal(x))
}

// Reasons are all of them; the first that fits counts.
func Reasons() []Reason {
	return slices.Concat(
		simultaneousReasons(), handshakeReasons(), receivedReasons(), orderReasons(), resetReasons(),
		windowReasons(), finReasons(), delayReasons(), sackReasons(), markReasons(), flowReasons(), duplicateReasons(),
		recoveryReasons(), windowMarkReasons(), echoReasons(), lateReasons(), callReasons(),
	)
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
