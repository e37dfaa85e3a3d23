package cc

// This file holds what a connection remembers about congestion.

import (
	"strings"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// An ID chooses an algorithm.
type ID uint8

// The algorithms.
const (
	NewReno ID = iota // RFC 5681, RFC 6582, counting octets as RFC 3465 does
	CUBIC             // RFC 9438
)

// ParseID finds an algorithm by its name, or by Linux's.
func ParseID(name string) (ID, bool) {
	switch strings.ToLower(name) {
	case "newreno", "reno":
		return NewReno, true
	case "cubic":
		return CUBIC, true
	}
	return 0, false
}

// String returns the name of the algorithm.
func (id ID) String() string {
	switch id {
	case NewReno:
		return "newreno"
	case CUBIC:
		return "cubic"
	}
	return "unknown"
}

const (
	// InfiniteSsthresh is the slow start threshold before the first congestion.
	InfiniteSsthresh = 1<<31 - 1

	// maxCwnd is the largest window that TCP can advertise (RFC 7323 §2.3).
	maxCwnd = 1 << 30
)

// State is a connection's congestion control: one cache line, no pointers.
type State struct {
	// Cwnd and Ssthresh are in octets. During fast recovery the engine sets
	// Cwnd itself; at all other times only this package does.
	Cwnd     uint32
	Ssthresh uint32

	acked uint32 // octets acknowledged towards the next growth by a segment
	id    ID
	flags flags
	_     [2]byte

	// How it was before the last reduction, for Undo and for CUBIC.
	priorCwnd     uint32
	priorSsthresh uint32
	priorMax      uint32

	initial uint32 // initial window
	wMax    uint32 // CUBIC: where the last reduction began, or the epoch did

	// words belong to the phase: to HyStart++ as long as Ssthresh is infinite,
	// to CUBIC's epoch while there is one. They are named in those files.
	words [5]uint32
}

// flags are the phases that a State is in.
type flags uint8

const (
	reducing flags = 1 << iota // between OnLoss and OnRecovered
	timedOut                   // OnRTO, and nothing acknowledged since
	canUndo                    // the prior fields hold
	inEpoch                    // CUBIC: words hold an epoch
	hystarts                   // HyStart++ is wanted
	inCSS                      // HyStart++: conservative slow start
)

func (s *State) has(f flags) bool { return s.flags&f != 0 }

// ID returns the algorithm in use.
func (s *State) ID() ID { return s.id }

// InSlowStart reports whether the window is below the threshold.
func (s *State) InSlowStart() bool { return s.Cwnd < s.Ssthresh }

// tick is a coarse time: 2²⁰ ns, about a millisecond, modulo 52 days.
func tick(t mono.Time) uint32 { return uint32(uint64(t) >> tickShift) }

const tickShift = 20

// wholeSegments rounds n down to whole segments, but not to none.
func wholeSegments(n uint32, mss uint16) uint32 {
	m := segment(mss)
	return max(n-n%m, m)
}

// segment is the segment size as a number that can be divided by.
func segment(mss uint16) uint32 { return max(uint32(mss), 1) }
