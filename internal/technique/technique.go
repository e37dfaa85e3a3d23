package technique

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// Set is some of the techniques.
type Set uint16

// The techniques.
const (
	PriorityLists   Set = 1 << iota // control before ACKs before data; without, one list
	LateAck                         // an ACK is decided after applications have run; without, before
	FinOnData                       // a FIN rides on the last text
	CompactTimeWait                 // TIME-WAIT is a record; without, it keeps the slot of its TCB
	FoldedChecksum                  // text is summed while it is copied
	Colouring                       // buffers lie an odd number of cache lines apart; without, a power of two
	LIFO                            // what came back last goes out first; without, what waited longest
	end

	All = end - 1
)

var names = [...]string{
	"priority-lists", "late-ack", "fin-on-data", "compact-time-wait", "folded-checksum", "colouring", "lifo",
}

// Has reports whether t is among s.
func (s Set) Has(t Set) bool { return s&t != 0 }

// String lists the names, with commas.
func (s Set) String() string {
	var all []string
	for i, name := range names {
		if s.Has(1 << i) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ",")
}

// Parse is the set with these names.
func Parse(list []string) (s Set, err error) {
next:
	for _, word := range list {
		for i, name := range names {
			if word == name {
				s |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("technique %q: one of %v", word, All)
	}
	return s, nil
}

// MaxBatch is how many frames a shard takes and sends at a time.
const MaxBatch = 64

// A Choice is what a stack is made with. The zero one is all that there is.
type Choice struct {
	Without Set
	Batch   int // frames at a time, up to MaxBatch; 0: MaxBatch
}

// present is a Choice in one word: the set above the batch.
var present atomic.Uint64

// Choose makes c the choice of the stacks that this process makes from now on.
func Choose(c Choice) { present.Store(uint64(c.Without)<<32 | uint64(uint32(c.Batch))) }

// Present returns the choice.
func Present() Choice {
	v := present.Load()
	return Choice{Without: Set(v >> 32), Batch: int(uint32(v))}
}
